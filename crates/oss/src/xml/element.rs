//! Reading a request's body.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use crate::error::Error;

/// An element of a document that a client sent: its name, its children and its text.
///
/// Attributes, comments and processing instructions are left out. A document type is skipped, and with it every entity
/// that it declares: only the five entities of XML itself and character references are understood, so nothing expands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Reads a document of UTF-8 whose outermost element has this name.
    ///
    /// The caller bounds the length of `document`; nesting deeper than 16 and more than 32768 elements are refused here.
    ///
    /// # Errors
    ///
    /// `MalformedXML` when it is not XML, or another document.
    pub fn parse(document: &[u8], root: &str) -> Result<Self, Error> {
        let text = std::str::from_utf8(document).map_err(|_| Error::malformed_xml())?;
        let element = read(text.strip_prefix('\u{feff}').unwrap_or(text)).ok_or_else(Error::malformed_xml)?;
        if element.name == root {
            Ok(element)
        } else {
            Err(Error::malformed_xml())
        }
    }

    /// The element's name, as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text directly inside of the element, entities resolved, line ends as `\n`, white space kept.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All children, in order.
    pub fn children(&self) -> &[Element] {
        &self.children
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children_named(name).next()
    }

    /// All children of this name, in order.
    pub fn children_named(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(Element::text)
    }
}

/// `None` when the text is not one well-formed element within the bounds.
fn read(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut elements = 0;
    loop {
        let event = reader.read_event().ok()?;
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                elements += 1;
                if root.is_some() || open.len() == DEPTH_MAX || elements > ELEMENTS_MAX {
                    return None;
                }
                let name = start.name().as_ref().to_owned();
                open.push(Element {
                    name,
                    ..Element::default()
                });
                if matches!(event, Event::Empty(_)) {
                    close(&mut open, &mut root)?;
                }
            }
            Event::End(_) => close(&mut open, &mut root)?,
            Event::Text(piece) => append(&mut open, &piece.xml10_content())?,
            Event::CData(piece) => open.last_mut()?.text.push_str(&piece.xml10_content()),
            Event::GeneralRef(reference) => open.last_mut()?.text.push(resolve(&reference)?),
            Event::Eof => return if open.is_empty() { root } else { None },
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
}

fn close(open: &mut Vec<Element>, root: &mut Option<Element>) -> Option<()> {
    let element = open.pop()?;
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
    Some(())
}

/// Outside of the root element there may be white space only.
fn append(open: &mut [Element], piece: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(piece),
        None if piece.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok()?;
    }
    match reference.as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

/// The deepest document of the API nests five elements.
const DEPTH_MAX: usize = 16;

/// Joining 10000 parts takes 30001 elements, 1000 lifecycle rules some 8000.
const ELEMENTS_MAX: usize = 32_768;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    #[track_caller]
    fn refused(document: &[u8]) {
        assert_eq!(Element::parse(document, "a").unwrap_err().code, ErrorCode::MalformedXML);
    }

    #[test]
    fn keeps_text_and_order() {
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><a x='1'>\n<b> 1&lt;2 &#x6d4b;\r\n</b><c/><b><![CDATA[<&>]]>&quot;</b></a>\n";
        let root = Element::parse(document.as_bytes(), "a").unwrap();
        assert_eq!(root.name(), "a");
        assert_eq!(
            root.children().iter().map(Element::name).collect::<Vec<_>>(),
            ["b", "c", "b"]
        );
        assert_eq!(
            root.children_named("b").map(Element::text).collect::<Vec<_>>(),
            [" 1<2 测\n", "<&>\""]
        );
        assert_eq!(root.child_text("c"), Some(""));
        assert_eq!(root.child_text("d"), None);
        assert_eq!(Element::parse("\u{feff}<a/>".as_bytes(), "a").unwrap().children(), []);
    }

    #[test]
    fn refuses_what_is_no_document() {
        for document in [
            "",
            " ",
            "text",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><a/>",
            "<a/>x",
            "x<a/>",
            "<a>&unknown;</a>",
            "<a>&#0;</a>",
            "<b/>",
            "<A/>",
            "&amp;<a/>",
            "<a><b></a></b>",
            "<a",
            "{\"a\":1}",
        ] {
            refused(document.as_bytes());
        }
        refused(b"<a>\xff</a>");
    }

    #[test]
    fn declared_entities_do_not_expand() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]><a>&y;</a>";
        refused(bomb.as_bytes());
        let external = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
        refused(external.as_bytes());
        let harmless = "<!DOCTYPE a><a>1</a>";
        assert_eq!(Element::parse(harmless.as_bytes(), "a").unwrap().text(), "1");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("<a>{}{}</a>", "<b>".repeat(depth - 1), "</b>".repeat(depth - 1));
        assert!(Element::parse(nested(DEPTH_MAX).as_bytes(), "a").is_ok());
        refused(nested(DEPTH_MAX + 1).as_bytes());
    }

    #[test]
    fn elements_are_bounded() {
        let wide = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
        assert!(Element::parse(wide(ELEMENTS_MAX).as_bytes(), "a").is_ok());
        refused(wide(ELEMENTS_MAX + 1).as_bytes());
    }

    proptest! {
        #[test]
        fn no_document_panics(document in "[<>/a-b&;#x0-9!\\[\\]\\-\"' ?\\n\u{6d4b}]{0,80}") {
            let _ = Element::parse(document.as_bytes(), "a");
        }
    }
}

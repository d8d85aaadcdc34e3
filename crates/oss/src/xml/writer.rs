//! Writing an answer's body.

/// A document under construction: UTF-8 with its declaration, no namespace, no white space between elements.
///
/// Characters that XML 1.0 cannot carry, such as a control character in a key, are written as U+FFFD: one strange key
/// must not make a whole listing unreadable. Clients that need such keys ask for `encoding-type=url`.
#[derive(Debug)]
pub struct Writer {
    text: String,
    open: Vec<&'static str>,
}

impl Writer {
    /// A document whose outermost element has this name.
    pub fn new(root: &'static str) -> Self {
        let mut writer = Self {
            text: DECLARATION.to_owned(),
            open: Vec::new(),
        };
        writer.begin(root);
        writer
    }

    /// A whole document of one element with text.
    pub fn leaf(root: &'static str, text: &str) -> String {
        let mut writer = Self {
            text: DECLARATION.to_owned(),
            open: Vec::new(),
        };
        writer.element(root, text);
        writer.finish()
    }

    /// Opens an element, to be closed by [`Self::end`].
    pub fn begin(&mut self, name: &'static str) -> &mut Self {
        self.tag("<", name);
        self.open.push(name);
        self
    }

    /// Closes the element opened last.
    pub fn end(&mut self) -> &mut Self {
        let name = self.open.pop().expect("end follows begin");
        self.tag("</", name);
        self
    }

    /// Writes an element with text; an empty one still has both its tags.
    pub fn element(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.tag("<", name);
        for character in text.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#13;"),
                other if is_carried(other) => self.text.push(other),
                _ => self.text.push(char::REPLACEMENT_CHARACTER),
            }
        }
        self.tag("</", name);
        self
    }

    /// Writes an element with a number.
    pub fn number(&mut self, name: &'static str, number: impl Into<u64>) -> &mut Self {
        self.element(name, &number.into().to_string())
    }

    /// Writes an element with `true` or `false`.
    pub fn boolean(&mut self, name: &'static str, value: bool) -> &mut Self {
        self.element(name, if value { "true" } else { "false" })
    }

    /// Writes an element with text, if there is any.
    pub fn optional(&mut self, name: &'static str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.element(name, text);
        }
        self
    }

    /// Closes what is open and hands out the document.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.text
    }

    fn tag(&mut self, opening: &str, name: &str) {
        self.text.push_str(opening);
        self.text.push_str(name);
        self.text.push('>');
    }
}

/// `Char` of XML 1.0, section 2.2; a lone carriage return is carried as a reference.
fn is_carried(character: char) -> bool {
    matches!(character, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::Element;

    #[test]
    fn writes_elements_in_order() {
        let mut writer = Writer::new("a");
        writer
            .element("b", "1 < 2 & \"3\"")
            .begin("c")
            .number("d", 5_u32)
            .boolean("e", true)
            .end();
        writer.optional("f", None).optional("g", Some("")).begin("h");
        assert_eq!(
            writer.finish(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a><b>1 &lt; 2 &amp; &quot;3&quot;</b><c><d>5</d><e>true</e></c><g></g><h></h></a>"
        );
    }

    #[test]
    fn replaces_what_xml_cannot_carry() {
        let mut writer = Writer::new("a");
        writer.element("b", "\0\u{1f}\u{fffe}\t\n");
        let root = Element::parse(writer.finish().as_bytes(), "a").unwrap();
        assert_eq!(root.child_text("b"), Some("\u{fffd}\u{fffd}\u{fffd}\t\n"));
    }

    proptest! {
        #[test]
        fn text_is_read_back(text in "[\\t\\n\\r -\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]{0,40}") {
            let mut writer = Writer::new("a");
            writer.element("b", &text);
            let root = Element::parse(writer.finish().as_bytes(), "a").unwrap();
            prop_assert_eq!(root.child_text("b"), Some(text.as_str()));
        }
    }
}

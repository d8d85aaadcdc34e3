//! The URIs in the text of a playlist, whoever wrote it (RFC 8216, 4.1 and 4.2).

use std::ops::Range;

/// Where a playlist refers to something else: the lines that are URIs, and the `URI` attributes of its tags.
///
/// Every byte beside them is left as it is, also what is not understood. The order is that of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References<'a> {
    text: &'a str,
    /// Ascending, not empty, apart from each other.
    places: Vec<Range<usize>>,
}

impl<'a> References<'a> {
    /// Finds the references of a playlist; `None` for a text that does not begin as one.
    ///
    /// ```
    /// use alluvium_hls::References;
    ///
    /// let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"en.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n";
    /// let references = References::find(text).expect("a playlist");
    /// assert_eq!(references.iter().collect::<Vec<_>>(), ["en.m3u8", "low.m3u8"]);
    /// assert_eq!(
    ///     references.replace(|uri| (uri == "low.m3u8").then(|| "low.m3u8?a".to_owned())),
    ///     "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"en.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8?a\n"
    /// );
    /// ```
    pub fn find(text: &'a str) -> Option<Self> {
        let first = text.lines().next().unwrap_or_default();
        if first.trim_end() != FIRST_LINE {
            return None;
        }
        let mut places = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let content = line.trim();
            let start = at + (line.len() - line.trim_start().len());
            if let Some(tag) = content.strip_prefix(TAG) {
                if let Some((name, attributes)) = tag.split_once(':') {
                    let attributes_at = start + TAG.len() + name.len() + 1;
                    places.extend(uri_attributes(attributes).map(|place| shifted(place, attributes_at)));
                }
            } else if !content.is_empty() && !content.starts_with('#') {
                places.push(start..start + content.len());
            }
            at += line.len();
        }
        Some(References { text, places })
    }

    /// The URIs as they are written.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.places.iter().map(|place| &self.text[place.clone()])
    }

    /// The text with other URIs; where `with` has none, the old one stays.
    ///
    /// What `with` gives must fit where it is put: no line ends, and no quotes.
    pub fn replace(&self, mut with: impl FnMut(&str) -> Option<String>) -> String {
        let mut replaced = String::with_capacity(self.text.len());
        let mut copied = 0;
        for place in &self.places {
            if let Some(uri) = with(&self.text[place.clone()]) {
                replaced.push_str(&self.text[copied..place.start]);
                replaced.push_str(&uri);
                copied = place.end;
            }
        }
        replaced.push_str(&self.text[copied..]);
        replaced
    }
}

/// Where the values of the `URI` attributes stand in an attribute list, up to what is none (RFC 8216, 4.2).
fn uri_attributes(list: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let attributes = std::iter::from_fn(move || {
        let (name, value) = list.get(at..)?.split_once('=')?;
        let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        let name = name.trim_start();
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let value_at = list.len() - value.len();
        let (place, rest_at) = match value.strip_prefix('"') {
            Some(quoted) => {
                let length = quoted.find('"')?;
                (value_at + 1..value_at + 1 + length, value_at + length + 2)
            }
            None => {
                let length = value.find(',').unwrap_or(value.len());
                (value_at..value_at + length, value_at + length)
            }
        };
        // Behind the comma; without one, the list ends here.
        at = match list[rest_at..].strip_prefix(',') {
            Some(rest) => list.len() - rest.len(),
            None => list.len(),
        };
        let is_quoted = place.start > value_at;
        Some((name == "URI" && is_quoted && !place.is_empty()).then_some(place))
    });
    attributes.flatten()
}

fn shifted(place: Range<usize>, by: usize) -> Range<usize> {
    place.start + by..place.end + by
}

/// What every playlist begins with (RFC 8216, 4.3.1.1).
const FIRST_LINE: &str = "#EXTM3U";
/// What tags with a list of attributes begin with; `EXTINF`, whose title may be any text, is not among them.
const TAG: &str = "#EXT-X-";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let references = References::find(text).expect("a playlist");
        assert_eq!(references.iter().collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(references.replace(|_| None), text);
        let marked = references.replace(|uri| Some(format!("<{uri}>")));
        assert_eq!(marked.replace(['<', '>'], ""), text);
        assert_eq!(marked.matches('<').count(), expected.len());
    }

    #[test]
    fn lines_that_are_no_tags_are_uris() {
        check("#EXTM3U", &[]);
        check(
            "#EXTM3U\n#EXTINF:5.000,\n1.ts\n\n# a comment\n  2.ts \n#EXT-X-ENDLIST",
            &["1.ts", "2.ts"],
        );
        check(
            "#EXTM3U\r\n#EXTINF:5.000,\r\na b.ts\r\nhttp://host/測.ts?a=b#c",
            &["a b.ts", "http://host/測.ts?a=b#c"],
        );
    }

    #[test]
    fn uri_attributes_are_uris_wherever_they_stand_in_their_list() {
        for (tag, expected) in [
            ("#EXT-X-KEY:METHOD=AES-128,URI=\"a.key\",IV=0x00", &["a.key"][..]),
            ("#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"1@0\"", &["init.mp4"]),
            ("#EXT-X-MEDIA:NAME=\"a,URI=b\",URI=\"c,d.m3u8\"", &["c,d.m3u8"]),
            ("#EXT-X-MEDIA:NAME=\"=\",X-URI=\"a\",URI=\"b\", URI=\"c\"", &["b", "c"]),
            ("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"", &["i.m3u8"]),
            ("#EXT-X-KEY:METHOD=NONE", &[]),
            ("#EXT-X-KEY:URI=bare", &[]),
            ("#EXT-X-KEY:URI=\"\"", &[]),
            ("#EXT-X-KEY:URI=\"open", &[]),
            ("#EXT-X-KEY:uri=\"a\"", &[]),
            ("#EXT-X-KEY:,URI=\"a\"", &[]),
            ("#EXT-X-KEY:\"URI=\"a\"", &[]),
            ("#EXT-X-KEYURI=\"a\"", &[]),
            ("#EXTINF:5.000,URI=\"a\"", &[]),
            ("#URI=\"a\"", &[]),
        ] {
            check(&format!("#EXTM3U\n{tag}\n"), expected);
        }
    }

    #[test]
    fn what_is_no_playlist_has_no_references() {
        for text in [
            "",
            "\n#EXTM3U",
            "1.ts",
            "#EXTM3U8\n1.ts",
            "\u{feff}#EXTM3U\n1.ts",
            "#EXT",
            "extm3u",
        ] {
            assert_eq!(References::find(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn replaces_nothing_else(lines in proptest::collection::vec("(#EXT-X-[A-Z]{0,3}:?)?([A-Z]{1,3}|URI)?=?\"?[a-z,=\" 測]{0,9}\"?,?\r?", 0..8)) {
            let text = format!("#EXTM3U\n{}", lines.join("\n"));
            let references = References::find(&text).unwrap();
            prop_assert_eq!(references.replace(|_| None), text.clone());
            prop_assert_eq!(references.replace(|uri| Some(uri.to_owned())), text.clone());
            prop_assert!(references.iter().all(|uri| !uri.is_empty() && !uri.contains(['\n', '\r'])));
        }

        #[test]
        fn no_text_panics(text in "(#EXTM3U\n)?\\PC{0,20}(\n#EXT-X-A:)?.{0,30}") {
            if let Some(references) = References::find(&text) {
                references.replace(|_| Some(String::new()));
            }
        }
    }
}

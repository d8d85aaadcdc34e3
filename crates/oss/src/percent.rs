//! Percent-encoding of keys and queries (RFC 3986, 2.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What `+` stands for in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// A space, as HTTP clients write it.
    Space,
    /// Itself, as in publish URLs, where base64 may stand raw.
    Itself,
}

/// Encodes everything but letters, digits and `-_.~`.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Encodes like [`encode`] and keeps `/`.
pub fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED_IN_PATH).to_string()
}

/// Writes a query, `a=1&b&c=3`, without the question mark; an empty value is left out with its equals sign.
pub fn encode_query<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&encode(name));
        if !value.is_empty() {
            query.push('=');
            query.push_str(&encode(value));
        }
    }
    query
}

/// Decodes a path or a key; what follows no `%xx` stays. `None` when the bytes are not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

/// Decodes a query into names and values, in order; a name without equals sign has an empty value, and empty pieces are
/// skipped. `None` when the bytes are not UTF-8.
pub fn decode_query(query: &str, plus: Plus) -> Option<Vec<(String, String)>> {
    let decode_piece = |piece: &str| match plus {
        Plus::Space => decode(&piece.replace('+', " ")),
        Plus::Itself => decode(piece),
    };
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            Some((decode_piece(name)?, decode_piece(value)?))
        })
        .collect()
}

/// The value of the first parameter of this name: where one is given twice, the first counts.
pub(crate) fn first<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_unreserved_characters_only() {
        assert_eq!(encode("aZ09-_.~ /+%测"), "aZ09-_.~%20%2F%2B%25%E6%B5%8B");
        assert_eq!(encode_path("a b/c"), "a%20b/c");
        assert_eq!(encode_query([("live", ""), ("a b", "1/2")]), "live&a%20b=1%2F2");
    }

    #[test]
    fn plus_means_what_the_protocol_says() {
        let pair = |value: &str| Some(vec![("a".to_owned(), value.to_owned())]);
        assert_eq!(decode_query("a=1+2%2B", Plus::Space), pair("1 2+"));
        assert_eq!(decode_query("a=1+2%2B", Plus::Itself), pair("1+2+"));
    }

    #[test]
    fn odd_escapes_stay() {
        assert_eq!(decode("%zz%2").as_deref(), Some("%zz%2"));
        assert_eq!(decode("%ff"), None);
        assert_eq!(decode_query("&&a&=&b=%ff", Plus::Space), None);
        assert_eq!(decode_query("&&a&=b=c", Plus::Space).unwrap().len(), 2);
    }

    #[test]
    fn first_of_two_counts() {
        let query = decode_query("a=1&a=2", Plus::Space).unwrap();
        assert_eq!((first(&query, "a"), first(&query, "b")), (Some("1"), None));
    }

    proptest! {
        #[test]
        fn keys_survive_both_ways(key in "\\PC{0,40}|.{0,10}") {
            prop_assert_eq!(decode(&encode(&key)), Some(key.clone()));
            prop_assert_eq!(decode(&encode_path(&key)), Some(key));
        }

        #[test]
        fn queries_survive_both_ways(query in proptest::collection::vec(("\\PC{1,8}", "\\PC{0,8}"), 0..5)) {
            let text = encode_query(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            prop_assert_eq!(decode_query(&text, Plus::Space), Some(query.clone()));
            prop_assert_eq!(decode_query(&text, Plus::Itself), Some(query));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = (decode(&text), decode_query(&text, Plus::Space));
        }
    }
}

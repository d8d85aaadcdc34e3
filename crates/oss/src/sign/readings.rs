use crate::percent;
use crate::sign::canonical::sorted;
use crate::sign::request::Request;

/// A text to be signed with its query encoded, in pieces, because clients differ in how they write a parameter without value.
pub(super) struct Readings {
    /// What stands before the query.
    head: String,
    /// Encoded names and values, ascending by encoded name.
    query: Vec<(String, String)>,
    /// What stands after the query.
    tail: String,
}

impl Readings {
    /// Between `head` and `tail` every parameter of the request but its signature.
    pub(super) fn new(head: String, request: &Request<'_>, tail: String) -> Self {
        let query = sorted(request.query, |name| name != "x-oss-signature");
        let mut query: Vec<_> = query
            .iter()
            .map(|(name, value)| (percent::encode(name), percent::encode(value)))
            .collect();
        query.sort_unstable();
        Self { head, query, tail }
    }

    /// The text as the service describes it: a name without value stands alone.
    pub(super) fn plain(&self) -> String {
        self.reading(0)
    }

    /// Every text that a client may have meant: each parameter without value alone, or with its equals sign. Where there are
    /// many of them, they are read all alike.
    pub(super) fn all(&self) -> impl Iterator<Item = String> {
        let empty = self.query.iter().filter(|(_, value)| value.is_empty()).count();
        let readings: Vec<u64> = match empty {
            0 => vec![0],
            1..=MIXED_EMPTY_MAX => (0..1 << empty).collect(),
            _ => vec![0, u64::MAX],
        };
        readings.into_iter().map(|equals_signs| self.reading(equals_signs))
    }

    /// Bit `n` of `equals_signs` tells how the parameter without value number `n` is written; the last bit repeats.
    fn reading(&self, equals_signs: u64) -> String {
        let mut text = self.head.clone();
        let mut empty = 0;
        for (at, (name, value)) in self.query.iter().enumerate() {
            if at > 0 {
                text.push('&');
            }
            text.push_str(name);
            let has_equals_sign = if value.is_empty() {
                let bit = equals_signs >> empty.min(u64::BITS - 1) & 1;
                empty += 1;
                bit == 1
            } else {
                true
            };
            if has_equals_sign {
                text.push('=');
            }
            text.push_str(value);
        }
        text.push_str(&self.tail);
        text
    }
}

/// No operation of the API takes more parameters without value at once; each doubles the work.
const MIXED_EMPTY_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(names: &[&str]) -> Vec<String> {
        let query: Vec<_> = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        let request = Request {
            method: "GET",
            bucket: None,
            key: "",
            query: &query,
            headers: &[],
        };
        Readings::new("<".to_owned(), &request, ">".to_owned()).all().collect()
    }

    #[test]
    fn parameters_without_value_are_read_both_ways() {
        assert_eq!(readings(&[]), ["<>"]);
        assert_eq!(readings(&["live"]), ["<live>", "<live=>"]);
        assert_eq!(
            readings(&["live", "acl"]),
            ["<acl&live>", "<acl=&live>", "<acl&live=>", "<acl=&live=>"]
        );
    }

    #[test]
    fn work_is_bounded() {
        let names: Vec<String> = (0..200).map(|number| format!("p{number:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(readings(&names[..MIXED_EMPTY_MAX]).len(), 1 << MIXED_EMPTY_MAX);
        assert_eq!(readings(&names[..=MIXED_EMPTY_MAX]).len(), 2);
        assert_eq!(readings(&names)[1].matches('=').count(), 200);
    }
}

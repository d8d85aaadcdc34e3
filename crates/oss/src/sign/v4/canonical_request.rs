use crate::percent;
use crate::sign::canonical::{header_lines, sorted};
use crate::sign::request::Request;

/// The text whose digest is signed, in pieces, because clients differ in how they write a parameter without value.
pub(super) struct CanonicalRequest {
    /// Method and path.
    head: String,
    /// Encoded names and values, ascending by encoded name.
    query: Vec<(String, String)>,
    /// Headers, additional names and payload.
    tail: String,
}

impl CanonicalRequest {
    pub(super) fn new(request: &Request<'_>, additional_headers: &[String], payload: &str) -> Self {
        let is_signed = |name: &str| {
            name.starts_with("x-oss-")
                || matches!(name, "content-type" | "content-md5")
                || additional_headers.iter().any(|additional| additional == name)
        };
        let query = sorted(request.query, |name| name != "x-oss-signature");
        let mut query: Vec<_> = query
            .iter()
            .map(|(name, value)| (percent::encode(name), percent::encode(value)))
            .collect();
        query.sort_unstable();
        Self {
            head: format!("{}\n{}\n", request.method, percent::encode_path(&request.resource())),
            query,
            tail: format!(
                "\n{}\n{}\n{payload}",
                header_lines(request.headers, is_signed),
                additional_headers.join(";"),
            ),
        }
    }

    /// The text as the service describes it: a name without value stands alone.
    pub(super) fn plain(&self) -> String {
        self.reading(0)
    }

    /// Every text that a client may have meant: each parameter without value alone, or with its equals sign. Where there are
    /// many of them, they are read all alike.
    pub(super) fn readings(&self) -> impl Iterator<Item = String> {
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

/// What the libraries send instead of a digest of the body.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// No operation of the API takes more parameters without value at once; each doubles the work.
const MIXED_EMPTY_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

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
        let texts = CanonicalRequest::new(&request, &[], UNSIGNED_PAYLOAD);
        texts
            .readings()
            .map(|text| text.split('\n').nth(2).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn parameters_without_value_are_read_both_ways() {
        assert_eq!(readings(&[]), [""]);
        assert_eq!(readings(&["live"]), ["live", "live="]);
        assert_eq!(
            readings(&["live", "acl"]),
            ["acl&live", "acl=&live", "acl&live=", "acl=&live="]
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

    #[test]
    fn has_the_lines_of_the_contract() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let query = [pair("live", ""), pair("comp", "stat"), pair("x-oss-signature", "no")];
        let headers = [
            pair("x-oss-date", " 20231114T221320Z "),
            pair("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
            pair("host", "no"),
        ];
        let request = Request {
            method: "GET",
            bucket: Some("test-bucket"),
            key: "test-channel",
            query: &query,
            headers: &headers,
        };
        assert_eq!(
            CanonicalRequest::new(&request, &[], UNSIGNED_PAYLOAD).plain(),
            "GET\n/test-bucket/test-channel\ncomp=stat&live\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231114T221320Z\n\n\nUNSIGNED-PAYLOAD"
        );
    }

    proptest! {
        #[test]
        fn order_and_repetition_mean_nothing(
            query in proptest::collection::btree_map("\\PC{1,6}", "\\PC{0,6}", 0..6),
            headers in proptest::collection::btree_map("x-oss-[a-z]{1,4}|host", "[ -~]{0,8}", 0..4),
        ) {
            let canonical = |query: &[(String, String)], headers: &[(String, String)]| {
                let request = Request { method: "GET", bucket: Some("b"), key: "k", query, headers };
                CanonicalRequest::new(&request, &["host".to_owned()], UNSIGNED_PAYLOAD).plain()
            };
            let ascending = |pairs: &BTreeMap<String, String>| pairs.clone().into_iter().collect::<Vec<_>>();
            let disturbed = |pairs: &BTreeMap<String, String>| {
                let mut pairs: Vec<_> = pairs.clone().into_iter().rev().collect();
                pairs.extend(pairs.first().map(|(name, _)| (name.clone(), "second".to_owned())));
                pairs
            };
            prop_assert_eq!(
                canonical(&ascending(&query), &ascending(&headers)),
                canonical(&disturbed(&query), &disturbed(&headers))
            );
        }
    }
}

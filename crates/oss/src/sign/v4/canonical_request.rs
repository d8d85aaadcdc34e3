use crate::percent;
use crate::sign::canonical::header_lines;
use crate::sign::readings::Readings;
use crate::sign::request::Request;

/// The text whose digest is signed.
pub(super) fn canonical_request(request: &Request<'_>, additional_headers: &[String], payload: &str) -> Readings {
    let is_signed = |name: &str| {
        name.starts_with("x-oss-")
            || matches!(name, "content-type" | "content-md5")
            || additional_headers.iter().any(|additional| additional == name)
    };
    let head = format!("{}\n{}\n", request.method, percent::encode_path(&request.resource()));
    let tail = format!(
        "\n{}\n{}\n{payload}",
        header_lines(request.headers, is_signed),
        additional_headers.join(";"),
    );
    Readings::new(head, request, tail)
}

/// What the libraries send instead of a digest of the body.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

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
            canonical_request(&request, &[], UNSIGNED_PAYLOAD).plain(),
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
                canonical_request(&request, &["host".to_owned()], UNSIGNED_PAYLOAD).plain()
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

//! Listings, page by page to their end.

use alluvium_oss::xml::Element;
use anyhow::Result;

use crate::client::{Client, Request};

/// Sends the request that `first` makes, then the same for each further page, and gives what `read` finds in their
/// documents, whose outermost element is `root`.
pub(super) async fn every<'a, T>(
    client: &Client,
    first: impl Fn() -> Request<'a>,
    root: &str,
    read: impl Fn(&Element) -> Vec<T>,
) -> Result<Vec<T>> {
    let mut found = Vec::new();
    let mut marker = String::new();
    for _ in 0..PAGES_MAX {
        let request = first().with_query("marker", &marker).with_query("max-keys", NAMES);
        let answer = client.send(request).await?;
        let page = answer.document(root)?;
        found.extend(read(&page));
        match further(&page, &marker).map_err(|what| answer.unexpected(what))? {
            Some(next) => marker = next,
            None => return Ok(found),
        }
    }
    anyhow::bail!("the listing does not end within {PAGES_MAX} pages")
}

/// The marker of the next page, if there is one. It must be further on, or the listing would never end.
fn further(page: &Element, marker: &str) -> Result<Option<String>, &'static str> {
    if page.child_text("IsTruncated") != Some("true") {
        return Ok(None);
    }
    match page.child_text("NextMarker") {
        Some(next) if next > marker => Ok(Some(next.to_owned())),
        _ => Err("its next page is not further on"),
    }
}

/// Names asked for at once; the document of so many is well within what its reader takes.
const NAMES: &str = "500";

/// Five million names: more than anybody reads, and a bound to what a server can make this process hold.
const PAGES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(inner: &str, expected: Result<Option<&str>, ()>) {
        let page = Element::parse(format!("<a>{inner}</a>").as_bytes(), "a").unwrap();
        let next = further(&page, "m");
        assert_eq!(
            next.as_ref().map(|next| next.as_deref()).map_err(|_| ()),
            expected,
            "{inner}"
        );
    }

    #[test]
    fn a_listing_only_goes_on_forwards() {
        let truncated = "<IsTruncated>true</IsTruncated>";
        check("", Ok(None));
        check("<IsTruncated>false</IsTruncated><NextMarker>z</NextMarker>", Ok(None));
        check(&format!("{truncated}<NextMarker>n</NextMarker>"), Ok(Some("n")));
        for same_or_before in [
            "<NextMarker>m</NextMarker>",
            "<NextMarker>a</NextMarker>",
            "<NextMarker/>",
            "",
        ] {
            check(&format!("{truncated}{same_or_before}"), Err(()));
        }
    }
}

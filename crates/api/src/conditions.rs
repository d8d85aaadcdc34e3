//! Conditional reads: `If-Match`, `If-None-Match` and their dates (contract, 4.4; RFC 9110, 13.2.2).

use alluvium_oss::UnixTime;
use alluvium_store::ObjectInfo;

use crate::request::Headers;

/// What the conditions of a read leave to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every condition holds.
    Send,
    /// The client has it already: 304.
    NotModified,
    /// It is not what the client wants: 412.
    Failed,
}

/// Weighs the conditions of a request against an object. A date that cannot be read is no condition.
pub(crate) fn weigh(headers: &Headers, info: &ObjectInfo) -> Verdict {
    weigh_named(
        headers,
        ["if-match", "if-unmodified-since", "if-none-match", "if-modified-since"],
        info,
    )
}

/// The same, of the source of a copy.
pub(crate) fn weigh_source(headers: &Headers, info: &ObjectInfo) -> Verdict {
    weigh_named(
        headers,
        [
            "x-oss-copy-source-if-match",
            "x-oss-copy-source-if-unmodified-since",
            "x-oss-copy-source-if-none-match",
            "x-oss-copy-source-if-modified-since",
        ],
        info,
    )
}

fn weigh_named(headers: &Headers, names_of: [&str; 4], info: &ObjectInfo) -> Verdict {
    let [matches, unmodified_since, matches_none, modified_since] = names_of.map(|name| headers.value(name));
    let wanted = match matches {
        Some(tags) => names(tags, &info.etag),
        None => date(unmodified_since).is_none_or(|date| whole_second(info.modified) <= date),
    };
    if !wanted {
        return Verdict::Failed;
    }
    let known = match matches_none {
        Some(tags) => names(tags, &info.etag),
        None => date(modified_since).is_some_and(|date| whole_second(info.modified) <= date),
    };
    if known { Verdict::NotModified } else { Verdict::Send }
}

fn date(value: Option<&str>) -> Option<UnixTime> {
    value.and_then(UnixTime::parse_http_date)
}

/// Whether a range may be cut from this object: false when `If-Range` names another one (RFC 9110, 13.1.5).
pub(crate) fn allows_range(headers: &Headers, info: &ObjectInfo) -> bool {
    match headers.value("if-range") {
        None => true,
        Some(date) if UnixTime::parse_http_date(date).is_some() => {
            UnixTime::parse_http_date(date) == Some(whole_second(info.modified))
        }
        Some(tag) => !tag.starts_with("W/") && unquoted(tag) == info.etag,
    }
}

/// Whether a list of entity tags names this one. Clients of this API leave the quotes out now and then.
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(unquoted)
        .any(|tag| tag == "*" || tag.eq_ignore_ascii_case(etag))
}

fn unquoted(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

/// HTTP dates have no fractions, so an object is compared by its second.
fn whole_second(time: UnixTime) -> UnixTime {
    UnixTime::from_secs(time.as_millis().div_euclid(1000))
}

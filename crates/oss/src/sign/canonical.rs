//! The parts of a request in the one order that both sides agree on.

use std::collections::BTreeMap;

/// Names with the value of their first occurrence, ascending by bytes.
pub(super) fn sorted(pairs: &[(String, String)], mut wanted: impl FnMut(&str) -> bool) -> BTreeMap<&str, &str> {
    let mut sorted = BTreeMap::new();
    for (name, value) in pairs {
        if wanted(name) {
            sorted.entry(name.as_str()).or_insert(value.as_str());
        }
    }
    sorted
}

/// `name:value LF` for each of these headers, values trimmed.
pub(super) fn header_lines(headers: &[(String, String)], wanted: impl FnMut(&str) -> bool) -> String {
    sorted(headers, wanted)
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect()
}

/// The names of a list such as `host;range`, in lower case, ascending, each once.
pub(super) fn additional_headers(listed: Option<&str>) -> Vec<String> {
    let names = listed
        .unwrap_or_default()
        .split(';')
        .map(|name| name.trim().to_ascii_lowercase());
    let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

use std::ops::ControlFlow;

use crate::{ObjectInfo, UploadInfo, UploadPage, UploadQuery};

/// Which part of a bucket's keys a page is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only keys that begin with this; empty for all.
    pub prefix: String,
    /// Keys that contain it after `prefix` are shown as one common prefix, up to and including its first place there. An empty one groups nothing.
    pub delimiter: Option<String>,
    /// Only objects and common prefixes greater than this, by bytes; empty for all.
    pub after: String,
    /// At most so many objects and common prefixes together; more than [`LIST_LIMIT_MAX`] count as that. None are shown for 0.
    pub limit: usize,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Objects in ascending order of their keys' bytes.
    pub objects: Vec<ObjectInfo>,
    /// Common prefixes, ascending.
    pub prefixes: Vec<String>,
    /// The [`after`](ListQuery::after) of the next page; `None` on the last one, and only there.
    pub next: Option<String>,
}

/// The most entries of a page, so that no caller makes a store gather without end; it is the most that the API lets anyone ask for.
pub const LIST_LIMIT_MAX: usize = 1000;

/// Fills one page from objects in ascending order of their keys.
///
/// `scan(from, visit)` calls `visit` for each object with a key of at least `from`, ascending, until it breaks or there are no more.
/// It is called again for each group that is skipped, so a group costs one seek, however many keys it has.
pub(crate) fn fill<E>(
    query: &ListQuery,
    scan: impl FnMut(&str, &mut dyn FnMut(ObjectInfo) -> ControlFlow<()>) -> Result<(), E>,
) -> Result<ListPage, E> {
    let filled = gather(query, first_key(query), scan)?;
    Ok(ListPage {
        objects: filled.items,
        prefixes: filled.prefixes,
        next: filled.next,
    })
}

/// Fills one page from uploads in ascending order of their keys and ids, as [`fill`] does. Those of the key at which the page begins
/// are passed one by one.
pub(crate) fn fill_uploads<E>(
    query: &UploadQuery,
    mut scan: impl FnMut(&str, &mut dyn FnMut(UploadInfo) -> ControlFlow<()>) -> Result<(), E>,
) -> Result<UploadPage, E> {
    let UploadQuery { list, after_id } = query;
    let within = !after_id.is_empty() && list.after >= list.prefix && group(list, &list.after).is_none();
    let from = if within {
        Some(list.after.clone())
    } else {
        first_key(list)
    };
    let filled = gather(list, from, |from, visit| {
        scan(from, &mut |upload: UploadInfo| {
            if within && upload.key.as_str() == list.after && upload.id.as_str() <= after_id.as_str() {
                ControlFlow::Continue(())
            } else {
                visit(upload)
            }
        })
    })?;
    let last = filled.items.last();
    let next = filled.next.map(|key| {
        let id = last.filter(|upload| upload.key.as_str() == key);
        let id = id.map(|upload| upload.id.to_string()).unwrap_or_default();
        (key, id)
    });
    Ok(UploadPage {
        uploads: filled.items,
        prefixes: filled.prefixes,
        next,
    })
}

/// What a listing shows.
trait Listed {
    fn key(&self) -> &str;
}

impl Listed for ObjectInfo {
    fn key(&self) -> &str {
        self.key.as_str()
    }
}

impl Listed for UploadInfo {
    fn key(&self) -> &str {
        self.key.as_str()
    }
}

struct Filled<T> {
    items: Vec<T>,
    prefixes: Vec<String>,
    /// The last key or prefix shown, when there are more.
    next: Option<String>,
}

fn gather<T: Listed, E>(
    query: &ListQuery,
    mut from: Option<String>,
    mut scan: impl FnMut(&str, &mut dyn FnMut(T) -> ControlFlow<()>) -> Result<(), E>,
) -> Result<Filled<T>, E> {
    let limit = query.limit.min(LIST_LIMIT_MAX);
    let mut page = Filled {
        items: Vec::new(),
        prefixes: Vec::new(),
        next: None,
    };
    if limit == 0 {
        return Ok(page);
    }
    let mut last = String::new();
    while let Some(start) = from.take() {
        scan(&start, &mut |item| {
            let key = item.key();
            if !key.starts_with(&query.prefix) {
                return ControlFlow::Break(());
            }
            if page.items.len() + page.prefixes.len() == limit {
                page.next = Some(std::mem::take(&mut last));
                return ControlFlow::Break(());
            }
            match group(query, key) {
                Some(group) => {
                    last = group.to_owned();
                    from = successor(group);
                    page.prefixes.push(group.to_owned());
                    ControlFlow::Break(())
                }
                None => {
                    key.clone_into(&mut last);
                    page.items.push(item);
                    ControlFlow::Continue(())
                }
            }
        })?;
    }
    Ok(page)
}

/// The least key that the page can show or group; `None` when there is none.
fn first_key(query: &ListQuery) -> Option<String> {
    if query.after < query.prefix {
        return Some(query.prefix.clone());
    }
    match group(query, &query.after) {
        // The whole group is not greater than `after`, or was shown before it.
        Some(group) => successor(group),
        None => Some(format!("{}\0", query.after)),
    }
}

/// The common prefix that stands for `key`, if it is one of a group.
fn group<'a>(query: &ListQuery, key: &'a str) -> Option<&'a str> {
    let delimiter = query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(&query.prefix)?;
    let end = query.prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(&key[..end])
}

/// The least text greater than every text that begins with `prefix`; `None` when there is none.
///
/// UTF-8 keeps the order of code points, so it is enough to raise the last one that can be raised.
fn successor(prefix: &str) -> Option<String> {
    let mut kept = prefix.to_owned();
    while let Some(last) = kept.pop() {
        if let Some(raised) = ((last as u32 + 1)..=char::MAX as u32).find_map(char::from_u32) {
            kept.push(raised);
            return Some(kept);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn successor_raises_the_last_code_point_that_can_be_raised() {
        for (prefix, expected) in [
            ("a/", Some("a0")),
            ("a\u{7F}", Some("a\u{80}")),
            ("\u{D7FF}", Some("\u{E000}")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{10FFFF}", None),
            ("", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), expected, "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn successor_parts_the_texts_with_the_prefix_from_those_above(prefix in "\\PC{1,3}", text in "\\PC{0,4}", tail in "\\PC{0,2}") {
            if let Some(successor) = successor(&prefix) {
                let longer = format!("{prefix}{tail}");
                prop_assert!(longer < successor);
                prop_assert_eq!(text.as_str() > prefix.as_str() && !text.starts_with(&prefix), text >= successor);
            }
        }
    }
}

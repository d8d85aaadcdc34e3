/// One page of a listing, ascending in byte order of the names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The records of this page.
    pub items: Vec<T>,
    /// The `after` of the next page: the last name of this one. `None` when nothing follows.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of the first `limit` of `items`, which holds one more when something follows.
    pub(crate) fn cut(mut items: Vec<T>, limit: usize, name: impl Fn(&T) -> &str) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| name(last).to_owned());
        Self { items, next }
    }
}

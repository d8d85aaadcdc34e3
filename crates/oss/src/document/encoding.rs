use std::borrow::Cow;

use crate::percent;

/// A key, prefix or marker, percent-encoded where the client asked for it.
pub(super) fn encoded(text: &str, url_encoded: bool) -> Cow<'_, str> {
    if url_encoded {
        percent::encode(text).into()
    } else {
        text.into()
    }
}

use std::ops::Range;

use crate::Error;

/// One range of an object's bytes, as RFC 9110 section 14.1.2 counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// From this offset to the end: `bytes=500-`.
    From(u64),
    /// From the first to the second offset, both inclusive: `bytes=500-999`. The second may lie beyond the end.
    Between(u64, u64),
    /// The last so many bytes: `bytes=-500`; the whole object when it has fewer.
    Last(u64),
}

impl RangeRequest {
    /// The bytes of an object of `length` bytes that are meant; never empty.
    ///
    /// # Errors
    /// [`Error::Range`] when it holds no byte of the object.
    pub fn resolve(self, length: u64) -> Result<Range<u64>, Error> {
        let range = match self {
            Self::From(first) => first..length,
            Self::Between(first, last) => first..last.saturating_add(1).min(length),
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        if range.is_empty() {
            Err(Error::Range { length })
        } else {
            Ok(range)
        }
    }

    /// As [`resolve`](Self::resolve); no range at all means the whole object, which may be empty.
    pub(crate) fn resolve_or_whole(range: Option<Self>, length: u64) -> Result<Range<u64>, Error> {
        range.map_or(Ok(0..length), |range| range.resolve(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_only_bytes_of_the_object() {
        use RangeRequest::{Between, From, Last};
        for (request, length, expected) in [
            (From(0), 10, Some(0..10)),
            (From(9), 10, Some(9..10)),
            (From(10), 10, None),
            (From(u64::MAX), 10, None),
            (From(0), 0, None),
            (Between(0, 0), 10, Some(0..1)),
            (Between(3, 5), 10, Some(3..6)),
            (Between(3, u64::MAX), 10, Some(3..10)),
            (Between(5, 3), 10, None),
            (Between(10, 12), 10, None),
            (Last(1), 10, Some(9..10)),
            (Last(u64::MAX), 10, Some(0..10)),
            (Last(0), 10, None),
            (Last(1), 0, None),
        ] {
            assert_eq!(request.resolve(length).ok(), expected, "{request:?} of {length}");
        }
        assert_eq!(From(4).resolve(4), Err(Error::Range { length: 4 }));
        assert_eq!(RangeRequest::resolve_or_whole(None, 0), Ok(0..0));
    }
}

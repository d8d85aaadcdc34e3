use std::fmt;

/// The headers of the last few messages, oldest first: `type/timestamp_ms/bytes`. Nothing of what they carried, which
/// may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastMessages {
    headers: [Option<Header>; COUNT],
    next: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    type_id: u8,
    timestamp_ms: u32,
    /// 0 of one that was not kept.
    length: usize,
}

/// Enough to see a picture, the sound beside it and what stood before them.
const COUNT: usize = 8;

impl LastMessages {
    pub(super) fn note(&mut self, type_id: u8, timestamp_ms: u32, length: usize) {
        self.headers[self.next] = Some(Header {
            type_id,
            timestamp_ms,
            length,
        });
        self.next = (self.next + 1) % COUNT;
    }
}

impl fmt::Display for LastMessages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (newer, older) = self.headers.split_at(self.next);
        for (at, header) in older.iter().chain(newer).flatten().enumerate() {
            let Header {
                type_id,
                timestamp_ms,
                length,
            } = header;
            let gap = if at > 0 { " " } else { "" };
            write!(formatter, "{gap}{type_id}/{timestamp_ms}/{length}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_last_eight_in_their_order() {
        let mut last = LastMessages::default();
        assert_eq!(last.to_string(), "");
        last.note(20, 0, 180);
        assert_eq!(last.to_string(), "20/0/180");
        (1..=9).for_each(|number| last.note(9, 40 * number, 10));
        assert!(last.to_string().starts_with("9/80/10 9/120/10 "), "{last}");
        assert!(last.to_string().ends_with(" 9/360/10"), "{last}");
    }
}

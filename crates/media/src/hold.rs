//! Media messages kept until it is known what to do with them.

use crate::Kind;
use crate::timeline::ahead_ms;

/// Media messages in the order in which they arrived. Empty, it owns no memory.
#[derive(Debug, Default)]
pub(crate) struct HeldTags {
    bytes: Vec<u8>,
    tags: Vec<HeldTag>,
}

#[derive(Debug)]
struct HeldTag {
    kind: Kind,
    timestamp_ms: u32,
    length: usize,
}

impl HeldTags {
    pub(crate) fn push(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.tags.push(HeldTag {
            kind,
            timestamp_ms,
            length: payload.len(),
        });
    }

    /// Each message: its kind, its timestamp as carried, its payload.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Kind, u32, &[u8])> {
        let mut left = &self.bytes[..];
        self.tags.iter().map(move |tag| {
            let (payload, rest) = left.split_at(tag.length);
            left = rest;
            (tag.kind, tag.timestamp_ms, payload)
        })
    }

    /// Memory in use, bytes.
    pub(crate) fn byte_length(&self) -> usize {
        self.bytes.len() + self.tags.len() * size_of::<HeldTag>()
    }

    /// Media time from the first message to the latest, ms.
    pub(crate) fn span_ms(&self) -> u32 {
        let Some(first) = self.tags.first() else { return 0 };
        // Two tracks may begin a little apart: only what lies ahead counts.
        let ahead = |tag: &HeldTag| ahead_ms(tag.timestamp_ms, first.timestamp_ms);
        self.tags.last().map_or(0, ahead).max(0).unsigned_abs()
    }
}

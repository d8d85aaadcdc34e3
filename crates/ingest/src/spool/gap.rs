use std::fmt::Display;

use tracing::{error, info};

/// Media of a session that could not be kept: a hole in its recording, told when it begins and when it ends.
#[derive(Debug, Default)]
pub(crate) struct Gap {
    dropped: Option<u64>,
}

impl Gap {
    pub(crate) fn is_open(&self) -> bool {
        self.dropped.is_some()
    }

    /// Media is dropped from here on; of a gap that is open already only the first reason is told.
    pub(crate) fn begin(&mut self, channel: &str, reason: &dyn Display) {
        if self.dropped.is_none() {
            error!(event = "gap_begins", channel = label(channel), %reason, "media is dropped: the spool cannot take it");
            self.dropped = Some(0);
        }
    }

    /// Counts what was dropped, bytes of TS.
    pub(crate) fn add(&mut self, bytes: usize) {
        if let Some(dropped) = &mut self.dropped {
            *dropped += bytes as u64;
        }
    }

    /// Media is written again. Whether there was a gap.
    pub(crate) fn end(&mut self, channel: &str) -> bool {
        let dropped = self.dropped.take();
        if let Some(dropped_bytes) = dropped {
            info!(
                event = "gap_ends",
                channel = label(channel),
                dropped_bytes,
                "recording again after a gap"
            );
        }
        dropped.is_some()
    }
}

/// Bucket and channel stand on a line each in the spool, and on one in the log.
fn label(channel: &str) -> String {
    channel.trim_end().replace('\n', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_its_beginning_to_its_end() {
        let mut gap = Gap::default();
        gap.add(5);
        assert!(!gap.end("a\nb\n"));
        gap.begin("a\nb\n", &"full");
        gap.add(7);
        gap.begin("a\nb\n", &"still full");
        assert_eq!(gap.dropped, Some(7));
        assert!(gap.end("a\nb\n"));
        assert!(!gap.is_open());
    }
}

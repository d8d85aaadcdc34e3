//! The stages that work for each segment, or for each answer. What came out is counted in bytes.

use std::hint::black_box;

use alluvium_hls::{Entry, LiveWindow, MediaPlaylist};

use crate::{Load, Stage};

/// A new segment in a window that is full, and the playlist's text.
pub(crate) struct Live {
    window: LiveWindow,
    next: u64,
    entry: Option<Entry>,
}

impl Live {
    pub(crate) fn new(entries: u64) -> Self {
        Self {
            window: LiveWindow::new(entries as usize, 2, (0..entries).map(entry)),
            next: entries,
            entry: None,
        }
    }
}

impl Stage for Live {
    fn prepare(&mut self) {
        self.entry = Some(entry(self.next));
        self.next += 1;
    }

    fn run(&mut self) -> usize {
        if let Some(entry) = self.entry.take() {
            self.window.push(entry);
        }
        black_box(self.window.playlist(false)).len()
    }

    fn load(&self) -> Load {
        Load::One
    }
}

/// A playlist of recorded segments.
pub(crate) struct Vod {
    entries: Vec<Entry>,
}

impl Vod {
    pub(crate) fn new(entries: u64) -> Self {
        Self {
            entries: (0..entries).map(entry).collect(),
        }
    }
}

impl Stage for Vod {
    fn prepare(&mut self) {}

    fn run(&mut self) -> usize {
        black_box(MediaPlaylist::vod(&self.entries)).len()
    }

    fn load(&self) -> Load {
        Load::One
    }
}

fn entry(sequence: u64) -> Entry {
    let begins_ms = 1_543_895_706_266 + 2_000 * sequence as i64;
    Entry {
        uri: format!("{begins_ms}.ts"),
        duration: 180_000,
        sequence,
        discontinuity_sequence: 0,
        discontinuity: false,
        program_date_time_ms: begins_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_playlists_list_what_they_are_said_to() {
        let mut live = Live::new(6);
        live.prepare();
        live.run();
        assert_eq!(live.window.playlist(false).matches("#EXTINF").count(), 6);
        assert_eq!(
            MediaPlaylist::vod(&Vod::new(1_000).entries).matches("#EXTINF").count(),
            1_000
        );
    }
}

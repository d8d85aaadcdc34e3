//! What a live playlist says, as `m3u8-rs` reads it.

use std::fmt;

use m3u8_rs::Playlist;

/// One reading of a channel's playlist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) entries: Vec<Entry>,
}

/// One segment of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) uri: String,
    pub(crate) duration_ms: u64,
    /// Whether EXT-X-DISCONTINUITY stands before it.
    pub(crate) discontinuity: bool,
    /// EXT-X-PROGRAM-DATE-TIME, where it stands before this segment.
    pub(crate) date: Option<Date>,
}

/// Milliseconds of Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(pub(crate) i64);

impl Listing {
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let playlist = match m3u8_rs::parse_playlist_res(text) {
            Ok(Playlist::MediaPlaylist(playlist)) => playlist,
            Ok(Playlist::MasterPlaylist(_)) => return Err("a master playlist".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let entry = |segment: m3u8_rs::MediaSegment| Entry {
            uri: segment.uri,
            duration_ms: (f64::from(segment.duration) * 1_000.0).round() as u64,
            discontinuity: segment.discontinuity,
            date: segment.program_date_time.map(|date| Date(date.timestamp_millis())),
        };
        Ok(Self {
            media_sequence: playlist.media_sequence,
            discontinuity_sequence: playlist.discontinuity_sequence,
            entries: playlist.segments.into_iter().map(entry).collect(),
        })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0.div_euclid(1_000), self.0.rem_euclid(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_tags_and_dates() {
        let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:12\n#EXT-X-TARGETDURATION:2\n\
                    #EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:00:00.250Z\n\
                    #EXTINF:1.033,\n1.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:0.500,\n2.ts\n";
        let entry = |uri: &str, duration_ms, discontinuity, date: Option<i64>| Entry {
            uri: uri.to_owned(),
            duration_ms,
            discontinuity,
            date: date.map(Date),
        };
        let expected = Listing {
            media_sequence: 12,
            discontinuity_sequence: 3,
            entries: vec![
                entry("1.ts", 1_033, false, Some(1_795_366_800_250)),
                entry("2.ts", 500, true, None),
            ],
        };
        assert_eq!(Listing::read(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn refuses_what_is_no_media_playlist() {
        assert!(Listing::read(b"<Error/>").is_err());
        assert!(Listing::read(b"").is_err());
    }
}

//! The demo's picture and tone: 16 s of H.264 and AAC, made so that they can be played round and round.

use alluvium_rtmp::MediaKind;

/// 640x360, 25 pictures/s, a key picture every 2 s; AAC-LC 48 kHz mono. Made with FFmpeg's `testsrc2` and `sine`.
const FLV: &[u8] = include_bytes!("../assets/demo.flv");

/// 400 pictures of 40 ms and 750 AAC frames of 1024 samples at 48 kHz both last exactly this long.
const ROUND_MS: u32 = 16_000;

/// FLV file header with the first PreviousTagSize (FLV 10.1, E.2 and E.3).
const FILE_HEADER_BYTES: usize = 9 + 4;
const TAG_HEADER_BYTES: usize = 11;
const PREVIOUS_TAG_SIZE_BYTES: usize = 4;

/// One audio or video tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) kind: MediaKind,
    pub(crate) timestamp_ms: u32,
    pub(crate) payload: &'static [u8],
}

/// The stream from its sequence headers on, without an end; its timestamps wrap as RTMP's do.
pub(crate) fn endless() -> impl Iterator<Item = Tag> {
    let headers = tags().filter(is_sequence_header);
    let round = (0u32..).flat_map(|round| {
        let offset_ms = round.wrapping_mul(ROUND_MS);
        tags()
            .filter(|tag| !is_sequence_header(tag) && tag.timestamp_ms < ROUND_MS)
            .map(move |tag| Tag {
                timestamp_ms: tag.timestamp_ms.wrapping_add(offset_ms),
                ..tag
            })
    });
    headers.chain(round)
}

/// AVC and AAC packet type 0 (FLV 10.1, E.4.3.1 and E.4.2.1).
fn is_sequence_header(tag: &Tag) -> bool {
    tag.payload.get(1) == Some(&0)
}

fn tags() -> impl Iterator<Item = Tag> {
    let mut rest = &FLV[FILE_HEADER_BYTES..];
    std::iter::from_fn(move || {
        loop {
            let (header, behind) = rest.split_at_checked(TAG_HEADER_BYTES)?;
            let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
            let timestamp_ms = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
            let (payload, behind) = behind.split_at_checked(length)?;
            rest = behind.get(PREVIOUS_TAG_SIZE_BYTES..).unwrap_or_default();
            let kind = match header[0] {
                8 => MediaKind::Audio,
                9 => MediaKind::Video,
                _ => continue,
            };
            // FFmpeg closes H.264 with an end-of-sequence tag, which a round trip must not repeat.
            if kind == MediaKind::Video && payload.get(1) == Some(&2) {
                continue;
            }
            return Some(Tag {
                kind,
                timestamp_ms,
                payload,
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tracks_fill_a_round_exactly() {
        let of = |kind| {
            tags()
                .filter(|tag| tag.kind == kind && tag.timestamp_ms < ROUND_MS && !is_sequence_header(tag))
                .count()
        };
        assert_eq!(of(MediaKind::Video) * 40, ROUND_MS as usize);
        assert_eq!(of(MediaKind::Audio) * 1024 * 1000 / 48_000, ROUND_MS as usize);
    }

    #[test]
    fn the_second_round_follows_the_first() {
        let pictures: Vec<u32> = endless()
            .filter(|tag| tag.kind == MediaKind::Video)
            .skip(1)
            .take(801)
            .map(|tag| tag.timestamp_ms)
            .collect();
        assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] == 40), "{pictures:?}");
        assert_eq!(pictures[800] - pictures[0], 2 * ROUND_MS);
    }
}

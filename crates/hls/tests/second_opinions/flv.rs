//! As much of an FLV reader as ffmpeg's files need.

use alluvium_media::Kind;

/// Audio and video tags: kind, time stamp in milliseconds, body.
pub(crate) fn tags(file: &[u8]) -> impl Iterator<Item = (Kind, u32, &[u8])> {
    assert_eq!(&file[..3], b"FLV");
    // Header of nine bytes, then four bytes "length of the tag before" in front of each tag.
    let mut rest = &file[9..];
    std::iter::from_fn(move || {
        loop {
            let header = rest.get(4..15)?;
            let length = usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3]);
            let timestamp_ms = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
            let body = &rest[15..15 + length];
            rest = &rest[15 + length..];
            match header[0] {
                8 => return Some((Kind::Audio, timestamp_ms, body)),
                9 => return Some((Kind::Video, timestamp_ms, body)),
                _ => {}
            }
        }
    })
}

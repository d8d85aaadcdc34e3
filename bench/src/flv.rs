//! The tags of an FLV file.

use anyhow::{Result, bail, ensure};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
    Script,
}

/// What a tag is for, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Metadata,
    SequenceHeader,
    Keyframe,
    /// A picture that is no keyframe, or sound.
    Frame,
    /// Ends a sequence; a live stream has no use for it.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    pub(crate) kind: Kind,
    pub(crate) timestamp_ms: u32,
    pub(crate) body: &'a [u8],
}

impl Tag<'_> {
    pub(crate) fn part(&self) -> Part {
        let packet_type = self.body.get(1);
        match (self.kind, self.body.first().unwrap_or(&0)) {
            (Kind::Script, _) => Part::Metadata,
            (Kind::Video, first) => match packet_type {
                Some(0) => Part::SequenceHeader,
                Some(1) if first >> 4 == 1 => Part::Keyframe,
                Some(2) => Part::End,
                _ => Part::Frame,
            },
            (Kind::Audio, first) => match packet_type {
                Some(0) if first >> 4 == AAC => Part::SequenceHeader,
                _ => Part::Frame,
            },
        }
    }
}

/// All tags of a file, in its order.
pub(crate) fn tags(file: &[u8]) -> Result<Vec<Tag<'_>>> {
    ensure!(file.starts_with(b"FLV\x01"), "no FLV file");
    let Some((_, mut rest)) = file.split_at_checked(HEADER_BYTES + BACK_POINTER_BYTES) else {
        bail!("an FLV file without a tag");
    };
    let mut tags = Vec::new();
    while !rest.is_empty() {
        let at = file.len() - rest.len();
        let Some((header, after)) = rest.split_first_chunk::<TAG_HEADER_BYTES>() else {
            bail!("the tag at byte {at} is cut off");
        };
        let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
        let Some((body, after)) = after.split_at_checked(length) else {
            bail!("the tag at byte {at} is cut off");
        };
        let kind = match header[0] & 0x1f {
            8 => Kind::Audio,
            9 => Kind::Video,
            18 => Kind::Script,
            other => bail!("a tag of type {other} at byte {at}"),
        };
        tags.push(Tag {
            kind,
            // The most significant byte comes last.
            timestamp_ms: u32::from_be_bytes([header[7], header[4], header[5], header[6]]),
            body,
        });
        rest = after.get(BACK_POINTER_BYTES..).unwrap_or_default();
    }
    Ok(tags)
}

const HEADER_BYTES: usize = 9;
/// The length of the tag before, after each tag.
const BACK_POINTER_BYTES: usize = 4;
const TAG_HEADER_BYTES: usize = 11;
const AAC: u8 = 10;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of these tags: type, timestamp, body.
    pub(crate) fn file(tags: &[(u8, u32, &[u8])]) -> Vec<u8> {
        let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        for (kind, timestamp_ms, body) in tags {
            let [high, time @ ..] = timestamp_ms.to_be_bytes();
            file.push(*kind);
            file.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
            file.extend_from_slice(&time);
            file.extend_from_slice(&[high, 0, 0, 0]);
            file.extend_from_slice(body);
            file.extend_from_slice(&(11 + body.len() as u32).to_be_bytes());
        }
        file
    }

    #[test]
    fn reads_kind_time_and_body_of_each_tag() {
        let file = file(&[(18, 0, b"meta"), (9, 0x0102_0304, &[0x17, 1]), (8, 23, &[0xaf, 1, 2])]);
        let found = tags(&file).unwrap();
        let found: Vec<_> = found.iter().map(|tag| (tag.kind, tag.timestamp_ms, tag.body)).collect();
        let expected: [(Kind, u32, &[u8]); 3] = [
            (Kind::Script, 0, b"meta"),
            (Kind::Video, 0x0102_0304, &[0x17, 1]),
            (Kind::Audio, 23, &[0xaf, 1, 2]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn tells_headers_keyframes_and_ends_from_frames() {
        let part = |kind, body: &[u8]| {
            let tag = Tag {
                kind,
                timestamp_ms: 0,
                body,
            };
            tag.part()
        };
        assert_eq!(part(Kind::Video, &[0x17, 0, 0, 0, 0]), Part::SequenceHeader);
        assert_eq!(part(Kind::Video, &[0x17, 1, 0, 0, 0]), Part::Keyframe);
        assert_eq!(part(Kind::Video, &[0x27, 1, 0, 0, 0]), Part::Frame);
        assert_eq!(part(Kind::Video, &[0x17, 2, 0, 0, 0]), Part::End);
        assert_eq!(part(Kind::Audio, &[0xaf, 0, 0x12, 0x10]), Part::SequenceHeader);
        assert_eq!(part(Kind::Audio, &[0xaf, 1, 0x21]), Part::Frame);
        assert_eq!(part(Kind::Script, b"\x02\0\x0aonMetaData"), Part::Metadata);
    }

    #[test]
    fn refuses_a_file_that_is_cut_off_anywhere() {
        let whole = file(&[(9, 0, &[0x17, 1]), (8, 0, &[0xaf, 1])]);
        let ends_of_tags = [13, 13 + 17, 13 + 17 + 17];
        for length in 0..whole.len() {
            let whole_tags = ends_of_tags
                .iter()
                .any(|end| (end - 4..=*end).contains(&length) && length >= 13);
            assert_eq!(tags(&whole[..length]).is_ok(), whole_tags, "{length} bytes");
        }
    }
}

//! A file's media as bytes that are ready to be sent, turn after turn.
//!
//! ```text
//!     prelude (once, with a message stream's number) | turn | turn | turn ...
//! ```
//!
//! A turn's messages carry their time as the distance from the one before, so its bytes are the same for every publisher
//! and every turn, and sending costs a write and nothing else.

use alluvium_encoder::{Header, chunk_stream, message_type, push, push_delta};
use anyhow::{Context, Result, ensure};

use crate::flv::{self, Kind, Part, Tag};

pub(crate) struct Timeline {
    prelude: Vec<(Header, Vec<u8>)>,
    chunk_bytes: usize,
    wire: Vec<u8>,
    slots: Vec<Slot>,
    turn_ms: u64,
}

/// One tag of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// From the turn's start.
    pub(crate) due_ms: u64,
    /// Where its bytes end in the turn's.
    pub(crate) end: usize,
    pub(crate) is_keyframe: bool,
}

impl Timeline {
    pub(crate) fn new(file: &[u8], chunk_bytes: usize) -> Result<Self> {
        let tags = flv::tags(file)?;
        let is_media = |tag: &&Tag<'_>| matches!(tag.part(), Part::Keyframe | Part::Frame);
        let times = |kind| -> Vec<u64> {
            let tags = tags.iter().filter(is_media).filter(|tag| tag.kind == kind);
            tags.map(|tag| tag.timestamp_ms.into()).collect()
        };
        let (video, audio) = (times(Kind::Video), times(Kind::Audio));
        let begin = *video.iter().chain(&audio).min().context("a file without media")?;
        // A turn is as long as its pictures last: keyframes stay as far apart over its end as within it.
        let frame_ms = frame_ms(&video).context("a file with less than two pictures")?;
        let turn_ms = video[video.len() - 1] + frame_ms - video[0];
        let media: Vec<&Tag<'_>> = tags
            .iter()
            .filter(is_media)
            .filter(|tag| u64::from(tag.timestamp_ms) < begin + turn_ms)
            .collect();

        let picture = media.iter().find(|tag| tag.kind == Kind::Video).map(|tag| tag.part());
        ensure!(
            picture == Some(Part::Keyframe),
            "a file that does not begin with a keyframe"
        );

        // The sequence headers are stamped so that a turn's first distances, which lead over its end, fit the first turn too.
        let gap = |times: &[u64]| {
            let last = times.iter().rfind(|time| **time < begin + turn_ms);
            last.map(|last| begin + turn_ms - last)
        };
        let (video_gap, audio_gap) = (gap(&video).context("no picture in the turn")?, gap(&audio).unwrap_or(0));
        let start = video_gap.max(audio_gap);
        let headers = tags.iter().filter(|tag| tag.part() == Part::SequenceHeader);
        let metadata = tags.iter().filter(|tag| tag.part() == Part::Metadata).take(1);
        let prelude = metadata
            .map(|tag| (header(tag, start), set_data_frame(tag.body)))
            .chain(headers.map(|tag| {
                let gap = if tag.kind == Kind::Video { video_gap } else { audio_gap };
                (header(tag, start - gap), tag.body.to_vec())
            }));

        let mut timeline = Self {
            prelude: prelude.collect(),
            chunk_bytes,
            wire: Vec::new(),
            slots: Vec::with_capacity(media.len()),
            turn_ms,
        };
        let (mut video_before, mut audio_before) = (-(video_gap as i64), -(audio_gap as i64));
        for tag in media {
            let at = u64::from(tag.timestamp_ms) - begin;
            let before = if tag.kind == Kind::Video {
                &mut video_before
            } else {
                &mut audio_before
            };
            let delta = u32::try_from(at as i64 - *before).context("timestamps that go back")?;
            *before = at as i64;
            timeline.push(tag, at, delta);
        }
        Ok(timeline)
    }

    fn push(&mut self, tag: &Tag<'_>, at: u64, delta_ms: u32) {
        let header = header(tag, 0);
        let (chunk_stream, message_type) = (header.chunk_stream, header.message_type);
        push_delta(
            &mut self.wire,
            chunk_stream,
            delta_ms,
            message_type,
            tag.body,
            self.chunk_bytes,
        );
        self.slots.push(Slot {
            // Sound that stands behind a later picture in the file is sent with it.
            due_ms: self.slots.last().map_or(at, |before| before.due_ms.max(at)),
            end: self.wire.len(),
            is_keyframe: tag.part() == Part::Keyframe,
        });
    }

    /// Metadata and sequence headers, for a publisher with this message stream.
    pub(crate) fn prelude(&self, stream: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for (header, payload) in &self.prelude {
            push(&mut out, Header { stream, ..*header }, payload, self.chunk_bytes);
        }
        out
    }

    /// A turn's bytes.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.wire
    }

    pub(crate) fn chunk_bytes(&self) -> usize {
        self.chunk_bytes
    }

    /// The slot of a running number over all turns, its due time counted from the stream's start.
    pub(crate) fn slot(&self, number: u64) -> Slot {
        let slots = self.slots.len() as u64;
        let slot = self.slots[(number % slots) as usize];
        Slot {
            due_ms: number / slots * self.turn_ms + slot.due_ms,
            ..slot
        }
    }

    /// Where a slot's bytes begin in the turn's.
    pub(crate) fn begin(&self, number: u64) -> usize {
        match (number % self.slots.len() as u64) as usize {
            0 => 0,
            slot => self.slots[slot - 1].end,
        }
    }

    /// How many slots a turn has.
    pub(crate) fn slots(&self) -> u64 {
        self.slots.len() as u64
    }

    pub(crate) fn keyframes_of_a_turn(&self) -> u64 {
        self.slots.iter().filter(|slot| slot.is_keyframe).count() as u64
    }
}

fn header(tag: &Tag<'_>, timestamp_ms: u64) -> Header {
    let (chunk_stream, message_type) = match tag.kind {
        Kind::Audio => (chunk_stream::AUDIO, message_type::AUDIO),
        Kind::Video => (chunk_stream::VIDEO, message_type::VIDEO),
        Kind::Script => (chunk_stream::METADATA, message_type::DATA),
    };
    Header {
        chunk_stream,
        timestamp_ms: timestamp_ms as u32,
        message_type,
        stream: 0,
    }
}

/// What makes a server keep the metadata, as FFmpeg puts it before them.
fn set_data_frame(metadata: &[u8]) -> Vec<u8> {
    let name = b"@setDataFrame";
    [&[2, 0, name.len() as u8], &name[..], metadata].concat()
}

/// The mean distance of pictures, rounded.
fn frame_ms(times: &[u64]) -> Option<u64> {
    let (first, last) = (times.first()?, times.last()?);
    let frames = times.len() as u64 - 1;
    (frames > 0).then(|| (last - first + frames / 2) / frames)
}

#[cfg(test)]
mod tests {
    use alluvium_encoder::{Reader, control};

    use super::*;
    use crate::flv::tests::file;

    const KEYFRAME: &[u8] = &[0x17, 1, 0, 0, 0, 1, 2, 3];
    const PICTURE: &[u8] = &[0x27, 1, 0, 0, 0, 4];
    const SOUND: &[u8] = &[0xaf, 1, 9];

    fn timeline() -> Timeline {
        let file = file(&[
            (18, 0, b"\x02\0\x0aonMetaData"),
            (9, 0, &[0x17, 0, 0, 0, 0, 1]),
            (8, 0, &[0xaf, 0, 0x12, 0x10]),
            (9, 7, KEYFRAME),
            (8, 7, SOUND),
            (8, 30, SOUND),
            (9, 47, PICTURE),
            (8, 53, SOUND),
            // After the last picture's end: not in a turn of 80 ms.
            (8, 87, SOUND),
            (9, 47, &[0x17, 2, 0, 0, 0]),
        ]);
        Timeline::new(&file, 4096).unwrap()
    }

    #[test]
    fn timestamps_run_on_over_the_end_of_a_turn() {
        let timeline = timeline();
        let mut reader = Reader::new();
        reader.receive(&control(message_type::SET_CHUNK_SIZE, 4096));
        reader.receive(&timeline.prelude(1));
        for _ in 0..2 {
            reader.receive(timeline.wire());
        }
        let mut times = Vec::new();
        while let Some(message) = reader.poll().unwrap() {
            times.push((message.message_type, message.timestamp_ms));
        }
        // Over the turn's end it is 40 ms to the next picture and 34 ms to the next sound.
        let turn = |start| {
            [
                (9, start),
                (8, start),
                (8, start + 23),
                (9, start + 40),
                (8, start + 46),
            ]
        };
        assert_eq!(times[..3], [(18, 40), (9, 0), (8, 6)]);
        assert_eq!(times[3..8], turn(40));
        assert_eq!(times[8..], turn(120));
    }

    #[test]
    fn slots_fall_due_turn_after_turn() {
        let timeline = timeline();
        assert_eq!(timeline.turn_ms, 80);
        let due: Vec<u64> = (0..7).map(|number| timeline.slot(number).due_ms).collect();
        assert_eq!(due, [0, 0, 23, 40, 46, 80, 80]);
        let keyframes: Vec<bool> = (0..6).map(|number| timeline.slot(number).is_keyframe).collect();
        assert_eq!(keyframes, [true, false, false, false, false, true]);
        assert_eq!(timeline.keyframes_of_a_turn(), 1);
    }

    #[test]
    fn slots_cover_the_bytes_of_a_turn_without_a_gap() {
        let timeline = timeline();
        for number in 0..12 {
            let next = timeline.begin(number + 1);
            assert!(
                next == timeline.slot(number).end || (next == 0 && timeline.slot(number).end == timeline.wire().len())
            );
        }
    }

    #[test]
    fn refuses_a_file_that_begins_without_a_keyframe() {
        let file = file(&[(9, 0, PICTURE), (9, 40, KEYFRAME)]);
        assert!(Timeline::new(&file, 4096).is_err());
    }
}

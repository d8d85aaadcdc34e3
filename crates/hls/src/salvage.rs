use crate::ts::PACKET;
use media::Media;
use packet::{Packet, SYNC};
use program::{Pat, Program};
use std::mem;

mod adts;
mod media;
mod packet;
mod pes;
mod program;

/// Reads a segment that was cut off while it was written, from its beginning, in pieces of any size.
///
/// ```text
///   bytes ──> packet (188 bytes) ──> program (PAT, PMT) ──> media (PES packets) ──> Salvaged
/// ```
///
/// It knows what [`TsMuxer`](crate::TsMuxer) writes and believes nothing else. The first packet that is not the next
/// one of such a stream ends what can be kept, and so does whatever came before it and may be damaged with it: the PES
/// packet in progress, or the one that ended directly before.
///
/// A last unit that ends in four zeros is not kept where the bytes end with it: a block that never reached the disk may
/// begin there. What cannot be told from what was written: other bytes within one packet's payload, and an old block in
/// which the packets stand at the same places, count alike and do not begin a unit.
///
/// Memory is the same for every input: one TS packet and a few numbers.
///
/// ```
/// use alluvium_hls::{Salvage, TsMuxer};
/// use alluvium_media::{AccessUnit, AudioSpecificConfig, AudioTrack, Content, Timestamp, Tracks};
///
/// let mut muxer = TsMuxer::new();
/// let config = AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
/// muxer.set_tracks(&Tracks { video: None, audio: Some(AudioTrack::from(config)) });
/// muxer.begin_segment(false);
/// for n in 0..10 {
///     let time = Timestamp::from_ticks(n * 1_920);
///     let content = Content::Audio { frame: &[0x21; 150], samples: 1_024 };
///     muxer.write(&AccessUnit { pts: time, dts: time, random_access: true, content });
///     muxer.flush();
/// }
/// let written = muxer.take();
///
/// let mut salvage = Salvage::new();
/// for piece in written[..written.len() - 1].chunks(1_000) {
///     salvage.push(piece);
/// }
/// let salvaged = salvage.finish().unwrap();
/// assert_eq!((salvaged.length, salvaged.duration), (written.len() as u64 - 188, 9 * 1_920));
/// ```
#[derive(Debug)]
pub struct Salvage {
    /// The first bytes of a packet whose last ones have not come.
    torn: [u8; PACKET],
    torn_length: usize,
    state: State,
}

/// What can be kept of a segment: its first `length` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salvaged {
    /// Bytes up to the end of the last whole access unit, and of the clock references behind it; a multiple of 188.
    pub length: u64,
    /// First DTS as carried, 33 bits at 90 kHz: of the video, or of the audio where there is no video.
    pub start: u64,
    /// 90 kHz, from `start` to where the last unit of that track ends. A picture is taken to last as long as the one
    /// before it, at most 1 s, and a lone one a thirtieth of a second; AAC frames tell themselves.
    pub duration: u64,
    /// That track's first unit is marked as random access: a decoder can begin here.
    pub random_access: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing has come.
    Beginning,
    /// The PAT has come.
    Announced(Pat),
    /// PAT and PMT have come.
    Reading(Box<Media>),
    /// A packet was wrong; what came before it.
    Over(Option<Salvaged>),
}

impl Default for Salvage {
    fn default() -> Self {
        Self::new()
    }
}

impl Salvage {
    /// Before the first byte of a segment.
    pub fn new() -> Self {
        Self {
            torn: [0; PACKET],
            torn_length: 0,
            state: State::Beginning,
        }
    }

    /// Reads the bytes that follow.
    pub fn push(&mut self, mut bytes: &[u8]) {
        if self.torn_length > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(PACKET - self.torn_length));
            self.torn[self.torn_length..][..now.len()].copy_from_slice(now);
            self.torn_length += now.len();
            if self.torn_length < PACKET {
                return;
            }
            self.torn_length = 0;
            let packet = self.torn;
            self.read(&packet);
            bytes = later;
        }
        let (packets, rest) = bytes.as_chunks();
        for packet in packets {
            self.read(packet);
        }
        self.torn[..rest.len()].copy_from_slice(rest);
        self.torn_length = rest.len();
    }

    /// What can be kept, now that no more bytes follow. `None`: PAT, PMT and one whole access unit did not come.
    pub fn finish(self) -> Option<Salvaged> {
        self.salvaged()
    }

    fn salvaged(&self) -> Option<Salvaged> {
        match &self.state {
            State::Beginning | State::Announced(_) => None,
            State::Reading(media) => match self.torn[..self.torn_length] {
                [] => media.at_end(),
                [SYNC, ..] => media.at_torn(),
                _ => media.at_wrong(),
            },
            State::Over(salvaged) => *salvaged,
        }
    }

    fn read(&mut self, bytes: &[u8; PACKET]) {
        self.state = match mem::replace(&mut self.state, State::Over(None)) {
            State::Beginning => match Packet::read(bytes).and_then(|packet| Pat::read(&packet)) {
                Some(pat) => State::Announced(pat),
                None => State::Over(None),
            },
            State::Announced(pat) => match Packet::read(bytes).and_then(|packet| Program::read(pat, &packet)) {
                Some(program) => State::Reading(Box::new(Media::new(program))),
                None => State::Over(None),
            },
            State::Reading(mut media) => match Packet::read(bytes).and_then(|packet| media.read(&packet)) {
                Some(()) => State::Reading(media),
                None => State::Over(media.at_wrong()),
            },
            State::Over(salvaged) => State::Over(salvaged),
        };
    }
}

#[cfg(test)]
mod tests;

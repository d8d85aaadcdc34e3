use super::Salvaged;
use super::packet::{Adaptation, Packet};
use super::pes::PesHeader;
use super::program::Program;
use crate::segmenter::{OPEN_TICKS_MAX, PICTURE_DURATION_DEFAULT, PICTURE_DURATION_MAX};
use crate::ts::{PACKET, PAYLOAD};

/// What comes behind PAT and PMT: PES packets one after the other, and clock references between them.
#[derive(Debug)]
pub(super) struct Media {
    program: Program,
    /// The last continuity counter of each track.
    counters: PerTrack<u8>,
    /// Bytes read, PAT and PMT included.
    read: u64,
    /// The PES packet that is not whole yet.
    open: Option<Open>,
    /// Up to the last TS packet that ends something.
    whole: Prefix,
    /// The same without the last TS packet read: a wrong one after it puts it in doubt.
    certain: Prefix,
    /// The last TS packet ends as a block does that was lost.
    ends_in_zeros: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Track {
    Video = 0,
    Audio = 1,
}

/// Something of each track, at its place of `Track`.
type PerTrack<T> = [Option<T>; 2];

/// A prefix of the segment with nothing but whole units in it.
#[derive(Debug, Default, Clone, Copy)]
struct Prefix {
    length: u64,
    spans: PerTrack<Span>,
}

/// A track's units so far, of which one PES packet is one.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// First DTS, 33 bits.
    start: u64,
    random_access: bool,
    /// From the first DTS to the last, 90 kHz.
    elapsed: u64,
    /// From the last DTS but one to the last.
    step: Option<u64>,
}

#[derive(Debug)]
struct Open {
    track: Track,
    /// The track's units once this one is whole.
    span: Span,
    left: Left,
}

/// How much of a PES packet is still to come.
#[derive(Debug)]
enum Left {
    /// Bytes.
    Counted(usize),
    /// Everything up to the first TS packet with stuffing.
    UpToStuffing,
}

impl Media {
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            counters: PerTrack::default(),
            read: 2 * PACKET as u64,
            open: None,
            whole: Prefix::default(),
            certain: Prefix::default(),
            ends_in_zeros: false,
        }
    }

    /// Reads the next packet. `None`: it is wrong.
    pub(super) fn read(&mut self, packet: &Packet<'_>) -> Option<()> {
        let track = self.track(packet.pid)?;
        let counter = self.count(track, packet)?;
        if packet.has_pcr() && packet.pid != self.program.pcr_pid {
            return None;
        }
        let open = match self.open.take() {
            None if packet.payload.is_empty() => (packet.has_pcr() && !packet.unit_start).then_some(None)?,
            None => Some(self.begin(track, packet)?),
            Some(open) => (open.track == track).then_some(open.go_on(packet)?),
        };
        self.counters[track as usize] = Some(counter);
        self.read += PACKET as u64;
        self.ends_in_zeros = packet.payload.ends_with(&LOST);
        self.certain = self.whole;
        match open {
            Some(Open {
                left: Left::Counted(0),
                track,
                span,
            }) => {
                self.whole.length = self.read;
                self.whole.spans[track as usize] = Some(span);
            }
            Some(open) => self.open = Some(open),
            None => self.whole.length = self.read,
        }
        Some(())
    }

    /// What can be kept when the bytes end behind a whole packet.
    pub(super) fn at_end(&self) -> Option<Salvaged> {
        let prefix = if self.ends_in_zeros { &self.certain } else { &self.whole };
        prefix.salvaged()
    }

    /// What can be kept when the bytes end within a packet.
    pub(super) fn at_torn(&self) -> Option<Salvaged> {
        self.whole.salvaged()
    }

    /// What can be kept when a wrong packet follows.
    pub(super) fn at_wrong(&self) -> Option<Salvaged> {
        self.certain.salvaged()
    }

    fn track(&self, pid: u16) -> Option<Track> {
        match Some(pid) {
            pid if pid == self.program.video => Some(Track::Video),
            pid if pid == self.program.audio => Some(Track::Audio),
            _ => None,
        }
    }

    /// The packet's continuity counter, if it is the next of its track.
    fn count(&mut self, track: Track, packet: &Packet<'_>) -> Option<u8> {
        let rise = u8::from(!packet.payload.is_empty());
        let is_next = self.counters[track as usize].is_none_or(|last| (last + rise) & 0x0F == packet.counter);
        is_next.then_some(packet.counter)
    }

    fn begin(&mut self, track: Track, packet: &Packet<'_>) -> Option<Open> {
        if !packet.unit_start {
            return None;
        }
        let PesHeader { stream_id, length, dts } = PesHeader::read(packet)?;
        let (streams, is_counted) = match track {
            Track::Video => (0xE0..=0xEF, true),
            Track::Audio => (0xC0..=0xDF, length.is_some()),
        };
        if !streams.contains(&stream_id) || !is_counted {
            return None;
        }
        let random_access = packet.adaptation.is_some_and(|adaptation| adaptation.random_access);
        let leads = track == Track::Video || self.program.video.is_none();
        let span = match self.whole.spans[track as usize] {
            None => Span::new(dts, random_access),
            Some(span) => span.to(dts, if leads { OPEN_TICKS_MAX.unsigned_abs() } else { TURN / 2 })?,
        };
        let left = match length {
            Some(length) => Left::Counted(length - packet.payload.len()),
            None => Left::UpToStuffing,
        };
        Some(Open { track, span, left })
    }
}

impl Open {
    fn go_on(mut self, packet: &Packet<'_>) -> Option<Self> {
        if packet.unit_start || packet.adaptation.is_some_and(|said| said != Adaptation::default()) {
            return None;
        }
        let now = packet.payload.len();
        self.left = match self.left {
            Left::Counted(left) if now == left.min(PAYLOAD) => Left::Counted(left - now),
            Left::Counted(_) => return None,
            Left::UpToStuffing if now == 0 => return None,
            Left::UpToStuffing if now == PAYLOAD => Left::UpToStuffing,
            Left::UpToStuffing => Left::Counted(0),
        };
        Some(self)
    }
}

impl Prefix {
    fn salvaged(&self) -> Option<Salvaged> {
        let [video, audio] = self.spans;
        let span = video.or(audio)?;
        Some(Salvaged {
            length: self.length,
            start: span.start,
            duration: span.elapsed + span.last_duration(),
            random_access: span.random_access,
        })
    }
}

impl Span {
    fn new(dts: u64, random_access: bool) -> Self {
        Self {
            start: dts,
            random_access,
            elapsed: 0,
            step: None,
        }
    }

    /// With one more unit at `dts`. `None`: that is not after the last one, or `elapsed_max` or more after the first.
    fn to(self, dts: u64, elapsed_max: u64) -> Option<Self> {
        let elapsed = dts.wrapping_sub(self.start) % TURN;
        (self.elapsed < elapsed && elapsed < elapsed_max).then_some(Self {
            elapsed,
            step: Some(elapsed - self.elapsed),
            ..self
        })
    }

    fn last_duration(&self) -> u64 {
        self.step
            .unwrap_or(PICTURE_DURATION_DEFAULT.unsigned_abs())
            .min(PICTURE_DURATION_MAX.unsigned_abs())
    }
}

/// Ticks after which a time stamp of 33 bits begins at 0 again.
const TURN: u64 = 1 << 33;

/// What a block that never reached the disk reads as.
///
/// Where it begins within the last packet of a file, nothing behind it could tell. No NAL unit ends in zeros, and file
/// and packet lengths are both multiples of four.
const LOST: [u8; 4] = [0; 4];

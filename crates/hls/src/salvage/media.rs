use super::Salvaged;
use super::packet::Packet;
use super::pes::Pes;
use super::program::{Program, Track};
use crate::segmenter::{OPEN_TICKS_MAX, PICTURE_DURATION_DEFAULT, PICTURE_DURATION_MAX};
use crate::ts::PACKET;

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
    /// The last TS packet ends as a lost block would.
    ends_in_zeros: bool,
}

/// Something of each track, at its place of [`Track`].
type PerTrack<T> = [Option<T>; 2];

#[derive(Debug)]
struct Open {
    track: Track,
    pes: Pes,
    /// The track's units once this one is whole.
    span: Span,
}

/// A prefix of the segment that holds whole units.
#[derive(Debug, Default, Clone, Copy)]
struct Prefix {
    length: u64,
    spans: PerTrack<Span>,
}

/// A track's units so far, of which a PES packet is one.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// First DTS, 33 bits.
    start: u64,
    random_access: bool,
    /// From the first DTS to the last, 90 kHz.
    elapsed: u64,
    /// How long the last unit lasts, 90 kHz.
    last: u64,
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
        let track = self.program.track(packet.pid)?;
        self.count(track, packet)?;
        if packet.has_pcr() && packet.pid != self.program.pcr_pid {
            return None;
        }
        let open = match self.open.take() {
            None if packet.is_clock() => None,
            None => Some(self.begin(track, Pes::begin(track, packet)?)?),
            Some(open) if open.track == track => Some(open.go_on(packet)?),
            Some(_) => return None,
        };
        self.read += PACKET as u64;
        self.ends_in_zeros = packet.payload.ends_with(&LOST);
        self.certain = self.whole;
        match open {
            Some(open) if !open.pes.is_whole() => self.open = Some(open),
            Some(open) => self.whole.add(self.read, open),
            None => self.whole.length = self.read,
        }
        Some(())
    }

    /// What can be kept when the bytes end behind a whole packet.
    pub(super) fn at_end(&self) -> Option<Salvaged> {
        let prefix = if self.ends_in_zeros { &self.certain } else { &self.whole };
        prefix.salvaged()
    }

    /// What can be kept when the bytes end within a packet that begins as one.
    pub(super) fn at_torn(&self) -> Option<Salvaged> {
        self.whole.salvaged()
    }

    /// What can be kept when something wrong follows.
    pub(super) fn at_wrong(&self) -> Option<Salvaged> {
        self.certain.salvaged()
    }

    /// Takes the packet's continuity counter, if it is the next of its track.
    fn count(&mut self, track: Track, packet: &Packet<'_>) -> Option<()> {
        let rise = u8::from(!packet.payload.is_empty());
        let last = self.counters[track as usize].replace(packet.counter);
        last.is_none_or(|last| (last + rise) & 0x0F == packet.counter)
            .then_some(())
    }

    fn begin(&self, track: Track, pes: Pes) -> Option<Open> {
        let elapsed_max = if track == Track::Video || self.program.video.is_none() {
            OPEN_TICKS_MAX.unsigned_abs()
        } else {
            AUDIO_ELAPSED_MAX
        };
        let span = match self.whole.spans[track as usize] {
            None => Span::new(&pes),
            Some(span) => span.to(pes.dts, elapsed_max)?,
        };
        Some(Open { track, pes, span })
    }
}

impl Open {
    fn go_on(self, packet: &Packet<'_>) -> Option<Self> {
        Some(Self {
            pes: self.pes.go_on(packet)?,
            ..self
        })
    }
}

impl Prefix {
    /// Now ends at `length`, with a unit that has become whole.
    fn add(&mut self, length: u64, Open { track, pes, span }: Open) {
        self.length = length;
        let last = pes.duration().unwrap_or(span.last).min(UNIT_DURATION_MAX);
        self.spans[track as usize] = Some(Span { last, ..span });
    }

    fn salvaged(&self) -> Option<Salvaged> {
        let [video, audio] = self.spans;
        let span = video.or(audio)?;
        Some(Salvaged {
            length: self.length,
            start: span.start,
            duration: span.elapsed + span.last,
            random_access: span.random_access,
        })
    }
}

impl Span {
    fn new(pes: &Pes) -> Self {
        Self {
            start: pes.dts,
            random_access: pes.random_access,
            elapsed: 0,
            last: PICTURE_DURATION_DEFAULT.unsigned_abs(),
        }
    }

    /// With a unit at `dts` more. `None`: that is not after the last one, or `elapsed_max` or more after the first.
    fn to(self, dts: u64, elapsed_max: u64) -> Option<Self> {
        let elapsed = dts.wrapping_sub(self.start) % TURN;
        let step = elapsed.checked_sub(self.elapsed).filter(|step| *step > 0)?;
        (elapsed < elapsed_max).then_some(Self {
            elapsed,
            last: step,
            ..self
        })
    }
}

/// The longest that a last unit is taken to last, 90 kHz: the step to it may have been a pause.
const UNIT_DURATION_MAX: u64 = PICTURE_DURATION_MAX.unsigned_abs();

/// How long the audio of a segment may go on where there is video, 90 kHz: it may have begun before the first picture.
const AUDIO_ELAPSED_MAX: u64 = 2 * OPEN_TICKS_MAX.unsigned_abs();

/// Ticks after which a time stamp of 33 bits begins at 0 again.
const TURN: u64 = 1 << 33;

/// What a block reads as that never reached the disk.
///
/// Where it begins within the last packet of a file, nothing after it could tell. A NAL unit does not end in zeros; and
/// a packet and a block have both a length that four divides.
const LOST: [u8; 4] = [0; 4];

use std::fmt;

use alluvium_rtmp::MediaKind;
use mpeg2ts::ts::{ReadTsPacket, TsPacket, TsPacketReader, TsPayload};

use super::encoder::{self, Plan};

/// A player that has seen every segment from the first on, and knows what was sent.
///
/// It reads with a library that is not ours, and tells what it sees by the times that it finds: 33 bits, which wrap.
#[derive(Debug)]
pub(super) struct Viewer {
    plan: Plan,
    video: Track,
    audio: Track,
    tables: [Option<u8>; 2],
    /// The last PCR, unwrapped, 27 MHz.
    pcr: Option<i64>,
    /// PTS of the first picture less its composition time: the encoder's first timestamp.
    origin: Option<i64>,
    pictures: u64,
    frames: u64,
    /// Where the frame after the last one is expected by counting samples, ticks.
    sound_end: Option<f64>,
    pub(super) seen: Seen,
}

/// What was seen.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seen {
    pub(super) pictures: u64,
    pub(super) frames: u64,
    pub(super) segments: u64,
    /// The furthest that an audio frame was from its own time by the encoder's clock, ticks.
    pub(super) sound_error: f64,
    /// The largest gap or overlap between two packets of audio, ticks.
    pub(super) sound_seam: f64,
    /// The furthest that two PCRs were apart, 27 MHz.
    pub(super) pcr_way: i64,
    /// How often 33 bits have wrapped.
    pub(super) wraps: u64,
}

/// One elementary stream.
#[derive(Debug, Default)]
struct Track {
    counter: Option<u8>,
    /// The PES packet that is being read; empty between two.
    payload: Vec<u8>,
    pts: i64,
    dts: i64,
    random_access: bool,
    /// The last PCR before it, unwrapped, ticks.
    pcr: i64,
    /// The last DTS, unwrapped, ticks.
    last: Option<i64>,
}

const VIDEO_PID: u16 = 0x0100;
const AUDIO_PID: u16 = 0x0101;
const PMT_PID: u16 = 0x1000;
const TURN: i64 = 1 << 33;
const TICKS_PER_SECOND: f64 = 90_000.0;

impl Viewer {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            video: Track::default(),
            audio: Track::default(),
            tables: [None; 2],
            pcr: None,
            origin: None,
            pictures: 0,
            frames: 0,
            sound_end: None,
            seen: Seen::default(),
        }
    }

    /// Reads a segment: everything in it continues what was in the one before.
    pub(super) fn watch(&mut self, segment: &[u8]) {
        let mut reader = TsPacketReader::new(segment);
        let mut index = 0;
        while let Some(packet) = reader.read_ts_packet().expect("a TS packet") {
            self.packet(index, &packet);
            index += 1;
        }
        self.end(MediaKind::Video);
        self.end(MediaKind::Audio);
        self.seen.segments += 1;
    }

    fn packet(&mut self, index: u64, packet: &TsPacket) {
        let pid = packet.header.pid.as_u16();
        let counter = match pid {
            0 => &mut self.tables[0],
            PMT_PID => &mut self.tables[1],
            VIDEO_PID => &mut self.video.counter,
            AUDIO_PID => &mut self.audio.counter,
            other => panic!("PID {other}"),
        };
        let step = u8::from(packet.payload.is_some());
        let now = packet.header.continuity_counter.as_u8();
        if let Some(before) = counter.replace(now) {
            assert_eq!(now, (before + step) % 16, "counter of PID {pid}");
        }
        let field = packet.adaptation_field.as_ref();
        assert!(!field.is_some_and(|field| field.discontinuity_indicator), "a seam");
        if let Some(pcr) = field.and_then(|field| field.pcr) {
            self.clock(pcr.as_u64() as i64);
        }
        match (index, &packet.payload) {
            (0, Some(TsPayload::Pat(_))) => {}
            (1, Some(TsPayload::Pmt(pmt))) => {
                assert_eq!((pmt.es_info.len(), pmt.version_number.as_u8()), (2, 0));
            }
            (2.., Some(TsPayload::PesStart(pes))) => {
                let kind = kind(pid);
                self.end(kind);
                let pts = pes.header.pts.expect("a PTS").as_u64() as i64;
                let pcr = self.pcr.expect("a PCR before the first unit") / 300;
                let track = self.track(kind);
                track.pcr = pcr;
                track.pts = pts;
                track.dts = pes.header.dts.map_or(pts, |dts| dts.as_u64() as i64);
                track.random_access = field.is_some_and(|field| field.random_access_indicator);
                assert!(index > 2 || track.random_access, "a segment that cannot be entered");
                track.payload.extend_from_slice(&pes.data);
                if kind == MediaKind::Video {
                    self.origin.get_or_insert(pts - self.plan.composition_ms(0) as i64 * 90);
                }
            }
            (2.., Some(TsPayload::PesContinuation(bytes))) => {
                let track = self.track(kind(pid));
                assert!(!track.payload.is_empty(), "a PES packet goes on before it began");
                track.payload.extend_from_slice(bytes);
            }
            (2.., None) => {}
            (_, payload) => panic!("packet {index} is {payload:?}"),
        }
    }

    fn clock(&mut self, pcr: i64) {
        let unwrapped = match self.pcr {
            None => pcr,
            Some(last) => {
                let way = (pcr - last).rem_euclid(TURN * 300);
                assert!(way > 0 && way <= 2_700_000, "PCRs {way} ticks of 27 MHz apart");
                self.seen.pcr_way = self.seen.pcr_way.max(way);
                self.seen.wraps += u64::from(pcr < last.rem_euclid(TURN * 300));
                last + way
            }
        };
        self.pcr = Some(unwrapped);
    }

    /// A PES packet is over.
    fn end(&mut self, kind: MediaKind) {
        if self.track(kind).payload.is_empty() {
            return;
        }
        let track = self.track(kind);
        let dts = match track.last {
            None => track.dts,
            Some(last) => last + difference(track.dts, last),
        };
        let pts = dts + difference(track.pts, track.dts);
        let ahead = dts - track.pcr;
        assert!(
            ahead > 0 && ahead < 135_000,
            "delivered {ahead} ticks ahead of its time"
        );
        assert!(track.last < Some(dts), "DTS rises");
        track.last = Some(dts);
        let mut payload = std::mem::take(&mut track.payload);
        match kind {
            MediaKind::Video => self.picture(pts, dts, &payload),
            MediaKind::Audio => self.sound(pts, &payload),
        }
        payload.clear();
        self.track(kind).payload = payload;
    }

    fn picture(&mut self, pts: i64, dts: i64, payload: &[u8]) {
        let number = self.pictures;
        let random_access = self.plan.is_random_access(number);
        let mut left = payload;
        let mut unit = |expected: &[u8]| {
            left = left.strip_prefix(&[0, 0, 0, 1]).expect("a start code");
            left = left.strip_prefix(expected).expect("the picture that was sent");
        };
        unit(&[0x09, 0xF0]);
        if random_access {
            unit(&encoder::SPS);
            unit(&encoder::PPS);
        }
        unit(&encoder::slice(number, random_access));
        assert!(left.is_empty() && self.video.random_access == random_access);
        let since = |micros| (self.plan.stamp(micros) - self.plan.first_stamp) as i64 * 90;
        let composition = self.plan.composition_ms(number) as i64 * 90;
        let due = self.origin() + since(self.plan.picture_micros(number));
        assert_eq!((pts, dts), (due + composition, due), "picture {number}");
        self.pictures += 1;
        self.seen.pictures += 1;
    }

    fn sound(&mut self, pts: i64, payload: &[u8]) {
        let origin = self.origin();
        let frame_ticks = 1_024.0 * TICKS_PER_SECOND / self.plan.sample_rate as f64;
        if let Some(end) = self.sound_end {
            self.seen.sound_seam = self.seen.sound_seam.max((pts as f64 - end).abs());
        }
        let mut left = payload;
        let mut at = pts as f64;
        while !left.is_empty() {
            let due = origin as f64 + self.plan.frame_micros(self.frames) as f64 * 0.09;
            self.seen.sound_error = self.seen.sound_error.max((at - due).abs());
            let expected = encoder::frame(self.frames);
            let length = usize::from(left[3] & 3) << 11 | usize::from(left[4]) << 3 | usize::from(left[5]) >> 5;
            let facts = (left[0], left[1] & 0xF6, left[2] >> 2 & 15, length);
            let index = encoder::frequency_index(self.plan.sample_rate);
            assert_eq!(facts, (0xFF, 0xF0, index, 7 + expected.len()), "an ADTS header");
            assert_eq!(left[7..length], expected, "frame {}", self.frames);
            left = &left[length..];
            at += frame_ticks;
            self.frames += 1;
        }
        self.seen.frames = self.frames;
        self.sound_end = Some(at);
    }

    fn origin(&self) -> i64 {
        self.origin.expect("a picture comes first")
    }

    fn track(&mut self, kind: MediaKind) -> &mut Track {
        match kind {
            MediaKind::Audio => &mut self.audio,
            MediaKind::Video => &mut self.video,
        }
    }
}

fn kind(pid: u16) -> MediaKind {
    match pid {
        VIDEO_PID => MediaKind::Video,
        AUDIO_PID => MediaKind::Audio,
        other => panic!("media with PID {other}"),
    }
}

/// `a - b` on the circle of 33 bits, the short way.
fn difference(a: i64, b: i64) -> i64 {
    (a - b + TURN / 2).rem_euclid(TURN) - TURN / 2
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} pictures, {} audio frames, {} segments; PTS wrapped {} times; PCRs at most {:.1} ms apart; audio at most \
             {:.3} ms from its time, {:.3} ms from one packet to the next",
            self.pictures,
            self.frames,
            self.segments,
            self.wraps,
            self.pcr_way as f64 / 27_000.0,
            self.sound_error / 90.0,
            self.sound_seam / 90.0,
        )
    }
}

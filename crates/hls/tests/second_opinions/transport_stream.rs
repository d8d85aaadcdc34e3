//! Segments read back by `mpeg2ts`: what went in comes out, byte for byte and tick for tick.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use alluvium_hls::{Segmenter, SegmenterConfig, ts::pid};
use alluvium_media::{AccessUnit, AudioSpecificConfig, AudioTrack, Content, NalUnits, Timestamp, Tracks, VideoTrack};
use bytes::Bytes;
use mpeg2ts::ts::{ReadTsPacket, TsPacket, TsPacketReader, TsPayload};
use proptest::prelude::*;

/// Where time 0 stands in the stream, ticks.
const BASE: i64 = 900_000;

/// An access unit that owns its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    dts: i64,
    pts: i64,
    content: Owned,
}

#[derive(Debug, Clone)]
enum Owned {
    Picture {
        random_access: bool,
        bytes: Vec<u8>,
        nal_units: Vec<Range<usize>>,
    },
    Frame(Vec<u8>),
}

/// One PES packet as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pes {
    pts: i64,
    pub(crate) dts: i64,
    random_access: bool,
    payload: Vec<u8>,
    /// The last PCR at or before its first packet, 27 MHz.
    pcr: i64,
    /// Bytes of the segment up to its end.
    pub(crate) end: usize,
}

/// All that was read of a session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) video: Vec<Pes>,
    pub(crate) audio: Vec<Pes>,
    /// 27 MHz.
    pcrs: Vec<i64>,
    versions: Vec<u8>,
    counters: HashMap<u16, u8>,
}

impl Session {
    pub(crate) fn read(segments: &[Bytes], tracks: &Tracks) -> Self {
        let mut session = Self::default();
        for segment in segments {
            session.read_segment(segment, tracks);
        }
        session
    }

    fn read_segment(&mut self, bytes: &[u8], tracks: &Tracks) {
        let pcr_pid = if tracks.video.is_some() { pid::VIDEO } else { pid::AUDIO };
        let mut reader = TsPacketReader::new(bytes);
        let mut open: HashMap<u16, (Pes, usize)> = HashMap::new();
        let mut index = 0;
        while let Some(packet) = reader.read_ts_packet().unwrap() {
            let pid = packet.header.pid.as_u16();
            self.count(&packet);
            if let Some(pcr) = packet.adaptation_field.as_ref().and_then(|field| field.pcr) {
                assert_eq!(pid, pcr_pid);
                self.pcrs.push(pcr.as_u64() as i64);
            }
            let random_access = packet
                .adaptation_field
                .as_ref()
                .is_some_and(|field| field.random_access_indicator);
            match (index, packet.payload) {
                (0, Some(TsPayload::Pat(pat))) => assert_eq!(pat.table[0].program_map_pid.as_u16(), pid::PMT),
                (1, Some(TsPayload::Pmt(pmt))) => {
                    let listed: Vec<_> = pmt
                        .es_info
                        .iter()
                        .map(|info| (info.elementary_pid.as_u16(), info.stream_type as u8))
                        .collect();
                    let video = tracks.video.as_ref().map(|_| (pid::VIDEO, 0x1B));
                    let audio = tracks.audio.as_ref().map(|_| (pid::AUDIO, 0x0F));
                    assert_eq!(listed, video.into_iter().chain(audio).collect::<Vec<_>>());
                    assert_eq!(pmt.pcr_pid.map(|pid| pid.as_u16()), Some(pcr_pid));
                    self.versions.push(pmt.version_number.as_u8());
                }
                (2.., Some(TsPayload::PesStart(pes))) => {
                    self.end(pid, open.remove(&pid));
                    let pts = pes.header.pts.unwrap().as_u64() as i64;
                    let dts = pes.header.dts.map_or(pts, |dts| dts.as_u64() as i64);
                    let header = if pes.header.dts.is_some() { 13 } else { 8 };
                    let length = usize::from(pes.pes_packet_len).saturating_sub(header);
                    let pcr = *self.pcrs.last().expect("a PCR before the first unit");
                    assert_eq!(
                        pes.header.stream_id.as_u8(),
                        if pid == pid::VIDEO { 0xE0 } else { 0xC0 }
                    );
                    if open.is_empty() && index == 2 && pid == pcr_pid {
                        assert!(random_access, "a segment begins without random access");
                    }
                    open.insert(
                        pid,
                        (
                            Pes {
                                pts,
                                dts,
                                random_access,
                                payload: pes.data.to_vec(),
                                pcr,
                                end: (index + 1) * TsPacket::SIZE,
                            },
                            length,
                        ),
                    );
                }
                (2.., Some(TsPayload::PesContinuation(bytes))) => {
                    let (pes, _) = open.get_mut(&pid).expect("a PES packet goes on before it began");
                    pes.payload.extend_from_slice(&bytes);
                    pes.end = (index + 1) * TsPacket::SIZE;
                }
                (2.., None) => {}
                (_, payload) => panic!("packet {index} is {payload:?}"),
            }
            index += 1;
        }
        for (pid, pes) in open {
            self.end(pid, Some(pes));
        }
    }

    /// PCRs stand at most 100 ms apart, and every unit comes before its time.
    pub(crate) fn check_clock(&self) {
        for pair in self.pcrs.windows(2) {
            let way = difference(pair[1], pair[0], TURN * 300);
            assert!(way > 0 && way <= 27_000_000 / 10, "PCRs {way} ticks of 27 MHz apart");
        }
        for pes in self.video.iter().chain(&self.audio) {
            let ahead = difference(pes.dts, pes.pcr / 300, TURN);
            assert!(
                ahead > 0 && ahead < 90_000 * 3 / 2,
                "delivered {ahead} ticks ahead of its time"
            );
        }
    }

    /// A PES packet is complete: its length, where it has one, is right.
    fn end(&mut self, pid: u16, pes: Option<(Pes, usize)>) {
        let Some((pes, length)) = pes else { return };
        if length == 0 {
            assert!(pid == pid::VIDEO && pes.payload.len() > 65_000);
        } else {
            assert_eq!(pes.payload.len(), length);
        }
        if pid == pid::VIDEO {
            self.video.push(pes)
        } else {
            self.audio.push(pes)
        }
    }

    /// Counters run on, over segments too; a packet without payload repeats the last one.
    fn count(&mut self, packet: &TsPacket) {
        let counter = packet.header.continuity_counter.as_u8();
        let previous = self.counters.insert(packet.header.pid.as_u16(), counter);
        if let Some(previous) = previous {
            let expected = if packet.payload.is_some() {
                (previous + 1) % 16
            } else {
                previous
            };
            assert_eq!(counter, expected, "PID {}", packet.header.pid.as_u16());
        }
    }
}

impl Owned {
    fn borrowed(&self) -> Content<'_> {
        match self {
            Self::Picture { bytes, nal_units, .. } => Content::Video(NalUnits::new(bytes, nal_units)),
            Self::Frame(frame) => Content::Audio { frame, samples: 1_024 },
        }
    }
}

fn config() -> AudioSpecificConfig {
    AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap()
}

pub(crate) fn tracks(video: bool, audio: bool) -> Tracks {
    let track = VideoTrack {
        width: 640,
        height: 360,
        frame_rate: None,
        profile_idc: 66,
        level_idc: 30,
        generation: 0,
    };
    Tracks {
        video: video.then_some(track),
        audio: audio.then(|| AudioTrack::from(config())),
    }
}

/// Everything a session of these units leaves behind, one buffer a segment.
pub(crate) fn segments(units: &[Unit], tracks: &Tracks, frag_duration: Duration) -> Vec<Bytes> {
    let mut segmenter = Segmenter::new(SegmenterConfig {
        frag_duration,
        audio_only: true,
    });
    segmenter.set_tracks(tracks);
    let mut closed = Vec::new();
    for unit in units {
        let random_access = !matches!(
            unit.content,
            Owned::Picture {
                random_access: false,
                ..
            }
        );
        let (pts, dts) = (Timestamp::from_ticks(unit.pts), Timestamp::from_ticks(unit.dts));
        closed.extend(segmenter.push(&AccessUnit {
            pts,
            dts,
            random_access,
            content: unit.content.borrowed(),
        }));
    }
    closed.extend(segmenter.finish());
    assert_eq!(segmenter.dropped(), Default::default());
    closed.into_iter().map(|closed| closed.tail).collect()
}

fn annex_b(bytes: &[u8], nal_units: &[Range<usize>]) -> Vec<u8> {
    nal_units
        .iter()
        .flat_map(|range| [&[0, 0, 0, 1], &bytes[range.clone()]].concat())
        .collect()
}

/// `a - b` on a circle of `turn` ticks, the short way.
fn difference(a: i64, b: i64, turn: i64) -> i64 {
    (a - b + turn / 2).rem_euclid(turn) - turn / 2
}

pub(crate) const TURN: i64 = 1 << 33;

/// Reads the units' segments back and compares them with the units.
#[track_caller]
fn check(units: &[Unit], tracks: &Tracks, frag_duration: Duration) -> Session {
    let session = Session::read(&segments(units, tracks, frag_duration), tracks);
    let on_wire = |ticks: i64| (ticks + BASE).rem_euclid(TURN);

    let mut pictures = session.video.iter();
    let mut frames = Vec::new();
    for unit in units {
        match &unit.content {
            Owned::Picture {
                random_access,
                bytes,
                nal_units,
            } => {
                let pes = pictures.next().expect("every picture is there");
                assert_eq!((pes.pts, pes.dts), (on_wire(unit.pts), on_wire(unit.dts)));
                assert_eq!(
                    (pes.random_access, &pes.payload),
                    (*random_access, &annex_b(bytes, nal_units))
                );
            }
            Owned::Frame(frame) => frames.push((unit.pts, [&config().adts_header(frame.len())[..], frame].concat())),
        }
    }
    assert_eq!(pictures.next(), None);

    let mut frames = frames.into_iter();
    for pes in &session.audio {
        let mut payload = Vec::new();
        while payload.len() < pes.payload.len() {
            let (pts, frame) = frames.next().expect("no more frames than went in");
            if payload.is_empty() {
                assert_eq!(pes.pts, on_wire(pts));
            }
            payload.extend_from_slice(&frame);
        }
        assert!(payload == pes.payload, "a frame is split or changed");
    }
    assert_eq!(frames.next(), None);

    session.check_clock();
    session
}

/// A picture of a plan: milliseconds since the one before, composition time, whether it is random access, its units' lengths.
pub(crate) type Picture = (i64, i64, bool, Vec<usize>);

pub(crate) fn pictures() -> impl Strategy<Value = Vec<Picture>> {
    let length = prop_oneof![20 => 1..2_000_usize, 1 => 30_000..70_000_usize];
    let gap = prop_oneof![20 => 1..70_i64, 1 => 100..900_i64];
    proptest::collection::vec(
        (gap, 0..200_i64, any::<bool>(), proptest::collection::vec(length, 1..5)),
        1..60,
    )
}

/// Merges pictures and frames in the order of their DTS, the audio late by `lag_ms`.
pub(crate) fn merge(pictures: &[Picture], frame_lengths: &[usize], start: i64, lag_ms: i64) -> Vec<Unit> {
    let filled = |length: usize, seed: i64| (0..length).map(|i| (i as i64 * 7 + seed) as u8).collect::<Vec<u8>>();
    let mut dts = start;
    let mut units: Vec<(i64, Unit)> = Vec::new();
    for (index, (gap_ms, composition_ms, random_access, lengths)) in pictures.iter().enumerate() {
        dts += gap_ms * 90;
        let bytes = filled(lengths.iter().sum(), dts);
        let mut end = 0;
        let nal_units = lengths
            .iter()
            .map(|length| {
                end += length;
                end - length..end
            })
            .collect();
        let content = Owned::Picture {
            random_access: *random_access || index == 0,
            bytes,
            nal_units,
        };
        units.push((
            dts,
            Unit {
                dts,
                pts: dts + composition_ms * 90,
                content,
            },
        ));
    }
    let first = units.first().map_or(start, |(at, _)| *at);
    for (index, length) in frame_lengths.iter().enumerate() {
        let dts = first + index as i64 * 1_920;
        let at = (dts + lag_ms * 90).max(first);
        units.push((
            at,
            Unit {
                dts,
                pts: dts,
                content: Owned::Frame(filled(*length, dts)),
            },
        ));
    }
    units.sort_by_key(|(at, _)| *at);
    units.into_iter().map(|(_, unit)| unit).collect()
}

pub(crate) fn start() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -BASE..0, TURN - BASE - 200_000..TURN - BASE + 63_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn reads_back_what_was_written(
        pictures in pictures(),
        frame_lengths in proptest::collection::vec(1..1_500_usize, 0..150),
        start in start(),
        lag_ms in -300..300_i64,
        frag_ms in 0..3_000_u64,
    ) {
        let tracks = tracks(true, !frame_lengths.is_empty());
        check(&merge(&pictures, &frame_lengths, start, lag_ms), &tracks, Duration::from_millis(frag_ms));
    }

    #[test]
    fn reads_back_audio_alone(
        frame_lengths in proptest::collection::vec(prop_oneof![20 => 1..1_500_usize, 1 => Just(8_184)], 1..300),
        start in start(),
        frag_ms in 0..3_000_u64,
    ) {
        check(&merge(&[], &frame_lengths, start, 0), &tracks(false, true), Duration::from_millis(frag_ms));
    }
}

/// Pictures at a regular rate, a keyframe every two seconds, with audio at 48 kHz that comes `lag_ms` late.
fn regular(seconds: i64, rate: i64, picture_bytes: usize, frame_bytes: usize, lag_ms: i64) -> Vec<Unit> {
    let picture = |n| {
        (
            if n == 0 { 0 } else { 1_000 / rate },
            0,
            n % (2 * rate) == 0,
            vec![2, picture_bytes],
        )
    };
    let pictures: Vec<Picture> = (0..seconds * rate).map(picture).collect();
    let frames = if frame_bytes == 0 { 0 } else { seconds * 48_000 / 1_024 };
    merge(&pictures, &vec![frame_bytes; frames as usize], 0, lag_ms)
}

#[test]
fn overhead_of_an_ordinary_stream_is_about_six_percent() {
    // 25 pictures a second at 800 kbit/s, AAC at 128 kbit/s.
    let units = regular(20, 25, 3_998, 341, 0);
    let written: usize = segments(&units, &tracks(true, true), Duration::from_secs(2))
        .iter()
        .map(Bytes::len)
        .sum();
    let media: usize = units
        .iter()
        .map(|unit| match &unit.content {
            Owned::Picture { bytes, .. } => bytes.len(),
            Owned::Frame(frame) => frame.len(),
        })
        .sum();
    let overhead = written as f64 / media as f64 - 1.0;
    assert!(overhead > 0.02 && overhead < 0.065, "{overhead}");
}

#[test]
fn slow_pictures_have_a_pcr_every_hundred_milliseconds() {
    for (rate, frame_bytes) in [(1, 0), (2, 300), (5, 0)] {
        let units = regular(10, rate, 1_000, frame_bytes, 0);
        let session = check(&units, &tracks(true, frame_bytes > 0), Duration::from_secs(4));
        assert!(session.pcrs.len() >= 90, "{} PCRs in ten seconds", session.pcrs.len());
    }
}

#[test]
fn seven_frames_share_a_packet_and_none_is_split_over_a_cut() {
    for lag_ms in [-300, 0, 300] {
        let units = regular(8, 25, 500, 300, lag_ms);
        let session = check(&units, &tracks(true, true), Duration::from_secs(2));
        assert!(session.audio.iter().all(|pes| pes.payload.len() <= 7 * 307));
        // 53.6 would be the least; each of the three cuts may leave one that is not full.
        assert!(
            (54..=57).contains(&session.audio.len()),
            "{} packets",
            session.audio.len()
        );
    }
}

#[test]
fn pictures_around_the_longest_that_tells_its_length_are_read() {
    // Over every way to fill the last packet, on either side of the limit.
    let lengths = 65_400..65_400 + 2 * 184;
    let pictures: Vec<Picture> = lengths.map(|length| (40, 0, length % 3 == 0, vec![length])).collect();
    check(
        &merge(&pictures, &[], 0, 0),
        &tracks(true, false),
        Duration::from_secs(2),
    );
}

#[test]
fn audio_that_stops_is_not_held_back() {
    let units: Vec<Unit> = regular(4, 25, 500, 300, 0)
        .into_iter()
        .filter(|unit| matches!(unit.content, Owned::Picture { .. }) || unit.dts < 5 * 1_920)
        .collect();
    // `check` finds a unit that is delivered after its time.
    let session = check(&units, &tracks(true, true), Duration::from_secs(10));
    assert_eq!(session.audio.len(), 1);
}

#[test]
fn pmt_version_stays_without_change() {
    let session = check(
        &regular(8, 25, 500, 300, 0),
        &tracks(true, true),
        Duration::from_secs(2),
    );
    assert_eq!(session.versions, [0; 4]);
}

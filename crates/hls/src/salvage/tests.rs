use super::*;
use crate::segmenter::OPEN_TICKS_MAX;
use crate::ts::{PAYLOAD, TsMuxer, pid};
use crate::{Closed, Segmenter, SegmenterConfig};
use alluvium_media::{AccessUnit, AudioSpecificConfig, AudioTrack, Content, NalUnits, Timestamp, Tracks, VideoTrack};
use crc_fast::CrcAlgorithm::Crc32Mpeg2;
use proptest::prelude::*;
use std::time::Duration;

/// Where time 0 stands in the stream, ticks.
const BASE: i64 = 900_000;

const TURN: i64 = 1 << 33;

const BLOCK: usize = 4_096;

/// One call of the muxer.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A picture so many ticks after the one before.
    Picture {
        gap: i64,
        composition: i64,
        random_access: bool,
        bytes: usize,
    },
    /// An AAC frame right after the one before.
    Frame {
        bytes: usize,
    },
    /// An AAC frame so many ticks late.
    LateFrame {
        gap: i64,
    },
    Flush,
}

/// A segment to be written.
#[derive(Debug, Clone)]
struct Plan {
    video: bool,
    audio: bool,
    /// DTS of the first unit of each track, ticks.
    start: i64,
    /// How many units the muxer wrote before: its counters run on.
    before: usize,
    steps: Vec<Step>,
}

fn config() -> AudioSpecificConfig {
    AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap()
}

fn tracks(video: bool, audio: bool) -> Tracks {
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

/// Bytes without an order, and without zeros.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8 | 1
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn picture(muxer: &mut TsMuxer, dts: i64, composition: i64, random_access: bool, bytes: &[u8]) {
    let (dts, pts) = (Timestamp::from_ticks(dts), Timestamp::from_ticks(dts + composition));
    let range = 0..bytes.len();
    let content = Content::Video(NalUnits::new(bytes, std::slice::from_ref(&range)));
    muxer.write(&AccessUnit {
        pts,
        dts,
        random_access,
        content,
    });
}

fn frame(muxer: &mut TsMuxer, dts: i64, frame: &[u8]) {
    let (dts, content) = (Timestamp::from_ticks(dts), Content::Audio { frame, samples: 1_024 });
    muxer.write(&AccessUnit {
        pts: dts,
        dts,
        random_access: true,
        content,
    });
}

impl Plan {
    fn write(&self) -> Vec<u8> {
        let mut muxer = TsMuxer::new();
        muxer.set_tracks(&tracks(self.video, self.audio));
        for unit in 0..self.before {
            muxer.begin_segment(false);
            picture(
                &mut muxer,
                self.start - 100_000 + unit as i64 * 3_000,
                0,
                true,
                &[1; 300],
            );
            frame(&mut muxer, self.start - 100_000 + unit as i64 * 3_000, &[1; 300]);
        }
        muxer.end_segment(None);
        muxer.take();
        muxer.begin_segment(false);
        let (mut video, mut audio) = (self.start, self.start);
        for (seed, step) in (0..).zip(&self.steps) {
            match *step {
                Step::Picture {
                    gap,
                    composition,
                    random_access,
                    bytes,
                } => {
                    video += gap;
                    picture(&mut muxer, video, composition, random_access, &noise(bytes, seed));
                }
                Step::Frame { bytes } => {
                    frame(&mut muxer, audio, &noise(bytes, seed));
                    audio += 1_920;
                }
                Step::LateFrame { gap } => {
                    frame(&mut muxer, audio + gap, &noise(100, seed));
                    audio += gap + 1_920;
                }
                Step::Flush => muxer.flush(),
            }
        }
        muxer.end_segment(Some(Timestamp::from_ticks(video.max(audio))));
        muxer.take().to_vec()
    }
}

fn salvage(bytes: &[u8]) -> Option<Salvaged> {
    let mut salvage = Salvage::new();
    salvage.push(bytes);
    salvage.finish()
}

fn kept(bytes: &[u8]) -> usize {
    salvage(bytes).map_or(0, |salvaged| salvaged.length as usize)
}

/// Where the bytes may end without cutting a PES packet, once there is one.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let begins = |packet: &[u8]| packet[1] & 0x40 != 0 || packet[3] & 0x10 == 0;
    let packets: Vec<_> = bytes.chunks(PACKET).collect();
    let first = (2..packets.len()).find(|&index| packets[index][1] & 0x40 != 0);
    let later = first.map_or(packets.len(), |first| first + 1)..packets.len();
    let mut all: Vec<_> = later.filter(|&index| begins(packets[index])).collect();
    all.extend(first.map(|_| packets.len()));
    all.into_iter().map(|index| index * PACKET).collect()
}

/// Of every prefix exactly the whole units are kept, and of the whole everything.
#[track_caller]
fn check_prefixes(bytes: &[u8]) {
    let boundaries = boundaries(bytes);
    let mut salvage = Salvage::new();
    let mut passed = 0;
    for end in 0..=bytes.len() {
        salvage.push(&bytes[end.saturating_sub(1)..end]);
        passed += usize::from(boundaries.get(passed) == Some(&end));
        let expected = passed.checked_sub(1).map(|last| boundaries[last] as u64);
        let kept = salvage.salvaged();
        assert_eq!(kept.map(|salvaged| salvaged.length), expected, "of {end} bytes");
    }
    assert_eq!(passed, boundaries.len());
}

fn any_picture() -> impl Strategy<Value = Step> {
    // Start code and header are 18 bytes; where there is an adaptation field, it has 0, 2 or 8.
    let exact = (prop_oneof![4 => 1..5_usize, 1 => 355..361_usize], 0..3_usize)
        .prop_map(|(packets, field)| (packets * PAYLOAD - 18 - [0, 2, 8][field], 0));
    let loose = (
        prop_oneof![20 => 1..1_500_usize, 1 => 65_300..65_700_usize, 1 => 65_700..150_000_usize],
        0..3_i64,
    );
    let gap = prop_oneof![20 => 1..9_000_i64, 1 => 9_000..400_000_i64];
    (gap, prop_oneof![1 => exact, 3 => loose], any::<bool>()).prop_map(|(gap, (bytes, composition), random_access)| {
        Step::Picture {
            gap,
            composition: composition * 3_600,
            random_access,
            bytes,
        }
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => any_picture(),
        10 => prop_oneof![20 => 1..1_500_usize, 1 => Just(8_184)].prop_map(|bytes| Step::Frame { bytes }),
        1 => (1..100_000_i64).prop_map(|gap| Step::LateFrame { gap }),
        2 => Just(Step::Flush),
    ]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let start = prop_oneof![Just(0), -BASE..0, TURN - BASE - 200_000..TURN - BASE + 100_000];
    let video_and_audio = prop_oneof![3 => Just((true, true)), 1 => Just((true, false)), 1 => Just((false, true))];
    (
        video_and_audio,
        start,
        0..20_usize,
        proptest::collection::vec(any_step(), 1..40),
    )
        .prop_map(|((video, audio), start, before, steps)| Plan {
            video,
            audio,
            start,
            before,
            steps,
        })
}

/// What a lost block reads as.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Zeros,
    Noise(u64),
    /// What another block of such a file held, in which the packets stand elsewhere by so many bytes.
    Old(usize),
}

fn plain(gap: i64, bytes: usize) -> Step {
    Step::Picture {
        gap,
        composition: 0,
        random_access: true,
        bytes,
    }
}

fn plan(video: bool, audio: bool, steps: &[Step]) -> Plan {
    Plan {
        video,
        audio,
        start: 0,
        before: 5,
        steps: steps.to_vec(),
    }
}

#[test]
fn a_picture_that_fits_its_packets_exactly_is_known_to_be_whole() {
    for bytes in (1..800).chain(65_400..65_800) {
        check_prefixes(&plan(true, false, &[plain(3_000, bytes)]).write());
    }
    for bytes in (150..550).chain(65_400..65_800) {
        let [first, second] = [true, false].map(|random_access| Step::Picture {
            gap: 3_000,
            composition: 3_600,
            random_access,
            bytes,
        });
        let bytes = plan(true, false, &[first, second]).write();
        assert_eq!(kept(&bytes), bytes.len());
        assert!(
            [1, 100, 187]
                .iter()
                .all(|torn| kept(&bytes[..bytes.len() - torn]) == boundaries(&bytes)[0])
        );
    }
}

#[test]
fn a_segment_may_begin_with_audio() {
    let steps = [Step::Frame { bytes: 300 }, Step::Flush, plain(3_000, 500)];
    let bytes = plan(true, true, &steps).write();
    check_prefixes(&bytes);
    let whole = Salvaged {
        length: bytes.len() as u64,
        start: (BASE + 3_000) as u64,
        duration: 3_000,
        random_access: true,
    };
    assert_eq!(salvage(&bytes), Some(whole));
    // As long as there is no picture, the audio tells.
    let audio = Salvaged {
        length: boundaries(&bytes)[0] as u64,
        start: BASE as u64,
        duration: 1_920,
        random_access: true,
    };
    assert_eq!(salvage(&bytes[..bytes.len() - 1]), Some(audio));
}

#[test]
fn whether_a_decoder_can_begin_is_told() {
    for random_access in [true, false] {
        let first = Step::Picture {
            gap: 0,
            composition: 0,
            random_access,
            bytes: 300,
        };
        let bytes = plan(true, true, &[first, Step::Frame { bytes: 100 }, plain(3_000, 300)]).write();
        assert_eq!(
            salvage(&bytes).map(|salvaged| salvaged.random_access),
            Some(random_access)
        );
    }
}

#[test]
fn time_rises_and_ends_before_the_longest_segment() {
    let kept_units = |gap| {
        let bytes = plan(true, false, &[plain(0, 300), plain(3_000, 300), plain(gap, 300)]).write();
        let kept = kept(&bytes);
        (kept == bytes.len(), salvage(&bytes).map(|salvaged| salvaged.duration))
    };
    assert_eq!(kept_units(1), (true, Some(3_002)));
    assert_eq!(kept_units(90_000), (true, Some(3_000 + 2 * 90_000)));
    // What follows a pause lasts a second at most.
    assert_eq!(kept_units(90_001), (true, Some(3_000 + 90_001 + 90_000)));
    let longest = OPEN_TICKS_MAX - 3_000;
    assert_eq!(
        kept_units(longest - 1),
        (true, Some(OPEN_TICKS_MAX as u64 - 1 + 90_000))
    );
    for wrong in [longest, 0, -1, -3_000, -3_001, TURN - 3_000] {
        // The unit before is in doubt with it.
        assert_eq!(kept_units(wrong), (false, Some(3_000)), "{wrong}");
    }
}

#[test]
fn a_last_unit_that_ends_as_a_lost_block_does_is_not_believed() {
    let write = |ends: &[&[u8]]| {
        let mut muxer = TsMuxer::new();
        muxer.set_tracks(&tracks(true, false));
        muxer.begin_segment(false);
        for (dts, end) in (0..).step_by(3_000).zip(ends) {
            picture(&mut muxer, dts, 0, true, &[&[0x65; 500], *end].concat());
        }
        muxer.take().to_vec()
    };
    let bytes = write(&[&[0; 4]]);
    assert_eq!(kept(&bytes), 0);
    assert_eq!(kept(&[&bytes[..], &[SYNC]].concat()), bytes.len());
    assert_eq!(kept(&[&bytes[..], &[0]].concat()), 0);
    let bytes = write(&[&[1, 0, 0, 0]]);
    assert_eq!(kept(&bytes), bytes.len());
    let bytes = write(&[&[0; 4], &[1]]);
    assert_eq!(kept(&bytes), bytes.len());
}

/// Two pictures, a packet of audio between them, three clock references, two pictures more; see the first assertion.
fn small() -> Vec<u8> {
    let composed = Step::Picture {
        gap: 3_000,
        composition: 3_600,
        random_access: false,
        bytes: 300,
    };
    let audio = [Step::Frame { bytes: 100 }, Step::Flush];
    let bytes = plan(
        true,
        true,
        &[
            &[plain(0, 300)],
            &audio[..],
            &[composed, plain(30_000, 300), plain(3_000, 300)],
        ]
        .concat(),
    );
    let bytes = bytes.write();
    let packets: Vec<_> = boundaries(&bytes).iter().map(|boundary| boundary / PACKET).collect();
    assert_eq!(packets, [4, 5, 7, 8, 9, 10, 12, 14]);
    assert_eq!(kept(&bytes), bytes.len());
    bytes
}

/// What is kept when the packet at `index` is found to be wrong.
fn before(bytes: &[u8], index: usize) -> usize {
    let certain = index.saturating_sub(1) * PACKET;
    boundaries(bytes)
        .into_iter()
        .rfind(|boundary| *boundary <= certain)
        .unwrap_or(0)
}

#[test]
fn the_first_wrong_packet_ends_what_is_kept() {
    let whole = small();
    // Packets 10 and 11 are a picture; 10 has a PCR, so its header stands at 12; packet 11 is stuffed.
    // The PES packet of the audio ends packet 4: 14 bytes of header, 7 of ADTS, 100 of the frame.
    let (header, stamps, audio) = (12, 21, PACKET - 121);
    for (packet, at, flipped, found, what) in [
        (0, 1, 0x40, 0, "no beginning of the PAT"),
        (1, 1, 0x40, 1, "no beginning of the PMT"),
        (1, 187, 0x01, 1, "stuffing of the PMT"),
        (2, 0, 0x01, 2, "sync byte"),
        (9, 0, 0x47, 9, "sync byte of a clock reference"),
        (13, 0, 0xFF, 13, "sync byte of the last packet"),
        (11, 1, 0x80, 11, "transport error"),
        (11, 1, 0x20, 11, "priority"),
        (10, 1, 0x40, 10, "no beginning of a unit"),
        (11, 1, 0x40, 11, "the next unit within one"),
        (7, 1, 0x40, 7, "a unit in a clock reference"),
        (10, 2, 0x10, 10, "a PID that is not announced"),
        (11, 2, 0x01, 11, "another track within a unit"),
        (11, 3, 0x40, 11, "scrambling"),
        (11, 3, 0x30, 11, "no adaptation field and no payload"),
        (11, 3, 0x01, 11, "counter"),
        (10, 3, 0x08, 10, "counter at the beginning of a unit"),
        (7, 3, 0x01, 7, "counter of a clock reference"),
        (7, 3, 0x10, 7, "payload announced and none there"),
        (11, 3, 0x10, 11, "none announced and payload there"),
        (11, 4, 0x80, 11, "length of the adaptation field"),
        (11, 4, 0x01, 11, "stuffing that is payload"),
        (10, 5, 0x08, 10, "a flag of the adaptation field"),
        (11, 5, 0x80, 11, "a discontinuity without clock"),
        (10, 5, 0x10, 10, "PCR bytes without the flag"),
        (11, 5, 0x40, 11, "random access within a unit"),
        (7, 5, 0x10, 7, "a clock reference without clock"),
        (7, 10, 0x02, 7, "reserved bits of the PCR"),
        (7, 11, 0x01, 7, "extension of the PCR"),
        (7, 100, 0x01, 7, "stuffing"),
        (10, header + 2, 0x01, 10, "start code"),
        (10, header + 3, 0x20, 10, "stream of another kind"),
        (10, header + 4, 0x80, 11, "a length far greater"),
        (10, header + 5, 0x01, 11, "a length one less or more"),
        (10, header + 6, 0x10, 10, "scrambling of the unit"),
        (10, header + 7, 0x40, 10, "a DTS that is not there"),
        (10, header + 8, 0x01, 10, "length of the stamps"),
        (10, stamps, 0x10, 10, "prefix of a stamp"),
        (10, stamps, 0x01, 10, "first marker of a stamp"),
        (10, stamps + 2, 0x01, 10, "second marker of a stamp"),
        (10, stamps + 4, 0x01, 10, "third marker of a stamp"),
        (10, stamps, 0x08, 10, "a stamp of another day"),
        (5, 4 + 9, 0x10, 5, "prefix of a PTS before a DTS"),
        (4, 2, 0x01, 4, "sound as a picture"),
        (4, audio + 3, 0x20, 4, "sound in a stream of pictures"),
        (4, audio + 5, 0x73, 4, "sound without length"),
        (4, audio + 5, 0x01, 4, "a unit longer than it says"),
        (4, audio + 14, 0x01, 4, "header of a frame"),
        (4, audio + 14 + 5, 0x20, 4, "length of a frame"),
    ] {
        let mut bytes = whole.clone();
        bytes[packet * PACKET + at] ^= flipped;
        assert_eq!(kept(&bytes), before(&whole, found), "{what}");
    }
}

/// A packet with this payload behind stuffing, where there is room for any.
fn packet(pid: u16, counter: u8, unit_start: bool, payload: &[u8]) -> [u8; PACKET] {
    let field = PAYLOAD - payload.len();
    let control = match (field, payload) {
        (0, _) => 0x10,
        (_, []) => 0x20,
        _ => 0x30,
    };
    let [high, low] = pid.to_be_bytes();
    let mut packet = [0xFF; PACKET];
    packet[..4].copy_from_slice(&[SYNC, high | u8::from(unit_start) << 6, low, control | counter & 0x0F]);
    let adaptation = [field.saturating_sub(1) as u8, 0];
    packet[4..][..field.min(2)].copy_from_slice(&adaptation[..field.min(2)]);
    packet[PACKET - payload.len()..].copy_from_slice(payload);
    packet
}

#[test]
fn what_the_muxer_would_not_write_is_not_kept() {
    let whole = small();
    let packets = whole.as_chunks::<PACKET>().0;
    let counter = |index: usize| packets[index][3] & 0x0F;
    let last = &packets[11][5 + usize::from(packets[11][4])..];
    assert_eq!(packet(pid::VIDEO, counter(11), false, last), packets[11]);

    let mut sound_with_clock = packets[4];
    sound_with_clock[5] |= 0x10;
    sound_with_clock[6..12].copy_from_slice(&packets[10][6..12]);
    let mut empty_sound = packets[4][PACKET - 121..][..14].to_vec();
    empty_sound[5] = 8;
    let (head, tail) = last.split_at(50);
    for (index, instead, what) in [
        (
            4,
            vec![sound_with_clock],
            "a clock in another PID than the announced one",
        ),
        (
            4,
            vec![packet(pid::AUDIO, counter(4), true, &empty_sound)],
            "a unit of nothing",
        ),
        (
            7,
            vec![packet(pid::VIDEO, counter(7), false, &[])],
            "a packet of nothing",
        ),
        (
            11,
            vec![packet(pid::AUDIO, counter(4) + 1, false, last)],
            "the other track within a unit",
        ),
        (
            11,
            vec![
                packet(pid::VIDEO, counter(11), false, head),
                packet(pid::VIDEO, counter(11) + 1, false, tail),
            ],
            "stuffing before the last packet of a unit",
        ),
    ] {
        let bytes = [&packets[..index], &instead].concat().concat();
        assert_eq!(kept(&bytes), before(&whole, index), "{what}");
    }
}

#[test]
fn nothing_stands_within_a_picture_that_does_not_tell_its_length() {
    let whole = plan(true, false, &[plain(0, 300), plain(3_000, 300), plain(3_000, 70_000)]).write();
    let packets = whole.as_chunks::<PACKET>().0;
    let nothing = packet(pid::VIDEO, packets[99][3], false, &[]);
    let bytes = [&packets[..100], &[nothing]].concat().concat();
    assert_eq!(kept(&bytes), 6 * PACKET);
}

#[test]
fn audio_may_begin_before_the_pictures_but_not_by_far() {
    let kept_all = |gap| {
        let steps = [
            plain(0, 300),
            Step::Frame { bytes: 100 },
            Step::Flush,
            Step::LateFrame { gap: gap - 1_920 },
        ];
        let bytes = plan(true, true, &steps).write();
        kept(&bytes) == bytes.len()
    };
    assert!(kept_all(2 * OPEN_TICKS_MAX - 1));
    assert!(!kept_all(2 * OPEN_TICKS_MAX));
}

#[test]
fn a_counter_that_is_repeated_or_skipped_ends_what_is_kept() {
    let whole = small();
    for index in 3..whole.len() / PACKET {
        let (head, rest) = whole.split_at(index * PACKET);
        let skipped = [head, &rest[PACKET..]].concat();
        let repeated = [head, &head[head.len() - PACKET..], rest].concat();
        // A clock reference repeats the counter, so one that is missing or comes twice is not noticed.
        if !(7..10).contains(&index) && index != 4 {
            let expected = if index == 13 {
                12 * PACKET
            } else {
                before(&whole, index)
            };
            assert_eq!(kept(&skipped), expected, "without packet {index}");
        }
        if !(8..11).contains(&index) {
            assert_eq!(kept(&repeated), before(&whole, index), "packet {} twice", index - 1);
        }
    }
}

#[test]
fn tables_are_believed_only_as_a_whole() {
    let whole = small();
    let (pat, pmt) = (5, PACKET + 5);
    // With a byte of a table changed, and its checksum made anew.
    let changed = |table: usize, at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[table + at] = byte;
        let length = if table == pat { 12 } else { 22 };
        let crc = crc_fast::checksum(Crc32Mpeg2, &bytes[table..table + length]) as u32;
        bytes[table + length..][..4].copy_from_slice(&crc.to_be_bytes());
        kept(&bytes)
    };
    for (table, at, sound, other, what) in [
        (pat, 0, 0x00, 0x02, "table of another kind"),
        (pat, 1, 0xB0, 0x30, "syntax"),
        (pat, 5, 0xC1, 0xC0, "not yet in force"),
        (pat, 6, 0, 1, "not the only section"),
        (pat, 9, 1, 2, "another program"),
        (pat, 10, 0xF0, 0xE1, "PMT elsewhere"),
        (pmt, 0, 0x02, 0x00, "table of another kind"),
        (pmt, 4, 1, 2, "another program"),
        (pmt, 9, 0x00, 0x01, "PCR with the audio"),
        (pmt, 11, 0, 5, "descriptors that are not there"),
        (pmt, 12, 0x1B, 0x24, "video of another kind"),
        (pmt, 17, 0x0F, 0x1B, "two videos"),
        (pmt, 19, 0x01, 0x00, "both tracks in one PID"),
        (pmt, 18, 0xE1, 0xC1, "reserved bits"),
    ] {
        assert_eq!(changed(table, at, sound), whole.len(), "{what}");
        assert_eq!(changed(table, at, other), 0, "{what}");
    }
    for at in (pat..pat + 16).chain(pmt..pmt + 26) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x01;
        assert_eq!(kept(&bytes), 0, "byte {at}");
    }
}

/// The segments of a session with these units in order of their DTS, and a closed one's bytes.
fn segments(video: &[i64], audio: &[i64], frag_ms: u64) -> Vec<Closed> {
    let mut segmenter = Segmenter::new(SegmenterConfig {
        frag_duration: Duration::from_millis(frag_ms),
        audio_only: true,
    });
    segmenter.set_tracks(&tracks(!video.is_empty(), !audio.is_empty()));
    let mut units: Vec<_> = video
        .iter()
        .map(|dts| (dts, true))
        .chain(audio.iter().map(|dts| (dts, false)))
        .collect();
    units.sort();
    let nal_units = [0..2, 2..500];
    let mut closed = Vec::new();
    for (dts, is_picture) in units {
        let (dts, bytes) = (Timestamp::from_ticks(*dts), &[0x65; 500]);
        let content = if is_picture {
            Content::Video(NalUnits::new(bytes, &nal_units))
        } else {
            Content::Audio {
                frame: bytes,
                samples: 1_024,
            }
        };
        closed.extend(segmenter.push(&AccessUnit {
            pts: dts,
            dts,
            random_access: true,
            content,
        }));
    }
    closed.extend(segmenter.finish());
    closed
}

/// Unless the next segment tells better: exactly what the segmenter says of a whole segment.
#[track_caller]
fn check_durations(closed: &[Closed], difference_max: u64) {
    for (index, Closed { tail, segment }) in closed.iter().enumerate() {
        let salvaged = salvage(tail).unwrap();
        assert_eq!(
            (salvaged.length, salvaged.random_access),
            (segment.length, segment.random_access)
        );
        assert_eq!(
            salvaged.start,
            (segment.start.as_ticks() + BASE).rem_euclid(TURN) as u64
        );
        let difference = salvaged.duration.abs_diff(segment.duration);
        let is_last = index + 1 == closed.len();
        assert!(
            difference <= if is_last { 0 } else { difference_max },
            "segment {index} differs by {difference}"
        );
    }
}

fn times(start: i64, gaps: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let add = |dts: &mut i64, gap| Some(std::mem::replace(dts, *dts + gap));
    gaps.into_iter().scan(start, add).collect()
}

#[test]
fn a_regular_stream_lasts_as_long_as_the_segmenter_says() {
    for start in [0, TURN - BASE - 100_000] {
        let video = times(start, [3_600; 200]);
        let audio = times(start, [1_920; 375]);
        let closed = segments(&video, &audio, 2_000);
        assert_eq!(closed.len(), 4);
        check_durations(&closed, 0);
        check_durations(&segments(&video, &[], 2_000), 0);
        check_durations(&segments(&[], &audio, 2_000), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn of_every_prefix_exactly_the_whole_units_are_kept(plan in any_plan()) {
        check_prefixes(&plan.write());
    }

    #[test]
    fn any_split_gives_the_same_answer(
        plan in any_plan(),
        end in any::<prop::sample::Index>(),
        steps in proptest::collection::vec(prop_oneof![0..10_usize, 0..500_usize, 0..70_000_usize], 1..20),
    ) {
        let bytes = plan.write();
        let bytes = &bytes[..end.index(bytes.len() + 1)];
        let (mut left, mut split) = (bytes, Salvage::new());
        for step in steps.into_iter().cycle().take(10_000) {
            let (now, later) = left.split_at(step.min(left.len()));
            split.push(now);
            left = later;
        }
        split.push(left);
        prop_assert_eq!(split.finish(), salvage(bytes));
    }

    #[test]
    fn what_is_kept_around_a_lost_block_is_what_was_written(
        plan in any_plan(),
        end in prop_oneof![Just(None), any::<prop::sample::Index>().prop_map(Some)],
        block in any::<prop::sample::Index>(),
        loss in prop_oneof![
            Just(Loss::Zeros),
            any::<u64>().prop_map(Loss::Noise),
            (1..PACKET).prop_map(Loss::Old),
        ],
    ) {
        let written = plan.write();
        let end = end.map_or(written.len(), |end| 1 + end.index(written.len()));
        let written = &written[..end];
        let start = block.index(end.div_ceil(BLOCK)) * BLOCK;
        let lost = start..end.min(start + BLOCK);
        // Without a whole packet behind its beginning only zeros give a lost block away.
        let tells = start.next_multiple_of(PACKET) + PACKET <= end;
        prop_assume!(tells || matches!(loss, Loss::Zeros));
        let mut bytes = written.to_vec();
        match loss {
            Loss::Zeros => bytes[lost.clone()].fill(0),
            Loss::Noise(seed) => bytes[lost.clone()].copy_from_slice(&noise(lost.len(), seed)),
            Loss::Old(shift) => {
                let old = written[start..].iter().chain(written).cycle().skip(shift).take(lost.len());
                let old: Vec<u8> = old.copied().collect();
                bytes[lost.clone()].copy_from_slice(&old);
            }
        }
        let length = kept(&bytes);
        prop_assert_eq!(&bytes[..length], &written[..length]);
        let boundaries = boundaries(&written[..end / PACKET * PACKET]);
        prop_assert!(length == 0 || boundaries.contains(&length) );
        let certain = (start / PACKET).saturating_sub(1) * PACKET;
        prop_assert!(boundaries.iter().all(|&boundary| boundary > certain || boundary <= length));
    }

    #[test]
    fn whole_segments_last_as_long_as_the_segmenter_says(
        start in prop_oneof![Just(0), -BASE..0, TURN - BASE - 200_000..TURN - BASE + 100_000],
        gaps in proptest::collection::vec(2_700..9_000_i64, 1..200),
        frames in 1..500_usize,
        frag_ms in 0..3_000_u64,
    ) {
        let video = times(start, gaps);
        check_durations(&segments(&video, &[], frag_ms), 9_000 - 2_700);
        check_durations(&segments(&[], &times(start, vec![1_920; frames]), frag_ms), 0);
    }

    #[test]
    fn changed_bytes_are_no_harm(
        plan in any_plan(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        near_beginning in any::<bool>(),
    ) {
        let mut bytes = plan.write();
        let range = if near_beginning { bytes.len().min(4 * PACKET) } else { bytes.len() };
        for (at, byte) in changes {
            bytes[at.index(range)] = byte;
        }
        let length = kept(&bytes);
        prop_assert!(length <= bytes.len() && length.is_multiple_of(PACKET));
    }

    #[test]
    fn any_bytes_are_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(salvage(&bytes), None);
    }
}

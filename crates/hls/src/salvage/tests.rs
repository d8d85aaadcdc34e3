use super::*;
use crate::ts::{PAYLOAD, TsMuxer};
use alluvium_media::{AccessUnit, AudioSpecificConfig, AudioTrack, Content, NalUnits, Timestamp, Tracks, VideoTrack};
use proptest::prelude::*;

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
    let ranges = [0..bytes.len()];
    let content = Content::Video(NalUnits::new(bytes, &ranges));
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

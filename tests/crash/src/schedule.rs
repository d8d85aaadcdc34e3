//! When a publisher sends which unit: paced in real time, sizes and keyframes by chance.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::unit::{FRAME_SAMPLES, SAMPLE_RATE, Track};

/// What a publisher's stream is like.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) pictures_per_s: f64,
    pub(crate) picture_bytes: RangeInclusive<usize>,
    /// One picture in this many is large.
    pub(crate) large_every: u32,
    pub(crate) large_bytes: RangeInclusive<usize>,
    /// Pictures from one keyframe to the next.
    pub(crate) gop: RangeInclusive<u32>,
    pub(crate) audio: bool,
    /// How much later than decoded a picture may be presented, ms.
    pub(crate) composition_ms: RangeInclusive<u32>,
    /// Of the chunks in which it is sent, bytes.
    pub(crate) chunk_size: usize,
}

/// A unit to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) track: Track,
    /// Since the connection's first unit.
    pub(crate) at: Duration,
    pub(crate) random_access: bool,
    /// Bytes beside its stamp.
    pub(crate) length: usize,
    /// From decoding to presentation.
    pub(crate) composition_ms: u32,
}

/// The units of one connection in their order; a keyframe comes first.
pub(crate) struct Schedule {
    plan: Plan,
    random: StdRng,
    pictures: u32,
    frames: u32,
    until_keyframe: u32,
}

impl Schedule {
    pub(crate) fn new(plan: Plan, seed: u64) -> Self {
        Self {
            plan,
            random: StdRng::seed_from_u64(seed),
            pictures: 0,
            frames: 0,
            until_keyframe: 0,
        }
    }

    fn picture(&mut self, at: Duration) -> Due {
        let random_access = self.until_keyframe == 0;
        if random_access {
            self.until_keyframe = self.random.random_range(self.plan.gop.clone());
        }
        self.until_keyframe -= 1;
        self.pictures += 1;
        let bytes = match self.random.random_ratio(1, self.plan.large_every) {
            true => self.plan.large_bytes.clone(),
            false => self.plan.picture_bytes.clone(),
        };
        Due {
            track: Track::Video,
            at,
            random_access,
            length: self.random.random_range(bytes),
            composition_ms: self.random.random_range(self.plan.composition_ms.clone()),
        }
    }

    fn frame(&mut self, at: Duration) -> Due {
        self.frames += 1;
        Due {
            track: Track::Audio,
            at,
            random_access: true,
            length: self.random.random_range(FRAME_BYTES),
            composition_ms: 0,
        }
    }
}

impl Iterator for Schedule {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let picture_at = Duration::from_secs_f64(f64::from(self.pictures) / self.plan.pictures_per_s);
        let frame_at = Duration::from_secs(1) * FRAME_SAMPLES / SAMPLE_RATE * self.frames;
        Some(if self.plan.audio && frame_at < picture_at {
            self.frame(frame_at)
        } else {
            self.picture(picture_at)
        })
    }
}

/// AAC at about 64 kbit/s.
const FRAME_BYTES: RangeInclusive<usize> = 100..=250;

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(audio: bool) -> Plan {
        Plan {
            pictures_per_s: 30.0,
            picture_bytes: 200..=4_000,
            large_every: 100,
            large_bytes: 50_000..=60_000,
            gop: 25..=35,
            audio,
            composition_ms: 0..=80,
            chunk_size: 128,
        }
    }

    #[test]
    fn a_keyframe_comes_first_and_once_in_a_gop() {
        let due: Vec<_> = Schedule::new(plan(true), 1).take(7_000).collect();
        assert_eq!((due[0].track, due[0].random_access), (Track::Video, true));
        let pictures: Vec<_> = due.iter().filter(|due| due.track == Track::Video).collect();
        let keyframes: Vec<_> = (0..pictures.len()).filter(|at| pictures[*at].random_access).collect();
        let gops = keyframes.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gops.clone().count() > 80 && gops.clone().all(|gop| (25..=35).contains(&gop)));
    }

    #[test]
    fn time_goes_on_and_both_tracks_keep_their_rates() {
        let due: Vec<_> = Schedule::new(plan(true), 2)
            .take_while(|due| due.at.as_secs() < 10)
            .collect();
        assert!(due.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let count = |track| due.iter().filter(|due| due.track == track).count();
        assert_eq!((count(Track::Video), count(Track::Audio)), (300, 431));
        let video_only = Schedule::new(plan(false), 2).take(100);
        assert!({ video_only }.all(|due| due.track == Track::Video));
    }
}

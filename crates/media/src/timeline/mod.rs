//! One clean timeline out of two clocks that a publisher counts in 32-bit milliseconds.
//!
//! ```text
//!     timestamp_ms -> unwrap -> judge (lane) -> ms on the timeline -> place (audio, video) -> DTS, PTS
//! ```
//!
//! Only numbers pass here. A unit whose timestamp is far from its track's last is held until [`CONFIRMATIONS`] more have
//! come: when they return to the old line the unit was an outlier and is placed between its neighbours; when they agree
//! with it, it was a pause, or the clock has jumped and what follows is moved so that the timeline goes on without a
//! hole. The other track's jump is then recognised as the same one, and moved by the same amount: what was in sync stays
//! in sync.
//!
//! [`CONFIRMATIONS`]: lane::CONFIRMATIONS

mod audio;
mod lane;
mod video;

use audio::AudioPlacer;
pub(crate) use lane::{Arrival, Settled, Then, Verdict, ahead_ms};
use lane::{Lane, Neighbour};
use video::VideoPlacer;

use crate::{Kind, Timestamp};

/// Both tracks' clocks, and where their units go.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    audio: Lane,
    video: Lane,
    frames: AudioPlacer,
    pictures: VideoPlacer,
}

/// A picture's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) dts: Timestamp,
    pub(crate) pts: Timestamp,
}

impl Timeline {
    /// Judges the timestamp of a track's next unit.
    pub(crate) fn arrive(&mut self, kind: Kind, timestamp_ms: u32) -> Arrival {
        let neighbour = self.neighbour(kind);
        let next_ms = self.next_ms(kind);
        let arrival = self.lane(kind).arrive(timestamp_ms, next_ms, neighbour);
        self.note(kind, &arrival);
        arrival
    }

    /// Judges a track's held units by what is known now.
    pub(crate) fn settle(&mut self, kind: Kind) -> Option<Settled> {
        let neighbour = self.neighbour(kind);
        let next_ms = self.next_ms(kind);
        let settled = self.lane(kind).settle(next_ms, neighbour)?;
        self.note_verdict(kind, &settled.verdict);
        Some(settled)
    }

    /// Places a picture which decodes at `ms` and is presented `composition_ms` later.
    pub(crate) fn place_picture(&mut self, ms: i64, composition_ms: i32) -> Placed {
        self.pictures.place(ms, composition_ms)
    }

    /// Places an audio frame of [`FRAME_SAMPLES`](crate::AudioSpecificConfig::FRAME_SAMPLES) at `rate` samples per
    /// second; without a time it goes right after the one before.
    pub(crate) fn place_frame(&mut self, ms: Option<i64>, rate: u32) -> Timestamp {
        self.frames.place(ms, rate)
    }

    /// The audio has another configuration from here on.
    pub(crate) fn begin_audio_anew(&mut self) {
        self.frames.begin_anew();
    }

    fn lane(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Audio => &mut self.audio,
            Kind::Video => &mut self.video,
        }
    }

    fn neighbour(&self, kind: Kind) -> Option<Neighbour> {
        match kind {
            Kind::Audio => self.video.as_neighbour(self.next_ms(Kind::Video)),
            Kind::Video => self.audio.as_neighbour(self.next_ms(Kind::Audio)),
        }
    }

    /// The end of what has been placed of a track.
    fn next_ms(&self, kind: Kind) -> i64 {
        match kind {
            Kind::Audio => self.audio.next_ms().max(self.frames.next_ms()),
            Kind::Video => self.video.next_ms().max(self.pictures.next_ms()),
        }
    }

    fn note(&mut self, kind: Kind, arrival: &Arrival) {
        if let Arrival::Settled(settled) = arrival {
            self.note_verdict(kind, &settled.verdict);
        }
    }

    fn note_verdict(&mut self, kind: Kind, verdict: &Verdict) {
        match (kind, verdict) {
            (Kind::Audio, Verdict::Gap | Verdict::Jump { .. }) => self.frames.expect_gap(),
            (Kind::Audio, Verdict::Outliers { .. }) | (Kind::Video, _) => {}
        }
    }
}

use std::collections::VecDeque;
use std::fmt::Display;
use std::time::Duration;

use alluvium_catalog::{Lease, Statistics};
use alluvium_media::tag::AudioCodec;
use alluvium_media::{AccessUnit, Fault, Timestamp, Tracks};
use alluvium_oss::{BucketName, ChannelName, UnixTime};
use tokio::time::Instant;
use tracing::{info, warn};

use super::condition::{Condition, For};
use super::judge::{Judge, Look};
use super::last_minute::LastMinute;
use super::lines::Lines;
use super::standing::{Change, Present, Standing};
use super::status::{AudioStatus, ConditionStatus, FaultStatus, KeyframeInterval, Status, StoreStatus, VideoStatus};
use crate::backlog::Keeping;
use crate::faults::Faults;
use crate::statistics::Meter;
use crate::stream::Now;

/// Conditions that an encoder is told of in one session: who has not read five will not read more.
pub(crate) const NOTICES_MAX: usize = 5;

/// One session's health.
#[derive(Debug)]
pub(crate) struct Health {
    bucket: BucketName,
    channel: ChannelName,
    meter: Meter,
    /// What was received in the last seconds, and what it amounted to.
    statistics: Statistics,
    faults: Faults,
    jumps: LastMinute,
    uneven: LastMinute,
    broken: LastMinute,
    /// Since the last look.
    discarded: Option<AudioCodec>,
    judge: Judge,
    standing: Standing,
    lines: Lines,
    notices: Notices,
}

/// Words for the encoder: each condition once.
#[derive(Debug, Default)]
struct Notices {
    told: Vec<Condition>,
    waiting: VecDeque<String>,
}

impl Health {
    pub(crate) fn new(lease: &Lease, at: Instant) -> Self {
        Self {
            bucket: lease.bucket.clone(),
            channel: lease.channel.clone(),
            meter: Meter::new(at),
            statistics: Statistics::default(),
            faults: Faults::default(),
            jumps: LastMinute::default(),
            uneven: LastMinute::default(),
            broken: LastMinute::default(),
            discarded: None,
            judge: Judge::new(Duration::from_secs(lease.config.frag_duration_s.into())),
            standing: Standing::default(),
            lines: Lines::default(),
            notices: Notices::default(),
        }
    }

    pub(crate) fn set_tracks(&mut self, tracks: &Tracks) {
        if self.meter.tracks().video != tracks.video {
            self.judge.forget_rates();
        }
        self.meter.set_tracks(tracks);
    }

    /// A unit came. Costs a few integers.
    pub(crate) fn count(&mut self, unit: &AccessUnit<'_>) {
        self.meter.count(unit);
    }

    /// Something was odd about the media.
    pub(crate) fn media_fault(&mut self, fault: &Fault, at: UnixTime) {
        match fault {
            Fault::Jump { .. } => self.jumps.add(),
            Fault::Restamped { .. } | Fault::Outlier { .. } | Fault::CompositionTime { .. } => self.uneven.add(),
            Fault::AudioCodec(codec) => self.discarded = Some(*codec),
            // The one is put right for good at the beginning; the other ends the publish, in words of its own.
            Fault::StartsApart { .. } | Fault::VideoCodec(_) => {}
            _ => self.broken.add(),
        }
        self.fault(fault.name(), fault, at);
    }

    /// Something was odd about a message that is no media: counted, and no matter of the stream's.
    pub(crate) fn message_fault(&mut self, fault: &alluvium_rtmp::Fault, at: UnixTime) {
        self.fault(fault.kind.name(), fault, at);
    }

    fn fault(&mut self, kind: &'static str, fault: &dyn Display, at: UnixTime) {
        if self.faults.count(kind, at) && self.lines.allow() {
            // It may repeat what the encoder said: anybody's text.
            let fault = fault.to_string();
            warn!(
                event = "fault", bucket = %self.bucket, channel = %self.channel, kind, ?fault,
                "odd content skipped; more of the kind are only counted"
            );
        }
    }

    /// Looks at the stream, once a second or so.
    pub(crate) fn look(&mut self, store: Keeping, gap: bool, now: Now) -> Statistics {
        self.statistics = self.meter.sample(now.instant);
        let look = Look {
            measured: self.meter.measured(),
            store,
            gap,
            jumps: self.jumps.count(),
            uneven: self.uneven.count(),
            broken: self.broken.count(),
            discarded: self.discarded.take(),
            profile_idc: self.meter.tracks().video.as_ref().map(|video| video.profile_idc),
        };
        let Self {
            bucket,
            channel,
            lines,
            notices,
            ..
        } = self;
        let found = self.judge.look(&look);
        self.standing.update(found, now.wall, &mut |change, present| {
            if change == Change::Begins {
                notices.add(present);
            }
            if lines.allow() {
                tell(bucket, channel, change, present, now.wall);
            }
        });
        for minute in [&mut self.jumps, &mut self.uneven, &mut self.broken] {
            minute.tick();
        }
        if let Some(count) = self.lines.tick() {
            warn!(
                event = "health_lines_left_out", bucket = %self.bucket, channel = %self.channel, count,
                "more happened in the last minute than the log tells of one stream"
            );
        }
        self.statistics
    }

    /// What the encoder is to be told, if anything.
    pub(crate) fn take_notice(&mut self) -> Option<String> {
        self.notices.waiting.pop_front()
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Writes what the last look has shown into the session's status.
    pub(crate) fn fill(&self, status: &mut Status, store: Keeping, at: UnixTime) {
        let measured = self.meter.measured();
        let tracks = self.meter.tracks();
        status.at = at;
        status.video = tracks.video.as_ref().map(|video| VideoStatus {
            codec: "H.264",
            profile: profile(video.profile_idc),
            level: format!("{}.{}", video.level_idc / 10, video.level_idc % 10),
            width: video.width,
            height: video.height,
            frame_rate: measured.frame_rate.map(hundredths),
            bitrate: 8 * self.statistics.video.map_or(0, |video| video.bandwidth),
            keyframe_interval_s: measured.gops.map(|gops| KeyframeInterval {
                median: seconds(gops.median),
                max: seconds(gops.max),
            }),
        });
        status.audio = tracks.audio.as_ref().map(|audio| AudioStatus {
            codec: "AAC",
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            bitrate: 8 * self.statistics.audio.map_or(0, |audio| audio.bandwidth),
        });
        status.audio_frames_discarded = self.faults.of(AUDIO_CODEC);
        status.audio_ahead_ms = measured.audio_ahead_ms;
        status.pace = measured.pace.map(hundredths);
        status.faults.clear();
        status.faults.extend(self.faults.iter().map(|counted| FaultStatus {
            kind: counted.kind,
            count: counted.count,
            last: counted.last,
        }));
        status.conditions.clear();
        status
            .conditions
            .extend(self.standing.present().map(|present| ConditionStatus {
                code: present.condition.code(),
                words: present.words.clone(),
                since: present.since,
            }));
        status.store = StoreStatus {
            segments_listed: store.segments_listed,
            segments_waiting: store.segments_waiting,
            oldest_waiting_ms: store.oldest.as_millis() as u64,
            lag_ms: store.lag.as_millis() as u64,
        };
    }
}

impl Notices {
    fn add(&mut self, present: &Present) {
        let condition = present.condition;
        let is_for_them = condition.audience() == For::Streamer;
        if is_for_them && self.told.len() < NOTICES_MAX && !self.told.contains(&condition) {
            self.told.push(condition);
            self.waiting.push_back(present.words.clone());
        }
    }
}

fn tell(bucket: &BucketName, channel: &ChannelName, change: Change, present: &Present, now: UnixTime) {
    let (condition, words) = (present.condition.code(), &present.words);
    match change {
        Change::Begins => warn!(event = "health_begins", %bucket, %channel, condition, words),
        Change::Changes => warn!(event = "health_changes", %bucket, %channel, condition, words),
        Change::Ends => {
            let seconds = now.since(present.since).as_secs();
            info!(event = "health_ends", %bucket, %channel, condition, seconds);
        }
    }
}

/// The kind of [`Fault::AudioCodec`].
const AUDIO_CODEC: &str = "audio_codec";

/// ITU-T H.264, annex A.
pub(super) fn profile(profile_idc: u8) -> String {
    match profile_idc {
        66 => "Baseline".to_owned(),
        77 => "Main".to_owned(),
        88 => "Extended".to_owned(),
        100 => "High".to_owned(),
        110 => "High 10".to_owned(),
        122 => "High 4:2:2".to_owned(),
        244 => "High 4:4:4 Predictive".to_owned(),
        other => other.to_string(),
    }
}

fn seconds(ticks: i64) -> f64 {
    hundredths(ticks as f64 / Timestamp::TICKS_PER_SECOND as f64)
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

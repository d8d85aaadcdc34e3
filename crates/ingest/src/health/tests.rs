//! Made-up streams, a second at a time, and what is said of them.

use std::slice;
use std::time::Duration;

use alluvium_catalog::{Catalog, MemoryCatalog, NodeId, OpenSession};
use alluvium_media::tag::AudioCodec;
use alluvium_media::{AccessUnit, Content, Fault, Kind, NalUnits, Timestamp, Tracks, VideoTrack};
use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, OwnerId, UnixTime};
use tokio::time::Instant;

use super::session::NOTICES_MAX;
use super::{Health, Status};
use crate::backlog::Keeping;
use crate::stream::Now;

const FRAG_DURATION_S: u32 = 2;
const FRAME_MS: i64 = 20;

/// One stream. What it is like may be changed from second to second.
struct Made {
    health: Health,
    status: Status,
    now: Now,
    /// The next picture's and the next audio frame's time.
    picture_ms: i64,
    frame_ms: i64,
    next_keyframe_ms: i64,
    keyframe_interval_ms: i64,
    /// Milliseconds between pictures.
    picture_interval_ms: i64,
    picture_bytes: usize,
    /// Milliseconds of media in a second.
    pace_ms: i64,
    has_video: bool,
    has_audio: bool,
    store: Keeping,
    gap: bool,
}

impl Made {
    async fn new() -> Self {
        let catalog = MemoryCatalog::new();
        let bucket = BucketName::parse("bucket").unwrap();
        let channel = ChannelName::parse("camera").unwrap();
        let at = UnixTime::from_secs(1_700_000_000);
        let owner = OwnerId::new("owner");
        catalog
            .create_bucket(&bucket, &owner, Some(Acl::Private), at)
            .await
            .unwrap();
        let config = ChannelConfig {
            frag_duration_s: FRAG_DURATION_S,
            ..ChannelConfig::default()
        };
        catalog.put_channel(&bucket, &channel, &config, at).await.unwrap();
        let peer = "192.0.2.1:5000".parse().unwrap();
        let open = OpenSession {
            bucket,
            channel,
            node: NodeId::new("here"),
            remote_addr: peer,
            playlist_name: None,
            at,
            busy_within: Duration::ZERO,
        };
        let lease = catalog.open_session(open).await.unwrap();
        let now = Now {
            wall: at,
            instant: Instant::now(),
        };
        let mut health = Health::new(&lease, now.instant);
        let video = VideoTrack {
            width: 640,
            height: 360,
            frame_rate: None,
            profile_idc: 77,
            level_idc: 31,
            generation: 0,
        };
        health.set_tracks(&Tracks {
            video: Some(video),
            audio: None,
        });
        Self {
            health,
            status: Status::beginning(&lease, peer, "test", at),
            now,
            picture_ms: 0,
            frame_ms: 0,
            next_keyframe_ms: 0,
            keyframe_interval_ms: 2_000,
            picture_interval_ms: 40,
            picture_bytes: 5_000,
            pace_ms: 1_000,
            has_video: true,
            has_audio: true,
            store: Keeping::default(),
            gap: false,
        }
    }

    /// A second passes.
    fn second(&mut self) {
        let until = self.picture_ms.max(self.frame_ms) + self.pace_ms;
        while self.picture_ms.min(self.frame_ms) < until {
            match self.picture_ms <= self.frame_ms {
                true => self.picture(),
                false => self.frame(),
            }
        }
        self.now = Now {
            wall: self.now.wall.plus(Duration::from_secs(1)),
            instant: self.now.instant + Duration::from_secs(1),
        };
        self.health.look(self.store, self.gap, self.now);
        self.health.fill(&mut self.status, self.store, self.now.wall);
    }

    fn seconds(&mut self, count: usize) {
        (0..count).for_each(|_| self.second());
    }

    fn picture(&mut self) {
        let random_access = self.picture_ms >= self.next_keyframe_ms;
        let at = Timestamp::from_ms(self.picture_ms);
        self.picture_ms += self.picture_interval_ms;
        if !self.has_video {
            return;
        }
        if random_access {
            self.next_keyframe_ms += self.keyframe_interval_ms;
        }
        let (payload, range) = (vec![0x41; self.picture_bytes], 0..self.picture_bytes);
        self.health.count(&AccessUnit {
            pts: at,
            dts: at,
            random_access,
            content: Content::Video(NalUnits::new(&payload, slice::from_ref(&range))),
        });
    }

    fn frame(&mut self) {
        let at = Timestamp::from_ms(self.frame_ms);
        self.frame_ms += FRAME_MS;
        if self.has_audio {
            self.health.count(&AccessUnit {
                pts: at,
                dts: at,
                random_access: true,
                content: Content::Audio {
                    frame: &[0; 200],
                    samples: 1024,
                },
            });
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.health.media_fault(&fault, self.now.wall);
    }

    /// The codes of what is wrong now.
    fn wrong(&self) -> Vec<&'static str> {
        self.status.conditions.iter().map(|condition| condition.code).collect()
    }

    /// The words of what is wrong now.
    fn words(&self) -> String {
        let words: Vec<_> = self
            .status
            .conditions
            .iter()
            .map(|condition| &*condition.words)
            .collect();
        words.join(", ")
    }

    fn notices(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.health.take_notice()).collect()
    }
}

#[tokio::test]
async fn nothing_is_wrong_with_a_good_stream_and_its_measures_are_right() {
    let mut made = Made::new().await;
    made.seconds(120);
    assert_eq!(made.wrong(), [""; 0]);
    assert_eq!(made.notices(), [""; 0]);
    let status = &made.status;
    let video = status.video.as_ref().unwrap();
    assert_eq!(
        (video.frame_rate, &*video.profile, &*video.level),
        (Some(25.0), "Main", "3.1")
    );
    assert_eq!(video.bitrate, 25 * 5_000 * 8);
    let interval = video.keyframe_interval_s.unwrap();
    assert_eq!((interval.median, interval.max), (2.0, 2.0));
    assert_eq!(status.pace, Some(1.0));
    assert!(status.audio_ahead_ms.unwrap().abs() <= FRAME_MS, "{status:?}");
}

#[tokio::test]
async fn a_keyframe_interval_that_does_not_fit_is_told_until_it_fits() {
    let mut made = Made::new().await;
    made.keyframe_interval_ms = 8_320;
    made.seconds(20);
    assert_eq!(
        made.words(),
        "keyframe interval is 8.3 s; set it to 2 s, the channel's FragDuration"
    );
    assert_eq!(made.notices(), [made.words()]);
    let since = made.status.conditions[0].since;
    made.keyframe_interval_ms = 2_000;
    // Until the long intervals are forgotten they make the short ones irregular.
    made.seconds(60);
    assert_eq!(made.wrong(), [""; 0]);
    assert_eq!(made.notices().len(), 1);
    assert!(since < made.status.at);
    // Once in a session is enough for the encoder.
    made.keyframe_interval_ms = 8_320;
    made.seconds(200);
    assert_eq!(made.wrong(), ["keyframe_interval"]);
    assert_eq!(made.notices(), [""; 0]);
}

#[tokio::test]
async fn keyframes_that_cease_are_told() {
    let mut made = Made::new().await;
    made.seconds(10);
    made.keyframe_interval_ms = 600_000;
    made.seconds(40);
    assert_eq!(made.wrong(), ["keyframes_missing"]);
    assert!(made.words().starts_with("no keyframe for "), "{}", made.words());
}

#[tokio::test]
async fn irregular_keyframes_are_told() {
    let mut made = Made::new().await;
    for second in 0..40 {
        made.keyframe_interval_ms = if second % 5 == 0 { 480 } else { 2_000 };
        made.second();
    }
    assert_eq!(made.wrong(), ["keyframes_irregular"]);
}

#[tokio::test]
async fn a_clock_that_jumps_is_told_for_a_minute() {
    let mut made = Made::new().await;
    // Clocks that begin apart have not jumped.
    made.fault(Fault::StartsApart {
        kind: Kind::Audio,
        by_ms: 3_600_000,
    });
    made.seconds(10);
    assert_eq!(made.wrong(), [""; 0]);
    made.fault(Fault::Jump {
        kind: Kind::Video,
        by_ms: 5_000,
    });
    made.seconds(10);
    assert_eq!(made.wrong(), ["clock_jumps"]);
    made.seconds(70);
    assert_eq!(made.wrong(), [""; 0]);
    let faults = &made.status.faults;
    assert_eq!((faults[1].kind, faults[1].count), ("jump", 1));
}

#[tokio::test]
async fn misplaced_and_broken_units_are_told_when_there_are_many() {
    let mut made = Made::new().await;
    let restamped = Fault::Restamped {
        kind: Kind::Audio,
        by_ms: 20,
    };
    for _ in 0..15 {
        made.fault(restamped.clone());
        made.fault(Fault::NoSlices);
        made.second();
    }
    assert_eq!(made.wrong(), ["timestamps_uneven", "broken_media"]);
    let counted: Vec<_> = made
        .status
        .faults
        .iter()
        .map(|fault| (fault.kind, fault.count))
        .collect();
    assert_eq!(counted, [("restamped", 15), ("no_slices", 15)]);
}

#[tokio::test]
async fn audio_far_from_its_picture_is_told() {
    let mut made = Made::new().await;
    made.frame_ms = -2_000;
    made.picture_ms = 0;
    for _ in 0..10 {
        // The two go on apart, each at its pace.
        for _ in 0..25 {
            made.picture();
            made.frame();
            made.frame();
        }
        made.pace_ms = 0;
        made.now.instant += Duration::from_secs(1);
        made.health.look(made.store, false, made.now);
    }
    made.health.fill(&mut made.status, made.store, made.now.wall);
    assert_eq!(made.wrong(), ["audio_offset"]);
    assert!(
        made.words().starts_with("audio comes 2.0 s behind the picture"),
        "{}",
        made.words()
    );
}

#[tokio::test]
async fn a_track_that_ceases_is_told_and_the_other_is_not() {
    let mut made = Made::new().await;
    made.seconds(10);
    made.has_audio = false;
    made.seconds(12);
    assert_eq!(made.wrong(), ["audio_missing"]);
    made.has_audio = true;
    made.seconds(15);
    assert_eq!(made.wrong(), [""; 0]);
    made.has_video = false;
    made.seconds(10);
    assert_eq!(made.wrong(), ["video_missing"]);
}

#[tokio::test]
async fn audio_that_is_not_recorded_is_told_by_its_name() {
    let mut made = Made::new().await;
    made.has_audio = false;
    for _ in 0..5 {
        (0..40).for_each(|_| made.fault(Fault::AudioCodec(AudioCodec::Format(2))));
        made.second();
    }
    assert_eq!(
        made.words(),
        "audio is MP3, which is not recorded; set the audio codec to AAC"
    );
    assert_eq!(made.status.audio_frames_discarded, 200);
}

#[tokio::test]
async fn a_fall_of_frame_rate_and_bitrate_is_told() {
    let mut made = Made::new().await;
    made.seconds(15);
    made.picture_interval_ms = 80;
    made.seconds(15);
    assert_eq!(made.wrong(), ["frame_rate_low"]);
    made.picture_bytes = 300;
    made.seconds(15);
    assert_eq!(made.wrong(), ["frame_rate_low", "bitrate_low"]);
}

#[tokio::test]
async fn a_stream_slower_than_time_is_told() {
    let mut made = Made::new().await;
    made.seconds(15);
    made.pace_ms = 600;
    made.seconds(15);
    assert_eq!(made.wrong(), ["arrives_slowly"]);
    made.pace_ms = 1_000;
    made.seconds(25);
    assert_eq!(made.wrong(), [""; 0]);
}

#[tokio::test]
async fn a_store_that_lags_and_a_gap_are_no_matter_of_the_encoder() {
    let mut made = Made::new().await;
    made.store = Keeping {
        segments_waiting: 6,
        oldest: Duration::from_secs(12),
        ..Keeping::default()
    };
    made.gap = true;
    made.seconds(5);
    assert_eq!(made.wrong(), ["store_lags", "recording_gap"]);
    assert_eq!(made.status.store.segments_waiting, 6);
    assert_eq!(made.notices(), [""; 0]);
}

#[tokio::test]
async fn an_encoder_is_told_a_few_things_and_no_more() {
    let mut made = Made::new().await;
    made.keyframe_interval_ms = 8_000;
    made.seconds(15);
    for round in 0..30 {
        made.has_audio = round % 20 < 10;
        made.pace_ms = 700;
        made.picture_interval_ms = 120;
        made.picture_bytes = 100;
        (0..5).for_each(|_| {
            made.fault(Fault::NoSlices);
            made.fault(Fault::Restamped {
                kind: Kind::Video,
                by_ms: 0,
            });
            made.fault(Fault::Jump {
                kind: Kind::Video,
                by_ms: 1,
            });
        });
        made.second();
    }
    assert!(made.wrong().len() > NOTICES_MAX, "{:?}", made.wrong());
    assert_eq!(made.notices().len(), NOTICES_MAX);
}

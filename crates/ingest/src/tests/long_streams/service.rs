//! The same through the whole service: a connection, its recorder, a spool, a store and a catalog.

use std::time::Duration;

use alluvium_catalog::Catalog;
use alluvium_oss::{ChannelConfig, ChannelName, Clock, ObjectKey};
use alluvium_rtmp::MediaKind;
use alluvium_store::ObjectStore;
use tokio::runtime::{Builder, Handle};

use super::encoder::{self, Encoder, Plan};
use super::process::{Holds, alone};
use super::viewer::Viewer;
use super::{FRAG_COUNT, FRAG_DURATION_S, Playlists, chosen};
use crate::tests::house;
use crate::tests::support::{House, segments};

/// A stream of one channel, and a player that sees each of its playlists.
struct Stage {
    house: House,
    channel: ChannelName,
    playlists: Playlists,
    viewer: Viewer,
    /// The playlist seen last.
    text: String,
    /// What it listed.
    listed: Vec<String>,
}

impl Stage {
    async fn new(plan: Plan) -> Self {
        let house = house(|_| {}).await;
        let channel = ChannelName::parse("camera").unwrap();
        let config = ChannelConfig {
            frag_duration_s: FRAG_DURATION_S,
            frag_count: FRAG_COUNT,
            ..ChannelConfig::default()
        };
        let now = house.clock.now();
        house
            .catalog
            .put_channel(&house.bucket, &channel, &config, now)
            .await
            .unwrap();
        Self {
            house,
            channel,
            playlists: Playlists::new(),
            viewer: Viewer::new(plan),
            text: String::new(),
            listed: Vec::new(),
        }
    }

    /// Looks at the playlist, watches what is new, and deletes what has left it, as a lifecycle rule does.
    async fn look(&mut self) {
        let Some(text) = self.house.playlist(&self.channel).await else {
            return;
        };
        if text == self.text {
            return;
        }
        self.playlists.next_sequence += 1;
        self.playlists.read(&text);
        let listed: Vec<String> = segments(&text).into_iter().map(str::to_owned).collect();
        let newest = listed.last().expect("a segment");
        let object = self
            .house
            .store
            .get(&self.house.bucket, &self.key(newest), None)
            .await
            .unwrap();
        self.viewer.watch(&object.bytes().await.unwrap());
        for left in self.listed.iter().filter(|name| !listed.contains(name)) {
            let key = self.key(left);
            assert!(
                self.house
                    .catalog
                    .withdraw_segment(&self.house.bucket, &key)
                    .await
                    .unwrap()
            );
            self.house.store.delete(&self.house.bucket, &key).await.unwrap();
        }
        (self.text, self.listed) = (text, listed);
    }

    fn key(&self, name: &str) -> ObjectKey {
        ObjectKey::parse(&format!("{}/{name}", self.channel)).unwrap()
    }
}

#[test]
fn hours_of_a_stream_through_the_service_have_no_seam() {
    alone(
        "tests::long_streams::service::hours_of_a_stream_through_the_service_have_no_seam",
        || {
            let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.unwrap().block_on(publish(chosen("ALLUVIUM_HOURS", 24)));
        },
    );
}

async fn publish(hours: u64) {
    let plan = Plan {
        pictures_per_second: 1,
        pictures_per_gop: 5,
        sample_rate: 11_025,
        // An hour before 32 bits of milliseconds are used up, and 33 bits of ticks.
        first_stamp: (1 << 32) - 3_600_000,
        clock_ppm: 0,
        sound_ppm: 0,
    };
    let mut stage = Stage::new(plan).await;
    let mut camera = stage.house.publishing("camera").await;
    let mut send = async |kind, micros, payload: &[u8]| {
        let stamp = plan.stamp(micros) as u32;
        camera.publisher.send_media(kind, stamp, payload).unwrap();
        camera.send().await;
    };
    send(MediaKind::Video, 0, &encoder::video_header()).await;
    send(MediaKind::Audio, 0, &encoder::audio_header(plan.sample_rate)).await;
    let (mut encoder, mut payload, mut passed) = (Encoder::new(plan), Vec::new(), Duration::ZERO);
    let mut before = None;
    while passed < Duration::from_secs(hours * 3_600) {
        let due = encoder.next();
        // With each picture time goes on; the audio of its second comes behind it at once.
        if due.kind == MediaKind::Video {
            let step = Duration::from_micros(due.micros) - passed;
            passed += step;
            stage.house.clock.advance(step);
            tokio::time::sleep(step).await;
            stage.look().await;
        }
        encoder::write_payload(&plan, &due, &mut payload);
        send(due.kind, due.micros, &payload).await;
        // By then everything has its size.
        if before.is_none() && passed >= Duration::from_secs(hours * 360) {
            before = Some((Holds::now(), tasks()));
        }
    }
    let (before, tasks_before) = before.expect("time has passed");
    let after = Holds::now();
    println!(
        "{hours} hours through the service: {}; {} KiB more after nine tenths; {} tasks",
        stage.viewer.seen,
        after.resident_kib - before.resident_kib,
        tasks(),
    );
    // What is in the segments that are open, or not yet listed, has not been seen.
    let seen_s = hours * 3_600 - u64::from(3 * FRAG_DURATION_S);
    assert!(stage.viewer.seen.pictures >= seen_s && stage.viewer.seen.wraps > 0);
    assert!(after.resident_kib - before.resident_kib < 2_048, "{before:?} {after:?}");
    assert_eq!((after.descriptors, tasks()), (before.descriptors, tasks_before));
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

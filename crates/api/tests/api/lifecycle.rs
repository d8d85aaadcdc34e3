//! What lifecycle rules delete, and what they leave (contract, 4.7).

use std::time::Duration;

use alluvium_api::{Lifecycle, Pass};
use alluvium_catalog::OpenSession;
use alluvium_oss::{BucketName, ChannelName, Clock, ObjectKey, UnixTime};
use alluvium_store::faulty::{Fault, Gate, Keys, Operation, Rule};
use alluvium_store::{Error, ObjectStore};
use tokio_util::sync::CancellationToken;

use crate::world::{Ask, NOW_S, World, until};

const BUCKET: &str = "private-bucket";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A rule for a prefix; `when` is what `Expiration` holds.
fn rule(prefix: &str, status: &str, when: &str) -> String {
    format!("<Rule><Prefix>{prefix}</Prefix><Status>{status}</Status><Expiration>{when}</Expiration></Rule>")
}

async fn world(rules: &[String]) -> World {
    let world = World::with_buckets().await;
    follow(&world, BUCKET, rules).await;
    world
}

async fn follow(world: &World, bucket: &str, rules: &[String]) {
    let body = format!("<LifecycleConfiguration>{}</LifecycleConfiguration>", rules.concat());
    let put = world
        .ask(Ask::new("PUT", &format!("{bucket}?lifecycle")).body(body))
        .await;
    assert_eq!(put.outcome(), "200");
}

fn lifecycle(world: &World) -> Lifecycle {
    Lifecycle::new(world.store.clone(), world.catalog.clone(), world.clock.clone())
}

/// Deleted, kept, failed.
async fn pass(world: &World) -> (u64, u64, u64) {
    let Pass { deleted, kept, failed } = lifecycle(world).pass(&CancellationToken::new()).await;
    (deleted, kept, failed)
}

async fn put(world: &World, keys: &[&str]) {
    for key in keys {
        world.put(BUCKET, key, b"content", Default::default()).await;
    }
}

async fn keys(world: &World, bucket: &str) -> Vec<String> {
    let everything = alluvium_store::ListQuery {
        limit: 1000,
        ..Default::default()
    };
    let page = world
        .store
        .list(&BucketName::parse(bucket).unwrap(), &everything)
        .await
        .unwrap();
    page.objects
        .into_iter()
        .map(|info| info.key.as_str().to_owned())
        .collect()
}

fn unavailable() -> Fault {
    Fault::Fail(Error::unavailable("reach", "the store", "it is away"))
}

#[tokio::test]
async fn what_has_expired_below_a_prefix_goes_and_nothing_else() {
    let rules = [
        rule("a/", "Enabled", "<Days>2</Days>"),
        rule("b/", "Disabled", "<Days>1</Days>"),
        rule(
            "c/",
            "Enabled",
            "<CreatedBeforeDate>2023-11-15T00:00:00.000Z</CreatedBeforeDate>",
        ),
    ];
    let world = world(&rules).await;
    put(&world, &["a", "a/1", "a/2/3", "b/1", "c/1", "d/1"]).await;
    world.put("read-bucket", "a/1", b"", Default::default()).await;
    assert_eq!(pass(&world).await, (1, 0, 0));
    assert_eq!(keys(&world, BUCKET).await, ["a", "a/1", "a/2/3", "b/1", "d/1"]);
    world.clock.advance(DAY);
    put(&world, &["a/2", "c/2"]).await;
    assert_eq!(pass(&world).await, (0, 0, 0));
    world.clock.advance(DAY - Duration::from_millis(1));
    assert_eq!(pass(&world).await, (0, 0, 0));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(pass(&world).await, (2, 0, 0));
    assert_eq!(keys(&world, BUCKET).await, ["a", "a/2", "b/1", "c/2", "d/1"]);
    assert_eq!(keys(&world, "read-bucket").await, ["a/1"]);
    world.ask(Ask::new("DELETE", "private-bucket?lifecycle")).await;
    world.clock.advance(DAY * 100);
    assert_eq!(pass(&world).await, (0, 0, 0));
}

#[tokio::test]
async fn many_objects_in_many_buckets_go_in_one_pass() {
    let world = world(&[rule("", "Enabled", "<Days>1</Days>")]).await;
    let everything = [rule("", "Enabled", "<Days>1</Days>")];
    for bucket in ["read-bucket", "write-bucket"] {
        follow(&world, bucket, &everything).await;
        world.put(bucket, "key", b"", Default::default()).await;
    }
    for n in 0..600 {
        put(&world, &[&format!("{n:03}")]).await;
    }
    world.clock.advance(DAY);
    assert_eq!(pass(&world).await, (602, 0, 0));
    for bucket in [BUCKET, "read-bucket", "write-bucket"] {
        assert!(keys(&world, bucket).await.is_empty());
    }
}

#[tokio::test]
async fn a_segment_is_withdrawn_before_it_goes() {
    let world = world(&[rule("camera/", "Enabled", "<Days>1</Days>")]).await;
    let names: Vec<i64> = (0..200).map(|n| (NOW_S + 5 * n) * 1000).collect();
    world.record(BUCKET, "camera", &names).await;
    world.clock.advance(DAY);
    // The hundred that a playlist might list wait until the newest of them has expired.
    let gate = Gate::closed();
    world
        .store
        .add(Rule::on(Operation::Delete, Fault::Hold(gate.clone())).times(1));
    let all = lifecycle(&world);
    let stop = CancellationToken::new();
    let running = tokio::spawn(async move { all.pass(&stop).await });
    let (bucket, channel) = (
        BucketName::parse(BUCKET).unwrap(),
        ChannelName::parse("camera").unwrap(),
    );
    let recorded = async || {
        let (first, last) = (UnixTime::default(), UnixTime::from_secs(NOW_S * 2));
        let found = world
            .catalog
            .segments_between(&bucket, &channel, first, last, None, 1000);
        found.await.unwrap().len()
    };
    until("the record is withdrawn while the object still stands", async || {
        recorded().await == 199
    })
    .await;
    assert_eq!(keys(&world, BUCKET).await.len(), 200);
    gate.open();
    let Pass { deleted, kept, failed } = running.await.unwrap();
    assert_eq!((deleted, kept, failed), (100, 100, 0));
    assert_eq!((recorded().await, keys(&world, BUCKET).await.len()), (100, 100));
    world.clock.advance(Duration::from_secs(200 * 5 + 60 * 60));
    assert_eq!(pass(&world).await, (100, 0, 0));
    assert_eq!((recorded().await, keys(&world, BUCKET).await.len()), (0, 0));
}

#[tokio::test]
async fn what_a_live_playlist_lists_stays_and_so_does_it() {
    let ever = "<CreatedBeforeDate>2100-01-01T00:00:00.000Z</CreatedBeforeDate>";
    let world = world(&[rule("", "Enabled", ever)]).await;
    let names: Vec<i64> = (0..10).map(|n| (NOW_S + 5 * n) * 1000).collect();
    world.record(BUCKET, "camera", &names).await;
    put(
        &world,
        &[
            "camera/playlist.m3u8",
            "camera/own.m3u8",
            "camera/vod.m3u8",
            "other/own.m3u8",
        ],
    )
    .await;
    let (bucket, channel) = (
        BucketName::parse(BUCKET).unwrap(),
        ChannelName::parse("camera").unwrap(),
    );
    let open = OpenSession {
        bucket: bucket.clone(),
        channel: channel.clone(),
        node: alluvium_catalog::NodeId::new("node"),
        remote_addr: "192.0.2.1:4711".parse().unwrap(),
        playlist_name: Some(alluvium_oss::PlaylistName::parse("own.m3u8").unwrap()),
        at: world.clock.now(),
        busy_within: Duration::ZERO,
    };
    let lease = world.catalog.open_session(open).await.unwrap();
    assert_eq!(lease.window.len(), 3);
    // One that is stored and not yet recorded.
    let key = |name_ms: i64| channel.segment_key(UnixTime::from_millis(name_ms)).as_str().to_owned();
    let newest = key((NOW_S + 50) * 1000);
    put(&world, &[&newest]).await;
    assert_eq!(pass(&world).await, (6, 9, 0));
    // The window, and what players listed before it.
    let mut expected: Vec<String> = names[3..].iter().map(|name| key(*name)).collect();
    expected.extend([newest, "camera/own.m3u8".to_owned()]);
    assert_eq!(keys(&world, BUCKET).await, expected);
    world.clock.advance(DAY * 1000);
    assert_eq!(pass(&world).await, (0, 9, 0));
    world.catalog.close_session(&lease, world.clock.now()).await.unwrap();
    assert_eq!(pass(&world).await, (9, 0, 0));
}

#[tokio::test]
async fn the_segments_of_a_deleted_channel_go_like_any_other() {
    let world = world(&[rule("camera/", "Enabled", "<Days>1</Days>")]).await;
    world.record(BUCKET, "camera", &[NOW_S * 1000]).await;
    assert_eq!(
        world
            .ask(Ask::new("DELETE", "private-bucket/camera?live"))
            .await
            .outcome(),
        "204"
    );
    world.clock.advance(DAY);
    assert_eq!(pass(&world).await, (0, 1, 0));
    world.clock.advance(Duration::from_secs(60 * 60 + 5));
    assert_eq!(pass(&world).await, (1, 0, 0));
}

#[tokio::test]
async fn an_object_that_is_put_again_meanwhile_stays() {
    let world = world(&[rule("", "Enabled", "<Days>1</Days>")]).await;
    put(&world, &["a", "b"]).await;
    world.clock.advance(DAY);
    let gate = Gate::closed();
    let b = ObjectKey::parse("b").unwrap();
    world.store.add(
        Rule::on(Operation::Head, Fault::Hold(gate.clone()))
            .keys(Keys::Only(b))
            .times(1),
    );
    let all = lifecycle(&world);
    let running = tokio::spawn(async move { all.pass(&CancellationToken::new()).await });
    until("a is gone", async || keys(&world, BUCKET).await == ["b"]).await;
    put(&world, &["b"]).await;
    gate.open();
    assert_eq!(running.await.unwrap().deleted, 1);
    assert_eq!(keys(&world, BUCKET).await, ["b"]);
}

#[tokio::test]
async fn what_fails_waits_for_the_next_pass_and_keeps_no_other_bucket_waiting() {
    let rules = [rule("", "Enabled", "<Days>1</Days>")];
    let world = world(&rules).await;
    follow(&world, "read-bucket", &rules).await;
    for n in 0..30 {
        put(&world, &[&format!("{n:02}")]).await;
    }
    world.put("read-bucket", "other", b"", Default::default()).await;
    world.clock.advance(DAY);
    world.store.add(Rule::on(Operation::Delete, unavailable()).times(1));
    assert_eq!(pass(&world).await, (30, 0, 1));
    put(&world, &["new"]).await;
    assert_eq!(keys(&world, BUCKET).await, ["00", "new"]);

    for n in 0..30 {
        put(&world, &[&format!("{n:02}")]).await;
    }
    world.put("read-bucket", "other", b"", Default::default()).await;
    world.clock.advance(DAY);
    // The store is away for one bucket's objects: after a few of them the bucket is left alone.
    world.store.add(Rule::on(Operation::Delete, unavailable()).times(17));
    assert_eq!(pass(&world).await, (1, 0, 17));
    assert_eq!(pass(&world).await, (31, 0, 0));
    world.store.add(Rule::on(Operation::List, unavailable()).times(2));
    assert_eq!(pass(&world).await, (0, 0, 2));
}

#[tokio::test]
async fn a_pass_ends_when_it_is_told_to() {
    let world = world(&[rule("", "Enabled", "<Days>1</Days>")]).await;
    put(&world, &["a", "b"]).await;
    world.clock.advance(DAY);
    let stop = CancellationToken::new();
    let gate = Gate::closed();
    world
        .store
        .add(Rule::on(Operation::Delete, Fault::HoldAnswer(gate.clone())).times(1));
    let running = tokio::spawn(lifecycle(&world).run(DAY, stop.clone()));
    until("a is gone", async || keys(&world, BUCKET).await == ["b"]).await;
    stop.cancel();
    gate.open();
    running.await.unwrap();
    assert_eq!(keys(&world, BUCKET).await, ["b"]);
}

//! What the owner of a bucket is told of its publishers.

use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_api::{Publisher, Publishers};
use alluvium_oss::{BucketName, ChannelConfig, ChannelName, Clock};
use alluvium_store::Attributes;
use serde_json::{Value, json};

use crate::world::*;

/// Publishers at these places, in their order.
struct Running(Vec<(&'static str, &'static str)>);

fn publisher(bucket: &str, channel: &str) -> Publisher {
    Publisher {
        bucket: BucketName::parse(bucket).unwrap(),
        channel: ChannelName::parse(channel).unwrap(),
        document: json!({ "bucket": bucket, "channel": channel }),
    }
}

impl Publishers for Running {
    fn publisher(&self, bucket: &BucketName, channel: &ChannelName) -> Option<Publisher> {
        let place = (bucket.as_str(), channel.as_str());
        self.0.contains(&place).then(|| publisher(place.0, place.1))
    }

    fn publishers(
        &self,
        buckets: &BTreeSet<BucketName>,
        after: Option<&(BucketName, ChannelName)>,
        limit: usize,
    ) -> Vec<Publisher> {
        let all = self.0.iter().map(|(bucket, channel)| publisher(bucket, channel));
        all.filter(|publisher| buckets.contains(&publisher.bucket))
            .filter(|found| after.is_none_or(|after| (&found.bucket, &found.channel) > (&after.0, &after.1)))
            .take(limit)
            .collect()
    }
}

/// Alice has three publishers, and somebody whose bucket is not known one.
async fn world() -> World {
    let running = vec![
        ("nobodys-bucket", "d"),
        ("private-bucket", "a"),
        ("private-bucket", "b c"),
        ("read-bucket", "a"),
    ];
    let world = World::with_publishers(Arc::new(Running(running))).await;
    for (bucket, channel) in [("private-bucket", "a"), ("private-bucket", "idle")] {
        let (bucket, channel) = (BucketName::parse(bucket).unwrap(), ChannelName::parse(channel).unwrap());
        let at = world.clock.now();
        world
            .catalog
            .put_channel(&bucket, &channel, &ChannelConfig::default(), at)
            .await
            .unwrap();
    }
    world
}

fn get(target: &str) -> Ask {
    Ask::new("GET", &format!("-/api/v1/live{target}")).at("127.0.0.1:8080")
}

async fn told(world: &World, ask: Ask) -> (u16, Value) {
    let answer = world.ask(ask).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// The channels that are listed, and where the listing goes on.
async fn listed(world: &World, ask: Ask) -> (Vec<String>, Option<String>) {
    let (status, value) = told(world, ask).await;
    assert_eq!(status, 200, "{value}");
    let place = |publisher: &Value| {
        let text = |name| publisher[name].as_str().unwrap().to_owned();
        format!("{}/{}", text("bucket"), text("channel"))
    };
    let publishers = value["publishers"].as_array().unwrap();
    (
        publishers.iter().map(place).collect(),
        value["next"].as_str().map(str::to_owned),
    )
}

async fn refused(world: &World, ask: Ask) -> (u16, String) {
    let (status, value) = told(world, ask).await;
    let error = &value["error"];
    assert_eq!(error["status"], status);
    assert!(error["message"].as_str().unwrap().len() > 10, "{value}");
    assert_eq!(error["request_id"].as_str().unwrap().len(), 24);
    (status, error["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_owner_sees_the_publishers_of_all_his_buckets_or_of_one() {
    let world = world().await;
    let all = ["private-bucket/a", "private-bucket/b c", "read-bucket/a"].map(str::to_owned);
    for form in [
        Form::V1Header,
        Form::V1Url,
        Form::V2Header,
        Form::V2Url,
        Form::V4Header,
        Form::V4Url,
    ] {
        assert_eq!(listed(&world, get("").form(form)).await, (all.to_vec(), None));
    }
    assert_eq!(listed(&world, get("/read-bucket")).await, (all[2..].to_vec(), None));
    assert_eq!(listed(&world, get("").by(Bob)).await, (Vec::new(), None));
}

#[tokio::test]
async fn a_listing_goes_on_page_by_page() {
    let world = world().await;
    let first = listed(&world, get("?limit=2")).await;
    assert_eq!(first.0, ["private-bucket/a", "private-bucket/b c"]);
    assert_eq!(first.1.as_deref(), Some("private-bucket/b c"));
    let rest = listed(&world, get("?limit=2").query("after", &first.1.unwrap())).await;
    assert_eq!(rest, (vec!["read-bucket/a".to_owned()], None));
    for wrong in [
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?after=read-bucket",
        "?after=A/b",
    ] {
        let (status, code) = refused(&world, get(wrong)).await;
        assert_eq!((status, &*code), (400, "InvalidArgument"), "{wrong}");
    }
    assert_eq!(listed(&world, get("?limit=1000&after=")).await.0.len(), 3);
}

#[tokio::test]
async fn one_is_told_of_or_it_is_said_why_not() {
    let world = world().await;
    let (status, value) = told(&world, get("/private-bucket/a")).await;
    assert_eq!((status, &value["channel"]), (200, &json!("a")));
    for (target, who, expected) in [
        ("/private-bucket/idle", Alice, (404, "LiveChannelNotLive")),
        ("/private-bucket/none", Alice, (404, "NoSuchLiveChannel")),
        ("/private-bucket/a", Bob, (403, "AccessDenied")),
        ("/private-bucket/none", Bob, (403, "AccessDenied")),
        ("/private-bucket/a", Nobody, (403, "AccessDenied")),
        ("/read-bucket/a", Nobody, (403, "AccessDenied")),
        ("/read-bucket", Bob, (403, "AccessDenied")),
        ("", Nobody, (403, "AccessDenied")),
        ("/no-such-bucket/a", Alice, (404, "NoSuchBucket")),
        ("/no-such-bucket", Nobody, (403, "AccessDenied")),
        ("/A/a", Alice, (400, "InvalidBucketName")),
        ("ly", Alice, (404, "NoSuchKey")),
    ] {
        let (status, code) = refused(&world, get(target).by(who)).await;
        assert_eq!((status, &*code), expected, "{target}");
    }
    let put = Ask::new("PUT", "-/api/v1/live").at("127.0.0.1:8080");
    assert_eq!(refused(&world, put).await, (405, "MethodNotAllowed".to_owned()));
    let other = Ask::new("GET", "-/api/v2").at("127.0.0.1:8080");
    assert_eq!(refused(&world, other).await, (404, "NoSuchKey".to_owned()));
}

#[tokio::test]
async fn a_bucket_with_a_host_of_its_own_may_have_keys_below_it() {
    let world = world().await;
    world
        .put("private-bucket", "-/api/v1/live", b"an object", Attributes::default())
        .await;
    let ask = Ask::new("GET", "private-bucket/-/api/v1/live");
    assert_eq!(world.ask(ask).await.body, b"an object");
}

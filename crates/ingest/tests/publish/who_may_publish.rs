//! Who may publish where, by which key, and what the others are told.

use std::time::Duration;

use alluvium_catalog::{AccessKey, Catalog};
use alluvium_oss::sign::publish_url;
use alluvium_oss::{
    Acl, Addressing, BucketName, ChannelConfig, ChannelName, ChannelStatus, ChannelUrls, Clock, OwnerId, PlaylistName,
    Secret, SecurityToken,
};
use alluvium_rtmp::PublishRequest;
use alluvium_rtmp::publisher::Event;
use alluvium_store::faulty::Operation;

use crate::support::House;

const TOKEN: &str = "tok+en/==";
const LIFETIME: Duration = Duration::from_secs(3600);

fn secret() -> Secret {
    Secret::new("secret".to_owned())
}

/// A key of this owner, temporary if it has a token.
async fn add_key(house: &House, id: &str, owner: &str, token: Option<&str>) {
    let key = AccessKey {
        id: id.to_owned(),
        secret: secret(),
        owner: OwnerId::new(owner),
        security_token: token.map(|token| SecurityToken {
            text: Secret::new(token.to_owned()),
            expires: house.clock.now().plus(LIFETIME / 2),
        }),
        enabled: true,
        created: house.clock.now(),
    };
    house.catalog.put_access_key(key).await.unwrap();
}

async fn add_bucket(house: &House, name: &str, owner: &str) {
    let name = BucketName::parse(name).unwrap();
    let (owner, now) = (OwnerId::new(owner), house.clock.now());
    house
        .catalog
        .create_bucket(&name, &owner, Some(Acl::Private), now)
        .await
        .unwrap();
}

/// A house with the private bucket `videos` and its channel `camera`, of an owner with the key `key`.
async fn private() -> House {
    let house = House::new().await;
    add_key(&house, "key", "maker", None).await;
    add_bucket(&house, "videos", "maker").await;
    let (bucket, channel) = (
        BucketName::parse("videos").unwrap(),
        ChannelName::parse("camera").unwrap(),
    );
    let (config, now) = (ChannelConfig::default(), house.clock.now());
    house
        .catalog
        .put_channel(&bucket, &channel, &config, now)
        .await
        .unwrap();
    house
}

/// The stream key that a library makes for this channel.
fn stream_key(house: &House, bucket: &str, channel: &str, key: &str) -> String {
    let urls = ChannelUrls::new(
        "127.0.0.1",
        &Addressing::PathStyle,
        &BucketName::parse(bucket).unwrap(),
        &ChannelName::parse(channel).unwrap(),
        &PlaylistName::default(),
    );
    let url = publish_url::sign(&urls, None, key, &secret(), house.clock.now().plus(LIFETIME));
    url.rsplit_once('/').unwrap().1.to_owned()
}

/// What the encoder is told that pushes `name` to this app of an IP address; `published` when it is let in.
async fn outcome(house: &House, app: &str, name: &str) -> String {
    let mut encoder = house.encoder_of(PublishRequest {
        app: app.to_owned(),
        tc_url: format!("rtmp://127.0.0.1/{app}"),
        name: name.to_owned(),
        encoder: "test".to_owned(),
    });
    let outcome = match encoder.event().await {
        Some(Event::Started) => "published".to_owned(),
        Some(Event::Refused(status)) => status.description,
        other => panic!("neither let in nor refused: {other:?}"),
    };
    encoder.cut_off().await;
    outcome
}

#[tokio::test]
async fn a_lost_bucket_is_found_by_the_signature() {
    let house = private().await;
    for other in ["aaa", "videos-2", "zzz"] {
        add_bucket(&house, other, "maker").await;
    }
    let name = stream_key(&house, "videos", "camera", "key");
    assert_eq!(outcome(&house, "live", &name).await, "published");
}

#[tokio::test]
async fn a_lost_bucket_that_is_not_found_is_refused_in_words() {
    let house = private().await;
    add_bucket(&house, "elsewhere", "another").await;
    add_key(&house, "strange", "another", None).await;
    let signed = |bucket, channel, key| stream_key(&house, bucket, channel, key);
    let late = signed("videos", "camera", "key");
    for (name, words) in [
        (
            "camera".to_owned(),
            "names no bucket, and has no signature to find it by",
        ),
        (
            signed("elsewhere", "camera", "key"),
            "for none of the access key's owner",
        ),
        (
            signed("videos", "camera", "strange"),
            "for none of the access key's owner",
        ),
        (signed("videos", "camera", "unknown"), "unknown or disabled"),
        (signed("videos", "other", "key"), "The live channel does not exist"),
    ] {
        let told = outcome(&house, "live", &name).await;
        assert!(told.contains(words), "{name}: {told}");
    }
    house.clock.advance(LIFETIME + Duration::from_secs(1));
    let told = outcome(&house, "live", &late).await;
    assert!(told.contains("expired at"), "{told}");
}

#[tokio::test]
async fn a_lost_bucket_is_looked_for_among_a_thousand() {
    let house = private().await;
    // In the order of their names: 999 before it, then one more.
    for number in 0..999 {
        add_bucket(&house, &format!("bucket-{number:03}"), "maker").await;
    }
    let name = stream_key(&house, "videos", "camera", "key");
    assert_eq!(outcome(&house, "live", &name).await, "published");
    add_bucket(&house, "one-more", "maker").await;
    let told = outcome(&house, "live", &name).await;
    assert!(told.contains("too many to find it by its signature"), "{told}");
    assert_eq!(outcome(&house, "videos/live", &name).await, "published");
}

#[tokio::test]
async fn every_key_of_the_owner_publishes_and_no_other() {
    let house = private().await;
    add_key(&house, "second", "maker", None).await;
    add_key(&house, "strange", "another", None).await;
    for (key, expected) in [
        ("key", "published"),
        ("second", "published"),
        ("strange", "has no right to publish to videos"),
    ] {
        let told = outcome(&house, "videos/live", &stream_key(&house, "videos", "camera", key)).await;
        assert!(told.contains(expected), "{key}: {told}");
    }
    house.catalog.delete_access_key("second").await.unwrap();
    let told = outcome(&house, "videos/live", &stream_key(&house, "videos", "camera", "second")).await;
    assert!(told.contains("unknown or disabled"), "{told}");
}

#[tokio::test]
async fn a_temporary_key_publishes_until_its_token_expires() {
    let house = private().await;
    add_key(&house, "temporary", "maker", Some(TOKEN)).await;
    // The token is not in the text here, as the libraries for Go and C# do it; or not in the URL, as those for C and PHP.
    let bare = stream_key(&house, "videos", "camera", "temporary");
    let with_token = format!("{bare}&security-token=tok%2Ben%2F%3D%3D");
    let needless = format!("{}&security-token=x", stream_key(&house, "videos", "camera", "key"));
    let told = async |app: &str, name: &str| outcome(&house, app, name).await;
    for app in ["videos/live", "live"] {
        assert_eq!(told(app, &bare).await, "published");
        assert_eq!(told(app, &with_token).await, "published");
        let other = told(app, &with_token.replace("=tok", "=tik")).await;
        assert!(other.contains("do not match"), "{other}");
        let needless = told(app, &needless).await;
        assert!(needless.contains("its access key has none"), "{needless}");
    }
    house.clock.advance(LIFETIME / 2 + Duration::from_secs(1));
    for name in [&bare, &with_token] {
        let expired = told("videos/live", name).await;
        assert!(expired.contains("security token you provided has expired"), "{expired}");
    }
}

#[tokio::test]
async fn refusals_say_why() {
    let house = House::new().await;
    let channel = house.channel("off").await;
    let now = house.clock.now();
    house
        .catalog
        .set_channel_status(&house.bucket, &channel, ChannelStatus::Disabled, now)
        .await
        .unwrap();
    let cases = [
        ("nobody", "does not exist"),
        ("off", "disabled"),
        ("off?OSSAccessKeyId=AK&Expires=4000000000&Signature=AAAA", "access key"),
        ("off?OSSAccessKeyId=AK&Expires=4000000000", "Signature"),
    ];
    for (name, words) in cases {
        let refused = house.encoder(name).refusal().await;
        assert!(refused.description.contains(words), "{name}: {}", refused.description);
        assert!(
            refused.code.starts_with("NetStream.Publish."),
            "{name}: {}",
            refused.code
        );
    }
    assert_eq!(house.store.calls(Operation::Put), 0);
}

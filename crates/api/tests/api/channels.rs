use alluvium_catalog::{AudioStatistics, Statistics, VideoStatistics};
use std::time::Duration;

use crate::world::*;

const PLAIN: &str = "<LiveChannelConfiguration><Target><Type>HLS</Type></Target></LiveChannelConfiguration>";

fn put(target: &str, body: &str) -> Ask {
    Ask::new("PUT", target).body(body)
}

#[tokio::test]
async fn a_channel_is_put_and_told_of() {
    let world = World::with_buckets().await;
    let body = "<LiveChannelConfiguration><Description>a &amp; b</Description><Status>disabled</Status><Target>\
                <Type>HLS</Type><FragDuration>2</FragDuration><FragCount>7</FragCount>\
                <PlaylistName>live.m3u8</PlaylistName></Target></LiveChannelConfiguration>";
    let made = world.ask(put("private-bucket/channel?live", body)).await;
    assert_eq!(made.status, 200);
    assert_eq!(
        made.document(),
        "<CreateLiveChannelResult><PublishUrls><Url>rtmp://private-bucket.oss.test:9000/live/channel</Url></PublishUrls>\
         <PlayUrls><Url>http://private-bucket.oss.test:9000/channel/live.m3u8</Url></PlayUrls></CreateLiveChannelResult>"
    );
    let info = world.ask(Ask::new("GET", "private-bucket/channel?live")).await;
    assert_eq!(
        info.document(),
        "<LiveChannelConfiguration><Description>a &amp; b</Description><Status>disabled</Status><Target><Type>HLS</Type>\
         <FragDuration>2</FragDuration><FragCount>7</FragCount><PlaylistName>live.m3u8</PlaylistName></Target>\
         </LiveChannelConfiguration>"
    );

    // A put replaces everything, so what it leaves out is back at its default.
    assert_eq!(world.ask(put("private-bucket/channel?live", PLAIN)).await.status, 200);
    let info = world.ask(Ask::new("GET", "private-bucket/channel?live")).await;
    assert_eq!(
        info.document(),
        "<LiveChannelConfiguration><Description></Description><Status>enabled</Status><Target><Type>HLS</Type>\
         <FragDuration>5</FragDuration><FragCount>3</FragCount><PlaylistName>playlist.m3u8</PlaylistName></Target>\
         </LiveChannelConfiguration>"
    );
}

#[tokio::test]
async fn urls_repeat_the_host_that_the_client_used() {
    let world = World::with_buckets().await;
    for (ask, publish, play) in [
        (
            Ask::new("PUT", "private-bucket/c?live"),
            "rtmp://private-bucket.oss.test:9000/live/c",
            "http://private-bucket.oss.test:9000/c/playlist.m3u8",
        ),
        (
            Ask::new("PUT", "private-bucket/c?live").at("127.0.0.1:8080"),
            "rtmp://127.0.0.1:8080/private-bucket/live/c",
            "http://127.0.0.1:8080/private-bucket/c/playlist.m3u8",
        ),
        (
            Ask::new("PUT", "private-bucket/c?live").host("video.example.com"),
            "rtmp://video.example.com/live/c",
            "http://video.example.com/c/playlist.m3u8",
        ),
        (
            Ask::new("PUT", "private-bucket/a ü?live"),
            "rtmp://private-bucket.oss.test:9000/live/a%20%C3%BC",
            "http://private-bucket.oss.test:9000/a%20%C3%BC/playlist.m3u8",
        ),
    ] {
        let answer = world.ask(ask.body(PLAIN)).await;
        assert!(
            answer.document().contains(&format!("<Url>{publish}</Url>")),
            "{}",
            answer.document()
        );
        assert!(
            answer.document().contains(&format!("<Url>{play}</Url>")),
            "{}",
            answer.document()
        );
    }
}

#[tokio::test]
async fn wrong_configurations_are_refused() {
    let world = World::with_buckets().await;
    let target = |inner: &str| {
        format!("<LiveChannelConfiguration><Target><Type>HLS</Type>{inner}</Target></LiveChannelConfiguration>")
    };
    for (body, expected) in [
        (String::new(), "400 MalformedXML 0031-00000001"),
        ("<Other/>".to_owned(), "400 MalformedXML 0031-00000001"),
        (
            target("<FragDuration>0</FragDuration>"),
            "400 InvalidArgument 0044-00000014",
        ),
        (
            target("<FragCount>101</FragCount>"),
            "400 InvalidArgument 0044-00000015",
        ),
        (
            target("<PlaylistName>a/b.m3u8</PlaylistName>"),
            "400 InvalidArgument 0044-00000016",
        ),
        (
            target("<PlaylistName>a.m3u</PlaylistName>"),
            "400 InvalidArgument 0044-00000017",
        ),
        (
            target("<PlaylistName>playlist</PlaylistName>"),
            "400 InvalidArgument 0044-00000018",
        ),
        (target("<PlayListName>ignored</PlayListName>"), "200"),
        (target("<PlaylistName></PlaylistName>"), "200"),
    ] {
        assert_eq!(
            world.ask(put("private-bucket/channel?live", &body)).await.outcome(),
            expected,
            "{body}"
        );
    }
    let with = |value: &str| put("private-bucket/channel?live", PLAIN).header("content-md5", value);
    assert_eq!(world.ask(with("mistaken")).await.refusal(), "400 InvalidDigest");
    assert_eq!(
        world.ask(with("GC9DjuQEpL4Srgd9Z9J1IA==")).await.refusal(),
        "400 InvalidDigest"
    );
}

/// Bucket, then name, then arguments, then the channel: each check is seen only when those before it pass.
#[tokio::test]
async fn every_operation_checks_in_the_same_order() {
    let world = World::with_buckets().await;
    let long = "c".repeat(64);
    for (method, query, missing) in [
        ("PUT", "live&status=enabled", "404 NoSuchLiveChannel 0026-00000021"),
        ("GET", "live", "404 NoSuchLiveChannel 0026-00000021"),
        ("GET", "live=&comp=stat", "404 NoSuchLiveChannel 0026-00000021"),
        ("GET", "live&comp=history", "404 NoSuchLiveChannel 0026-00000021"),
        ("DELETE", "live=", "204"),
        ("POST", "vod&startTime=1&endTime=2", "400 InvalidArgument 0044-00000308"),
        ("GET", "vod&startTime=1&endTime=2", "400 InvalidArgument 0044-00000308"),
        // Last, because it makes the channel.
        ("PUT", "live", "200"),
    ] {
        let suffix = if method == "POST" { "/vod.m3u8" } else { "" };
        let vod = method == "GET" && query.starts_with("vod");
        let ec = |ec: &str| format!("400 InvalidChannelName {}", if vod { "0044-00000302" } else { ec });
        let slash = if method == "POST" {
            "400 InvalidArgument 0044-00000403".to_owned()
        } else {
            ec("0017-00000260")
        };
        for (path, expected) in [
            (
                "missing-bucket/c".to_owned(),
                "404 NoSuchBucket 0015-00000101".to_owned(),
            ),
            (
                format!("missing-bucket/{long}"),
                "404 NoSuchBucket 0015-00000101".to_owned(),
            ),
            (format!("private-bucket/{long}"), ec("0017-00000258")),
            (format!("private-bucket/{}", &long[1..]), missing.to_owned()),
            ("private-bucket/a/b".to_owned(), slash),
            ("private-bucket/live channel 2".to_owned(), missing.to_owned()),
            ("private-bucket/测试通过".to_owned(), missing.to_owned()),
        ] {
            let ask = put_or(method, &format!("{path}{suffix}?{query}"));
            assert_eq!(
                world.ask(ask).await.outcome(),
                expected,
                "{method} {path}{suffix}?{query}"
            );
        }
        // Without a channel the name is empty; a GET of the bucket lists its channels.
        if (method, query) != ("GET", "live") && method != "POST" {
            let expected = if vod {
                "400 InvalidChannelName 0044-00000302"
            } else {
                "400 InvalidChannelName"
            };
            let ask = put_or(method, &format!("private-bucket?{query}"));
            assert_eq!(world.ask(ask).await.outcome(), expected, "{method} ?{query}");
        }
    }
    // Arguments come before the channel, which exists in none of these.
    for (ask, expected) in [
        (
            Ask::new("PUT", "private-bucket/none?live&status=Enabled"),
            "400 InvalidArgument 0017-00000255",
        ),
        (
            Ask::new("PUT", "private-bucket/none?live&status"),
            "400 InvalidArgument 0017-00000255",
        ),
        (Ask::new("POST", "private-bucket?vod"), "400 InvalidChannelName"),
        (
            Ask::new("POST", "private-bucket/none?vod"),
            "400 InvalidArgument 0044-00000403",
        ),
        (
            Ask::new("POST", "private-bucket/none/vod.m3u?vod"),
            "400 InvalidArgument 0044-00000403",
        ),
        (
            Ask::new("POST", "private-bucket/none/v.m3u8?vod"),
            "400 InvalidArgument 0044-00000304",
        ),
    ] {
        assert_eq!(world.ask(ask).await.outcome(), expected);
    }
}

fn put_or(method: &'static str, target: &str) -> Ask {
    if method == "PUT" && !target.contains("status") {
        put(target, PLAIN)
    } else {
        Ask::new(method, target)
    }
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_a_fault_of_the_channel() {
    let world = World::with_buckets().await;
    for (query, expected) in [
        ("?live", "400 InvalidChannelName"),
        ("?vod", "400 InvalidChannelName"),
        ("", "400 InvalidObjectName"),
    ] {
        let answer = world
            .raw("GET", &format!("/%ff{query}"), "private-bucket.oss.test")
            .await;
        assert_eq!(answer.refusal(), expected);
    }
}

#[tokio::test]
async fn a_live_channel_is_told_of_and_neither_replaced_nor_deleted() {
    let world = World::with_buckets().await;
    world.ask(put("private-bucket/channel?live", PLAIN)).await;
    let stat = async || {
        world
            .ask(Ask::new("GET", "private-bucket/channel?live&comp=stat"))
            .await
    };
    let document = |inner: &str| format!("<LiveChannelStat>{inner}</LiveChannelStat>");
    assert_eq!(stat().await.document(), document("<Status>Idle</Status>"));

    world.clock.advance(Duration::from_millis(1234));
    let lease = world.open("private-bucket", "channel").await;
    let live = "<Status>Live</Status><ConnectedTime>2023-11-14T22:13:21.000Z</ConnectedTime><RemoteAddr>192.0.2.1:4711</RemoteAddr>";
    assert_eq!(stat().await.document(), document(live));
    let statistics = Statistics {
        video: Some(VideoStatistics {
            width: 672,
            height: 378,
            frame_rate: 29,
            bandwidth: 50_001,
        }),
        audio: Some(AudioStatistics {
            sample_rate: 22_050,
            bandwidth: 12_000,
        }),
    };
    world.renew(&lease, statistics).await;
    assert_eq!(
        stat().await.document(),
        document(&format!(
            "{live}<Video><Width>672</Width><Height>378</Height><FrameRate>29</FrameRate><Bandwidth>50001</Bandwidth>\
             <Codec>H264</Codec></Video><Audio><Bandwidth>12000</Bandwidth><SampleRate>22050</SampleRate><Codec>AAC</Codec></Audio>"
        ))
    );

    for ask in [
        put("private-bucket/channel?live", PLAIN),
        Ask::new("DELETE", "private-bucket/channel?live"),
    ] {
        let refused = world.ask(ask).await;
        assert_eq!(refused.refusal(), "409 ChannelStillLive 0044-00000201");
        assert_eq!(
            refused.detail("Message"),
            "Live channel couldn't be updated or deleted when channel is live."
        );
    }
    for (status, expected) in [("enabled", live), ("disabled", "<Status>Disabled</Status>")] {
        let ask = Ask::new("PUT", &format!("private-bucket/channel?live&status={status}"));
        let answer = world.ask(ask).await;
        assert_eq!(
            (answer.status, answer.text(), answer.header("content-length")),
            (200, "", Some("0"))
        );
        assert!(stat().await.document().contains(expected));
    }

    world.clock.advance(Duration::from_secs(60));
    world
        .catalog
        .close_session(&lease, alluvium_oss::Clock::now(&*world.clock))
        .await
        .unwrap();
    assert_eq!(stat().await.document(), document("<Status>Disabled</Status>"));
    assert_eq!(
        world
            .ask(Ask::new("DELETE", "private-bucket/channel?live"))
            .await
            .status,
        204
    );
    assert_eq!(stat().await.refusal(), "404 NoSuchLiveChannel 0026-00000021");
}

#[tokio::test]
async fn the_ten_last_publishes_are_told_of() {
    let world = World::with_buckets().await;
    world.ask(put("private-bucket/channel?live", PLAIN)).await;
    let history = async || {
        world
            .ask(Ask::new("GET", "private-bucket/channel?live&comp=history"))
            .await
    };
    assert_eq!(history().await.document(), "<LiveChannelHistory></LiveChannelHistory>");
    for _ in 0..12 {
        let lease = world.open("private-bucket", "channel").await;
        world.clock.advance(Duration::from_secs(1));
        world
            .catalog
            .close_session(&lease, alluvium_oss::Clock::now(&*world.clock))
            .await
            .unwrap();
    }
    let _running = world.open("private-bucket", "channel").await;
    let record = |second: u32| {
        format!(
            "<LiveRecord><StartTime>2023-11-14T22:13:{second}.000Z</StartTime><EndTime>2023-11-14T22:13:{}.000Z</EndTime>\
             <RemoteAddr>192.0.2.1:4711</RemoteAddr></LiveRecord>",
            second + 1
        )
    };
    let records: String = (22..32).map(record).collect();
    assert_eq!(
        history().await.document(),
        format!("<LiveChannelHistory>{records}</LiveChannelHistory>")
    );
}

#[tokio::test]
async fn channels_are_listed_by_name_in_pages() {
    let world = World::with_buckets().await;
    let body = "<LiveChannelConfiguration><Description>d</Description><Status>disabled</Status><Target><Type>HLS</Type>\
                <PlaylistName>a.m3u8</PlaylistName></Target></LiveChannelConfiguration>";
    for n in 0..3 {
        world.ask(put(&format!("private-bucket/channel-{n}?live"), body)).await;
    }
    world.ask(put("private-bucket/other?live", PLAIN)).await;
    let entry = |n: u32| {
        format!(
            "<LiveChannel><Name>channel-{n}</Name><Description>d</Description><Status>disabled</Status>\
             <LastModified>2023-11-14T22:13:20.000Z</LastModified>\
             <PublishUrls><Url>rtmp://private-bucket.oss.test:9000/live/channel-{n}</Url></PublishUrls>\
             <PlayUrls><Url>http://private-bucket.oss.test:9000/channel-{n}/a.m3u8</Url></PlayUrls></LiveChannel>"
        )
    };
    for (query, head, entries) in [
        (
            "live&prefix=channel-&max-keys=2",
            "<Prefix>channel-</Prefix><Marker></Marker><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>\
             <NextMarker>channel-1</NextMarker>",
            vec![0, 1],
        ),
        (
            "live&prefix=channel-&marker=channel-1",
            "<Prefix>channel-</Prefix><Marker>channel-1</Marker><MaxKeys>100</MaxKeys><IsTruncated>false</IsTruncated>\
             <NextMarker></NextMarker>",
            vec![2],
        ),
        (
            "live=&prefix=none&marker=",
            "<Prefix>none</Prefix><Marker></Marker><MaxKeys>100</MaxKeys><IsTruncated>false</IsTruncated><NextMarker></NextMarker>",
            vec![],
        ),
    ] {
        let answer = world.ask(Ask::new("GET", &format!("private-bucket?{query}"))).await;
        let entries: String = entries.into_iter().map(entry).collect();
        assert_eq!(
            answer.document(),
            format!("<ListLiveChannelResult>{head}{entries}</ListLiveChannelResult>")
        );
    }
    let long = "n".repeat(1025);
    for (name, value, expected) in [
        ("max-keys", "0", "400 InvalidArgument 0044-00000101"),
        ("max-keys", "1001", "400 InvalidArgument 0044-00000101"),
        ("prefix", &long, "400 InvalidArgument 0044-00000102"),
        ("prefix", &long[1..], "200"),
        ("marker", &long, "400 InvalidArgument 0044-00000103"),
    ] {
        let answer = world
            .ask(Ask::new("GET", "private-bucket?live").query(name, value))
            .await;
        assert_eq!(answer.outcome(), expected, "{name}");
    }
}

#[tokio::test]
async fn deleting_a_channel_keeps_its_objects() {
    let world = World::with_buckets().await;
    world.record("private-bucket", "channel", &[NOW_S * 1000]).await;
    for _ in 0..2 {
        let deleted = world.ask(Ask::new("DELETE", "private-bucket/channel?live")).await;
        assert_eq!((deleted.status, deleted.text()), (204, ""));
    }
    assert!(
        world
            .bytes("private-bucket", "channel/1700000000000.ts")
            .await
            .is_some()
    );
}

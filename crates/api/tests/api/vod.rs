use alluvium_api::Limits;

use crate::world::*;

const START_MS: i64 = NOW_S * 1000;

const PLAYLIST: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:5\n\
    #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:5.000,\n1700000000000.ts\n\
    #EXTINF:5.000,\n1700000005000.ts\n\
    #EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:30.000Z\n#EXTINF:5.000,\n1700000010000.ts\n\
    #EXT-X-ENDLIST\n";

async fn recorded() -> World {
    let world = World::with_buckets().await;
    world
        .record("private-bucket", "channel", &[START_MS, START_MS + 5000])
        .await;
    world
        .record("private-bucket", "channel", &[START_MS + 10_000, START_MS + 15_001])
        .await;
    world
}

fn span(method: &'static str, start: i64, end: i64) -> Ask {
    let path = if method == "POST" {
        "channel/vod.m3u8"
    } else {
        "channel"
    };
    Ask::new(
        method,
        &format!("private-bucket/{path}?vod&startTime={start}&endTime={end}"),
    )
}

#[tokio::test]
async fn a_span_is_got_and_posted() {
    let world = recorded().await;
    let got = world.ask(span("GET", NOW_S, NOW_S + 15)).await;
    assert_eq!((got.status, got.text()), (200, PLAYLIST));
    let etag = got.header("etag").unwrap();
    assert_eq!(
        got.own_headers(),
        [
            format!("content-length: {}", PLAYLIST.len()),
            "content-type: application/x-mpegURL".into(),
            format!("etag: {etag}")
        ]
    );
    assert_eq!(world.bytes("private-bucket", "channel/vod.m3u8").await, None);

    let posted = world
        .ask(span("POST", NOW_S, NOW_S + 15).header("content-type", "application/vnd.apple.mpegurl"))
        .await;
    assert_eq!((posted.status, posted.text()), (200, ""));
    assert_eq!(
        posted.own_headers(),
        ["content-length: 0".to_owned(), format!("etag: {etag}")]
    );
    let object = world.ask(Ask::new("GET", "private-bucket/channel/vod.m3u8")).await;
    assert_eq!((object.text(), object.header("etag")), (PLAYLIST, Some(etag)));
    assert_eq!(object.header("content-type"), Some("application/x-mpegURL"));
}

#[tokio::test]
async fn segments_belong_to_a_span_by_their_names_both_ends_included() {
    let world = recorded().await;
    for (start, end, listed) in [
        (NOW_S, NOW_S, 1),
        (NOW_S - 100, NOW_S + 4, 1),
        (NOW_S - 100, NOW_S + 5, 2),
        (NOW_S + 5, NOW_S + 15, 2),
        (NOW_S + 1, NOW_S + 16, 3),
    ] {
        let answer = world.ask(span("GET", start, end)).await;
        assert_eq!(answer.text().matches(".ts\n").count(), listed, "{start} {end}");
    }
}

#[tokio::test]
async fn wrong_spans_are_refused_in_order() {
    let world = recorded().await;
    for method in ["GET", "POST"] {
        let path = if method == "POST" {
            "private-bucket/channel/vod.m3u8"
        } else {
            "private-bucket/channel"
        };
        for (query, expected) in [
            ("vod", "400 InvalidArgument 0044-00000304"),
            ("vod&endTime=x", "400 InvalidArgument 0044-00000304"),
            ("vod&startTime=1.5&endTime=x", "400 InvalidArgument 0044-00000304"),
            ("vod&startTime=-1&endTime=1", "400 InvalidArgument 0044-00000304"),
            ("vod&startTime=1", "400 InvalidArgument 0044-00000305"),
            ("vod&startTime=1&endTime=x", "400 InvalidArgument 0044-00000305"),
            ("vod&startTime=100000&endTime=1", "400 InvalidArgument 0044-00000306"),
            ("vod&startTime=1&endTime=86402", "400 InvalidArgument 0044-00000307"),
            ("vod&startTime=1&endTime=86401", "400 InvalidArgument 0044-00000308"),
            ("vod&startTime=1&endTime=1", "400 InvalidArgument 0044-00000308"),
        ] {
            let answer = world.ask(Ask::new(method, &format!("{path}?{query}"))).await;
            assert_eq!(answer.refusal(), expected, "{method} {query}");
            if expected.ends_with("308") {
                assert_eq!(answer.detail("Message"), "No ts file found in specified time span.");
            }
        }
    }
}

#[tokio::test]
async fn recordings_outlive_their_channel() {
    let world = recorded().await;
    assert_eq!(
        world
            .ask(Ask::new("DELETE", "private-bucket/channel?live"))
            .await
            .status,
        204
    );
    assert_eq!(world.ask(span("GET", NOW_S, NOW_S + 15)).await.text(), PLAYLIST);
}

#[tokio::test]
async fn a_hole_is_a_discontinuity() {
    let world = recorded().await;
    assert_eq!(
        world
            .ask(Ask::new("DELETE", "private-bucket/channel/1700000010000.ts"))
            .await
            .status,
        204
    );
    let answer = world.ask(span("GET", NOW_S, NOW_S + 16)).await;
    let lines: Vec<&str> = answer
        .text()
        .lines()
        .filter(|line| line.ends_with(".ts") || line.ends_with("DISCONTINUITY"))
        .collect();
    assert_eq!(
        lines,
        [
            "1700000000000.ts",
            "1700000005000.ts",
            "#EXT-X-DISCONTINUITY",
            "1700000015001.ts"
        ]
    );
}

#[tokio::test]
async fn a_span_has_a_bound_on_its_segments() {
    for (entries_max, expected) in [(3, "200"), (2, "400 InvalidArgument")] {
        let world = World::with(Limits {
            vod_entries_max: entries_max,
            ..Limits::default()
        })
        .await;
        world.make_buckets().await;
        world
            .record(
                "private-bucket",
                "channel",
                &[START_MS, START_MS + 5000, START_MS + 10_000],
            )
            .await;
        assert_eq!(world.ask(span("GET", NOW_S, NOW_S + 60)).await.outcome(), expected);
    }
}

#[tokio::test]
async fn a_span_of_many_pages_is_listed_whole() {
    let world = World::with_buckets().await;
    let names: Vec<i64> = (0..2500).map(|n| START_MS + n * 5000).collect();
    world.record("private-bucket", "channel", &names).await;
    let answer = world.ask(span("GET", NOW_S, NOW_S + 86_400)).await;
    let listed: Vec<String> = answer
        .text()
        .lines()
        .filter(|line| line.ends_with(".ts"))
        .map(str::to_owned)
        .collect();
    let expected: Vec<String> = names.iter().map(|name| format!("{name}.ts")).collect();
    assert_eq!(listed, expected);
}

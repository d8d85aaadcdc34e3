//! Playlists whose URIs are signed as the request's URL is.

use std::time::Duration;

use alluvium_api::Limits;
use alluvium_oss::ObjectAcl;
use alluvium_store::{Attributes, crc64};

use crate::world::*;

const URL_FORMS: [Form; 3] = [Form::V1Url, Form::V2Url, Form::V4Url];
const CHANNEL: &str = "a 測";
const LIVE: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-TARGETDURATION:5\n\
    #EXTINF:5.000,\n1700000000000.ts\n#EXTINF:5.000,\n1700000005000.ts\n";
const MASTER: &str = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",URI=\"a%20%E6%B8%AC/live.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=1\na%20%E6%B8%AC/live.m3u8?b=c\n";

/// A service whose private bucket holds a channel of two segments, its playlist, and one that lists that twice.
async fn world() -> World {
    let world = World::with_buckets().await;
    let kept = || Attributes {
        content_type: Some("application/x-mpegURL".to_owned()),
        cache_control: Some("max-age=2".to_owned()),
        ..Attributes::default()
    };
    for (name, bytes) in [("1700000000000.ts", b"first"), ("1700000005000.ts", b"other")] {
        world
            .put(
                "private-bucket",
                &format!("{CHANNEL}/{name}"),
                bytes,
                Attributes::default(),
            )
            .await;
    }
    world
        .put(
            "private-bucket",
            &format!("{CHANNEL}/live.m3u8"),
            LIVE.as_bytes(),
            kept(),
        )
        .await;
    world
        .put("private-bucket", "master.m3u8", MASTER.as_bytes(), kept())
        .await;
    world
}

fn signed(method: &'static str, key: &str, form: Form) -> Ask {
    Ask::new(method, "private-bucket")
        .key(key)
        .query("x-oss-process", "hls/sign")
        .form(form)
}

fn live(method: &'static str, form: Form) -> Ask {
    signed(method, &format!("{CHANNEL}/live.m3u8"), form)
}

/// The lines of a playlist that are URIs.
fn uris(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

/// The text of a playlist without what was put behind its URIs.
fn unsigned(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", line.split('?').next().unwrap()))
        .collect()
}

#[tokio::test]
async fn every_uri_is_read_as_it_stands_there() {
    let world = world().await;
    for form in URL_FORMS {
        for (ask, host, root) in [
            (live("GET", form), format!("private-bucket.{HOST}"), "/"),
            (
                live("GET", form).host("video.example.com"),
                "video.example.com".to_owned(),
                "/",
            ),
            (
                live("GET", form).at("127.0.0.1:9000"),
                "127.0.0.1:9000".to_owned(),
                "/private-bucket/",
            ),
        ] {
            let name = ask.name();
            let playlist = world.ask(ask).await;
            assert_eq!(playlist.outcome(), "200", "{name}");
            assert_eq!(unsigned(playlist.text()), LIVE);
            for (uri, bytes) in uris(playlist.text()).into_iter().zip(["first", "other"]) {
                let target = format!("{root}a%20%E6%B8%AC/{uri}");
                assert_eq!(
                    world.raw("GET", &target, &host).await.text(),
                    bytes,
                    "{target} at {host}"
                );
                let (unsigned, _) = target.split_once('?').unwrap();
                assert_eq!(
                    world.raw("GET", unsigned, &host).await.refusal(),
                    "403 AccessDenied 0003-00000001"
                );
                let elsewhere = target.replace("1700000000000", "live").replace("1700000005000", "live");
                let refusal = world
                    .raw("GET", &elsewhere.replace(".ts", ".m3u8"), &host)
                    .await
                    .refusal();
                assert_eq!(refusal, "403 SignatureDoesNotMatch 0002-00000040");
            }
        }
    }
}

#[tokio::test]
async fn playlists_in_a_playlist_are_signed_to_be_signed_in_turn() {
    let world = world().await;
    let host = format!("private-bucket.{HOST}");
    for form in URL_FORMS {
        let master = world.ask(signed("GET", "master.m3u8", form)).await;
        let text = master.text();
        let (_, in_attribute) = text.split_once("URI=\"").unwrap();
        let (in_attribute, _) = in_attribute.split_once('"').unwrap();
        let on_line = uris(text)[0];
        assert!(
            on_line.starts_with("a%20%E6%B8%AC/live.m3u8?b=c&x-oss-process=hls%2Fsign&"),
            "{on_line}"
        );
        for uri in [in_attribute, on_line] {
            let playlist = world.raw("GET", &format!("/{uri}"), &host).await;
            assert_eq!(playlist.outcome(), "200", "{uri}");
            assert_eq!(unsigned(playlist.text()), LIVE);
            let segment = format!("/a%20%E6%B8%AC/{}", uris(playlist.text())[1]);
            assert_eq!(world.raw("GET", &segment, &host).await.text(), "other");
        }
    }
}

#[tokio::test]
async fn a_signed_uri_holds_as_long_as_the_url_it_came_by() {
    let world = world().await;
    let host = format!("private-bucket.{HOST}");
    for form in URL_FORMS {
        let playlist = world.ask(live("GET", form)).await;
        let target = format!("/a%20%E6%B8%AC/{}", uris(playlist.text())[0]);
        world.clock.advance(Duration::from_secs(600));
        assert_eq!(world.raw("GET", &target, &host).await.outcome(), "200");
        world.clock.advance(Duration::from_secs(1));
        let late = world.raw("GET", &target, &host).await;
        assert_eq!(late.refusal(), "403 AccessDenied 0003-00000001");
        assert_eq!(late.detail("Message"), "Request has expired.");
    }
}

#[tokio::test]
async fn the_uris_of_a_temporary_key_carry_its_token() {
    let world = world().await;
    let host = format!("private-bucket.{HOST}");
    for (form, parameter) in [
        (Form::V1Url, "security-token"),
        (Form::V2Url, "security-token"),
        (Form::V4Url, "x-oss-security-token"),
    ] {
        let ask = live("GET", form).by(Temporary).query(parameter, TOKEN);
        let playlist = world.ask(ask).await;
        assert_eq!(playlist.outcome(), "200", "{form:?}");
        let target = format!("/a%20%E6%B8%AC/{}", uris(playlist.text())[0]);
        assert!(target.contains(&format!("{parameter}=tok%2Ben%2F%3D%3D")), "{target}");
        assert_eq!(world.raw("GET", &target, &host).await.text(), "first");
    }
}

#[tokio::test]
async fn a_live_playlist_is_signed_anew_at_each_load() {
    let world = world().await;
    let first = world.ask(live("GET", Form::V1Url)).await;
    assert_eq!(world.ask(live("GET", Form::V1Url)).await.text(), first.text());
    let next = "#EXTM3U\n#EXTINF:5.000,\n1700000005000.ts\n#EXTINF:5.000,\n1700000010000.ts\n";
    world
        .put(
            "private-bucket",
            &format!("{CHANNEL}/live.m3u8"),
            next.as_bytes(),
            Attributes::default(),
        )
        .await;
    let second = world.ask(live("GET", Form::V1Url)).await;
    assert_eq!(unsigned(second.text()), next);
    assert_eq!(uris(second.text())[0], uris(first.text())[1]);
    assert_ne!(second.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn headers_conditions_and_ranges_are_those_of_the_signed_text() {
    let world = world().await;
    for form in URL_FORMS {
        let whole = world.ask(live("GET", form)).await;
        let text = whole.text();
        assert_eq!(whole.header("content-length"), Some(&*text.len().to_string()));
        assert_eq!(
            whole.header("x-oss-hash-crc64ecma"),
            Some(&*crc64(text.as_bytes()).to_string())
        );
        assert_eq!(whole.header("content-type"), Some("application/x-mpegURL"));
        assert_eq!(whole.header("cache-control"), Some("max-age=2"));
        let etag = whole.header("etag").unwrap();
        assert_eq!(world.ask(live("GET", form)).await.header("etag"), Some(etag));

        let head = world.ask(live("HEAD", form)).await;
        assert_eq!((head.status, head.own_headers()), (200, whole.own_headers()));

        let part = world.ask(live("GET", form).header("range", "bytes=7-106")).await;
        let length = text.len();
        assert_eq!((part.status, part.text()), (206, &text[7..107]));
        assert_eq!(part.header("content-range"), Some(&*format!("bytes 7-106/{length}")));
        let last = world.ask(live("GET", form).header("range", "bytes=-5")).await;
        assert_eq!((last.status, last.text()), (206, &text[length - 5..]));
        let beyond = live("GET", form).header("range", &format!("bytes={length}-"));
        assert_eq!(world.ask(beyond).await.text(), text);

        for (header, value, status) in [
            ("if-none-match", etag, 304),
            ("if-none-match", "\"0123456789ABCDEF0123456789ABCDEF\"", 200),
            ("if-match", etag, 200),
            ("if-match", "\"0123456789ABCDEF0123456789ABCDEF\"", 412),
            ("if-modified-since", "Tue, 14 Nov 2023 22:13:20 GMT", 304),
        ] {
            let answer = world.ask(live("GET", form).header(header, value)).await;
            assert_eq!(answer.status, status, "{header}: {value}");
        }
        let dictated = live("GET", form).query("response-content-type", "text/x");
        assert_eq!(world.ask(dictated).await.header("content-type"), Some("text/x"));
    }
}

#[tokio::test]
async fn what_is_elsewhere_or_signed_already_is_left_alone() {
    let world = world().await;
    let text = "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"skd://key\"\n#EXTINF:5.000,x,URI=\"a\"\nhttp://elsewhere.test/1.ts\n\
        /other/1.ts?OSSAccessKeyId=id&Expires=1&Signature=s\n1.ts?x-oss-credential=a\n../../../\n1.ts#t\n";
    world
        .put("private-bucket", "b/p.m3u8", text.as_bytes(), Attributes::default())
        .await;
    let answer = world.ask(signed("GET", "b/p.m3u8", Form::V1Url)).await;
    let (kept, last) = answer.text().rsplit_once("1.ts?").unwrap();
    assert_eq!(kept, text.strip_suffix("1.ts#t\n").unwrap());
    assert!(last.starts_with("Expires=") && last.ends_with("#t\n"), "{last}");
}

#[tokio::test]
async fn only_requests_whose_url_is_signed_are_served() {
    let world = world().await;
    world
        .put("read-bucket", "p.m3u8", LIVE.as_bytes(), Attributes::default())
        .await;
    let key = &*format!("{CHANNEL}/live.m3u8");
    for method in ["GET", "HEAD"] {
        for (ask, refusal) in [
            (live(method, Form::V1Header), "400 InvalidArgument 0044-00000410"),
            (live(method, Form::V2Header), "400 InvalidArgument 0044-00000410"),
            (live(method, Form::V4Header), "400 InvalidArgument 0044-00000410"),
            (
                live(method, Form::V1Url).by(Nobody),
                "400 InvalidArgument 0044-00000410",
            ),
            (
                Ask::new(method, "read-bucket/p.m3u8?x-oss-process=hls/sign").by(Nobody),
                "400 InvalidArgument 0044-00000410",
            ),
            (live(method, Form::V1Url).by(Bob), "403 AccessDenied 0003-00000001"),
            (
                signed(method, "nothing", Form::V4Url).by(Bob),
                "403 AccessDenied 0003-00000001",
            ),
            (signed(method, "nothing", Form::V4Url), "404 NoSuchKey 0026-00000001"),
            (signed(method, "/p.m3u8", Form::V4Url), "400 InvalidObjectName"),
            (
                Ask::new(method, "no-bucket/p.m3u8?x-oss-process=hls/sign").by(Nobody),
                "404 NoSuchBucket 0015-00000101",
            ),
            (
                Ask::new(method, "private-bucket")
                    .key(key)
                    .query("x-oss-process", "hls/sign,a_b")
                    .form(Form::V1Url),
                "400 NotImplemented",
            ),
        ] {
            let name = ask.name();
            assert_eq!(world.ask(ask).await.refusal(), refusal, "{name}");
        }
    }
    // Whoever may read an object may sign for it: with his own key, which opens nothing that it does not open anyway.
    let bobs = Ask::new("GET", "read-bucket/p.m3u8?x-oss-process=hls/sign")
        .form(Form::V1Url)
        .by(Bob);
    let answer = world.ask(bobs).await;
    assert!(uris(answer.text())[0].contains("&OSSAccessKeyId=bob-id&"), "{answer:?}");
    let shut = Attributes {
        acl: ObjectAcl::parse("private").unwrap(),
        ..Attributes::default()
    };
    world.put("read-bucket", "p.m3u8", LIVE.as_bytes(), shut).await;
    let bobs = Ask::new("GET", "read-bucket/p.m3u8?x-oss-process=hls/sign")
        .form(Form::V1Url)
        .by(Bob);
    assert_eq!(world.ask(bobs).await.refusal(), "403 AccessDenied 0003-00000001");
}

#[tokio::test]
async fn a_token_is_checked_and_changes_nothing() {
    let world = world().await;
    let plain = world.ask(live("GET", Form::V4Url)).await;
    for (token, refusal) in [
        ("", None),
        ("aZ09_.-", None),
        (&*"a".repeat(100), None),
        (&*"a".repeat(101), Some("400 InvalidArgument 0044-00000401")),
        ("a b", Some("400 InvalidArgument 0044-00000402")),
        ("a&b", Some("400 InvalidArgument 0044-00000402")),
        ("é", Some("400 InvalidArgument 0044-00000402")),
    ] {
        let answer = world
            .ask(live("GET", Form::V4Url).header("x-oss-hls-sign-token", token))
            .await;
        match refusal {
            Some(refusal) => assert_eq!(answer.refusal(), refusal, "{token}"),
            // The token is a signed header, so a signature is never that of a request without.
            None => assert_eq!(unsigned(answer.text()), unsigned(plain.text()), "{token}"),
        }
    }
}

/// What comes of a playlist with these limits.
async fn outcome(limits: Limits, text: &'static str) -> String {
    let world = World::with(limits).await;
    world.make_buckets().await;
    world
        .put("private-bucket", "p.m3u8", text.as_bytes(), Attributes::default())
        .await;
    world.ask(signed("GET", "p.m3u8", Form::V1Url)).await.outcome()
}

#[tokio::test]
async fn playlists_that_cannot_be_signed_are_refused() {
    for (text, expected) in [
        ("#EXTM3U\n1.ts\n", "200"),
        ("#EXTM3U\n1.TS", "200"),
        ("#EXTM3U\n1.ts?a.m3u8\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n", "200"),
        ("#EXTM3U\n1.m3u8\n", "200"),
        ("", "400 InvalidArgument 0044-00000408"),
        ("#EXTM3U\n", "400 InvalidArgument 0044-00000408"),
        ("#EXTM3U\n1.mp4\n", "400 InvalidArgument 0044-00000408"),
        ("1.ts\n", "400 InvalidArgument 0044-00000408"),
        ("#EXTM3U\n1.ts\n2.m3u8\n", "400 InvalidArgument 0044-00000409"),
        (
            "#EXTM3U\n#EXT-X-MEDIA:URI=\"2.m3u8\"\n1.ts\n",
            "400 InvalidArgument 0044-00000409",
        ),
    ] {
        assert_eq!(outcome(Limits::default(), text).await, expected, "{text}");
    }
    let world = World::with_buckets().await;
    world
        .put(
            "private-bucket",
            "p.m3u8",
            b"#EXTM3U\n1.ts\n#\xff\n",
            Attributes::default(),
        )
        .await;
    let answer = world.ask(signed("GET", "p.m3u8", Form::V1Url)).await;
    assert_eq!(answer.refusal(), "400 InvalidArgument 0044-00000408");
}

#[tokio::test]
async fn playlists_are_signed_up_to_their_limits() {
    const SEGMENTS: &str = "#EXTM3U\n1.ts\n2.ts\n";
    const OTHERS: &str = "#EXTM3U\n#EXT-X-KEY:URI=\"1\"\n1.ts\n#EXT-X-KEY:URI=\"2\"\n";
    const PLAYLISTS: &str = "#EXTM3U\n1.m3u8\n2.m3u8\n";
    let length = SEGMENTS.len() as u64;
    let signed_length = {
        let world = World::with_buckets().await;
        world
            .put("private-bucket", "p.m3u8", SEGMENTS.as_bytes(), Attributes::default())
            .await;
        world.ask(signed("GET", "p.m3u8", Form::V1Url)).await.body.len()
    };
    type Change = fn(&mut Limits, u64);
    for (text, limit, change, ec) in [
        (
            SEGMENTS,
            length,
            (|limits, limit| limits.signed_playlist_bytes_max = limit) as Change,
            "404",
        ),
        (
            SEGMENTS,
            signed_length as u64,
            |limits, limit| limits.signed_playlist_result_bytes_max = limit as usize,
            "404",
        ),
        (
            SEGMENTS,
            2,
            |limits, limit| limits.signed_segments_max = limit as usize,
            "406",
        ),
        (
            OTHERS,
            2,
            |limits, limit| limits.signed_segments_max = limit as usize,
            "406",
        ),
        (
            PLAYLISTS,
            2,
            |limits, limit| limits.signed_playlists_max = limit as usize,
            "407",
        ),
    ] {
        for (limit, expected) in [
            (limit, "200".to_owned()),
            (limit - 1, format!("400 InvalidArgument 0044-00000{ec}")),
        ] {
            let mut limits = Limits::default();
            change(&mut limits, limit);
            assert_eq!(outcome(limits, text).await, expected, "{text} {limit}");
        }
    }
}

#[tokio::test]
async fn a_day_of_segments_is_signed() {
    let world = World::with_buckets().await;
    let text: String = (0..17_280)
        .map(|n| format!("#EXTINF:5.000,\n{}.ts\n", 1_700_000_000_000_u64 + n * 5_000))
        .collect();
    let text: &'static str = Box::leak(format!("#EXTM3U\n{text}#EXT-X-ENDLIST\n").into_boxed_str());
    world
        .put("private-bucket", "day.m3u8", text.as_bytes(), Attributes::default())
        .await;
    for form in URL_FORMS {
        let answer = world.ask(signed("GET", "day.m3u8", form)).await;
        assert_eq!(unsigned(answer.text()), text);
        assert!(uris(answer.text()).iter().all(|uri| uri.contains("ignature=")));
    }
}

//! Ranges, conditions and dictated headers.

use alluvium_store::Attributes;

use crate::world::*;

const ETAG: &str = "0123456789ABCDEF0123456789ABCDEF";
/// When the object of these tests was put, and a second before and after.
const AT: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
const AFTER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";

async fn world() -> World {
    let world = World::with_buckets().await;
    // Times have fractions here, and none in HTTP.
    world.clock.advance(std::time::Duration::from_millis(250));
    let attributes = Attributes {
        cache_control: Some("max-age=2".to_owned()),
        ..Attributes::default()
    };
    world.put("read-bucket", "key", b"0123456789", attributes).await;
    world.put("read-bucket", "empty", b"", Attributes::default()).await;
    world
}

#[tokio::test]
async fn one_range_is_cut_and_an_unusable_one_brings_the_whole() {
    let world = world().await;
    const WHOLE: (&str, &str) = ("200", "0123456789");
    for (range, plain, standard) in [
        ("bytes=0-0", ("206 0-0", "0"), ("206 0-0", "0")),
        ("bytes=2-5", ("206 2-5", "2345"), ("206 2-5", "2345")),
        ("bytes=0-", ("206 0-9", "0123456789"), ("206 0-9", "0123456789")),
        ("bytes=9-", ("206 9-9", "9"), ("206 9-9", "9")),
        ("bytes=-3", ("206 7-9", "789"), ("206 7-9", "789")),
        ("bytes=-20", ("206 0-9", "0123456789"), ("206 0-9", "0123456789")),
        ("bytes=5-20", WHOLE, ("206 5-9", "56789")),
        ("bytes=10-", WHOLE, ("416", "")),
        ("bytes=10-20", WHOLE, ("416", "")),
        ("bytes=-0", WHOLE, ("416", "")),
        ("bytes=5-2", WHOLE, WHOLE),
        ("bytes=0-1,3-4", WHOLE, WHOLE),
        ("bytes=a-b", WHOLE, WHOLE),
        ("bytes=-", WHOLE, WHOLE),
        ("bytes=+1-2", WHOLE, WHOLE),
        ("bytes=99999999999999999999-", WHOLE, WHOLE),
        ("items=0-1", WHOLE, WHOLE),
        ("0-1", WHOLE, WHOLE),
    ] {
        for (behavior, (status, text)) in [(None, plain), (Some("standard"), standard)] {
            let mut ask = Ask::new("GET", "read-bucket/key").by(Nobody).header("range", range);
            if let Some(behavior) = behavior {
                ask = ask.header("x-oss-range-behavior", behavior);
            }
            let answer = world.ask(ask).await;
            if status == "416" {
                assert_eq!(answer.refusal(), "416 InvalidRange", "{range}");
                assert_eq!(answer.detail("ActualObjectSize"), "10");
                continue;
            }
            let extent = answer
                .header("content-range")
                .map(|range| format!(" {}", &range["bytes ".len()..range.len() - "/10".len()]));
            assert_eq!(
                format!("{}{}", answer.status, extent.unwrap_or_default()),
                status,
                "{range}"
            );
            assert_eq!(answer.text(), text, "{range}");
            assert_eq!(answer.header("content-length"), Some(&*text.len().to_string()));
            assert_eq!(answer.header("accept-ranges"), Some("bytes"));
            let whole = alluvium_store::crc64(b"0123456789").to_string();
            assert_eq!(answer.header("x-oss-hash-crc64ecma"), Some(&*whole));
        }
    }
    let empty = world
        .ask(Ask::new("GET", "read-bucket/empty").header("range", "bytes=0-"))
        .await;
    assert_eq!(
        (empty.status, empty.text(), empty.header("content-length")),
        (200, "", Some("0"))
    );
}

#[tokio::test]
async fn conditions_are_kept_by_get_and_head() {
    let world = world().await;
    let quoted = format!("\"{ETAG}\"");
    let several = format!("\"other\", {quoted}");
    let weak = format!("W/{quoted}");
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[("if-match", &quoted)], 200),
        (&[("if-match", ETAG)], 200),
        (&[("if-match", &several)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-none-match", &quoted)], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", &several)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-modified-since", BEFORE)], 200),
        (&[("if-modified-since", AT)], 304),
        (&[("if-modified-since", AFTER)], 304),
        (&[("if-modified-since", "yesterday")], 200),
        (&[("if-unmodified-since", BEFORE)], 412),
        (&[("if-unmodified-since", AT)], 200),
        (&[("if-unmodified-since", AFTER)], 200),
        (&[("if-unmodified-since", "tomorrow")], 200),
        // A tag is more exact than a date.
        (&[("if-none-match", "\"other\""), ("if-modified-since", AFTER)], 200),
        (&[("if-match", &quoted), ("if-unmodified-since", BEFORE)], 200),
        // What must hold comes before what need not be sent.
        (&[("if-match", "\"other\""), ("if-none-match", &quoted)], 412),
    ];
    for (headers, status) in cases {
        for method in ["GET", "HEAD"] {
            let ask = headers
                .iter()
                .fold(Ask::new(method, "read-bucket/key").by(Nobody), |ask, (n, v)| {
                    ask.header(n, v)
                });
            let answer = world.ask(ask).await;
            assert_eq!(answer.status, *status, "{method} {headers:?}");
            if answer.status == 412 {
                assert_eq!(answer.refusal(), "412 PreconditionFailed");
            }
            if answer.status == 304 {
                assert_eq!(answer.text(), "");
                assert_eq!(answer.header("etag"), Some(&*quoted));
                assert_eq!(answer.header("last-modified"), Some(AT));
                assert_eq!(answer.header("cache-control"), Some("max-age=2"));
            }
        }
    }
}

#[tokio::test]
async fn a_range_of_another_object_is_not_cut() {
    let world = world().await;
    let quoted = format!("\"{ETAG}\"");
    let weak = format!("W/{quoted}");
    for (if_range, status) in [
        (&*quoted, 206),
        (AT, 206),
        ("\"other\"", 200),
        (&weak, 200),
        (BEFORE, 200),
        (AFTER, 200),
    ] {
        let ask = Ask::new("GET", "read-bucket/key")
            .header("range", "bytes=1-2")
            .header("if-range", if_range);
        let answer = world.ask(ask).await;
        assert_eq!(answer.status, status, "{if_range}");
        assert_eq!(answer.text(), if status == 206 { "12" } else { "0123456789" });
    }
}

#[tokio::test]
async fn headers_are_dictated_by_signed_requests_only() {
    let world = world().await;
    let dictated = [
        ("response-content-type", "content-type", "text/x"),
        ("response-content-language", "content-language", "de"),
        ("response-expires", "expires", "0"),
        ("response-cache-control", "cache-control", "no-store"),
        (
            "response-content-disposition",
            "content-disposition",
            "attachment; filename=a",
        ),
        ("response-content-encoding", "content-encoding", "gzip"),
    ];
    for (parameter, header, value) in dictated {
        for form in [Form::V1Header, Form::V1Url, Form::V4Header, Form::V4Url] {
            let ask = Ask::new("GET", "read-bucket/key").query(parameter, value).form(form);
            assert_eq!(world.ask(ask).await.header(header), Some(value));
        }
        let ask = Ask::new("GET", "read-bucket/key").query(parameter, value).by(Nobody);
        assert_eq!(world.ask(ask).await.refusal(), "400 InvalidRequest");
    }
    let split = Ask::new("GET", "read-bucket/key").query("response-content-type", "a\r\nset-cookie: b");
    assert_eq!(world.ask(split).await.refusal(), "400 InvalidArgument");
}

#[tokio::test]
async fn an_object_without_a_type_is_bytes() {
    let world = world().await;
    let answer = world.ask(Ask::new("GET", "read-bucket/key").by(Nobody)).await;
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
}

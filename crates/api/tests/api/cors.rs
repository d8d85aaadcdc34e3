//! Pages of other origins: rules, preflights, and what plain answers say (contract, 4.6).

use crate::world::{Answer, Ask, Bob, Form, Nobody, World};

const RULES: &str = "<CORSConfiguration>\
    <CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin>\
    <AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod>\
    <AllowedHeader>range</AllowedHeader><AllowedHeader>x-oss-*</AllowedHeader>\
    <ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-oss-request-id</ExposeHeader>\
    <MaxAgeSeconds>600</MaxAgeSeconds></CORSRule>\
    <CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>\
    <ResponseVary>false</ResponseVary></CORSConfiguration>";

async fn world() -> World {
    let world = World::with_buckets().await;
    for bucket in ["private-bucket", "read-bucket"] {
        let put = world.ask(Ask::new("PUT", &format!("{bucket}?cors")).body(RULES)).await;
        assert_eq!((put.outcome(), put.body.len()), ("200".to_owned(), 0));
    }
    world.put("read-bucket", "key", b"0123", Default::default()).await;
    world
}

/// The headers of an answer that a browser looks at before it hands the answer to a page.
fn allowed(answer: &Answer) -> Vec<String> {
    let mut headers = answer.own_headers();
    headers.retain(|header| header.starts_with("access-control-") || header.starts_with("vary"));
    headers
}

#[tokio::test]
async fn rules_are_put_shown_and_removed_by_the_owner() {
    let world = World::with_buckets().await;
    let target = "read-bucket?cors";
    let missing = "404 NoSuchCORSConfiguration";
    assert_eq!(world.ask(Ask::new("GET", target)).await.outcome(), missing);
    for who in [Nobody, Bob] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = world.ask(Ask::new(method, target).body(RULES).by(who)).await;
            assert_eq!(
                answer.outcome(),
                "403 AccessDenied 0003-00000001",
                "{method} by {who:?}"
            );
        }
    }
    for (body, expected) in [
        (RULES, "200"),
        ("<CORSConfiguration/>", "400 MalformedXML 0031-00000001"),
        ("", "400 MalformedXML 0031-00000001"),
    ] {
        assert_eq!(world.ask(Ask::new("PUT", target).body(body)).await.outcome(), expected);
        assert_eq!(world.ask(Ask::new("GET", target)).await.document(), RULES);
    }
    let long = format!("{RULES}{}", " ".repeat(16 << 10));
    let refused = world.ask(Ask::new("PUT", target).body(long)).await;
    assert_eq!(refused.outcome(), "400 EntityTooLarge");
    for _ in 0..2 {
        assert_eq!(world.ask(Ask::new("DELETE", target)).await.outcome(), "204");
        assert_eq!(world.ask(Ask::new("GET", target)).await.outcome(), missing);
    }
    let nowhere = world.ask(Ask::new("PUT", "no-such-bucket?cors").body(RULES)).await;
    assert_eq!(nowhere.outcome(), "404 NoSuchBucket 0015-00000101");
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_first_rule_that_fits() {
    let world = world().await;
    let first = [
        "access-control-allow-methods: GET, HEAD",
        "access-control-allow-origin: https://a.example.com",
        "access-control-expose-headers: ETag, x-oss-request-id",
        "access-control-max-age: 600",
    ];
    let with_headers = [
        "access-control-allow-headers: Range, x-oss-date",
        first[0],
        first[1],
        first[2],
        first[3],
    ];
    let second = ["access-control-allow-methods: GET", "access-control-allow-origin: *"];
    for (origin, method, headers, expected) in [
        ("https://a.example.com", "GET", "", &first[..]),
        ("https://a.example.com", "GET", "Range, x-oss-date", &with_headers),
        ("https://elsewhere.test", "GET", "", &second),
        ("null", "GET", "", &second),
        ("https://elsewhere.test", "HEAD", "", &[]),
        ("https://elsewhere.test", "GET", "range", &[]),
        ("https://a.example.com", "GET", "range,authorization", &[]),
        ("https://a.example.com", "PUT", "", &[]),
    ] {
        let mut ask = Ask::new("OPTIONS", "private-bucket/channel/playlist.m3u8").by(Nobody);
        ask = ask
            .header("origin", origin)
            .header("access-control-request-method", method);
        if !headers.is_empty() {
            ask = ask.header("access-control-request-headers", headers);
        }
        let answer = world.ask(ask).await;
        assert_eq!(allowed(&answer), expected, "{origin} {method} {headers}");
        let outcome = if expected.is_empty() {
            "403 AccessForbidden"
        } else {
            "200"
        };
        assert_eq!(answer.outcome(), outcome, "{origin} {method} {headers}");
    }
}

#[tokio::test]
async fn a_preflight_is_never_authenticated() {
    let world = world().await;
    for form in [Form::V1Url, Form::V4Url] {
        let mut ask = Ask::new("OPTIONS", "private-bucket/key?x-oss-process=hls/sign").form(form);
        ask = ask
            .header("origin", "https://a.example.com")
            .header("access-control-request-method", "GET");
        let request = world.signed(ask);
        world.clock.advance(std::time::Duration::from_secs(3600 * 24 * 30));
        assert_eq!(world.ask_signed(request).await.outcome(), "200", "{form:?}");
    }
}

#[tokio::test]
async fn a_preflight_that_nothing_can_be_said_to_is_refused() {
    let world = world().await;
    let origin = ("origin", "https://a.example.com");
    let method = ("access-control-request-method", "GET");
    for (target, headers, expected) in [
        ("read-bucket/key", &[origin][..], "400 BadRequest"),
        ("read-bucket/key", &[method], "400 BadRequest"),
        ("write-bucket/key", &[origin, method], "403 AccessForbidden"),
        (
            "no-such-bucket/key",
            &[origin, method],
            "404 NoSuchBucket 0015-00000101",
        ),
        ("", &[origin, method], "405 MethodNotAllowed"),
    ] {
        let ask = Ask::new("OPTIONS", target).by(Nobody);
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        assert_eq!(world.ask(ask).await.outcome(), expected, "{target} {headers:?}");
    }
}

#[tokio::test]
async fn plain_answers_let_the_page_in_refusals_too() {
    let world = world().await;
    let first = [
        "access-control-allow-origin: https://a.example.com",
        "access-control-expose-headers: ETag, x-oss-request-id",
    ];
    let second = ["access-control-allow-origin: *"];
    for (method, target, origin, outcome, expected) in [
        ("GET", "read-bucket/key", "https://a.example.com", "200", &first[..]),
        ("HEAD", "read-bucket/key", "https://a.example.com", "200", &first),
        ("GET", "read-bucket/key", "https://elsewhere.test", "200", &second),
        ("HEAD", "read-bucket/key", "https://elsewhere.test", "200", &[]),
        ("GET", "read-bucket/key", "", "200", &[]),
        (
            "GET",
            "read-bucket/none",
            "https://a.example.com",
            "404 NoSuchKey 0026-00000001",
            &first,
        ),
        (
            "GET",
            "private-bucket/key",
            "https://a.example.com",
            "403 AccessDenied 0003-00000001",
            &first,
        ),
        (
            "GET",
            "private-bucket/key?Signature=x",
            "https://a.example.com",
            "403 AccessDenied 0003-00000001",
            &first,
        ),
        (
            "GET",
            "write-bucket/none",
            "https://a.example.com",
            "404 NoSuchKey 0026-00000001",
            &[],
        ),
        (
            "GET",
            "no-such-bucket/none",
            "https://a.example.com",
            "404 NoSuchBucket 0015-00000101",
            &[],
        ),
    ] {
        let mut ask = Ask::new(method, target).by(Nobody);
        if !origin.is_empty() {
            ask = ask.header("origin", origin);
        }
        let answer = world.ask(ask).await;
        assert_eq!(answer.outcome(), outcome, "{method} {target} {origin}");
        assert_eq!(allowed(&answer), expected, "{method} {target} {origin}");
    }
}

#[tokio::test]
async fn answers_vary_where_the_rules_say_so() {
    let world = world().await;
    let rules = RULES.replace("<ResponseVary>false", "<ResponseVary>true");
    world.ask(Ask::new("PUT", "private-bucket?cors").body(rules)).await;
    world.put("private-bucket", "key", b"", Default::default()).await;
    let vary = ["vary: Origin".to_owned()];
    for (ask, outcome) in [
        (Ask::new("GET", "private-bucket/key"), "200"),
        (
            Ask::new("GET", "private-bucket/key").by(Nobody),
            "403 AccessDenied 0003-00000001",
        ),
        (Ask::new("OPTIONS", "private-bucket/key").by(Nobody), "400 BadRequest"),
        (Ask::new("GET", "private-bucket?cors"), "200"),
    ] {
        let name = ask.name();
        let answer = world.ask(ask).await;
        assert_eq!(
            (answer.outcome(), allowed(&answer)),
            (outcome.to_owned(), vary.to_vec()),
            "{name}"
        );
    }
}

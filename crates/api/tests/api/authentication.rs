use std::time::Duration;

use alluvium_catalog::AccessKey;

use crate::world::*;

const FORMS: [Form; 6] = [
    Form::V1Header,
    Form::V1Url,
    Form::V2Header,
    Form::V2Url,
    Form::V4Header,
    Form::V4Url,
];

#[tokio::test]
async fn every_form_of_signature_is_accepted() {
    let world = World::with_buckets().await;
    for form in FORMS {
        for ask in [
            Ask::new("PUT", "private-bucket/folder/a key").body("content"),
            Ask::new("GET", "private-bucket/folder/a key"),
            Ask::new("GET", "private-bucket/folder/a key").at("127.0.0.1:9000"),
            Ask::new("GET", "private-bucket/folder/a key").host("video.example.com"),
            Ask::new("GET", "private-bucket?live&prefix=a b&max-keys=5"),
            Ask::new("GET", "private-bucket?acl"),
            Ask::new("GET", "private-bucket?acl").at("localhost"),
            Ask::new("GET", "?prefix=p&max-keys=7"),
        ] {
            let name = ask.name();
            assert_eq!(world.ask(ask.form(form)).await.outcome(), "200", "{form:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_wrong_signature_is_refused_whatever_the_acl_gives() {
    let world = World::with_buckets().await;
    world.put("write-bucket", "key", b"content", Default::default()).await;
    for (header, expected) in [
        (
            "OSS alice-id:AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "403 SignatureDoesNotMatch 0002-00000040",
        ),
        (
            "OSS nobody-id:AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "403 InvalidAccessKeyId 0002-00000902",
        ),
        (
            "OSS gone-id:AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "403 InvalidAccessKeyId 0002-00000902",
        ),
        (
            "OSS2 AccessKeyId:alice-id,Signature:AAAA",
            "403 SignatureDoesNotMatch 0002-00000040",
        ),
        ("OSS3 AccessKeyId:alice-id,Signature:AAAA", "400 InvalidArgument"),
        ("OSS alice-id", "400 InvalidArgument"),
        ("Basic YTpi", "400 InvalidArgument"),
    ] {
        let ask = Ask::new("GET", "write-bucket/key")
            .by(Nobody)
            .header("date", "Tue, 14 Nov 2023 22:13:20 GMT");
        let answer = world.ask(ask.header("authorization", header)).await;
        assert_eq!(answer.refusal(), expected, "{header}");
        if header.starts_with("OSS alice") && expected.contains("SignatureDoesNotMatch") {
            assert_eq!(answer.detail("SignatureProvided"), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
            assert_eq!(
                answer.detail("StringToSign"),
                "GET\n\n\nTue, 14 Nov 2023 22:13:20 GMT\n/write-bucket/key"
            );
            assert_eq!(answer.detail("OSSAccessKeyId"), "alice-id");
        }
    }
}

#[tokio::test]
async fn a_disabled_key_is_no_key() {
    let world = World::with_buckets().await;
    let gone = world.catalog.access_key("alice-id").await.unwrap();
    let gone = AccessKey { enabled: false, ..gone };
    world.catalog.put_access_key(gone).await.unwrap();
    let answer = world.ask(Ask::new("GET", "private-bucket?acl")).await;
    assert_eq!(answer.refusal(), "403 InvalidAccessKeyId 0002-00000902");
}

#[tokio::test]
async fn an_owner_has_any_number_of_keys() {
    let world = World::with_buckets().await;
    let second = world.catalog.access_key("bob-id").await.unwrap();
    assert_eq!(
        world.ask(Ask::new("GET", "private-bucket?acl").by(Bob)).await.refusal(),
        "403 AccessDenied 0003-00000001"
    );
    let owner = world.catalog.access_key("alice-id").await.unwrap().owner;
    world
        .catalog
        .put_access_key(AccessKey { owner, ..second })
        .await
        .unwrap();
    for who in [Alice, Bob] {
        assert_eq!(
            world.ask(Ask::new("GET", "private-bucket?acl").by(who)).await.outcome(),
            "200"
        );
    }
    world.catalog.delete_access_key("alice-id").await.unwrap();
    assert_eq!(
        world.ask(Ask::new("GET", "private-bucket?acl")).await.refusal(),
        "403 InvalidAccessKeyId 0002-00000902"
    );
    assert_eq!(
        world.ask(Ask::new("GET", "private-bucket?acl").by(Bob)).await.outcome(),
        "200"
    );
}

/// The request with a token where this form has it.
fn with_token(ask: Ask, form: Form, token: &str) -> Ask {
    match form {
        Form::V1Header | Form::V2Header | Form::V4Header => ask.header("x-oss-security-token", token),
        Form::V1Url | Form::V2Url => ask.query("security-token", token),
        Form::V4Url => ask.query("x-oss-security-token", token),
    }
    .form(form)
}

#[tokio::test]
async fn a_temporary_key_is_used_with_its_token() {
    let world = World::with_buckets().await;
    for form in FORMS {
        let outcome = async |who, token: Option<&str>| {
            let ask = Ask::new("GET", "private-bucket?acl").by(who).form(form);
            let ask = match token {
                Some(token) => with_token(ask, form, token),
                None => ask,
            };
            world.ask(ask).await.outcome()
        };
        assert_eq!(outcome(Temporary, Some(TOKEN)).await, "200", "{form:?}");
        let missing = outcome(Temporary, None).await;
        assert_eq!(missing, "403 InvalidAccessKeyId 0002-00000902", "{form:?}");
        let other = outcome(Temporary, Some("other")).await;
        assert_eq!(
            other, "403 AccessKeyIdAndSecurityTokenNotMatch 0002-00000004",
            "{form:?}"
        );
        let needless = outcome(Alice, Some(TOKEN)).await;
        assert_eq!(needless, "403 InvalidSecurityToken 0002-00000006", "{form:?}");
    }
}

#[tokio::test]
async fn a_temporary_key_ends_with_its_token() {
    let world = World::with_buckets().await;
    let expired = "403 SecurityTokenExpired 0002-00000007";
    for (seconds, expected) in [(630, "200"), (1, expired)] {
        world.clock.advance(Duration::from_secs(seconds));
        for form in FORMS {
            let ask = with_token(Ask::new("GET", "private-bucket?acl").by(Temporary), form, TOKEN);
            assert_eq!(world.ask(ask).await.outcome(), expected, "{form:?}");
        }
    }
}

#[tokio::test]
async fn a_token_is_signed() {
    let world = World::with_buckets().await;
    let mut request = world.signed(
        Ask::new("GET", "private-bucket?acl")
            .by(Temporary)
            .header("x-oss-security-token", "another"),
    );
    let token = http::HeaderValue::from_static(TOKEN);
    request.headers_mut().insert("x-oss-security-token", token);
    assert_eq!(
        world.ask_signed(request).await.refusal(),
        "403 SignatureDoesNotMatch 0002-00000040"
    );
}

#[tokio::test]
async fn a_token_in_header_and_url_is_refused() {
    let world = World::with_buckets().await;
    for form in FORMS {
        for parameter in ["security-token", "x-oss-security-token"] {
            let ask = Ask::new("GET", "private-bucket?acl")
                .by(Temporary)
                .header("x-oss-security-token", TOKEN)
                .query(parameter, TOKEN)
                .form(form);
            assert_eq!(
                world.ask(ask).await.refusal(),
                "400 InvalidArgument",
                "{form:?} {parameter}"
            );
        }
    }
}

#[tokio::test]
async fn a_request_is_good_for_its_time_only() {
    let world = World::with_buckets().await;
    for (form, seconds, expected) in [
        (Form::V1Header, 900, "200"),
        (Form::V1Header, 901, "403 RequestTimeTooSkewed"),
        (Form::V2Header, 900, "200"),
        (Form::V2Header, 901, "403 RequestTimeTooSkewed"),
        (Form::V2Url, 600, "200"),
        (Form::V2Url, 601, "403 AccessDenied 0003-00000001"),
        (Form::V4Header, 900, "200"),
        (Form::V4Header, 901, "403 RequestTimeTooSkewed"),
        (Form::V1Url, 600, "200"),
        (Form::V1Url, 601, "403 AccessDenied 0003-00000001"),
        (Form::V4Url, 600, "200"),
        (Form::V4Url, 601, "403 AccessDenied 0003-00000001"),
    ] {
        let signed = world.signed(Ask::new("GET", "private-bucket?acl").form(form));
        world.clock.advance(Duration::from_secs(seconds));
        assert_eq!(
            world.ask_signed(signed).await.outcome(),
            expected,
            "{form:?} after {seconds} s"
        );
    }
}

#[tokio::test]
async fn a_claim_in_header_and_url_is_refused() {
    let world = World::with_buckets().await;
    let ask = Ask::new("GET", "private-bucket?acl").query("OSSAccessKeyId", "alice-id");
    assert_eq!(world.ask(ask).await.refusal(), "400 InvalidArgument");
    let half = Ask::new("GET", "private-bucket?acl")
        .by(Nobody)
        .query("OSSAccessKeyId", "alice-id");
    assert_eq!(world.ask(half).await.refusal(), "403 AccessDenied 0003-00000001");
}

#[tokio::test]
async fn nothing_of_a_body_is_read_before_the_request_is_allowed() {
    let world = World::with_buckets().await;
    for ask in [
        Ask::new("PUT", "private-bucket/key").by(Bob),
        Ask::new("PUT", "private-bucket/key").by(Nobody),
        Ask::new("PUT", "private-bucket/channel?live").by(Bob),
        Ask::new("PUT", "missing-bucket/key"),
        Ask::new("PUT", "new-bucket").by(Nobody),
    ] {
        let unread = futures_util::stream::poll_fn(|_| -> std::task::Poll<Option<Result<&[u8], std::io::Error>>> {
            panic!("the body is read")
        });
        let answer = world.ask(ask.chunked(axum::body::Body::from_stream(unread))).await;
        assert!(matches!(answer.status, 403 | 404));
    }
}

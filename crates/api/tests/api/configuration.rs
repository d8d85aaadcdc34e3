//! What a bucket is configured to do besides its ACL and CORS: referers, lifecycle, and what is the same for all.

use crate::world::{Alice, Ask, Bob, Form, Nobody, World};

const DENIED: &str = "403 AccessDenied 0003-00000001";

#[tokio::test]
async fn every_bucket_tells_its_region_and_that_it_has_no_versions() {
    let world = World::with_buckets().await;
    for (target, expected) in [
        (
            "read-bucket?location",
            "<LocationConstraint>oss-cn-hangzhou</LocationConstraint>",
        ),
        (
            "read-bucket?versioning",
            "<VersioningConfiguration></VersioningConfiguration>",
        ),
    ] {
        assert_eq!(world.ask(Ask::new("GET", target)).await.document(), expected);
        for who in [Nobody, Bob] {
            assert_eq!(world.ask(Ask::new("GET", target).by(who)).await.outcome(), DENIED);
        }
        let nowhere = target.replace("read-bucket", "no-such-bucket");
        let nowhere = world.ask(Ask::new("GET", &nowhere)).await;
        assert_eq!(nowhere.outcome(), "404 NoSuchBucket 0015-00000101");
    }
}

#[tokio::test]
async fn what_is_in_a_bucket_is_counted() {
    let world = World::with_buckets().await;
    for n in 0..1001 {
        world
            .put("read-bucket", &format!("{n}"), b"0123", Default::default())
            .await;
    }
    world.put("private-bucket", "other", b"0123", Default::default()).await;
    world.record("read-bucket", "camera", &[1_700_000_000_000]).await;
    for key in ["a", "b"] {
        let begun = world.ask(Ask::new("POST", &format!("read-bucket/{key}?uploads"))).await;
        assert_eq!(begun.outcome(), "200");
    }
    let stat = world.ask(Ask::new("GET", "read-bucket?stat")).await;
    let expected = "<BucketStat><Storage>4006</Storage><ObjectCount>1002</ObjectCount>\
        <MultipartUploadCount>2</MultipartUploadCount><LiveChannelCount>1</LiveChannelCount>\
        <LastModifiedTime>1700000000</LastModifiedTime><StandardStorage>4006</StandardStorage>\
        <StandardObjectCount>1002</StandardObjectCount></BucketStat>";
    assert_eq!(stat.document(), expected);
    for who in [Nobody, Bob] {
        let answer = world.ask(Ask::new("GET", "read-bucket?stat").by(who)).await;
        assert_eq!(answer.outcome(), DENIED);
    }
}

#[tokio::test]
async fn documents_are_put_shown_and_removed_by_the_owner() {
    let world = World::with_buckets().await;
    let open = "<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer>\
        <AllowTruncateQueryString>true</AllowTruncateQueryString><TruncatePath>false</TruncatePath>\
        <RefererList></RefererList></RefererConfiguration>";
    let referer = open.replace("<RefererList>", "<RefererList><Referer>http://a.test</Referer>");
    let lifecycle = "<LifecycleConfiguration><Rule><ID>x</ID><Prefix>camera/</Prefix><Status>Enabled</Status>\
        <Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>";
    for (target, document) in [("read-bucket?referer", &*referer), ("read-bucket?lifecycle", lifecycle)] {
        for who in [Nobody, Bob] {
            for method in ["GET", "PUT"] {
                let answer = world.ask(Ask::new(method, target).body(document).by(who)).await;
                assert_eq!(answer.outcome(), DENIED, "{method} {target} by {who:?}");
            }
        }
        for (body, expected) in [
            (document, "200"),
            ("<Other/>", "400 MalformedXML 0031-00000001"),
            ("", "400 MalformedXML 0031-00000001"),
        ] {
            assert_eq!(world.ask(Ask::new("PUT", target).body(body)).await.outcome(), expected);
            assert_eq!(world.ask(Ask::new("GET", target)).await.document(), document);
        }
    }
    for target in ["read-bucket?referer", "private-bucket?referer"] {
        assert_eq!(world.ask(Ask::new("PUT", target).body(open)).await.outcome(), "200");
        assert_eq!(world.ask(Ask::new("GET", target)).await.document(), open);
    }
    for who in [Nobody, Bob] {
        let answer = world.ask(Ask::new("DELETE", "read-bucket?lifecycle").by(who)).await;
        assert_eq!(answer.outcome(), DENIED);
    }
    for _ in 0..2 {
        let deleted = world.ask(Ask::new("DELETE", "read-bucket?lifecycle")).await;
        assert_eq!(deleted.outcome(), "204");
        let gone = world.ask(Ask::new("GET", "read-bucket?lifecycle")).await;
        assert_eq!(gone.outcome(), "404 NoSuchLifecycle");
    }
    let nowhere = world.ask(Ask::new("GET", "no-such-bucket?referer")).await;
    assert_eq!(nowhere.outcome(), "404 NoSuchBucket 0015-00000101");
}

#[tokio::test]
async fn a_thousand_lifecycle_rules_may_be_longer_than_other_documents() {
    let world = World::with_buckets().await;
    let rule = |n: usize| {
        format!("<Rule><Prefix>{n:0400}</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>")
    };
    for (count, expected) in [(1000, "200"), (1001, "400 InvalidArgument")] {
        let rules: String = (0..count).map(rule).collect();
        let body = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        assert!(body.len() > 64 << 10);
        let put = world.ask(Ask::new("PUT", "read-bucket?lifecycle").body(body)).await;
        assert_eq!(put.outcome(), expected, "{count}");
    }
    let long = " ".repeat((512 << 10) + 1);
    let put = world.ask(Ask::new("PUT", "read-bucket?lifecycle").body(long)).await;
    assert_eq!(put.outcome(), "400 EntityTooLarge");
}

#[tokio::test]
async fn pages_are_checked_of_requests_that_a_page_can_make() {
    let world = World::with_buckets().await;
    let policy = "<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer>\
        <RefererList><Referer>https://*.example.com</Referer></RefererList></RefererConfiguration>";
    for bucket in ["private-bucket", "read-bucket"] {
        world.put(bucket, "key", b"0123", Default::default()).await;
        world
            .ask(Ask::new("PUT", &format!("{bucket}?referer")).body(policy))
            .await;
    }
    let good = "https://www.example.com/page";
    let bad = "https://elsewhere.test/page";
    for (method, target, who, form, referer, expected) in [
        ("GET", "read-bucket/key", Nobody, Form::V1Header, good, "200"),
        ("GET", "read-bucket/key", Nobody, Form::V1Header, bad, DENIED),
        ("GET", "read-bucket/key", Nobody, Form::V1Header, "", DENIED),
        ("HEAD", "read-bucket/key", Nobody, Form::V1Header, bad, DENIED),
        (
            "HEAD",
            "read-bucket/key?objectMeta",
            Nobody,
            Form::V1Header,
            bad,
            DENIED,
        ),
        ("GET", "private-bucket/key", Alice, Form::V1Url, good, "200"),
        ("GET", "private-bucket/key", Alice, Form::V1Url, bad, DENIED),
        ("GET", "private-bucket/key", Alice, Form::V4Url, bad, DENIED),
        ("GET", "private-bucket/key", Alice, Form::V4Url, "", DENIED),
        (
            "GET",
            "private-bucket/key?x-oss-process=hls/sign",
            Alice,
            Form::V1Url,
            bad,
            DENIED,
        ),
        ("GET", "private-bucket/key", Alice, Form::V1Header, bad, "200"),
        ("GET", "private-bucket/key", Alice, Form::V4Header, "", "200"),
        // Neither a write nor the bucket itself is what a page links to.
        ("DELETE", "private-bucket/other", Alice, Form::V1Url, bad, "204"),
        ("GET", "private-bucket", Alice, Form::V1Url, bad, "200"),
        (
            "GET",
            "no-such-bucket/key",
            Nobody,
            Form::V1Header,
            bad,
            "404 NoSuchBucket 0015-00000101",
        ),
    ] {
        let mut ask = Ask::new(method, target).by(who).form(form);
        if !referer.is_empty() {
            ask = ask.header("referer", referer);
        }
        let answer = world.ask(ask).await;
        assert_eq!(
            answer.outcome(),
            expected,
            "{method} {target} {who:?} {form:?} {referer}"
        );
    }
    let refused = world.ask(Ask::new("GET", "read-bucket/key").by(Nobody)).await;
    assert_eq!(refused.detail("Message"), "You are denied by bucket referer policy.");
    let off = policy.replace("<Referer>https://*.example.com</Referer>", "");
    world.ask(Ask::new("PUT", "read-bucket?referer").body(off)).await;
    let asked = world.ask(Ask::new("GET", "read-bucket/key").by(Nobody)).await;
    assert_eq!(asked.outcome(), "200");
}

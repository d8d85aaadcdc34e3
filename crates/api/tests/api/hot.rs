//! What is asked for again and again is answered from memory, and is what it is at that moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use alluvium_api::Lifecycle;
use tokio_util::sync::CancellationToken;

use crate::world::{Alice, Ask, Nobody, World};

const DENIED: &str = "403 AccessDenied 0003-00000001";

/// Asks for it as often as makes it hot, and once more.
async fn watched(world: &World, target: &str) -> String {
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        let answer = world.ask(Ask::new("GET", target).by(Nobody)).await;
        let outcome = match answer.outcome().as_str() {
            "200" => answer.text().to_owned(),
            refused => refused.to_owned(),
        };
        outcomes.push(outcome);
    }
    outcomes.dedup();
    let [outcome] = &outcomes[..] else {
        panic!("{target}: {outcomes:?}")
    };
    outcome.clone()
}

async fn done(world: &World, ask: Ask) {
    let name = ask.name();
    let outcome = world.ask(ask.by(Alice)).await.outcome();
    assert!(outcome.starts_with('2'), "{name}: {outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_older_than_the_last_change() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on_disk(folder.path()).await;
    let put = |key: &str, body: String| Ask::new("PUT", &format!("read-bucket/{key}")).body(body);
    let acl = |target: &str, acl: &str| {
        Ask::new("PUT", &format!("{target}?acl")).header(
            if target.contains('/') {
                "x-oss-object-acl"
            } else {
                "x-oss-acl"
            },
            acl,
        )
    };
    // Of the second, the bytes are in a file.
    for (key, length) in [("live.m3u8", 100), ("1.ts", 100_000)] {
        let target = &*format!("read-bucket/{key}");
        let body = |text: &str| text.repeat(length / text.len());
        done(&world, put(key, body("old!"))).await;
        assert_eq!(watched(&world, target).await, body("old!"));

        done(&world, put(key, body("new!"))).await;
        assert_eq!(watched(&world, target).await, body("new!"));
        let etag = world
            .ask(Ask::new("HEAD", target))
            .await
            .header("etag")
            .unwrap()
            .to_owned();
        let unchanged = world
            .ask(Ask::new("GET", target).by(Nobody).header("if-none-match", &etag))
            .await;
        assert_eq!(unchanged.status, 304);
        let range = world
            .ask(Ask::new("GET", target).by(Nobody).header("range", "bytes=2-5"))
            .await;
        assert_eq!((range.status, range.text()), (206, "w!ne"));

        done(&world, acl(target, "private")).await;
        assert_eq!(watched(&world, target).await, DENIED);
        done(&world, acl(target, "default")).await;
        assert_eq!(watched(&world, target).await, body("new!"));
        done(&world, acl("read-bucket", "private")).await;
        assert_eq!(watched(&world, target).await, DENIED);
        done(&world, acl("read-bucket", "public-read")).await;
        assert_eq!(watched(&world, target).await, body("new!"));

        done(&world, Ask::new("DELETE", target)).await;
        assert_eq!(watched(&world, target).await, "404 NoSuchKey 0026-00000001");
        done(&world, put(key, body("back"))).await;
        assert_eq!(watched(&world, target).await, body("back"));
    }

    let rule = "<Rule><Prefix>1.</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>";
    let rules = format!("<LifecycleConfiguration>{rule}</LifecycleConfiguration>");
    done(&world, Ask::new("PUT", "read-bucket?lifecycle").body(rules)).await;
    world.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    let lifecycle = Lifecycle::new(world.store.clone(), world.catalog.clone(), world.clock.clone());
    assert_eq!(lifecycle.pass(&CancellationToken::new()).await.deleted, 1);
    assert_eq!(watched(&world, "read-bucket/1.ts").await, "404 NoSuchKey 0026-00000001");

    done(&world, Ask::new("DELETE", "read-bucket/live.m3u8")).await;
    done(&world, Ask::new("DELETE", "read-bucket")).await;
    assert_eq!(
        watched(&world, "read-bucket/live.m3u8").await,
        "404 NoSuchBucket 0015-00000101"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_a_bucket_count_from_the_answer_that_put_them() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on_disk(folder.path()).await;
    done(&world, Ask::new("PUT", "read-bucket/key").body("text")).await;
    let allowed = async || {
        let ask = Ask::new("GET", "read-bucket/key")
            .by(Nobody)
            .header("origin", "https://a.example");
        let answer = world.ask(ask).await;
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    for origin in ["*", "https://a.example"] {
        let rule =
            format!("<CORSRule><AllowedOrigin>{origin}</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>");
        let rules = format!("<CORSConfiguration>{rule}</CORSConfiguration>");
        done(&world, Ask::new("PUT", "read-bucket?cors").body(rules)).await;
        for _ in 0..3 {
            assert_eq!(allowed().await.as_deref(), Some(origin));
        }
    }
    done(&world, Ask::new("DELETE", "read-bucket?cors")).await;
    for _ in 0..3 {
        assert_eq!(allowed().await, None);
    }

    let policy = |empty: bool| {
        format!(
            "<RefererConfiguration><AllowEmptyReferer>{empty}</AllowEmptyReferer><RefererList>\
             <Referer>https://a.example</Referer></RefererList></RefererConfiguration>"
        )
    };
    for (empty, expected) in [(false, DENIED), (true, "text"), (false, DENIED)] {
        done(&world, Ask::new("PUT", "read-bucket?referer").body(policy(empty))).await;
        let outcome = watched(&world, "read-bucket/key").await;
        assert!(outcome == expected || outcome.starts_with("403") && !empty, "{outcome}");
    }
}

/// Viewers ask all the time while the playlist is rewritten and closed to them by turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_of_a_channel_never_see_what_was_before_the_last_answer() {
    const ROUNDS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::on_disk(folder.path()).await);
    let put = |number: usize| Ask::new("PUT", "read-bucket/live.m3u8").body(number.to_string());
    done(&world, put(0)).await;
    let (begun, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let viewers: Vec<_> = (0..4)
        .map(|_| {
            let (world, begun, answered) = (Arc::clone(&world), Arc::clone(&begun), Arc::clone(&answered));
            tokio::spawn(async move {
                while answered.load(SeqCst) < ROUNDS {
                    let least = answered.load(SeqCst);
                    let answer = world.ask(Ask::new("GET", "read-bucket/live.m3u8").by(Nobody)).await;
                    let is_closed = least % 2 == 1;
                    match answer.status {
                        200 => {
                            let seen: usize = answer.text().parse().unwrap();
                            assert!(seen >= least, "{seen} after {least}");
                            assert!(!is_closed || begun.load(SeqCst) > least, "{least} is closed to viewers");
                        }
                        403 => assert!(is_closed || begun.load(SeqCst) > least, "{least} is open to viewers"),
                        status => panic!("{status}"),
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 1..=ROUNDS {
        begun.store(round, SeqCst);
        done(&world, put(round)).await;
        let acl = if round % 2 == 1 { "private" } else { "public-read" };
        done(&world, Ask::new("PUT", "read-bucket?acl").header("x-oss-acl", acl)).await;
        answered.store(round, SeqCst);
    }
    for viewer in viewers {
        viewer.await.unwrap();
    }
    assert_eq!(
        world.bytes("read-bucket", "live.m3u8").await,
        Some(ROUNDS.to_string().into())
    );
}

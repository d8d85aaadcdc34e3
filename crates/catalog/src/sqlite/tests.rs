use std::path::{Path, PathBuf};
use std::time::Duration;

use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, OwnerId, Secret, UnixTime};
use rusqlite::Connection;
use tempfile::TempDir;

use super::schema::MIGRATIONS;
use crate::{
    AccessKey, Activity, BucketDocument, Catalog, Error, Lease, NodeId, OpenSession, SegmentRecord, SqliteCatalog,
    Statistics,
};

crate::catalog_conformance!(fresh, 16);

fn fresh() -> (SqliteCatalog, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (SqliteCatalog::open(&file(&folder)).unwrap(), folder)
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("catalog.sqlite")
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn place() -> (BucketName, ChannelName) {
    (
        BucketName::parse("bucket").unwrap(),
        ChannelName::parse("channel").unwrap(),
    )
}

fn asking(now: UnixTime) -> OpenSession {
    let (bucket, channel) = place();
    OpenSession {
        bucket,
        channel,
        node: NodeId::new("node"),
        remote_addr: "[2001:db8::1]:1935".parse().unwrap(),
        playlist_name: None,
        at: now,
        busy_within: Duration::from_secs(3),
    }
}

async fn create(catalog: &SqliteCatalog) {
    let (bucket, channel) = place();
    catalog
        .create_bucket(&bucket, &OwnerId::new("o"), None, at(1))
        .await
        .unwrap();
    catalog
        .put_channel(&bucket, &channel, &ChannelConfig::default(), at(1))
        .await
        .unwrap();
}

fn segment(lease: &Lease, sequence: u64) -> SegmentRecord {
    let name = at(100 + sequence.cast_signed());
    SegmentRecord {
        session: lease.session,
        sequence,
        discontinuity_sequence: 0,
        discontinuity: false,
        name,
        program_date_time: name,
        duration: 90_000,
        length: 188,
        crc64: u64::MAX,
    }
}

#[tokio::test]
async fn keeps_everything_but_renewals_over_a_restart() {
    let (catalog, folder) = fresh();
    create(&catalog).await;
    let (bucket, channel) = place();
    let secret = Secret::new("secret".to_owned());
    let key = AccessKey {
        id: "id".to_owned(),
        secret,
        owner: OwnerId::new("o"),
        security_token: None,
        enabled: true,
        created: at(1),
    };
    catalog.put_access_key(key).await.unwrap();
    let past = catalog.open_session(asking(at(10))).await.unwrap();
    catalog.close_session(&past, at(20)).await.unwrap();
    let lease = catalog.open_session(asking(at(100))).await.unwrap();
    for sequence in 0..3 {
        catalog.append_segment(&lease, segment(&lease, sequence)).await.unwrap();
    }
    catalog
        .withdraw_segment(&bucket, &channel.segment_key(at(100)))
        .await
        .unwrap();
    let activity = Activity {
        at: at(200),
        last_media: at(200),
        statistics: Statistics::default(),
    };
    catalog.renew(&lease, activity).await.unwrap();
    let (records, channels) = (catalog.bucket(&bucket).await, catalog.channel(&bucket, &channel).await);
    let history = catalog.recent_sessions(&bucket, &channel, 10).await;
    drop(catalog);

    let catalog = SqliteCatalog::open(&file(&folder)).unwrap();
    assert_eq!(catalog.access_key("id").await.unwrap().secret.expose(), "secret");
    assert_eq!(catalog.bucket(&bucket).await, records);
    assert_eq!(catalog.channel(&bucket, &channel).await, channels);
    assert_eq!(catalog.recent_sessions(&bucket, &channel, 10).await, history);
    let live = catalog.live_session(&bucket, &channel).await.unwrap().unwrap();
    assert_eq!((live.session, live.epoch, live.last_media), (lease.session, 2, at(100)));

    let left = catalog.open_sessions(&NodeId::new("node")).await.unwrap().remove(0);
    assert_eq!((left.session, left.epoch, left.next_sequence), (lease.session, 2, 3));
    assert_eq!(left.window, [segment(&lease, 1), segment(&lease, 2)]);
    catalog.renew(&left, activity).await.unwrap();
    assert_eq!(
        catalog
            .append_segment(&left, segment(&left, 3))
            .await
            .unwrap()
            .listable_from,
        1
    );
    catalog.close_session(&left, at(210)).await.unwrap();
    assert_eq!(catalog.unended(at(300), 10).await.unwrap().len(), 1);
    drop(catalog);

    let catalog = SqliteCatalog::open(&file(&folder)).unwrap();
    assert_eq!(catalog.unended(at(300), 10).await.unwrap()[0].epoch, 2);
    assert_eq!(catalog.renew(&left, activity).await, Err(Error::Fenced { epoch: 2 }));
    assert_eq!(catalog.open_session(asking(at(211))).await.unwrap().epoch, 3);
}

#[tokio::test]
async fn sees_access_keys_that_another_process_has_changed() {
    let (catalog, folder) = fresh();
    create(&catalog).await;
    let (bucket, channel) = place();
    let lease = catalog.open_session(asking(at(1))).await.unwrap();
    let beside = SqliteCatalog::open(&file(&folder)).unwrap();
    let mut key = AccessKey {
        id: "id".to_owned(),
        secret: Secret::new("secret".to_owned()),
        owner: OwnerId::new("o"),
        security_token: None,
        enabled: true,
        created: at(1),
    };
    beside.put_access_key(key.clone()).await.unwrap();
    assert!(catalog.access_key("id").await.unwrap().enabled);
    key.enabled = false;
    beside.put_access_key(key).await.unwrap();
    assert!(!catalog.access_key("id").await.unwrap().enabled);
    beside.delete_access_key("id").await.unwrap();
    drop(beside);
    assert!(catalog.access_keys().await.unwrap().is_empty());
    catalog.append_segment(&lease, segment(&lease, 0)).await.unwrap();
    assert!(catalog.live_session(&bucket, &channel).await.unwrap().is_some());
}

#[tokio::test]
async fn removes_the_rows_of_a_deleted_bucket_little_by_little() {
    let (catalog, folder) = fresh();
    create(&catalog).await;
    let (bucket, channel) = place();
    let lease = catalog.open_session(asking(at(10))).await.unwrap();
    catalog.close_session(&lease, at(20)).await.unwrap();
    drop(catalog);
    let aside = Connection::open(file(&folder)).unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2499)
                INSERT INTO segments SELECT (SELECT id FROM positions), i, 0, i, 0, 0, i, 1, 1, 1 FROM n";
    aside.execute(rows, ()).unwrap();

    let catalog = SqliteCatalog::open(&file(&folder)).unwrap();
    let everything = |limit| catalog.segments_between(&bucket, &channel, at(0), at(9), None, limit);
    assert_eq!(everything(5_000).await.unwrap().len(), 2_500);
    catalog.delete_channel(&bucket, &channel).await.unwrap();
    catalog.delete_bucket(&bucket).await.unwrap();
    assert_eq!(everything(5_000).await.unwrap().len(), 0);
    drop(catalog);

    // What the writer had not reached yet, a later start finishes.
    let mut steps = 0;
    while super::sweep::step(&aside).unwrap() {
        steps += 1;
    }
    assert!(steps <= 4, "{steps} steps for 2500 rows");
    let left = |table| {
        aside
            .query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!((left("segments"), left("sessions"), left("positions")), (0, 0, 0));
}

#[tokio::test]
async fn answers_every_change_of_a_crowd() {
    let (catalog, _folder) = fresh();
    create(&catalog).await;
    let (bucket, _) = place();
    let catalog = std::sync::Arc::new(catalog);
    let callers: Vec<_> = (0..2_000)
        .map(|n| {
            let (catalog, bucket) = (std::sync::Arc::clone(&catalog), bucket.clone());
            let name = ChannelName::parse(&format!("channel-{n}")).unwrap();
            let config = ChannelConfig::default();
            tokio::spawn(async move { catalog.put_channel(&bucket, &name, &config, at(1)).await })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    let query = crate::ChannelQuery {
        limit: 5_000,
        ..crate::ChannelQuery::default()
    };
    assert_eq!(catalog.channels(&bucket, &query).await.unwrap().items.len(), 2_001);
}

#[tokio::test]
async fn takes_back_the_whole_batch_when_the_disk_is_full() {
    let (catalog, folder) = fresh();
    create(&catalog).await;
    let lease = catalog.open_session(asking(at(10))).await.unwrap();
    drop(catalog);
    let connection = super::schema::open(&file(&folder)).unwrap();
    let pages: i64 = connection.query_row("PRAGMA page_count", (), |row| row.get(0)).unwrap();
    connection
        .query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))
        .unwrap();
    let path: std::sync::Arc<Path> = file(&folder).into();
    let writer = super::writer::Writer::start(connection, path).unwrap();

    let (bucket, _) = place();
    let put = |n: u32| {
        let (bucket, name) = (bucket.clone(), ChannelName::parse(&format!("channel-{n}")).unwrap());
        let config = ChannelConfig {
            description: "x".repeat(3_000),
            ..ChannelConfig::default()
        };
        writer.run(
            move |connection| super::channels::put(connection, &bucket, &name, &config, at(1)),
            |put| put,
        )
    };
    let mut stored = 0;
    let error = loop {
        match put(stored).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "the disk is never full");
    };
    assert!(
        matches!(&error, Error::Unavailable { reason } if reason.contains("catalog.sqlite")),
        "{error}"
    );
    drop(writer);

    let catalog = SqliteCatalog::open(&file(&folder)).unwrap();
    let query = crate::ChannelQuery {
        limit: 1_000,
        ..crate::ChannelQuery::default()
    };
    assert_eq!(
        catalog.channels(&bucket, &query).await.unwrap().items.len(),
        stored as usize + 1
    );
    catalog.append_segment(&lease, segment(&lease, 0)).await.unwrap();
}

#[test]
fn refuses_what_is_no_catalog_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path, word: &str| {
        let error = SqliteCatalog::open(path).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&path.display().to_string()) && text.contains(word),
            "{text}"
        );
        error
    };
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, [0x5a; 8_192]).unwrap();
    assert!(matches!(check(&garbage, "not a database"), Error::Damaged { .. }));

    let foreign = folder.path().join("foreign");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(matches!(check(&foreign, "another program"), Error::Damaged { .. }));

    assert!(matches!(
        check(&folder.path().join("none/catalog"), "No such file"),
        Error::Unavailable { .. }
    ));
    assert!(matches!(check(folder.path(), "directory"), Error::Unavailable { .. }));
}

#[tokio::test]
async fn reports_damage_that_shows_later() {
    let (catalog, folder) = fresh();
    create(&catalog).await;
    let (bucket, channel) = place();
    let aside = Connection::open(file(&folder)).unwrap();
    aside
        .execute("UPDATE channels SET playlist_name = 'nonsense'", ())
        .unwrap();
    let error = catalog.channel(&bucket, &channel).await.unwrap_err();
    assert!(
        matches!(&error, Error::Damaged { reason } if reason.contains("catalog.sqlite")),
        "{error}"
    );
}

#[tokio::test]
async fn brings_a_file_of_the_first_schema_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    let key = "PRAGMA application_id = 0x616c766d; PRAGMA user_version = 1;
               INSERT INTO access_keys VALUES ('id', 'secret', 'o', 1, 1000)";
    old.execute_batch(key).unwrap();
    drop(old);

    for _ in 0..2 {
        let catalog = SqliteCatalog::open(&path).unwrap();
        let key = catalog.access_key("id").await.unwrap();
        assert_eq!((key.secret.expose(), key.enabled, key.created), ("secret", true, at(1)));
        assert_eq!(key.security_token, None);
        create(&catalog).await;
    }
}

#[test]
fn refuses_a_newer_schema_and_leaves_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    drop(SqliteCatalog::open(&path).unwrap());
    let supported = i64::try_from(MIGRATIONS.len()).unwrap();
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", supported + 1)
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let expected = Error::NewerSchema {
        path: path.clone(),
        found: supported + 1,
        supported,
    };
    assert_eq!(SqliteCatalog::open(&path).unwrap_err(), expected);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[tokio::test]
async fn lets_only_its_owner_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (catalog, folder) = fresh();
    create(&catalog).await;
    let names = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let modes: Vec<_> = names.map(|path| (mode(&path), path)).collect();
    assert!(
        modes.len() > 1 && modes.iter().all(|(mode, _)| *mode == 0o600),
        "{modes:?}"
    );
    drop(catalog);
    std::fs::set_permissions(file(&folder), std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(SqliteCatalog::open(&file(&folder)).unwrap());
    assert_eq!(mode(&file(&folder)), 0o600);
}

/// Readers run all the time, so that what they have read meets changes at every stage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_no_older_bucket_than_was_answered_before() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    const CHANGES: usize = 300;
    let acl_of = |change: usize| [Acl::Private, Acl::PublicRead][change % 2];

    let (catalog, _folder) = fresh();
    create(&catalog).await;
    let (bucket, _) = place();
    let catalog = Arc::new(catalog);
    catalog
        .put_bucket_document(&bucket, BucketDocument::Cors, "0")
        .await
        .unwrap();
    let (begun, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let read = {
        let (catalog, bucket, begun, answered) = (
            Arc::clone(&catalog),
            bucket.clone(),
            Arc::clone(&begun),
            Arc::clone(&answered),
        );
        move || {
            let (catalog, bucket, begun, answered) = (
                Arc::clone(&catalog),
                bucket.clone(),
                Arc::clone(&begun),
                Arc::clone(&answered),
            );
            async move {
                let mut read = 0;
                while answered.load(SeqCst) < CHANGES {
                    let least = answered.load(SeqCst);
                    let found = catalog.bucket(&bucket).await.unwrap();
                    let document = catalog.bucket_document(&bucket, BucketDocument::Cors).await.unwrap();
                    let seen: usize = document.unwrap().parse().unwrap();
                    assert!(seen >= least, "{seen} after {least}");
                    if begun.load(SeqCst) == least {
                        assert_eq!(found.acl, acl_of(least));
                    }
                    read += 1;
                    tokio::task::yield_now().await;
                }
                read
            }
        }
    };
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(read())).collect();
    for change in 1..=CHANGES {
        begun.store(change, SeqCst);
        catalog.set_bucket_acl(&bucket, acl_of(change)).await.unwrap();
        let text = change.to_string();
        catalog
            .put_bucket_document(&bucket, BucketDocument::Cors, &text)
            .await
            .unwrap();
        answered.store(change, SeqCst);
    }
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    catalog
        .delete_bucket_document(&bucket, BucketDocument::Cors)
        .await
        .unwrap();
    assert_eq!(catalog.bucket_document(&bucket, BucketDocument::Cors).await, Ok(None));
    catalog.delete_channel(&bucket, &place().1).await.unwrap();
    catalog.delete_bucket(&bucket).await.unwrap();
    let missing = Err(Error::NotFound {
        what: crate::Missing::Bucket,
    });
    assert_eq!(catalog.bucket(&bucket).await, missing);
}

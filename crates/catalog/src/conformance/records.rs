use std::sync::Arc;

use alluvium_oss::{Acl, ChannelConfig, ChannelStatus, Secret, SecurityToken};

use super::site::{Site, at, bucket, channel, owner};
use crate::{AccessKey, BucketDocument, BucketQuery, Catalog, ChannelQuery, ChannelState, Error, Missing, Page};

pub async fn keeps_access_keys(catalog: Arc<dyn Catalog>) {
    let key = |id: &str, secret: &str, enabled| AccessKey {
        id: id.to_owned(),
        secret: Secret::new(secret.to_owned()),
        owner: owner("o"),
        security_token: None,
        enabled,
        created: at(1),
    };
    assert_eq!(
        catalog.access_key("a").await.unwrap_err(),
        Error::NotFound {
            what: Missing::AccessKey
        }
    );
    catalog.put_access_key(key("b", "second", true)).await.unwrap();
    catalog.put_access_key(key("a", "first", true)).await.unwrap();
    catalog.put_access_key(key("a", "changed", false)).await.unwrap();
    let found = catalog.access_key("a").await.unwrap();
    assert_eq!(
        (found.secret.expose(), found.enabled, &found.owner, found.created),
        ("changed", false, &owner("o"), at(1))
    );
    assert!(!format!("{found:?}").contains("changed"), "a secret shows in {found:?}");
    let ids: Vec<String> = catalog
        .access_keys()
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.id)
        .collect();
    assert_eq!(ids, ["a", "b"]);
}

pub async fn keeps_the_token_of_a_temporary_key(catalog: Arc<dyn Catalog>) {
    let token = SecurityToken {
        text: Secret::new("token".to_owned()),
        expires: at(3600),
    };
    let key = |security_token| AccessKey {
        id: "a".to_owned(),
        secret: Secret::new("secret".to_owned()),
        owner: owner("o"),
        security_token,
        enabled: true,
        created: at(1),
    };
    for put in [None, Some(token), None] {
        catalog.put_access_key(key(put.clone())).await.unwrap();
        assert_eq!(catalog.access_key("a").await.unwrap().security_token, put);
    }
}

pub async fn deletes_an_access_key_once(catalog: Arc<dyn Catalog>) {
    let key = |id: &str| AccessKey {
        id: id.to_owned(),
        secret: Secret::new("secret".to_owned()),
        owner: owner("o"),
        security_token: None,
        enabled: true,
        created: at(1),
    };
    let missing = Error::NotFound {
        what: Missing::AccessKey,
    };
    let name = bucket("bucket");
    catalog.create_bucket(&name, &owner("o"), None, at(1)).await.unwrap();
    for id in ["a", "b"] {
        catalog.put_access_key(key(id)).await.unwrap();
    }
    catalog.delete_access_key("a").await.unwrap();
    assert_eq!(catalog.delete_access_key("a").await, Err(missing.clone()));
    assert_eq!(catalog.access_key("a").await.unwrap_err(), missing);
    assert_eq!(catalog.access_keys().await.unwrap().len(), 1);
    assert_eq!(catalog.bucket(&name).await.unwrap().owner, owner("o"));
}

pub async fn creates_a_bucket_again_for_its_owner_only(catalog: Arc<dyn Catalog>) {
    let name = bucket("bucket");
    assert_eq!(
        catalog.bucket(&name).await,
        Err(Error::NotFound { what: Missing::Bucket })
    );
    assert_eq!(
        catalog.set_bucket_acl(&name, Acl::PublicRead).await,
        Err(Error::NotFound { what: Missing::Bucket })
    );
    let created = catalog.create_bucket(&name, &owner("o"), None, at(1)).await.unwrap();
    assert_eq!((created.acl, created.created), (Acl::Private, at(1)));
    let again = catalog
        .create_bucket(&name, &owner("o"), Some(Acl::PublicRead), at(2))
        .await
        .unwrap();
    assert_eq!((again.acl, again.created), (Acl::PublicRead, at(1)));
    let kept = catalog.create_bucket(&name, &owner("o"), None, at(3)).await.unwrap();
    assert_eq!(kept, again);
    assert_eq!(
        catalog
            .create_bucket(&name, &owner("p"), Some(Acl::Private), at(4))
            .await,
        Err(Error::Exists)
    );
    assert_eq!(catalog.bucket(&name).await, Ok(again));
    catalog.set_bucket_acl(&name, Acl::PublicReadWrite).await.unwrap();
    assert_eq!(catalog.bucket(&name).await.unwrap().acl, Acl::PublicReadWrite);
}

pub async fn pages_buckets_in_byte_order(catalog: Arc<dyn Catalog>) {
    for (name, whose) in [
        ("live-b", "o"),
        ("live-a", "o"),
        ("other", "o"),
        ("live-c", "p"),
        ("kino", "o"),
    ] {
        catalog
            .create_bucket(&bucket(name), &owner(whose), None, at(0))
            .await
            .unwrap();
    }
    /// Owner, prefix, after, limit; names and next.
    type Row<'a> = (Option<&'a str>, &'a str, &'a str, usize, &'a [&'a str], Option<&'a str>);
    let table: &[Row<'_>] = &[
        (None, "", "", 10, &["kino", "live-a", "live-b", "live-c", "other"], None),
        (None, "", "", 2, &["kino", "live-a"], Some("live-a")),
        (None, "live-", "", 2, &["live-a", "live-b"], Some("live-b")),
        (None, "live-", "live-b", 2, &["live-c"], None),
        (None, "live-", "a", 3, &["live-a", "live-b", "live-c"], None),
        (None, "live-", "live-a0", 3, &["live-b", "live-c"], None),
        (None, "live-", "z", 3, &[], None),
        (Some("o"), "live-", "", 3, &["live-a", "live-b"], None),
        (Some("o"), "", "", 3, &["kino", "live-a", "live-b"], Some("live-b")),
        (Some("q"), "", "", 3, &[], None),
    ];
    for &(whose, prefix, after, limit, names, next) in table {
        let query = BucketQuery {
            owner: whose.map(owner),
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            limit,
        };
        let page = catalog.buckets(&query).await.unwrap();
        assert_eq!(
            page_names(page, |bucket| bucket.name.as_str()),
            (texts(names), next.map(str::to_owned)),
            "{query:?}"
        );
    }
}

pub async fn deletes_only_an_empty_bucket(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let other = bucket("other");
    site.catalog
        .create_bucket(&other, &owner("o"), None, at(0))
        .await
        .unwrap();
    assert_eq!(
        site.catalog.delete_bucket(&bucket("none")).await,
        Err(Error::NotFound { what: Missing::Bucket })
    );
    assert_eq!(site.catalog.delete_bucket(&site.bucket).await, Err(Error::NotEmpty));
    site.catalog.delete_bucket(&other).await.unwrap();
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
    site.catalog.delete_bucket(&site.bucket).await.unwrap();
    assert_eq!(
        site.catalog.bucket(&site.bucket).await,
        Err(Error::NotFound { what: Missing::Bucket })
    );
}

pub async fn keeps_documents_until_their_bucket_goes(catalog: Arc<dyn Catalog>) {
    let (name, other) = (bucket("bucket"), bucket("other"));
    let missing = Error::NotFound { what: Missing::Bucket };
    for &kind in BucketDocument::ALL {
        let catalog = &catalog;
        assert_eq!(catalog.bucket_document(&name, kind).await, Err(missing.clone()));
        assert_eq!(
            catalog.put_bucket_document(&name, kind, "a").await,
            Err(missing.clone())
        );
        assert_eq!(catalog.delete_bucket_document(&name, kind).await, Err(missing.clone()));
        for bucket in [&name, &other] {
            catalog.create_bucket(bucket, &owner("o"), None, at(1)).await.unwrap();
            assert_eq!(catalog.bucket_document(bucket, kind).await, Ok(None));
        }
        for document in ["first", "second <&> \u{6d4b}"] {
            catalog.put_bucket_document(&name, kind, document).await.unwrap();
            assert_eq!(
                catalog.bucket_document(&name, kind).await,
                Ok(Some(document.to_owned()))
            );
        }
        assert_eq!(catalog.bucket_document(&other, kind).await, Ok(None));
        let shown = [
            catalog.bucket(&name).await.unwrap(),
            catalog.create_bucket(&name, &owner("o"), None, at(2)).await.unwrap(),
            catalog
                .buckets(&BucketQuery {
                    limit: 2,
                    ..BucketQuery::default()
                })
                .await
                .unwrap()
                .items
                .remove(0),
        ];
        for shown in shown {
            assert_eq!((shown.documents.len(), shown.documents.contains(&kind)), (1, true));
        }
        assert!(catalog.bucket(&other).await.unwrap().documents.is_empty());
        for _ in 0..2 {
            catalog.delete_bucket_document(&name, kind).await.unwrap();
            assert_eq!(catalog.bucket_document(&name, kind).await, Ok(None));
            assert!(catalog.bucket(&name).await.unwrap().documents.is_empty());
        }
        catalog.put_bucket_document(&name, kind, "third").await.unwrap();
        for bucket in [&name, &other] {
            catalog.delete_bucket(bucket).await.unwrap();
        }
        let again = catalog.create_bucket(&name, &owner("o"), None, at(3)).await.unwrap();
        assert!(again.documents.is_empty());
        assert_eq!(catalog.bucket_document(&name, kind).await, Ok(None));
        catalog.delete_bucket(&name).await.unwrap();
    }
}

pub async fn replaces_a_channel_whole(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let config = ChannelConfig {
        description: "line\n<&>\u{0}\u{6d4b}".to_owned(),
        status: ChannelStatus::Disabled,
        frag_duration_s: 100,
        frag_count: 7,
        playlist_name: alluvium_oss::PlaylistName::parse("other.m3u8").unwrap(),
    };
    let put = site
        .catalog
        .put_channel(&site.bucket, &site.channel, &config, at(5))
        .await
        .unwrap();
    assert_eq!((&put.config, put.modified), (&config, at(5)));
    assert_eq!(site.catalog.channel(&site.bucket, &site.channel).await, Ok(put));
}

pub async fn pages_channels_in_byte_order(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let elsewhere = bucket("another");
    site.catalog
        .create_bucket(&elsewhere, &owner("o"), None, at(0))
        .await
        .unwrap();
    let config = ChannelConfig::default();
    site.catalog
        .put_channel(&elsewhere, &channel("channel-9"), &config, at(0))
        .await
        .unwrap();
    for name in ["channel-10", "channel-1", "\u{6d4b}\u{8bd5}", "Channel", "channel 2"] {
        site.catalog
            .put_channel(&site.bucket, &channel(name), &config, at(0))
            .await
            .unwrap();
    }
    let all = [
        "Channel",
        "channel",
        "channel 2",
        "channel-1",
        "channel-10",
        "\u{6d4b}\u{8bd5}",
    ];
    /// Prefix, after, limit; names and next.
    type Row<'a> = (&'a str, &'a str, usize, &'a [&'a str], Option<&'a str>);
    let table: &[Row<'_>] = &[
        ("", "", 6, &all, None),
        ("", "", 5, &all[..5], Some("channel-10")),
        ("", "channel-10", 5, &all[5..], None),
        ("channel", "", 1, &["channel"], Some("channel")),
        ("channel-", "channel", 9, &["channel-1", "channel-10"], None),
        ("channel-1", "channel-1", 9, &["channel-10"], None),
        ("\u{6d4b}", "", 9, &all[5..], None),
        ("x", "", 9, &[], None),
    ];
    for &(prefix, after, limit, names, next) in table {
        let query = ChannelQuery {
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            limit,
        };
        let page = site.catalog.channels(&site.bucket, &query).await.unwrap();
        let expected = (texts(names), next.map(str::to_owned));
        assert_eq!(page_names(page, |channel| channel.name.as_str()), expected, "{query:?}");
    }
}

pub async fn tells_a_missing_bucket_from_a_missing_channel(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    for (bucket, channel, what) in [
        (bucket("none"), site.channel.clone(), Missing::Bucket),
        (site.bucket.clone(), channel("none"), Missing::Channel),
    ] {
        let missing = Error::NotFound { what };
        let catalog = &site.catalog;
        let mut open = site.asking(at(0));
        (open.bucket, open.channel) = (bucket.clone(), channel.clone());
        assert_eq!(catalog.channel(&bucket, &channel).await.unwrap_err(), missing);
        assert_eq!(catalog.delete_channel(&bucket, &channel).await.unwrap_err(), missing);
        let status = ChannelStatus::Disabled;
        assert_eq!(
            catalog
                .set_channel_status(&bucket, &channel, status, at(0))
                .await
                .unwrap_err(),
            missing
        );
        assert_eq!(catalog.watch_channel(&bucket, &channel).await.unwrap_err(), missing);
        assert_eq!(catalog.open_session(open).await.unwrap_err(), missing);
        assert_eq!(catalog.live_session(&bucket, &channel).await.unwrap_err(), missing);
        assert_eq!(
            catalog.recent_sessions(&bucket, &channel, 10).await.unwrap_err(),
            missing
        );
    }
    let missing = Error::NotFound { what: Missing::Bucket };
    let nowhere = bucket("none");
    let query = ChannelQuery {
        limit: 1,
        ..ChannelQuery::default()
    };
    assert_eq!(site.catalog.channels(&nowhere, &query).await.unwrap_err(), missing);
    let put = site
        .catalog
        .put_channel(&nowhere, &site.channel, &ChannelConfig::default(), at(0))
        .await;
    assert_eq!(put.unwrap_err(), missing);
}

pub async fn changes_the_status_while_live(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(1)).await;
    let set = async |status, now| {
        site.catalog
            .set_channel_status(&site.bucket, &site.channel, status, now)
            .await
            .unwrap();
        let channel = site.catalog.channel(&site.bucket, &site.channel).await.unwrap();
        (channel.config.status, channel.modified)
    };
    assert_eq!(
        set(ChannelStatus::Disabled, at(2)).await,
        (ChannelStatus::Disabled, at(2))
    );
    assert_eq!(
        set(ChannelStatus::Disabled, at(3)).await,
        (ChannelStatus::Disabled, at(2))
    );
    site.append(&lease, 0, at(3)).await.unwrap();
    assert_eq!(
        set(ChannelStatus::Enabled, at(4)).await,
        (ChannelStatus::Enabled, at(4))
    );
}

pub async fn shows_changes_to_watchers(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let watch = || site.catalog.watch_channel(&site.bucket, &site.channel);
    let mut first = watch().await.unwrap();
    let state = |status, epoch| ChannelState { status, epoch };
    assert_eq!(first.current(), state(Some(ChannelStatus::Enabled), 0));

    let lease = site.take(at(1)).await;
    assert_eq!(first.changed().await, state(Some(ChannelStatus::Enabled), 1));
    let mut second = watch().await.unwrap();
    assert_eq!(second.current(), state(Some(ChannelStatus::Enabled), 1));

    site.catalog
        .set_channel_status(&site.bucket, &site.channel, ChannelStatus::Disabled, at(2))
        .await
        .unwrap();
    assert_eq!(first.changed().await, state(Some(ChannelStatus::Disabled), 1));
    site.catalog.close_session(&lease, at(3)).await.unwrap();
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
    assert_eq!(first.changed().await, state(None, 1));
    site.put_channel().await;
    site.take(at(4)).await;
    assert_eq!(second.changed().await, state(Some(ChannelStatus::Enabled), 2));
    drop(second);
    assert_eq!(first.current(), state(Some(ChannelStatus::Enabled), 2));
    assert_eq!(watch().await.unwrap().current(), state(Some(ChannelStatus::Enabled), 2));
}

fn page_names<T>(page: Page<T>, name: impl Fn(&T) -> &str) -> (Vec<String>, Option<String>) {
    (page.items.iter().map(|item| name(item).to_owned()).collect(), page.next)
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

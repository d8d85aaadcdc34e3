use alluvium_oss::BucketName;
use futures_util::future::join_all;

use super::{Subject, bucket, key, put};
use crate::{Error, ListQuery};

/// Every key is a text of its own, however much it looks like a path.
pub async fn keeps_awkward_keys_apart(subject: &Subject) {
    let long = "長".repeat(341);
    #[rustfmt::skip]
    let mut names = vec![
        "a", "a/", "a//", "a/b", "a//b", "a/./b", "a/../b", ".", "..", "../x", "./x", "x", "x//y", "x/y",
        "p#1", "p?q=1", "p%2F1", "p/1", "P", "p", "a b", " ", "a\\b", "a\0b", "a\nb", "*", "'", "\"", "%", "_", "-wal", "lock",
        "é", "e\u{301}", "测试通过", "\u{10FFFF}", "\u{FFFF}", &long,
    ];
    join_all(names.iter().map(|name| subject.put_text(name, name))).await;
    for name in &names {
        assert_eq!(subject.bytes(name).await.as_deref(), Some(name.as_bytes()), "{name:?}");
    }
    names.sort_unstable();
    let page = subject
        .list(&ListQuery {
            limit: 1000,
            ..ListQuery::default()
        })
        .await;
    assert_eq!(
        page.objects.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(),
        names
    );

    assert_eq!(subject.store.delete(&bucket(), &key("a")).await, Ok(()));
    assert_eq!(subject.bytes("a").await, None);
    assert_eq!(subject.bytes("a/").await.as_deref(), Some(&b"a/"[..]));
    assert_eq!(subject.bytes("a/b").await.as_deref(), Some(&b"a/b"[..]));
}

/// The same key in two buckets is two objects.
pub async fn keeps_buckets_apart(subject: &Subject) {
    let other = BucketName::parse("conformance-2").expect("a valid name");
    subject.put_text("k", "here").await;
    let absent = Error::NotFound {
        bucket: other.clone(),
        key: key("k"),
    };
    assert_eq!(subject.store.head(&other, &key("k")).await, Err(absent));
    subject
        .store
        .put(&other, &key("k"), put("there"))
        .await
        .expect("it can be put");
    subject
        .store
        .put(&other, &key("l"), put("there"))
        .await
        .expect("it can be put");
    assert_eq!(
        subject
            .list(&ListQuery {
                limit: 9,
                ..ListQuery::default()
            })
            .await
            .objects
            .len(),
        1
    );
    subject
        .store
        .delete(&other, &key("k"))
        .await
        .expect("it can be deleted");
    assert_eq!(subject.bytes("k").await.as_deref(), Some(&b"here"[..]));
}

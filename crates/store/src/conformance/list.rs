use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Subject, bucket, key, put};
use crate::{LIST_LIMIT_MAX, ListQuery};

/// Every page of many random queries over random keys is what a naive model says, page after page to the end.
pub async fn pages_like_the_model(subject: &Subject) {
    let mut random = StdRng::seed_from_u64(0x000A_110F_1A1B);
    let keys: BTreeSet<String> = (0..250)
        .map(|_| text(&mut random, 1..=6))
        .filter(|text| !text.starts_with('/'))
        .collect();
    join_all(keys.iter().map(|name| subject.put_text(name, name))).await;

    for _ in 0..150 {
        let delimiter = match random.random_range(0..4) {
            0 => None,
            1 => Some("/".to_owned()),
            2 => Some(String::new()),
            _ => Some(text(&mut random, 1..=2)),
        };
        let query = ListQuery {
            prefix: text(&mut random, 0..=2),
            delimiter,
            after: if random.random() {
                String::new()
            } else {
                text(&mut random, 0..=4)
            },
            limit: random.random_range(1..=40),
        };
        pages(subject, &keys, query).await;
    }
}

/// A bucket that has no such objects gives an empty last page, and so does a limit of 0.
pub async fn lists_nothing_where_nothing_is(subject: &Subject) {
    let everything = ListQuery {
        limit: 10,
        ..ListQuery::default()
    };
    assert_eq!(subject.list(&everything).await, crate::ListPage::default());
    subject.put_text("b", "").await;
    for query in [
        ListQuery {
            limit: 0,
            ..everything.clone()
        },
        ListQuery {
            after: "b".into(),
            ..everything.clone()
        },
        ListQuery {
            after: "c".into(),
            prefix: "b".into(),
            ..everything.clone()
        },
        ListQuery {
            prefix: "bb".into(),
            ..everything.clone()
        },
        ListQuery {
            prefix: "a".into(),
            delimiter: Some("b".into()),
            ..everything
        },
    ] {
        assert_eq!(subject.list(&query).await, crate::ListPage::default(), "{query:?}");
    }
}

/// A group of more keys than a page may have is one entry, and what stands behind it is on the same page; without a delimiter no page exceeds its bound.
pub async fn passes_a_group_however_large(subject: &Subject) {
    let mut keys: BTreeSet<String> = (0..LIST_LIMIT_MAX + 10)
        .map(|number| format!("live/{number:013}.ts"))
        .collect();
    keys.extend(["a".to_owned(), "live".to_owned(), "live0".to_owned(), "z/1".to_owned()]);
    join_all(keys.iter().map(|name| subject.put_text(name, ""))).await;

    let query = ListQuery {
        delimiter: Some("/".into()),
        limit: 5,
        ..ListQuery::default()
    };
    let page = subject.list(&query).await;
    assert_eq!(
        page.objects.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(),
        ["a", "live", "live0"]
    );
    assert_eq!(
        (page.prefixes, page.next),
        (vec!["live/".to_owned(), "z/".to_owned()], None)
    );

    for query in [
        ListQuery {
            delimiter: Some("/".into()),
            limit: 1,
            ..ListQuery::default()
        },
        ListQuery {
            delimiter: Some("/".into()),
            after: "live/0000000000500.ts".into(),
            limit: 9,
            ..ListQuery::default()
        },
        ListQuery {
            prefix: "live/".into(),
            limit: LIST_LIMIT_MAX + 1,
            ..ListQuery::default()
        },
        ListQuery {
            limit: usize::MAX,
            ..ListQuery::default()
        },
    ] {
        pages(subject, &keys, query).await;
    }
}

/// While other keys come, change and go, a listing of many pages shows each lasting object once, in order.
pub async fn lists_every_lasting_object_once_during_writes(subject: &Subject) {
    let lasting: Vec<String> = (0..60).map(|number| format!("k{number:03}")).collect();
    join_all(lasting.iter().map(|name| subject.put_text(name, "lasting"))).await;
    let writer = {
        let store = Arc::clone(&subject.store);
        tokio::spawn(async move {
            for turn in 0..30 {
                let passing = key(&format!("k{:03}-passing", turn * 2));
                store
                    .put(&bucket(), &passing, put("passing"))
                    .await
                    .expect("it can be put");
                store
                    .put(&bucket(), &key(&format!("k{:03}", turn)), put(format!("turn {turn}")))
                    .await
                    .expect("it can be put");
                store.delete(&bucket(), &passing).await.expect("it can be deleted");
            }
        })
    };
    let mut rounds = 0;
    while !writer.is_finished() || rounds == 0 {
        let mut seen = Vec::new();
        let mut query = ListQuery {
            prefix: "k".into(),
            limit: 7,
            ..ListQuery::default()
        };
        loop {
            let page = subject.list(&query).await;
            seen.extend(page.objects.into_iter().map(|info| info.key.as_str().to_owned()));
            let Some(next) = page.next else { break };
            query.after = next;
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        seen.retain(|name| !name.ends_with("passing"));
        assert_eq!(seen, lasting);
        rounds += 1;
    }
    writer.await.expect("no panic");
}

/// Follows a query from page to page and compares each with the model.
async fn pages(subject: &Subject, keys: &BTreeSet<String>, mut query: ListQuery) {
    let mut expected = model(keys, &query).into_iter().collect::<Vec<_>>();
    loop {
        let page = subject.list(&query).await;
        let shown = page.objects.len() + page.prefixes.len();
        assert!(shown <= query.limit.min(LIST_LIMIT_MAX), "{query:?} shows {shown}");
        assert!(shown > 0 || page.next.is_none(), "{query:?} goes nowhere");
        let rest = expected.split_off(shown.min(expected.len()));
        let (prefixes, objects): (Vec<_>, Vec<_>) = expected.into_iter().partition(|(_, is_prefix)| *is_prefix);
        let names = |entries: Vec<(String, bool)>| entries.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(
            page.objects.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(),
            names(objects),
            "{query:?}"
        );
        assert_eq!(page.prefixes, names(prefixes), "{query:?}");
        assert_eq!(page.next.is_none(), rest.is_empty(), "{query:?}: {rest:?}");
        let Some(next) = page.next else { return };
        query.after = next;
        expected = rest;
    }
}

/// All entries of a query, without limit: the name, and whether it is a common prefix.
fn model(keys: &BTreeSet<String>, query: &ListQuery) -> BTreeSet<(String, bool)> {
    let entry = |name: &String| {
        let rest = name.strip_prefix(&query.prefix)?;
        let delimiter = query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        Some(
            match delimiter.and_then(|delimiter| rest.split_once(delimiter).map(|(before, _)| (before, delimiter))) {
                Some((before, delimiter)) => (format!("{}{before}{delimiter}", query.prefix), true),
                None => (name.clone(), false),
            },
        )
    };
    keys.iter()
        .filter_map(entry)
        .filter(|(name, _)| *name > query.after)
        .collect()
}

/// Text of few letters, so that prefixes, delimiters and keys meet, and among them the ends of UTF-8's ranges.
fn text(random: &mut StdRng, length: std::ops::RangeInclusive<usize>) -> String {
    const LETTERS: [char; 8] = ['a', 'b', '/', '/', '\u{7F}', '\u{D7FF}', '\u{E000}', '\u{10FFFF}'];
    (0..random.random_range(length))
        .map(|_| LETTERS[random.random_range(0..LETTERS.len())])
        .collect()
}

use std::sync::Arc;

use alluvium_oss::UnixTime;

use super::site::{Site, at};
use crate::{Catalog, Error};

pub async fn fences_every_write_of_a_replaced_session(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let old = site.take(at(0)).await;
    site.append(&old, 0, at(1)).await.unwrap();
    let new = site.take(at(10)).await;
    assert_eq!(
        (new.epoch, new.next_sequence, new.next_discontinuity_sequence),
        (2, 1, 1)
    );
    assert_eq!((new.last_name, new.last_program_date_time), (Some(at(1)), Some(at(2))));
    assert_eq!(new.window.len(), 1);

    let fenced = Error::Fenced { epoch: 1 };
    assert_eq!(site.append(&old, 1, at(11)).await, Err(fenced.clone()));
    assert_eq!(site.append(&old, 0, at(1)).await, Err(fenced.clone()));
    assert_eq!(site.renew(&old, at(11)).await, Err(fenced.clone()));
    assert_eq!(site.catalog.close_session(&old, at(11)).await, Err(fenced));
    assert_eq!(site.latest().await, [0]);
    let live = site
        .catalog
        .live_session(&site.bucket, &site.channel)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((live.session, live.last_media), (new.session, at(10)));
    site.append(&new, 0, at(11)).await.unwrap();
    assert_eq!(site.latest().await, [0, 1]);
}

pub async fn lets_exactly_one_of_many_open(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    for round in 0..4 {
        let now = at(round * 10);
        let callers: Vec<_> = (0..16)
            .map(|_| {
                let (catalog, open) = (Arc::clone(&site.catalog), site.asking(now));
                tokio::spawn(async move { catalog.open_session(open).await })
            })
            .collect();
        let mut opened = 0;
        for caller in callers {
            match caller.await.unwrap() {
                Ok(lease) => {
                    opened += 1;
                    assert_eq!(lease.epoch, (round + 1).cast_unsigned());
                }
                Err(error) => assert!(matches!(error, Error::Busy { .. }), "{error}"),
            }
        }
        assert_eq!(opened, 1);
    }
}

pub async fn stays_in_order_while_publishers_fight(catalog: Arc<dyn Catalog>) {
    let site = Arc::new(Site::new(catalog).await);
    let fighters: Vec<_> = (0..4)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move {
                for _ in 0..5 {
                    let lease = site.take(at(0)).await;
                    let after = lease.last_name.map_or(0, UnixTime::as_millis);
                    for earlier in 0..5_u64 {
                        let name = UnixTime::from_millis(after + 1 + earlier.cast_signed());
                        match site.append(&lease, earlier, name).await {
                            Ok(_) => {}
                            Err(Error::Fenced { .. }) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            })
        })
        .collect();
    for fighter in fighters {
        fighter.await.unwrap();
    }
    let (from, to) = (UnixTime::from_millis(i64::MIN), UnixTime::from_millis(i64::MAX));
    let all = site
        .catalog
        .segments_between(&site.bucket, &site.channel, from, to, None, 1_000)
        .await
        .unwrap();
    assert!(
        all.iter()
            .enumerate()
            .all(|(index, segment)| segment.sequence == index as u64),
        "{all:?}"
    );
    assert!(all.is_sorted_by(|one, next| one.name < next.name), "{all:?}");
    assert!(
        all.is_sorted_by_key(|segment| segment.discontinuity_sequence),
        "{all:?}"
    );
    let sessions: std::collections::HashSet<_> = all.iter().map(|segment| segment.session).collect();
    let runs = all.chunk_by(|one, next| one.session == next.session).count();
    assert_eq!(runs, sessions.len(), "the segments of two sessions are mixed: {all:?}");
}

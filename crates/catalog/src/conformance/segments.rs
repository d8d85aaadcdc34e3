use std::sync::Arc;

use alluvium_oss::{ObjectKey, UnixTime};

use super::site::{Site, at, bucket, channel, owner, segment};
use crate::{Appended, Catalog, Error, SegmentRecord};

pub async fn appends_the_very_same_record_once(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    for (earlier, name) in [(0, at(1)), (1, at(2))] {
        site.append(&lease, earlier, name).await.unwrap();
        site.append(&lease, earlier, name).await.unwrap();
    }
    site.append(&lease, 0, at(1)).await.unwrap();
    let other = SegmentRecord {
        length: 376,
        ..segment(&lease, 1, at(2))
    };
    let expected = Error::OutOfOrder {
        field: "sequence",
        found: 1,
        due: 2,
    };
    assert_eq!(site.catalog.append_segment(&lease, other).await, Err(expected));
    assert_eq!(site.latest().await, [0, 1]);
    site.append(&lease, 2, at(3)).await.unwrap();
    assert_eq!(site.latest().await, [0, 1, 2]);
}

pub async fn refuses_a_segment_out_of_order(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    let first = SegmentRecord {
        discontinuity_sequence: 4,
        ..segment(&lease, 0, at(1))
    };
    site.catalog.append_segment(&lease, first).await.unwrap();
    let next = SegmentRecord {
        discontinuity_sequence: 4,
        ..segment(&lease, 1, at(2))
    };
    let refused = |field, found, due| Err(Error::OutOfOrder { field, found, due });
    let name = at(1).as_millis();
    for (odd, expected) in [
        (SegmentRecord { sequence: 2, ..next }, refused("sequence", 2, 1)),
        (SegmentRecord { sequence: 0, ..next }, refused("sequence", 0, 1)),
        (SegmentRecord { name: at(1), ..next }, refused("name", name, name + 1)),
        (
            SegmentRecord { name: at(0), ..next },
            refused("name", name - 1_000, name + 1),
        ),
        (
            SegmentRecord {
                discontinuity_sequence: 3,
                ..next
            },
            refused("discontinuity_sequence", 3, 4),
        ),
    ] {
        assert_eq!(site.catalog.append_segment(&lease, odd).await, expected);
    }
    assert_eq!(site.latest().await, [0]);
    site.catalog.append_segment(&lease, next).await.unwrap();
    assert_eq!(site.latest().await, [0, 1]);
}

pub async fn continues_the_position_of_a_channel_created_again(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    site.append(&lease, 0, at(1)).await.unwrap();
    site.append(&lease, 1, at(2)).await.unwrap();
    site.catalog.close_session(&lease, at(3)).await.unwrap();
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
    assert_eq!(site.between(at(0), at(9)).await, [0, 1]);

    site.put_channel().await;
    assert_eq!(
        site.catalog.recent_sessions(&site.bucket, &site.channel, 10).await,
        Ok(Vec::new())
    );
    let next = site.take(at(10)).await;
    assert_eq!(
        (next.epoch, next.next_sequence, next.next_discontinuity_sequence),
        (2, 2, 1)
    );
    assert_eq!(
        (next.last_name, next.last_program_date_time),
        (Some(at(2)), Some(at(3)))
    );
    assert_eq!(
        next.window.iter().map(|segment| segment.sequence).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(site.append(&lease, 2, at(10)).await, Err(Error::Fenced { epoch: 1 }));
    assert!(matches!(
        site.append(&next, 0, at(2)).await,
        Err(Error::OutOfOrder { field: "name", .. })
    ));
    site.append(&next, 0, at(11)).await.unwrap();
    assert_eq!(site.latest().await, [0, 1, 2]);
}

pub async fn forgets_positions_with_the_bucket(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    site.append(&lease, 0, at(1)).await.unwrap();
    site.catalog.close_session(&lease, at(3)).await.unwrap();
    let waiting = site.catalog.unended(at(9), 10).await.unwrap();
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
    site.catalog.delete_bucket(&site.bucket).await.unwrap();
    let fenced = Error::Fenced { epoch: 1 };
    assert_eq!(site.between(at(0), at(9)).await, [0; 0]);
    assert_eq!(site.catalog.unended(at(9), 10).await, Ok(Vec::new()));
    assert_eq!(site.catalog.mark_ended(&waiting[0]).await, Err(fenced.clone()));
    assert_eq!(site.append(&lease, 1, at(4)).await, Err(fenced.clone()));
    assert_eq!(site.catalog.close_session(&lease, at(4)).await, Err(fenced.clone()));

    site.catalog
        .create_bucket(&site.bucket, &owner("p"), None, at(10))
        .await
        .unwrap();
    site.put_channel().await;
    let new = site.take(at(11)).await;
    assert_eq!(
        (new.epoch, new.next_sequence, new.last_name, new.window.len()),
        (1, 0, None, 0)
    );
    // The same epoch by chance is not the same right.
    assert_eq!(site.append(&lease, 0, at(12)).await, Err(fenced.clone()));
    assert_eq!(site.renew(&lease, at(12)).await, Err(fenced.clone()));
    assert_eq!(site.catalog.close_session(&lease, at(12)).await, Err(fenced));
}

pub async fn finds_segments_between_two_names(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    for n in 0..10_u8 {
        site.append(&lease, n.into(), at(i64::from(n) * 10)).await.unwrap();
    }
    /// From, to, after, limit; sequences.
    type Row<'a> = (i64, i64, Option<i64>, usize, &'a [u64]);
    let table: &[Row<'_>] = &[
        (0, 90, None, 100, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (10, 30, None, 100, &[1, 2, 3]),
        (11, 39, None, 100, &[2, 3]),
        (10, 30, None, 2, &[1, 2]),
        (10, 30, Some(20), 2, &[3]),
        (10, 30, Some(15), 100, &[2, 3]),
        (10, 30, Some(0), 100, &[1, 2, 3]),
        (10, 30, Some(30), 100, &[]),
        (10, 30, Some(80), 100, &[]),
        (30, 30, None, 100, &[3]),
        (31, 30, None, 100, &[]),
        (10, 30, None, 0, &[]),
        (91, 1_000, None, 100, &[]),
    ];
    for &(from, to, after, limit, expected) in table {
        let after = after.map(at);
        let found = site
            .catalog
            .segments_between(&site.bucket, &site.channel, at(from), at(to), after, limit);
        let found: Vec<u64> = found.await.unwrap().iter().map(|segment| segment.sequence).collect();
        assert_eq!(found, expected, "{from}..={to} after {after:?}, at most {limit}");
    }
    let elsewhere = bucket("elsewhere");
    let none = site
        .catalog
        .segments_between(&elsewhere, &site.channel, at(0), at(90), None, 9)
        .await;
    assert_eq!(none, Ok(Vec::new()));
    assert_eq!(
        site.catalog.latest_segments(&elsewhere, &site.channel, 9).await,
        Ok(Vec::new())
    );
    let newest = site
        .catalog
        .latest_segments(&site.bucket, &site.channel, 3)
        .await
        .unwrap();
    assert_eq!(
        newest.iter().map(|segment| segment.sequence).collect::<Vec<_>>(),
        [7, 8, 9]
    );
    assert_eq!(
        site.catalog.latest_segments(&site.bucket, &site.channel, 0).await,
        Ok(Vec::new())
    );
}

pub async fn lists_nothing_up_to_a_withdrawn_segment(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    for n in 0..6_u8 {
        site.append(&lease, n.into(), at(n.into())).await.unwrap();
    }
    assert!(site.withdraw(at(3)).await);
    assert_eq!(site.latest().await, [4, 5]);
    assert_eq!(site.between(at(0), at(9)).await, [0, 1, 2, 4, 5]);
    assert_eq!(site.append(&lease, 6, at(6)).await, Ok(Appended { listable_from: 4 }));
    // An older one afterwards takes nothing back.
    assert!(site.withdraw(at(1)).await);
    assert_eq!(site.append(&lease, 7, at(7)).await, Ok(Appended { listable_from: 4 }));
    assert_eq!(site.latest().await, [4, 5, 6, 7]);
    assert_eq!(site.between(at(0), at(9)).await, [0, 2, 4, 5, 6, 7]);

    site.catalog.close_session(&lease, at(8)).await.unwrap();
    assert!(site.withdraw(at(6)).await);
    let next = site.take(at(9)).await;
    assert_eq!(
        next.window.iter().map(|segment| segment.sequence).collect::<Vec<_>>(),
        [7]
    );
    assert_eq!((next.next_sequence, next.last_name), (8, Some(at(7))));
    assert!(site.withdraw(at(7)).await);
    assert_eq!(site.latest().await, [0; 0]);
    assert_eq!(site.append(&next, 0, at(9)).await, Ok(Appended { listable_from: 8 }));
    assert_eq!(site.latest().await, [8]);
}

pub async fn lists_nothing_again_that_a_smaller_window_has_left_behind(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    for (frag_count, window) in [(2, 0..0), (5, 3..5), (1, 9..10), (2, 14..15)] {
        site.put_channel_with(frag_count).await;
        let lease = site.take(at(0)).await;
        let resumed: Vec<_> = lease.window.iter().map(|segment| segment.sequence).collect();
        assert_eq!(resumed, Vec::from_iter(window), "FragCount {frag_count}");
        for earlier in 0..5 {
            let name = at((lease.next_sequence + earlier).cast_signed());
            site.append(&lease, earlier, name).await.unwrap();
        }
        site.catalog.close_session(&lease, at(0)).await.unwrap();
    }
    assert_eq!(site.between(at(0), at(99)).await, Vec::from_iter(0..20));
}

pub async fn accepts_the_repetition_of_a_withdrawn_segment(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    site.append(&lease, 0, at(1)).await.unwrap();
    assert!(site.withdraw(at(1)).await);
    assert_eq!(site.append(&lease, 0, at(1)).await, Ok(Appended { listable_from: 1 }));
    assert_eq!(site.between(at(0), at(9)).await, [0; 0]);
    site.append(&lease, 1, at(2)).await.unwrap();
    assert_eq!(site.latest().await, [1]);
}

pub async fn withdraws_only_segments(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    site.append(&lease, 0, at(1)).await.unwrap();
    let millis = at(1).as_millis();
    for key in [
        "channel/playlist.m3u8".to_owned(),
        format!("channel/0{millis}.ts"),
        format!("other/{millis}.ts"),
    ] {
        let key = ObjectKey::parse(&key).unwrap();
        assert_eq!(
            site.catalog.withdraw_segment(&site.bucket, &key).await,
            Ok(false),
            "{key}"
        );
    }
    let key = site.channel.segment_key(at(1));
    assert_eq!(site.catalog.withdraw_segment(&bucket("none"), &key).await, Ok(false));
    assert!(!site.withdraw(at(2)).await);
    assert_eq!(site.latest().await, [0]);
    assert!(site.withdraw(at(1)).await);
    assert!(!site.withdraw(at(1)).await);
}

pub async fn names_channels_with_segments(catalog: Arc<dyn Catalog>) {
    let mut site = Site::new(catalog).await;
    for name in ["b", "a", "never"] {
        site.channel = channel(name);
        site.put_channel().await;
        let lease = site.take(at(0)).await;
        if name != "never" {
            site.append(&lease, 0, at(1)).await.unwrap();
        }
        site.catalog.close_session(&lease, at(2)).await.unwrap();
    }
    site.channel = channel("b");
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
    assert_eq!(
        site.catalog.channels_with_segments(&site.bucket).await,
        Ok(vec![channel("a"), channel("b")])
    );
    assert!(site.withdraw(at(1)).await);
    assert_eq!(
        site.catalog.channels_with_segments(&site.bucket).await,
        Ok(vec![channel("a")])
    );
    assert_eq!(
        site.catalog.channels_with_segments(&bucket("none")).await,
        Ok(Vec::new())
    );
}

pub async fn keeps_all_bits_of_a_segment(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    let odd = SegmentRecord {
        session: lease.session,
        sequence: 0,
        discontinuity_sequence: u64::from(u32::MAX) + 7,
        discontinuity: true,
        name: UnixTime::from_millis(1),
        program_date_time: UnixTime::from_millis(-5),
        duration: u64::from(u32::MAX) + 1,
        length: i64::MAX.cast_unsigned(),
        crc64: u64::MAX - 1,
    };
    site.catalog.append_segment(&lease, odd).await.unwrap();
    assert_eq!(
        site.catalog.latest_segments(&site.bucket, &site.channel, 1).await,
        Ok(vec![odd])
    );
}

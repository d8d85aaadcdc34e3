use std::sync::Arc;
use std::time::Duration;

use alluvium_oss::{ChannelConfig, ChannelStatus, PlaylistName};

use super::site::{Site, at};
use crate::position::LEFT_MAX;
use crate::{
    Activity, AudioStatistics, Catalog, Error, LiveSession, NodeId, OpenSession, SessionRecord, Statistics, Unended,
    VideoStatistics,
};

pub async fn refuses_to_replace_or_delete_a_live_channel(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let before = site.catalog.channel(&site.bucket, &site.channel).await.unwrap();
    let lease = site.take(at(1)).await;
    let config = ChannelConfig {
        description: "other".to_owned(),
        ..ChannelConfig::default()
    };
    let put = || site.catalog.put_channel(&site.bucket, &site.channel, &config, at(2));
    assert_eq!(put().await, Err(Error::Live));
    assert_eq!(
        site.catalog.delete_channel(&site.bucket, &site.channel).await,
        Err(Error::Live)
    );
    assert_eq!(site.catalog.channel(&site.bucket, &site.channel).await, Ok(before));
    site.catalog.close_session(&lease, at(3)).await.unwrap();
    put().await.unwrap();
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
}

pub async fn opens_a_session_with_the_playlist_asked_for(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let asked = PlaylistName::parse("asked.m3u8").unwrap();
    let open = OpenSession {
        playlist_name: Some(asked.clone()),
        ..site.asking(at(1))
    };
    let lease = site.catalog.open_session(open).await.unwrap();
    assert_eq!(lease.playlist_name, asked);
    assert_eq!(lease.config, ChannelConfig::default());
    assert_eq!(
        (lease.epoch, lease.next_sequence, lease.next_discontinuity_sequence),
        (1, 0, 0)
    );
    assert_eq!(
        (lease.last_name, lease.last_program_date_time, lease.window.len()),
        (None, None, 0)
    );
    let next = site.take(at(2)).await;
    assert_eq!(next.playlist_name, PlaylistName::default());
    assert_eq!(next.epoch, 2);
    assert_ne!(next.session, lease.session);
}

pub async fn refuses_a_disabled_channel(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let set = |status| {
        site.catalog
            .set_channel_status(&site.bucket, &site.channel, status, at(1))
    };
    set(ChannelStatus::Disabled).await.unwrap();
    assert_eq!(
        site.catalog.open_session(site.asking(at(2))).await.unwrap_err(),
        Error::Disabled
    );
    set(ChannelStatus::Enabled).await.unwrap();
    assert_eq!(site.catalog.open_session(site.asking(at(2))).await.unwrap().epoch, 1);
}

pub async fn refuses_a_second_publisher_while_the_first_sends(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let first = site.take(at(0)).await;
    let statistics = Statistics {
        video: Some(VideoStatistics {
            width: 1280,
            height: 720,
            frame_rate: 29,
            bandwidth: 100_000,
        }),
        audio: Some(AudioStatistics {
            sample_rate: 44_100,
            bandwidth: 12_000,
        }),
    };
    let activity = Activity {
        at: at(11),
        last_media: at(10),
        statistics,
    };
    site.catalog.renew(&first, activity).await.unwrap();
    // An older word that comes late takes nothing back.
    site.catalog
        .renew(
            &first,
            Activity {
                last_media: at(9),
                ..activity
            },
        )
        .await
        .unwrap();
    let live = site.catalog.live_session(&site.bucket, &site.channel).await.unwrap();
    let remote_addr = "192.0.2.1:5000".parse().unwrap();
    let expected = LiveSession {
        session: first.session,
        epoch: 1,
        remote_addr,
        connected: at(0),
        last_media: at(10),
        statistics,
        playlist_name: first.playlist_name.clone(),
        frag_count: 3,
    };
    assert_eq!(live, Some(expected));

    for (now, idle) in [
        (at(10), 0),
        (at(12), 2_000),
        (at(13).minus(Duration::from_millis(1)), 2_999),
        (at(5), 0),
    ] {
        let busy = Error::Busy {
            remote_addr,
            idle: Duration::from_millis(idle),
        };
        assert_eq!(site.catalog.open_session(site.asking(now)).await.unwrap_err(), busy);
    }
    site.renew(&first, at(10)).await.unwrap();
    let second = site.catalog.open_session(site.asking(at(13))).await.unwrap();
    assert_eq!(second.epoch, 2);
}

pub async fn counts_a_session_without_media_from_its_start(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let first = site.take(at(10)).await;
    assert!(matches!(
        site.catalog.open_session(site.asking(at(12))).await.unwrap_err(),
        Error::Busy { .. }
    ));
    site.renew(&first, at(10)).await.unwrap();
    assert!(matches!(
        site.catalog.open_session(site.asking(at(12))).await.unwrap_err(),
        Error::Busy { .. }
    ));
    assert_eq!(site.catalog.open_session(site.asking(at(13))).await.unwrap().epoch, 2);
}

pub async fn records_a_replaced_session_until_its_last_activity(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    site.take(at(0)).await;
    let renewed = site.take(at(10)).await;
    site.renew(&renewed, at(15)).await.unwrap();
    let appending = site.take(at(20)).await;
    site.append(&appending, 0, at(22)).await.unwrap();
    let ahead = site.take(at(30)).await;
    site.append(&ahead, 0, at(39)).await.unwrap();
    site.append(&ahead, 1, at(41)).await.unwrap();
    site.take(at(40)).await;
    let ended = recent(&site, 10)
        .await
        .into_iter()
        .map(|session| (session.started, session.ended));
    let expected = [(at(0), at(0)), (at(10), at(15)), (at(20), at(23)), (at(30), at(40))];
    assert_eq!(ended.collect::<Vec<_>>(), expected);
}

pub async fn closes_a_session_once(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(10)).await;
    site.catalog.close_session(&lease, at(20)).await.unwrap();
    site.catalog.close_session(&lease, at(30)).await.unwrap();
    let fenced = Error::Fenced { epoch: 1 };
    assert_eq!(site.renew(&lease, at(21)).await, Err(fenced.clone()));
    assert_eq!(site.append(&lease, 0, at(21)).await, Err(fenced.clone()));
    assert_eq!(site.catalog.live_session(&site.bucket, &site.channel).await, Ok(None));
    let remote_addr = "192.0.2.1:5000".parse().unwrap();
    let record = SessionRecord {
        session: lease.session,
        started: at(10),
        ended: at(20),
        remote_addr,
    };
    assert_eq!(recent(&site, 10).await, [record]);

    let backwards = site.take(at(50)).await;
    site.catalog.close_session(&backwards, at(40)).await.unwrap();
    assert_eq!(recent(&site, 1).await[0].ended, at(50));
    assert_eq!(site.catalog.close_session(&lease, at(60)).await, Err(fenced));
}

pub async fn lists_recent_sessions_ascending(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    assert_eq!(recent(&site, 10).await, []);
    for start in [0, 10, 20] {
        let lease = site.take(at(start)).await;
        site.catalog.close_session(&lease, at(start + 5)).await.unwrap();
    }
    site.take(at(30)).await;
    let starts = async |limit| {
        recent(&site, limit)
            .await
            .iter()
            .map(|session| session.started)
            .collect::<Vec<_>>()
    };
    assert_eq!(starts(10).await, [at(0), at(10), at(20)]);
    assert_eq!(starts(2).await, [at(10), at(20)]);
    assert_eq!(starts(0).await, []);
}

pub async fn keeps_a_bounded_history(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    for start in 0..=102 {
        site.take(at(start)).await;
    }
    // The last of 103 is still open.
    let kept = recent(&site, 1_000).await;
    assert!(
        (10..=crate::position::HISTORY_MAX).contains(&kept.len()),
        "{} sessions are kept",
        kept.len()
    );
    assert_eq!(kept.last().map(|session| session.started), Some(at(101)));
}

pub async fn tells_what_a_node_left_open(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let node = NodeId::new("node-1");
    let lease = site.take(at(0)).await;
    site.append(&lease, 0, at(1)).await.unwrap();
    let left = site.catalog.open_sessions(&node).await.unwrap();
    assert_eq!(left.len(), 1);
    let left = &left[0];
    assert_eq!(
        (left.session, left.epoch, &left.channel),
        (lease.session, 1, &site.channel)
    );
    assert_eq!(
        (left.next_sequence, left.next_discontinuity_sequence, left.last_name),
        (1, 1, Some(at(1)))
    );
    assert_eq!((left.last_program_date_time, left.window.len()), (Some(at(2)), 1));
    assert!(
        site.catalog
            .open_sessions(&NodeId::new("node-2"))
            .await
            .unwrap()
            .is_empty()
    );

    site.append(left, 0, at(5)).await.unwrap();
    site.catalog.close_session(left, at(6)).await.unwrap();
    assert!(site.catalog.open_sessions(&node).await.unwrap().is_empty());
    assert_eq!(site.latest().await, [0, 1]);
}

pub async fn waits_for_endlist_until_marked(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    assert_eq!(unended(&site, 1_000).await, []);
    site.catalog.close_session(&lease, at(10)).await.unwrap();
    assert_eq!(unended(&site, 10).await, []);
    let waiting = unended(&site, 11).await;
    let expected = Unended {
        bucket: site.bucket.clone(),
        channel: site.channel.clone(),
        playlist_name: PlaylistName::default(),
        epoch: 1,
        closed: at(10),
        window: Vec::new(),
    };
    assert_eq!(waiting, [expected]);
    // Players wait for the end of a deleted channel as well.
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
    assert_eq!(unended(&site, 11).await, waiting);
    site.catalog.mark_ended(&waiting[0]).await.unwrap();
    site.catalog.mark_ended(&waiting[0]).await.unwrap();
    assert_eq!(unended(&site, 11).await, []);
}

pub async fn forgets_endlist_when_a_publisher_returns(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let lease = site.take(at(0)).await;
    site.catalog.close_session(&lease, at(10)).await.unwrap();
    let waiting = unended(&site, 11).await;
    let next = site.take(at(12)).await;
    assert_eq!(unended(&site, 1_000).await, []);
    let fenced = Error::Fenced { epoch: 1 };
    assert_eq!(site.catalog.mark_ended(&waiting[0]).await, Err(fenced.clone()));
    site.catalog.close_session(&next, at(20)).await.unwrap();
    assert_eq!(site.catalog.mark_ended(&waiting[0]).await, Err(fenced));
    assert_eq!(unended(&site, 1_000).await.len(), 1);
}

pub async fn waits_for_the_endlist_of_each_playlist(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    let publish = async |playlist: &str, from: i64| {
        let open = OpenSession {
            playlist_name: Some(PlaylistName::parse(playlist).unwrap()),
            ..site.asking(at(from))
        };
        let lease = site.catalog.open_session(open).await.unwrap();
        for n in 0..5 {
            site.append(&lease, n, at(from + n.cast_signed())).await.unwrap();
        }
        lease
    };
    let waiting = async |closed_before| -> Vec<(String, u64, i64, Vec<u64>)> {
        let facts = |unended: Unended| {
            let window = unended.window.iter().map(|segment| segment.sequence).collect();
            let closed_s = unended.closed.since(at(0)).as_secs().cast_signed();
            (unended.playlist_name.to_string(), unended.epoch, closed_s, window)
        };
        unended(&site, closed_before).await.into_iter().map(facts).collect()
    };
    let a = publish("a.m3u8", 0).await;
    site.catalog.close_session(&a, at(10)).await.unwrap();
    // While the channel is live under another name, and when that has been replaced by a third.
    let b = publish("b.m3u8", 20).await;
    assert_eq!(waiting(10).await, []);
    assert_eq!(waiting(11).await, [("a.m3u8".to_owned(), 1, 10, vec![2, 3, 4])]);
    let c = publish("c.m3u8", 30).await;
    let of_b = ("b.m3u8".to_owned(), 2, 30, vec![7, 8, 9]);
    assert_eq!(waiting(1_000).await.last(), Some(&of_b));
    assert_eq!(
        site.catalog.close_session(&b, at(31)).await,
        Err(Error::Fenced { epoch: 2 })
    );
    site.catalog.close_session(&c, at(40)).await.unwrap();
    assert!(site.withdraw(at(3)).await);
    let of_a = ("a.m3u8".to_owned(), 1, 10, vec![2, 4]);
    let of_c = ("c.m3u8".to_owned(), 3, 40, vec![12, 13, 14]);
    assert_eq!(waiting(1_000).await, [of_a.clone(), of_b, of_c.clone()]);
    assert_eq!(waiting(30).await, [of_a]);
    let ended = unended(&site, 1_000).await;
    site.catalog.mark_ended(&ended[1]).await.unwrap();
    assert_eq!(waiting(1_000).await.len(), 2);
    // Whoever comes back to a playlist has it end when he has gone.
    let a = publish("a.m3u8", 50).await;
    assert_eq!(waiting(1_000).await, [of_c]);
    assert_eq!(
        site.catalog.mark_ended(&ended[0]).await,
        Err(Error::Fenced { epoch: 1 })
    );
    site.catalog.mark_ended(&ended[2]).await.unwrap();
    site.catalog.close_session(&a, at(60)).await.unwrap();
    assert_eq!(waiting(1_000).await, [("a.m3u8".to_owned(), 4, 60, vec![17, 18, 19])]);
    site.catalog.delete_channel(&site.bucket, &site.channel).await.unwrap();
    assert_eq!(waiting(1_000).await.len(), 1);
    site.catalog.delete_bucket(&site.bucket).await.unwrap();
    assert_eq!(waiting(1_000).await, []);
}

pub async fn forgets_the_oldest_of_too_many_left_playlists(catalog: Arc<dyn Catalog>) {
    let site = Site::new(catalog).await;
    for n in 0..=LEFT_MAX + 1 {
        let open = OpenSession {
            playlist_name: Some(PlaylistName::parse(&format!("{n}.m3u8")).unwrap()),
            ..site.asking(at(100 * n as i64))
        };
        let lease = site.catalog.open_session(open).await.unwrap();
        site.append(&lease, 0, at(100 * n as i64)).await.unwrap();
    }
    let left = site.catalog.unended(at(1 << 20), 2 * LEFT_MAX).await.unwrap();
    assert_eq!((left.len(), left[0].playlist_name.as_str()), (LEFT_MAX, "1.m3u8"));
}

async fn recent(site: &Site, limit: usize) -> Vec<SessionRecord> {
    site.catalog
        .recent_sessions(&site.bucket, &site.channel, limit)
        .await
        .unwrap()
}

async fn unended(site: &Site, closed_before: i64) -> Vec<Unended> {
    site.catalog.unended(at(closed_before), 10).await.unwrap()
}

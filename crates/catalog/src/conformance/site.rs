use std::sync::Arc;
use std::time::Duration;

use alluvium_oss::{BucketName, ChannelConfig, ChannelName, OwnerId, UnixTime};

use crate::{Activity, Appended, Catalog, Error, Lease, NodeId, OpenSession, SegmentRecord, Statistics};

/// A catalog with one bucket and one channel: the only place that knows how a session is asked for.
pub(super) struct Site {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) bucket: BucketName,
    pub(super) channel: ChannelName,
}

impl Site {
    pub(super) async fn new(catalog: Arc<dyn Catalog>) -> Self {
        let site = Self {
            catalog,
            bucket: bucket("bucket"),
            channel: channel("channel"),
        };
        site.catalog
            .create_bucket(&site.bucket, &owner("o"), None, at(0))
            .await
            .unwrap();
        site.put_channel().await;
        site
    }

    pub(super) async fn put_channel(&self) {
        self.put_channel_with(ChannelConfig::default().frag_count).await;
    }

    pub(super) async fn put_channel_with(&self, frag_count: u32) {
        let config = ChannelConfig {
            frag_count,
            ..ChannelConfig::default()
        };
        self.catalog
            .put_channel(&self.bucket, &self.channel, &config, at(0))
            .await
            .unwrap();
    }

    /// A publisher that is refused while another has sent media within 3 s.
    pub(super) fn asking(&self, now: UnixTime) -> OpenSession {
        OpenSession {
            bucket: self.bucket.clone(),
            channel: self.channel.clone(),
            node: NodeId::new("node-1"),
            remote_addr: "192.0.2.1:5000".parse().unwrap(),
            playlist_name: None,
            at: now,
            busy_within: Duration::from_secs(3),
        }
    }

    /// Opens a session, whoever holds the channel.
    pub(super) async fn take(&self, now: UnixTime) -> Lease {
        let open = OpenSession {
            busy_within: Duration::ZERO,
            ..self.asking(now)
        };
        self.catalog.open_session(open).await.unwrap()
    }

    pub(super) async fn renew(&self, lease: &Lease, last_media: UnixTime) -> Result<(), Error> {
        let activity = Activity {
            at: last_media,
            last_media,
            statistics: Statistics::default(),
        };
        self.catalog.renew(lease, activity).await
    }

    /// Appends the segment that is due after the lease's beginning and `earlier` ones, with this name.
    pub(super) async fn append(&self, lease: &Lease, earlier: u64, name: UnixTime) -> Result<Appended, Error> {
        self.catalog.append_segment(lease, segment(lease, earlier, name)).await
    }

    pub(super) async fn latest(&self) -> Vec<u64> {
        let latest = self
            .catalog
            .latest_segments(&self.bucket, &self.channel, 100)
            .await
            .unwrap();
        latest.iter().map(|segment| segment.sequence).collect()
    }

    pub(super) async fn between(&self, from: UnixTime, to: UnixTime) -> Vec<u64> {
        let found = self
            .catalog
            .segments_between(&self.bucket, &self.channel, from, to, None, 1_000)
            .await
            .unwrap();
        found.iter().map(|segment| segment.sequence).collect()
    }

    pub(super) async fn withdraw(&self, name: UnixTime) -> bool {
        self.catalog
            .withdraw_segment(&self.bucket, &self.channel.segment_key(name))
            .await
            .unwrap()
    }
}

/// The segment that is due after the lease's beginning and `earlier` ones of its session.
pub(super) fn segment(lease: &Lease, earlier: u64, name: UnixTime) -> SegmentRecord {
    SegmentRecord {
        session: lease.session,
        sequence: lease.next_sequence + earlier,
        discontinuity_sequence: lease.next_discontinuity_sequence,
        discontinuity: earlier == 0 && lease.next_sequence > 0,
        name,
        program_date_time: name,
        duration: 90_000,
        length: 188,
        crc64: name.as_millis().cast_unsigned(),
    }
}

pub(super) fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(1_700_000_000 + seconds)
}

pub(super) fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

pub(super) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

pub(super) fn owner(id: &str) -> OwnerId {
    OwnerId::new(id)
}

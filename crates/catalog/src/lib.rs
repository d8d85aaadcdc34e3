//! Records: what exists, who may write, what happened.
//!
//! ```text
//!   api ----- buckets, channels, keys, history ----+
//!                                                  v
//!   ingest -- open -> Lease -> renew, append -> [Catalog] --> SqliteCatalog   one file, one node
//!                                                  |
//!   api ----- segments between two times ----------+--------> MemoryCatalog   tests
//! ```
//!
//! [`Catalog`] holds the contract. Its heart is the [`Lease`]: the right of one publisher to append to one channel, void
//! as soon as a newer epoch exists; and the channel's position, which only rises, whatever happens to sessions,
//! processes and the channel itself.
//!
//! The crate never touches an object, never reads a clock (times are arguments), and never puts a secret into an error
//! or a log line.
//!
//! | Specification | Where |
//! |---|---|
//! | RFC 8216, 6.2.1 and 6.2.2: media and discontinuity sequence never fall | [`Catalog::append_segment`], [`Catalog::withdraw_segment`] |
//! | OSS, 1.1 to 1.7: channels, liveness, history | [`Catalog::put_channel`], [`Catalog::live_session`], [`Catalog::recent_sessions`] |
//! | OSS, 4: buckets, their owner and ACL | [`Catalog::create_bucket`] |
//! | OSS, 4.6 and 4.7: configuration documents of buckets | [`Catalog::bucket_document`] |
//!
//! ```
//! use std::time::Duration;
//!
//! use alluvium_catalog::{Catalog, Error, MemoryCatalog, NodeId, OpenSession};
//! use alluvium_oss::{BucketName, ChannelConfig, ChannelName, OwnerId, UnixTime};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let catalog = MemoryCatalog::new();
//! let (bucket, channel) = (BucketName::parse("bucket")?, ChannelName::parse("channel")?);
//! let now = UnixTime::from_secs(1_700_000_000);
//! catalog.create_bucket(&bucket, &OwnerId::new("owner"), None, now).await?;
//! catalog.put_channel(&bucket, &channel, &ChannelConfig::default(), now).await?;
//!
//! let publisher = OpenSession {
//!     bucket,
//!     channel,
//!     node: NodeId::new("node-1"),
//!     remote_addr: "192.0.2.1:50000".parse()?,
//!     playlist_name: None,
//!     at: now,
//!     busy_within: Duration::from_secs(3),
//! };
//! let first = catalog.open_session(publisher.clone()).await?;
//! assert!(matches!(catalog.open_session(publisher.clone()).await, Err(Error::Busy { .. })));
//!
//! let later = now.plus(Duration::from_secs(3));
//! let second = catalog.open_session(OpenSession { at: later, ..publisher }).await?;
//! assert_eq!((first.epoch, second.epoch), (1, 2));
//! assert_eq!(catalog.close_session(&first, later).await, Err(Error::Fenced { epoch: 1 }));
//! # Ok(())
//! # }
//! ```

mod access_key;
mod bucket;
mod catalog;
mod channel;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod memory;
mod page;
mod position;
mod segment;
mod session;
mod sqlite;
mod watch;

pub use access_key::AccessKey;
pub use bucket::{Bucket, BucketDocument, BucketQuery};
pub use catalog::Catalog;
pub use channel::{Channel, ChannelQuery, ChannelState};
pub use error::{Error, Missing};
pub use memory::MemoryCatalog;
pub use page::Page;
pub use segment::{Appended, SegmentRecord};
pub use session::{
    Activity, AudioStatistics, Lease, LiveSession, NodeId, OpenSession, SessionId, SessionIdError, SessionRecord,
    Statistics, Unended, VideoStatistics,
};
pub use sqlite::SqliteCatalog;
pub use watch::ChannelWatch;

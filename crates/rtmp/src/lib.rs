//! The wire protocol of one publisher's RTMP connection, without I/O.
//!
//! ```text
//!   bytes -> Handshake -> chunk::Decoder -> message -> command, metadata, aggregate -> Event
//!                |                             |          |
//!                +-----------> Outbox <--------+----------+   -> bytes to send
//! ```
//!
//! Call [`Connection::receive`] with whatever arrived, until it returns `None`; answer [`Event::Publish`] with
//! [`Connection::accept`] or [`Connection::refuse`]; send what [`Connection::take_outgoing`] gives, in the order given.
//! Any split of the bytes gives the same events. An error means that the framing is lost or a bound is passed, and ends
//! the connection; everything else that is odd is an [`Event::Fault`], and the connection goes on.
//!
//! [`capture`] is the file of what a publisher sent: for looking at it later, and for tests.
//!
//! The crate never reads a socket, a clock or random bytes, never looks into media, never plays, and never decides who
//! may publish. It keeps nothing that a peer has only announced: see [`Limits`] for each bound.
//!
//! | Specification | Where |
//! |---|---|
//! | RTMP 1.0, 5.2 handshake | `handshake` |
//! | RTMP 1.0, 5.3 chunking, 5.3.1.3 extended timestamp | `chunk` |
//! | RTMP 1.0, 5.4 protocol control messages, 7.1.7 user control | `connection`, `acknowledgement` |
//! | RTMP 1.0, 7.1.1 commands, 7.2 their meaning | `command`, `connection::commands` |
//! | RTMP 1.0, 7.1.6 aggregate messages | `aggregate` |
//! | AMF0, 2 types | [`amf0`] |
//! | FLV 10.1, E.5 `onMetaData` | `metadata` |
//!
//! Both sides of a connection, the bytes carried by hand:
//!
//! ```
//! use alluvium_rtmp::publisher::{self, Publisher};
//! use alluvium_rtmp::{Connection, Event, Limits, MediaKind, PublishRequest};
//!
//! let request = PublishRequest {
//!     app: "live".into(),
//!     tc_url: "rtmp://bucket.example.com/live".into(),
//!     name: "channel?Expires=1".into(),
//!     encoder: "example".into(),
//! };
//! let mut publisher = Publisher::new(request.clone(), [1; 32]);
//! let mut connection = Connection::new(Limits::default(), [2; 32]);
//! let mut pictures = 0;
//! while pictures == 0 {
//!     let sent = publisher.take_outgoing().unwrap_or_default();
//!     let mut input = &sent[..];
//!     while let Some(event) = connection.receive(&mut input)? {
//!         match event {
//!             Event::Publish(asked) => {
//!                 assert_eq!(asked, request);
//!                 connection.accept();
//!             }
//!             Event::Media { kind, timestamp_ms, payload } => {
//!                 assert_eq!((kind, timestamp_ms, payload), (MediaKind::Video, 40, &[0x17, 1][..]));
//!                 pictures += 1;
//!             }
//!             _ => {}
//!         }
//!     }
//!     let answered = connection.take_outgoing().unwrap_or_default();
//!     let mut input = &answered[..];
//!     while let Some(event) = publisher.receive(&mut input)? {
//!         assert_eq!(event, publisher::Event::Started);
//!         publisher.send_media(MediaKind::Video, 40, &[0x17, 1]).expect("the publish is accepted");
//!     }
//! }
//! # Ok::<(), alluvium_rtmp::Error>(())
//! ```

mod acknowledgement;
mod aggregate;
pub mod amf0;
pub mod capture;
mod chunk;
mod command;
mod connection;
mod error;
mod event;
mod fault;
mod handshake;
mod limits;
mod message;
mod metadata;
mod outbox;
pub mod publisher;
mod status;

pub use connection::{Connection, LastMessages, Phase};
pub use error::Error;
pub use event::{Event, MediaKind, PublishRequest, Refused};
pub use fault::{Fault, FaultKind};
pub use limits::Limits;
pub use metadata::Metadata;
pub use status::{Refusal, StatusCode};

//! The vocabulary of the OSS API: names, documents, error codes, signatures.

mod acl;
mod address;
mod channel;
pub mod document;
mod error;
mod list;
mod name;
pub mod percent;
mod secret;
pub mod sign;
mod time;
mod vod;
pub mod xml;

pub use acl::{Acl, ObjectAcl};
pub use address::{Addressing, ChannelUrls, Domains};
pub use channel::{ChannelConfig, ChannelStatus};
pub use error::{Error, ErrorCode};
pub use list::{ListParameters, ObjectListParameters};
pub use name::{BucketName, ChannelName, ObjectKey, OwnerId, PlaylistName};
pub use secret::Secret;
pub use time::{Clock, ManualClock, UnixTime};
pub use vod::VodRange;

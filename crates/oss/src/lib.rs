//! The vocabulary of the OSS API: names, documents, error codes, signatures.

mod acl;
mod channel;
mod error;
mod name;
mod secret;
mod time;
pub mod xml;

pub use acl::{Acl, ObjectAcl};
pub use channel::{ChannelConfig, ChannelStatus};
pub use error::{Error, ErrorCode};
pub use name::{BucketName, ChannelName, ObjectKey, OwnerId, PlaylistName};
pub use secret::Secret;
pub use time::{Clock, ManualClock, UnixTime};

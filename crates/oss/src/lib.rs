//! The vocabulary of the OSS API: names, documents, error codes, signatures.
//!
//! ```text
//!    host ----> Domains::resolve ----> Addressing
//!    request -> Claim::parse -> access_key_id -> (the caller finds the secret) -> Claim::verify
//!    connect, publish -> PublishTarget::parse ---------------- " -------------> PublishTarget::verify
//!    body ----> ChannelConfig::from_xml, xml::Element          values -> document::*::to_xml -> body
//!    query ---> VodRange, ListParameters                       Error --> document::ErrorDocument
//! ```
//!
//! Text from outside is parsed once, into a type that cannot be wrong; what it may not be is an [`Error`] with the code, the
//! message and the EC number that the contract gives. Signatures are verified, and made, over plain values.
//!
//! The crate never reads a clock, a socket, a file or random bytes, and knows no HTTP statuses: times are arguments, headers
//! are pairs of text. Nothing here prints a secret.
//!
//! | `contract/oss.md` | Where |
//! |---|---|
//! | 1.0, 1.10, 4.2 names of channels, keys, buckets | [`ChannelName`], [`ObjectKey`], [`BucketName`], [`PlaylistName`] |
//! | 1.1 channel configuration | [`ChannelConfig`] |
//! | 1.1 to 1.6, 4.2, 4.3 answers | [`document`] |
//! | 1.6, 4.2, 4.3 list parameters | [`ListParameters`], [`ObjectListParameters`], [`UploadListParameters`], [`PartListParameters`] |
//! | 1.8, 1.9 time ranges | [`VodRange`] |
//! | 1.11, 3.6 errors | [`ErrorCode`], [`Error`], [`document::ErrorDocument`] |
//! | 2 publish URLs | [`sign::publish_url`] |
//! | 3.1, 3.2 signature version 1 | [`sign::v1`] |
//! | 3.3 signature version 2 | [`sign::v2`] |
//! | 3.4 signature version 4 | [`sign::v4`] |
//! | 3.1 to 3.4, 3.6 temporary access keys | [`SecurityToken`] |
//! | 3.5 clocks | [`sign::Claim::verify`], [`UnixTime`], [`Clock`] |
//! | 4.5 access control lists | [`Acl`], [`ObjectAcl`] |
//! | 4.6 pages of other origins | [`CorsConfiguration`] |
//! | 4.7 referers, lifecycle | [`RefererConfiguration`], [`LifecycleConfiguration`] |
//! | 5 addressing | [`Domains`], [`ChannelUrls`] |
//!
//! ```
//! use alluvium_oss::sign::publish_url::{self, PublishTarget};
//! use alluvium_oss::{BucketName, ChannelName, ChannelUrls, Domains, Error, PlaylistName, Secret, UnixTime};
//!
//! # fn main() -> Result<(), Error> {
//! let domains = Domains::new(["oss.test".to_owned()], []);
//! let secret = Secret::new("exampleSecretKey0123456789".to_owned());
//! let now = UnixTime::from_secs(1_700_000_000);
//!
//! // What a client makes of the answer to PutLiveChannel.
//! let bucket = BucketName::parse("test-bucket")?;
//! let channel = ChannelName::parse("test-channel")?;
//! let host = "test-bucket.oss.test:9000";
//! let urls = ChannelUrls::new(host, &domains.resolve(host), &bucket, &channel, &PlaylistName::default());
//! let expires = UnixTime::from_secs(1_700_003_600);
//! let url = publish_url::sign(&urls, None, "LTAIexampleAK", &secret, expires);
//!
//! // What its encoder makes of that, and what is believed of it.
//! let (tc_url, name) = url.rsplit_once('/').expect("a URL has slashes");
//! let target = PublishTarget::parse("live", tc_url, name, &domains)?;
//! assert_eq!(target.bucket, Some(bucket.clone()));
//! target.verify(&bucket, &secret, now)?;
//! # Ok(())
//! # }
//! ```

mod acl;
mod address;
mod channel;
mod cors;
pub mod document;
mod error;
mod lifecycle;
mod list;
mod name;
pub mod percent;
mod referer;
mod secret;
mod security_token;
pub mod sign;
mod time;
mod vod;
pub mod xml;

pub use acl::{Acl, ObjectAcl};
pub use address::{Addressing, ChannelUrls, Domains};
pub use channel::{ChannelConfig, ChannelStatus};
pub use cors::{CorsConfiguration, CorsRule};
pub use error::{Error, ErrorCode};
pub use lifecycle::{Expiration, LifecycleConfiguration, LifecycleRule};
pub use list::{
    ListParameters, ListVersion, ObjectListParameters, PART_NUMBER_MAX, PartListParameters, UploadListParameters,
    part_number, url_encoded,
};
pub use name::{BucketName, ChannelName, ObjectKey, OwnerId, PlaylistName};
pub use referer::RefererConfiguration;
pub use secret::Secret;
pub use security_token::SecurityToken;
pub use time::{Clock, ManualClock, UnixTime};
pub use vod::VodRange;

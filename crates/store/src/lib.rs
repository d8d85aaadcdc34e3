//! Objects: named bytes which appear whole or not at all.
//!
//! ```text
//!   Put --> ObjectStore --+-- LocalStore     blobs and an index in one folder; durable
//!   get <--               +-- MemoryStore    for tests and simulations
//!   list <--              +-- FaultyStore    around another one: fails, delays, truncates, loses, lies
//!                         +-- (remote stores come under the same trait)
//! ```
//!
//! [`ObjectStore`] says what every store promises, and [`conformance`] holds it to that; [`local`] tells how a folder keeps it.
//! [`check`] reads an object back and compares it with what it ought to be.
//!
//! A store never retries, never reads a clock, knows nothing of HTTP, channels or playlists, and decides nothing about who may do what.
//! A call that touches a disk does so on threads of its own, a bounded number of them: a disk that hangs holds up whoever uses the store,
//! and nobody else.
//!
//! | Specification | Where |
//! |---|---|
//! | CRC-64/XZ (ECMA-182, reflected), the API's `x-oss-hash-crc64ecma` | [`Crc64`] |
//! | RFC 9110, 14.1.2 byte ranges | [`RangeRequest`] |
//! | listing by prefix, delimiter, marker and max-keys | [`ListQuery`] |
//! | multipart uploads | [`Upload`], [`CompleteUpload`] |
//!
//! ```
//! use alluvium_oss::{BucketName, ObjectKey, UnixTime};
//! use alluvium_store::{Attributes, Condition, Error, LocalStore, LocalStoreConfig, ObjectStore, Put};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = LocalStore::open(folder, LocalStoreConfig::default())?;
//! let bucket = BucketName::parse("videos")?;
//! let key = ObjectKey::parse("front-door/playlist.m3u8")?;
//!
//! let put = Put::bytes("#EXTM3U\n", "5D41402ABC4B2A76B9719D911017C592", Attributes::default(), UnixTime::from_secs(1_700_000_000));
//! store.put(&bucket, &key, put.clone()).await?;
//! assert_eq!(store.get(&bucket, &key, None).await?.bytes().await?, "#EXTM3U\n");
//!
//! let again = store.put(&bucket, &key, put.when(Condition::Absent)).await;
//! assert!(matches!(again, Err(Error::Exists { .. })));
//! # Ok(())
//! # })
//! # }
//! ```

mod check;
pub mod conformance;
mod crc64;
mod error;
pub mod faulty;
mod list;
pub mod local;
mod memory;
mod memory_file;
mod object;
mod put;
mod range;
mod store;
mod upload;

pub use check::{Mismatch, check};
pub use crc64::{Crc64, crc64, crc64_combine, recorded_etag};
pub use error::Error;
pub use faulty::FaultyStore;
pub use list::{LIST_LIMIT_MAX, ListPage, ListQuery};
pub use local::{LocalStore, LocalStoreConfig};
pub use memory::MemoryStore;
pub use memory_file::MemoryFile;
pub use object::{Attributes, Object, ObjectBytes, ObjectInfo};
pub use put::{Body, Condition, Copy, CopyAttributes, Put};
pub use range::RangeRequest;
pub use store::{Capabilities, ObjectStore};
pub use upload::{
    CompleteUpload, NewUpload, Part, PartInfo, PartPage, Upload, UploadId, UploadInfo, UploadPage, UploadQuery,
};

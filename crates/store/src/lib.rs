//! Objects: named bytes which appear whole or not at all.

mod check;
mod crc64;
mod error;
pub mod faulty;
mod list;
pub mod local;
mod memory;
mod object;
mod put;
mod range;
mod store;

pub use check::{Mismatch, check};
pub use crc64::{Crc64, crc64, recorded_etag};
pub use error::Error;
pub use faulty::FaultyStore;
pub use list::{LIST_LIMIT_MAX, ListPage, ListQuery};
pub use local::{LocalStore, LocalStoreConfig};
pub use memory::MemoryStore;
pub use object::{Attributes, Object, ObjectInfo};
pub use put::{Body, Condition, Copy, Put};
pub use range::RangeRequest;
pub use store::{Capabilities, ObjectStore};

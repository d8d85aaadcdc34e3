//! The catalog in one SQLite file, owned by one process.
//!
//! ```text
//!   writes --> bounded queue --> writer thread: one transaction and one fsync for all that wait --> replies
//!   reads  --> at most a few connections on blocking threads, each read in one snapshot
//!   buckets -> memory, once they were read, until one of them changes
//!   renew  --> memory
//! ```
//!
//! Renewals stay in memory, which is as much as they are worth: the one process that owns the file serves the sessions
//! they speak of, and both end together. What it leaves open is closed at its next start, see
//! [`Catalog::open_sessions`](crate::Catalog::open_sessions).

mod access_keys;
mod buckets;
mod catalog;
mod channels;
mod failure;
mod known;
mod left;
mod positions;
mod readers;
mod row;
mod running;
mod schema;
mod segments;
mod sessions;
mod sweep;
mod writer;

#[cfg(test)]
mod tests;

pub use catalog::SqliteCatalog;

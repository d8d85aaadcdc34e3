//! What is promised of any bytes from a peer: a function for each parser that meets one.
//!
//! ```text
//!   bytes -> parser -> promises: no panic, within its bounds, the same at any split, read again as written
//! ```
//!
//! `make fuzz` searches for inputs that break a promise (`fuzz/`, a binary for each function); the test of this crate runs
//! the kept inputs of `fuzz/corpus` and some thousands of changed ones, with a stable compiler, in seconds.

pub mod aac_config;
pub mod amf0;
pub mod avc_config;
pub mod captures;
pub mod conditional_reads;
pub mod dates;
pub mod flv_tag;
pub mod http_requests;
pub mod publish_url;
pub mod rtmp_chunks;
pub mod rtmp_handshake;
pub mod segments;
pub mod sign_v1;
pub mod sign_v2;
pub mod sign_v4;
pub mod signed_playlists;
pub mod ts_salvage;
pub mod xml_documents;

mod service;
mod signed;

/// A parser's name, as in `fuzz/corpus`, and what is promised of it.
pub type Target = (&'static str, fn(&[u8]));

/// Every parser that meets a peer. The first byte of a connection has none of its own: it is one of 256 values
/// (`listener` in the server).
pub const TARGETS: &[Target] = &[
    ("aac_config", aac_config::check),
    ("amf0", amf0::check),
    ("avc_config", avc_config::check),
    ("captures", captures::check),
    ("conditional_reads", conditional_reads::check),
    ("dates", dates::check),
    ("flv_tag", flv_tag::check),
    ("http_requests", http_requests::check),
    ("publish_url", publish_url::check),
    ("rtmp_chunks", rtmp_chunks::check),
    ("rtmp_handshake", rtmp_handshake::check),
    ("segments", segments::check),
    ("sign_v1", sign_v1::check),
    ("sign_v2", sign_v2::check),
    ("sign_v4", sign_v4::check),
    ("signed_playlists", signed_playlists::check),
    ("ts_salvage", ts_salvage::check),
    ("xml_documents", xml_documents::check),
];

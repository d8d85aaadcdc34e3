//! What the operator decides about this room.

use std::path::PathBuf;
use std::time::Duration;

use alluvium_oss::Domains;

/// Settings of the HTTP service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The host suffixes below which a bucket has a name of its own, and the own domains.
    pub domains: Domains,
    /// The region told to clients, without the `oss-` in front: `cn-hangzhou`.
    pub region: String,
    /// Where the body of a large PutObject waits until the store takes it over.
    ///
    /// On the store's own file system the store adopts the file by a rename. Created when first needed; nothing else
    /// may live in it (see [`discard_leftover_uploads`](crate::discard_leftover_uploads)).
    pub upload_folder: PathBuf,
    /// The bounds against clients.
    pub limits: Limits,
}

/// What a client may make this room hold or do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one object sent in one request; the contract's 5 GiB.
    pub object_bytes_max: u64,
    /// Bytes of an XML body; the largest document of the API needs a small part of it.
    pub document_bytes_max: usize,
    /// Bytes of an XML body that names many objects or parts: 1000 keys of 1023 bytes, or 10000 parts, with room for escapes.
    pub long_document_bytes_max: usize,
    /// The least bytes of a part, but for the last of its object; the service's 100 KiB. Smaller ones cost more to keep
    /// account of than to keep.
    pub part_bytes_min: u64,
    /// Bytes of an object's body kept in memory; what is longer goes to a file. The memory of one upload is at most
    /// twice this and a network read.
    pub upload_memory_bytes_max: usize,
    /// Bytes of all `x-oss-meta-*` names and values of an object together; the service's 8 KiB.
    pub user_metadata_bytes_max: usize,
    /// Parameters of one request; the longest legitimate query (a presigned URL with every `response-*`) has under 20.
    pub query_parameters_max: usize,
    /// Buckets of one owner.
    pub buckets_per_owner_max: usize,
    /// Segments in one VOD playlist: a day of one-second segments is 86,400.
    pub vod_entries_max: usize,
    /// Bytes of a playlist whose URIs are to be signed; the contract's 1 MB.
    pub signed_playlist_bytes_max: u64,
    /// Bytes of the signed text: a day of five-second segments, each with a session token of 1 KiB, fits.
    pub signed_playlist_result_bytes_max: usize,
    /// Segments in a playlist whose URIs are to be signed: a day of five-second segments is 17,280. As many other files
    /// may stand there beside them, such as a key for each.
    pub signed_segments_max: usize,
    /// Playlists in one whose URIs are to be signed: the variants and renditions of one programme are under 100.
    pub signed_playlists_max: usize,
    /// How long a body may take besides the time its bytes need at [`body_bytes_per_second_min`](Self::body_bytes_per_second_min).
    pub body_grace: Duration,
    /// The slowest average rate at which a body may arrive, once the grace is used up.
    pub body_bytes_per_second_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            object_bytes_max: 5 << 30,
            document_bytes_max: 64 << 10,
            long_document_bytes_max: 2 << 20,
            part_bytes_min: 100 << 10,
            upload_memory_bytes_max: 256 << 10,
            user_metadata_bytes_max: 8 << 10,
            query_parameters_max: 64,
            buckets_per_owner_max: 1000,
            vod_entries_max: 100_000,
            signed_playlist_bytes_max: 1 << 20,
            signed_playlist_result_bytes_max: 32 << 20,
            signed_segments_max: 20_000,
            signed_playlists_max: 100,
            body_grace: Duration::from_secs(30),
            body_bytes_per_second_min: 1 << 10,
        }
    }
}

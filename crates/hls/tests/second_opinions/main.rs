//! What others make of our bytes: `mpeg2ts`, `m3u8-rs` and `hls_m3u8`.

mod playlist;
mod transport_stream;

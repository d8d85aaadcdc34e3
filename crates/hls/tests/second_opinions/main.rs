//! What others make of our bytes: `mpeg2ts`, `m3u8-rs`, `hls_m3u8` and ffmpeg.

#![allow(clippy::unwrap_used)]

mod ffmpeg;
mod flv;
mod playlist;
mod salvage;
mod transport_stream;

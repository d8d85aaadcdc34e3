//! The vectors, a file for each sort of oddity.

mod audio;
mod chunks;
mod codecs;
mod commands;
mod metadata;
mod times;
mod video;

use alluvium_rtmp::capture::Capture;

pub(crate) type Vector = (&'static str, Capture);

pub(crate) fn all() -> Vec<Vector> {
    [
        audio::all(),
        chunks::all(),
        codecs::all(),
        commands::all(),
        metadata::all(),
        times::all(),
        video::all(),
    ]
    .concat()
}

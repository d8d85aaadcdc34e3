//! The vectors, a file for each sort of oddity.

mod chunks;
mod metadata;

use alluvium_rtmp::capture::Capture;

pub(crate) type Vector = (&'static str, Capture);

pub(crate) fn all() -> Vec<Vector> {
    [chunks::all(), metadata::all()].concat()
}

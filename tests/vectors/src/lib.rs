//! What odd publishers send, made byte by byte: the vectors of this folder that no encoder was recorded for.
//!
//! Each is a script in `src/made/`, and lies in this folder as `<name>.rtmp`, which `cargo run -p alluvium-vectors`
//! writes. The tests of `crates/ingest/tests/vectors.rs` replay every file against the ingest service; a file that has
//! no test there fails one.

mod made;
mod media;
mod script;
mod synthetic;

use std::path::{Path, PathBuf};

use alluvium_rtmp::capture::Capture;

/// Every vector that is made by hand, with its name.
pub fn made() -> Vec<(&'static str, Capture)> {
    made::all()
}

/// Where a vector lies.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.rtmp"))
}

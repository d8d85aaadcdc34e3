//! `alluvium replay`: what would the server make of what this publisher sent?

mod answers;
mod narrator;
mod publish;
mod story;
mod words;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use alluvium_rtmp::capture::{Error, HEAD_BYTES_MAX, Head};
use anyhow::{Context, Result};

use narrator::Narrator;

/// Read at a time; with what the machines hold, all that a file of any length needs.
const READ_BYTES: usize = 64 * 1024;

/// Tells on standard output what is in a capture.
pub(crate) fn run(path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| format!("capture {}", path.display()))?;
    match tell(file, io::stdout().lock()) {
        // Whoever reads has read enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result.with_context(|| format!("capture {}", path.display())),
    }
}

/// Tells what is in a capture.
fn tell(mut file: impl Read, out: impl Write) -> Result<()> {
    let mut buffer = vec![0; HEAD_BYTES_MAX.max(READ_BYTES)];
    let mut length = 0;
    let (head, begin) = loop {
        let read = file.read(&mut buffer[length..])?;
        length += read;
        match Head::parse(&buffer[..length])? {
            Some(parsed) => break parsed,
            None if read == 0 => return Err(Error::Unfinished { length }.into()),
            None => {}
        }
    };
    let mut narrator = Narrator::new(out, head)?;
    narrator.take(&buffer[begin..length])?;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(narrator.finish()?),
            length => narrator.take(&buffer[..length])?,
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

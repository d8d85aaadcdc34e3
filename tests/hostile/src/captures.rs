//! Any bytes as a capture: read or refused, what is written is read again, its messages are the same at any split, and
//! what hides its secrets changes nothing else.

use alluvium_rtmp::Limits;
use alluvium_rtmp::capture::{Capture, Messages, redact};

/// Panics where the promise above is broken.
pub fn check(file: &[u8]) {
    let bytes = match Capture::parse(file) {
        Ok(capture) => {
            // Long values are cut once.
            let written = Capture::parse(&capture.to_bytes()).expect("what was written is read");
            assert_eq!(written.bytes, capture.bytes);
            assert_eq!(Capture::parse(&written.to_bytes()), Ok(written));
            capture.bytes
        }
        Err(_) => file.to_vec(),
    };
    assert_eq!(messages(&bytes, 7), messages(&bytes, bytes.len().max(1)));
    let mut hidden = bytes.clone();
    redact(&mut hidden);
    assert_eq!(hidden.len(), bytes.len());
    assert!(hidden.iter().zip(&bytes).all(|(now, was)| now == was || *now == b'*'));
}

fn messages(bytes: &[u8], step: usize) -> Vec<String> {
    let mut messages = Messages::new(Limits::default());
    let mut found = Vec::new();
    for mut part in bytes.chunks(step) {
        loop {
            match messages.next_message(&mut part) {
                Ok(Some(message)) => found.push(format!("{message:?}")),
                Ok(None) => break,
                Err(error) => {
                    found.push(error.to_string());
                    return found;
                }
            }
        }
    }
    found
}

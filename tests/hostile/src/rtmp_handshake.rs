//! Any bytes from the first on: no panic, and the same outcome whole or byte by byte.

use alluvium_rtmp::{Connection, Error, Limits, Phase};

fn outcome(bytes: &[u8], step: usize) -> (Vec<String>, Vec<u8>, Option<Error>, Phase) {
    let mut connection = Connection::new(Limits::default(), [7; 32]);
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    let mut error = None;
    for mut part in bytes.chunks(step) {
        loop {
            match connection.receive(&mut part) {
                Ok(Some(event)) => events.push(format!("{event:?}")),
                Ok(None) => break,
                Err(reason) => error = error.or(Some(reason)),
            }
            sent.extend(connection.take_outgoing().unwrap_or_default());
        }
        sent.extend(connection.take_outgoing().unwrap_or_default());
    }
    // What was received is acknowledged after each read, however much that was.
    sent.truncate(HANDSHAKE_BYTES);
    (events, sent, error, connection.phase())
}

/// Panics where the promise above is broken.
pub fn check(bytes: &[u8]) {
    let whole = outcome(bytes, bytes.len().max(1));
    assert_eq!(outcome(bytes, 1), whole);
}

/// S0, S1 and S2.
const HANDSHAKE_BYTES: usize = 3073;

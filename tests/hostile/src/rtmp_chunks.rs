//! Any bytes behind the handshake, or behind an accepted publish: no panic, and the same events at any split.
//!
//! The first byte says where to begin, the second how the rest is split.

use alluvium_rtmp::publisher::Publisher;
use alluvium_rtmp::{Connection, Error, Event, Limits, Phase, PublishRequest};

/// A connection behind its handshake; or behind a publish that is accepted.
fn connection(publishes: bool) -> Connection {
    let mut connection = Connection::new(Limits::default(), [7; 32]);
    if !publishes {
        let mut handshake = [0; 3073];
        handshake[0] = 3;
        assert_eq!(connection.receive(&mut &handshake[..]), Ok(None));
        return connection;
    }
    let request = PublishRequest {
        app: "live".into(),
        tc_url: String::new(),
        name: "channel".into(),
        encoder: String::new(),
    };
    let mut publisher = Publisher::new(request, [8; 32]);
    while connection.phase() != Phase::Publishing {
        let sent = publisher.take_outgoing().unwrap_or_default();
        let mut input = &sent[..];
        while let Some(event) = connection
            .receive(&mut input)
            .expect("the publisher keeps the protocol")
        {
            if let Event::Publish(_) = event {
                connection.accept();
            }
        }
        let answered = connection.take_outgoing().unwrap_or_default();
        let mut input = &answered[..];
        while publisher
            .receive(&mut input)
            .expect("the connection keeps the protocol")
            .is_some()
        {}
    }
    connection
}

fn outcome(bytes: &[u8], step: usize, publishes: bool) -> (Vec<String>, Option<Error>, Phase) {
    let mut connection = connection(publishes);
    let mut events = Vec::new();
    let mut error = None;
    for mut part in bytes.chunks(step) {
        loop {
            let mut asks = false;
            match connection.receive(&mut part) {
                Ok(Some(event)) => {
                    asks = matches!(event, Event::Publish(_));
                    events.push(format!("{event:?}"));
                }
                Ok(None) => break,
                Err(reason) => error = error.or(Some(reason)),
            }
            if asks {
                connection.accept();
            }
            connection.take_outgoing();
        }
        connection.take_outgoing();
    }
    (events, error, connection.phase())
}

/// Panics where the promise above is broken.
pub fn check(bytes: &[u8]) {
    let [start, split, bytes @ ..] = bytes else {
        return;
    };
    let publishes = start % 2 == 1;
    let whole = outcome(bytes, bytes.len().max(1), publishes);
    let step = usize::from(*split).max(1);
    assert_eq!(outcome(bytes, step, publishes), whole);
}

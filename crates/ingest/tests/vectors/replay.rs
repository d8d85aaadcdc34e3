//! Replays a vector, its bytes cut in many ways.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alluvium_ingest::Config;
use alluvium_rtmp::PublishRequest;
use alluvium_rtmp::capture::{Capture, Expectation};

use crate::arrival::Arrival;
use crate::outcome::Outcome;
use crate::sent::Sent;
use crate::stored::Stored;
use crate::support::House;

/// The begin of a connection arrives in single bytes up to here: the handshake, and most of the commands.
const SINGLE_BYTES: usize = 4096;

/// Generous: what ends does so at once, or never.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names of all vectors, sorted.
pub(crate) fn files() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "rtmp"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Replays a vector as a whole, cut at every hard place, and at random; each time the same must come of it.
pub(crate) async fn check(name: &str, check: fn(&Outcome)) {
    let file = std::fs::read(folder().join(format!("{name}.rtmp"))).unwrap();
    let Capture { head, bytes } = Capture::parse(&file).unwrap();
    let expects = head.expects.expect("a vector says what it expects");
    let boundaries = Sent::read(&bytes).boundaries;
    let (mut whole, mut seed) = (None, 0x2545_f491_4f6c_dd1d_u64);
    let arrivals: [(&str, Vec<usize>); 4] = [
        ("whole", vec![]),
        ("at every message", boundaries.clone()),
        (
            "behind the first byte of every message, and in single bytes at first",
            boundaries.iter().map(|at| at + 1).chain(0..SINGLE_BYTES).collect(),
        ),
        ("at random", random_cuts(bytes.len(), &mut seed)),
    ];
    for (how, cuts) in arrivals {
        println!("{name}, cut {how}");
        let outcome = replay(&bytes, cuts, matches!(expects, Expectation::Refused(_))).await;
        match &expects {
            Expectation::Recorded => {
                assert_eq!(outcome.sent.error, None);
                assert!(!outcome.stored.segments.is_empty(), "nothing is recorded");
                outcome.told("NetStream.Publish.Start");
            }
            Expectation::Refused(code) => outcome.told(code),
            Expectation::Error => assert!(outcome.sent.error.is_some(), "no error"),
        }
        check(&outcome);
        // Which frames share a packet may depend on when they came; nothing else may.
        let units = (outcome.stored.video, outcome.stored.audio.len());
        assert_eq!(whole.get_or_insert(units.clone()), &units);
    }
}

/// Where it `waits`, the connection must be ended by the server.
async fn replay(bytes: &[u8], cuts: Vec<usize>, waits: bool) -> Outcome {
    let sent = Sent::read(bytes);
    let house = house_for(sent.requests.first()).await;
    let mut channels = Vec::new();
    for request in &sent.requests {
        let name = request.name.split('?').next().unwrap();
        if !channels
            .iter()
            .any(|channel: &alluvium_oss::ChannelName| channel.as_str() == name)
        {
            channels.push(house.channel(name).await);
        }
    }
    let arrival = Arrival::cut(bytes, cuts);
    let arrival = if waits { arrival.waiting() } else { arrival };
    let answers = arrival.answers();
    let peer: SocketAddr = "192.0.2.1:5000".parse().unwrap();
    let served = Arc::clone(&house.ingest).serve_connection(arrival, peer, house.stop.clone());
    tokio::time::timeout(PATIENCE, served)
        .await
        .expect("the connection does not end");
    let mut stored = Stored::default();
    for channel in &channels {
        house.until_idle(channel).await;
        stored.append(Stored::read(&house, channel).await);
    }
    Outcome {
        sent,
        stored,
        answers: answers.bytes(),
    }
}

/// Encoders were recorded with and without the bucket in the URL's path.
async fn house_for(request: Option<&PublishRequest>) -> House {
    match request {
        Some(request) if request.app == "live" => {
            let host = request.tc_url.trim_start_matches("rtmp://").split('/').next().unwrap();
            House::at_own_domain(host, at_once).await
        }
        // No deadline of the server's ends what should end by itself.
        _ => {
            House::with(|config| {
                config.publish_timeout = PATIENCE * 60;
                at_once(config);
            })
            .await
        }
    }
}

/// Each piece is read by itself.
fn at_once(config: &mut Config) {
    config.turn_max = Duration::ZERO;
}

/// Some hundred cuts; the same in every run.
fn random_cuts(length: usize, seed: &mut u64) -> Vec<usize> {
    let mut cuts = Vec::new();
    for _ in 0..300.min(length) {
        // xorshift64
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        cuts.push((*seed % length as u64) as usize);
    }
    cuts
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

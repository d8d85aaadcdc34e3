//! How long after its closing keyframe a segment is listed.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::load::Closed;
use crate::servers::Lists;

/// Asks for a playlist from the moment its segment was closed, once a millisecond, until the segment is in it: nothing is
/// asked of a server that has nothing to list. Ends with the load that tells of closed segments.
pub(crate) fn watch(mut lists: Lists, closed: &Receiver<Closed>) -> Result<Vec<Duration>> {
    let mut open: Vec<Closed> = Vec::new();
    let mut delays = Vec::new();
    loop {
        if open.is_empty() {
            match closed.recv_timeout(Duration::from_secs(60)) {
                Ok(next) => open.push(next),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(delays),
            }
        }
        let began = Instant::now();
        open.extend(closed.try_iter());
        let mut still_open = Vec::with_capacity(open.len());
        for segment in open {
            let is_listed = lists.listed(segment.publisher)? >= segment.segment;
            let delay = segment.at.elapsed();
            if is_listed || delay > GIVEN_UP {
                delays.push(delay);
            } else {
                still_open.push(segment);
            }
        }
        open = still_open;
        thread::sleep(INTERVAL.saturating_sub(began.elapsed()));
    }
}

const INTERVAL: Duration = Duration::from_millis(1);
/// A segment that is listed later than the next keyframe is as bad as one that never is.
const GIVEN_UP: Duration = Duration::from_secs(2);

//! How long the machine keeps a thread waiting that does as a server has to: wakes often, and writes a little each time.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, Time};

/// A thread that tells when it was kept waiting. It ends with its last handle.
#[derive(Clone)]
pub(crate) struct Canary {
    clock: Clock,
    /// Locked for a moment only.
    turns: Arc<Mutex<Turns>>,
}

struct Turns {
    /// When the one that has not been done is due.
    next: Time,
    stalls: Vec<Stall>,
}

/// From when a turn was due to when it was done.
#[derive(Debug, Clone, Copy)]
struct Stall {
    from: Time,
    to: Time,
}

impl Canary {
    /// Begins to write to a file in `folder` that has no name.
    pub(crate) fn start(folder: &Path, clock: Clock) -> io::Result<Self> {
        let turns = Arc::new(Mutex::new(Turns {
            next: Time(clock.now().0 + INTERVAL),
            stalls: Vec::new(),
        }));
        let watched = Arc::downgrade(&turns);
        let mut file = tempfile::tempfile_in(folder)?;
        thread::Builder::new().name("canary".to_owned()).spawn(move || {
            loop {
                thread::sleep(INTERVAL);
                // What cannot be written here will be missed in the server's files, too.
                let _ = take_turn(&mut file);
                let Some(turns) = watched.upgrade() else { break };
                let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
                turns.done(clock.now());
            }
        })?;
        Ok(Self { clock, turns })
    }

    /// For how long it was kept waiting at once, in the time before `at` in which media waits to be written.
    pub(crate) fn longest_before(&self, at: Time) -> Duration {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let running = Stall {
            from: turns.next,
            to: self.clock.now(),
        };
        longest(turns.stalls.iter().copied().chain([running]), at)
    }
}

impl Turns {
    fn done(&mut self, now: Time) {
        let stall = Stall {
            from: self.next,
            to: now,
        };
        if stall.length() >= STALL_MIN {
            self.stalls.push(stall);
        }
        self.next = Time(now.0 + INTERVAL);
    }
}

impl Stall {
    fn length(self) -> Duration {
        self.from.until(self.to)
    }
}

fn longest(stalls: impl IntoIterator<Item = Stall>, at: Time) -> Duration {
    let window = Time(at.0.saturating_sub(WINDOW))..at;
    let touching = stalls
        .into_iter()
        .filter(|stall| stall.from < window.end && stall.to > window.start);
    touching.map(|stall| stall.length()).max().unwrap_or(Duration::ZERO)
}

/// Appends a batch, as a spool does, and begins anew before the file is large.
fn take_turn(file: &mut File) -> io::Result<()> {
    if file.stream_position()? >= FILE_BYTES_MAX {
        file.set_len(0)?;
        file.rewind()?;
    }
    file.write_all(&[0x47; BATCH_BYTES])
}

const INTERVAL: Duration = Duration::from_millis(5);
const BATCH_BYTES: usize = 4 * 1024;
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Less is the clock's and the scheduler's grain.
const STALL_MIN: Duration = Duration::from_millis(2);

/// What may be lost, and as much again.
const WINDOW: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stall_that_touches_the_time_before_counts() {
        let time = |ms| Time(Duration::from_millis(ms));
        let stalls = [(100, 190), (300, 340), (1_150, 1_180)].map(|(from, to)| Stall {
            from: time(from),
            to: time(to),
        });
        let longest = |at| longest(stalls, time(at)).as_millis();
        assert_eq!(
            [90, 150, 650, 700, 1_100, 1_160, 2_000].map(longest),
            [0, 90, 90, 40, 0, 30, 0]
        );
    }
}

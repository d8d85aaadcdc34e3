use std::time::Duration;

use tokio::time::Instant;

use crate::rounds::{self, Awake, ROUND_MAX};

/// A turn that finds more than this is followed by the next one sooner, so that what gathers has room in the socket.
const BYTES_MAX: usize = 32 * 1024;

/// A turn that finds less than this is followed by the next one later.
const BYTES_MIN: usize = BYTES_MAX / 3;

/// A segment that does not end when it was expected to is watched for so long, packet by packet: as much as an encoder's
/// pictures come early or late.
const WATCH_MAX: Duration = Duration::from_millis(200);

/// When a connection that publishes is read: not for each packet, but in turns, as its rate allows; and at the time when a
/// segment's end is expected.
///
/// ```text
///            +---------------------------- a turn, or the end of a segment is due --------+
///            v                                                                            |
///   Open: what comes is read at once -- all was read, and nothing more is due now --> Gathering
/// ```
///
/// Each read costs a system call, an acknowledgement, and a way through all that a connection waits for; three quarters
/// of what a publisher costs, where every packet is read on its own.
#[derive(Debug)]
pub(crate) struct Turns {
    distance_max: Duration,
    distance: Duration,
    state: State,
    awake: Awake,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// What comes is read at once.
    Open,
    /// What comes stays in the socket, for as long as the rate allows, or not for the `whole` of that.
    Gathering { whole: bool },
    /// What has gathered so is read.
    Due { whole: bool },
}

/// What follows a turn in which all was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    /// What has come of the turn is to be handed on.
    pub(crate) flush: bool,
    /// Nothing is read before; `None`: all is, as it comes.
    pub(crate) turn: Option<Instant>,
}

impl Turns {
    /// Of a connection that is served by this thread.
    pub(crate) fn new(distance_max: Duration) -> Self {
        Self {
            distance_max,
            distance: distance_max,
            state: State::Open,
            awake: Awake::here(),
        }
    }

    /// Whether what comes stays in the socket.
    pub(crate) fn is_gathering(&self) -> bool {
        matches!(self.state, State::Gathering { .. })
    }

    /// The next turn has come.
    pub(crate) fn begin(&mut self) {
        let whole = matches!(self.state, State::Gathering { whole: true });
        self.enter(State::Due { whole });
    }

    /// A turn that found so many bytes was the last but for what comes from `now` on. `cut`: when the packet is expected
    /// that ends the open segment.
    pub(crate) fn end(&mut self, bytes: usize, now: Instant, cut: Option<Instant>) -> Next {
        let had_gathered = matches!(self.state, State::Due { .. });
        let is_watched = cut.is_some_and(|cut| cut <= now && now < cut + WATCH_MAX);
        let distance = match self.state {
            _ if is_watched => Duration::ZERO,
            State::Due { whole: false } => self.distance,
            _ => self.after(bytes),
        };
        if distance.is_zero() {
            self.enter(State::Open);
            return Next {
                flush: had_gathered,
                turn: None,
            };
        }
        let turn = now + distance;
        // A turn may be late by a round, the end of a segment is not to be.
        let instead = cut.filter(|cut| now < *cut && *cut < turn + ROUND_MAX);
        if let Some(cut) = instead {
            rounds::want(cut.into_std());
        }
        self.enter(State::Gathering {
            whole: instead.is_none(),
        });
        Next {
            // What has gathered in the socket gathers here no longer.
            flush: true,
            turn: Some(instead.unwrap_or(turn)),
        }
    }

    /// How long to wait after a turn that has found so many bytes.
    fn after(&mut self, bytes: usize) -> Duration {
        if bytes > BYTES_MAX {
            self.distance /= 2;
        } else if bytes < BYTES_MIN {
            self.distance = (self.distance * 2).max(Duration::from_millis(1)).min(self.distance_max);
        }
        self.distance
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.awake.set(!self.is_gathering());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN_MAX: Duration = Duration::from_millis(120);

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Turns of a stream of so many bytes in a millisecond, once they have settled, ms.
    fn settled(rate: u128) -> Vec<u128> {
        let mut turns = Turns::new(TURN_MAX);
        let mut wait = TURN_MAX;
        let mut waits = Vec::new();
        for _ in 0..30 {
            let gathered = rate * wait.as_micros() / 1000;
            wait = turns.after(gathered.try_into().unwrap());
            waits.push(wait.as_millis());
        }
        waits.split_off(28)
    }

    #[test]
    fn a_common_stream_is_read_eight_times_a_second() {
        assert_eq!(settled(120), [120, 120]);
    }

    #[test]
    fn fast_streams_are_read_more_often() {
        assert_eq!(settled(330), [60, 60]);
        assert_eq!(settled(1_250), [15, 15]);
    }

    #[test]
    fn who_sends_as_fast_as_possible_is_not_kept_waiting() {
        let mut turns = Turns::new(TURN_MAX);
        let waits: Duration = (0..100).map(|_| turns.after(BYTES_MAX + 1)).sum();
        assert!(waits < TURN_MAX, "{waits:?}");
        let now = Instant::now();
        let next = turns.end(BYTES_MAX + 1, now, Some(now + ms(1)));
        assert_eq!(
            next,
            Next {
                flush: false,
                turn: None
            }
        );
        assert!(!turns.is_gathering());
        assert_eq!(rounds::wanted_here(), 0, "it is read in any case");
    }

    #[test]
    fn a_burst_is_forgotten() {
        let mut turns = Turns::new(TURN_MAX);
        for _ in 0..100 {
            turns.after(BYTES_MAX + 1);
        }
        let calm = (0..100).map(|_| turns.after(0)).position(|wait| wait == TURN_MAX);
        assert_eq!(calm, Some(7));
    }

    #[test]
    fn the_end_of_a_segment_is_awaited() {
        let mut turns = Turns::new(TURN_MAX);
        let began = Instant::now();
        let cut = began + ms(150);
        let mut end = |after, cut| turns.end(BYTES_MIN, began + after, Some(cut));
        let gather_until = |turn| Next {
            flush: true,
            turn: Some(began + turn),
        };
        // The next turn comes before it; the one after would come behind it.
        assert_eq!(end(ms(0), cut), gather_until(TURN_MAX));
        assert_eq!(end(TURN_MAX, cut), gather_until(ms(150)));
        // A turn that would come just before it waits for it.
        assert_eq!(end(ms(150) - TURN_MAX - ms(10), cut), gather_until(ms(150)));
        // Then every packet is read, but not for ever.
        assert_eq!(
            end(ms(150), cut),
            Next {
                flush: false,
                turn: None
            }
        );
        assert_eq!(
            end(ms(349), cut),
            Next {
                flush: false,
                turn: None
            }
        );
        assert_eq!(end(ms(350), cut), gather_until(ms(350) + TURN_MAX));
    }

    #[test]
    fn what_had_gathered_is_handed_on() {
        let mut turns = Turns::new(TURN_MAX);
        let now = Instant::now();
        assert!(turns.end(BYTES_MIN, now, None).turn.is_some() && turns.is_gathering());
        turns.begin();
        assert!(!turns.is_gathering());
        assert_eq!(
            turns.end(BYTES_MIN, now, Some(now)),
            Next {
                flush: true,
                turn: None
            }
        );
        assert_eq!(
            turns.end(BYTES_MIN, now, Some(now)),
            Next {
                flush: false,
                turn: None
            }
        );
    }
}

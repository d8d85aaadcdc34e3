use std::time::Duration;

/// A turn that finds more than this is followed by the next one sooner, so that what gathers has room in the socket.
const BYTES_MAX: usize = 32 * 1024;

/// A turn that finds less than this is followed by the next one later.
const BYTES_MIN: usize = BYTES_MAX / 3;

/// When a connection that publishes is read: not for each packet, but in turns, as its rate allows.
///
/// Each read costs a system call, an acknowledgement, and a way through all that a connection waits for; three quarters
/// of what a publisher costs, where every packet is read on its own.
#[derive(Debug)]
pub(crate) struct Turns {
    distance_max: Duration,
    distance: Duration,
}

impl Turns {
    pub(crate) fn new(distance_max: Duration) -> Self {
        Self {
            distance_max,
            distance: distance_max,
        }
    }

    /// How long to wait after a turn that has found so many bytes.
    pub(crate) fn after(&mut self, bytes: usize) -> Duration {
        if bytes > BYTES_MAX {
            self.distance /= 2;
        } else if bytes < BYTES_MIN {
            self.distance = (self.distance * 2).max(Duration::from_millis(1)).min(self.distance_max);
        }
        self.distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN_MAX: Duration = Duration::from_millis(120);

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
        assert_eq!(turns.after(BYTES_MAX + 1), Duration::ZERO);
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
}

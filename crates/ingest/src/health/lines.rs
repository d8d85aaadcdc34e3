/// Lines about one session's health that go to the log in a minute: more than begin in a bad one, and little for a
/// thousand sessions that all are bad. What goes beyond is counted.
pub(super) const LINES_PER_MINUTE_MAX: u32 = 12;

/// Seconds after which so many lines may be written again.
const MINUTE: u32 = 60;

/// How many lines a session may still write in this minute.
#[derive(Debug, Default)]
pub(super) struct Lines {
    written: u32,
    left_out: u64,
    /// Seconds of this minute.
    age: u32,
}

impl Lines {
    /// Whether a line may be written; counts it either way.
    pub(super) fn allow(&mut self) -> bool {
        let allowed = self.written < LINES_PER_MINUTE_MAX;
        match allowed {
            true => self.written += 1,
            false => self.left_out += 1,
        }
        allowed
    }

    /// A second has passed. `Some`: a minute is over in which so many lines were left out.
    pub(super) fn tick(&mut self) -> Option<u64> {
        self.age += 1;
        if self.age < MINUTE {
            return None;
        }
        let left_out = self.left_out;
        *self = Self::default();
        (left_out > 0).then_some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_lines_that_a_minute_has_no_room_for() {
        let mut lines = Lines::default();
        let allowed = (0..LINES_PER_MINUTE_MAX + 7).filter(|_| lines.allow()).count();
        assert_eq!(allowed, LINES_PER_MINUTE_MAX as usize);
        let told: Vec<_> = (0..MINUTE).filter_map(|_| lines.tick()).collect();
        assert_eq!(told, [7]);
        assert!(lines.allow());
        assert!((0..MINUTE).all(|_| lines.tick().is_none()));
    }
}

use alluvium_oss::UnixTime;

use super::condition::Condition;

/// A condition begins when it was found in so many looks, one a second, without one between that did not: a hiccup is
/// none.
const CONFIRMED_AFTER: u8 = 3;

/// It ends when it was not found in so many looks: what comes and goes is one condition.
const CALM_AFTER: u8 = 10;

/// It has changed by a lot when what was measured is so many times what was told last, or the inverse.
const CHANGE: f64 = 2.0;

/// What one look has found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) condition: Condition,
    pub(super) words: String,
    /// How bad it is, above zero, in a unit of the condition's.
    pub(super) size: f64,
}

/// What becomes of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Begins,
    Changes,
    Ends,
}

/// The conditions that a session has had, by condition.
#[derive(Debug, Default)]
pub(super) struct Standing([State; Condition::COUNT]);

#[derive(Debug)]
enum State {
    /// Found in so many looks one after the other.
    Off(u8),
    On(Present),
}

/// A condition that stands.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) condition: Condition,
    pub(super) since: UnixTime,
    /// As found last.
    pub(super) words: String,
    told: f64,
    /// Looks one after the other that did not find it.
    calm: u8,
}

impl Default for State {
    fn default() -> Self {
        Self::Off(0)
    }
}

impl Standing {
    /// Takes what a look has found; `each` hears what becomes of which condition, with its latest words.
    pub(super) fn update(&mut self, found: Vec<Finding>, now: UnixTime, each: &mut dyn FnMut(Change, &Present)) {
        let mut by_condition: [Option<Finding>; Condition::COUNT] = Default::default();
        for finding in found {
            let condition = finding.condition as usize;
            by_condition[condition] = Some(finding);
        }
        for (state, finding) in self.0.iter_mut().zip(by_condition) {
            state.update(finding, now, each);
        }
    }

    /// The conditions that stand.
    pub(super) fn present(&self) -> impl Iterator<Item = &Present> {
        self.0.iter().filter_map(|state| match state {
            State::Off(_) => None,
            State::On(present) => Some(present),
        })
    }
}

impl State {
    fn update(&mut self, finding: Option<Finding>, now: UnixTime, each: &mut dyn FnMut(Change, &Present)) {
        match (self, finding) {
            (state @ Self::Off(_), None) => *state = Self::Off(0),
            (Self::Off(times), Some(_)) if *times + 1 < CONFIRMED_AFTER => *times += 1,
            (state @ Self::Off(_), Some(finding)) => {
                let present = Present {
                    condition: finding.condition,
                    since: now,
                    words: finding.words,
                    told: finding.size,
                    calm: 0,
                };
                each(Change::Begins, &present);
                *state = Self::On(present);
            }
            (Self::On(present), Some(finding)) => {
                present.words = finding.words;
                present.calm = 0;
                let times = finding.size / present.told;
                if times >= CHANGE || times <= 1.0 / CHANGE {
                    present.told = finding.size;
                    each(Change::Changes, present);
                }
            }
            (state @ Self::On(_), None) => {
                let Self::On(present) = state else { return };
                present.calm += 1;
                if present.calm >= CALM_AFTER {
                    each(Change::Ends, present);
                    *state = Self::Off(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks, one a second, that find the condition of this size, or not (0); gives what it became, and when.
    fn changes(sizes: &[f64]) -> Vec<(usize, Change)> {
        let (mut standing, mut changes) = (Standing::default(), Vec::new());
        for (second, size) in sizes.iter().enumerate() {
            let found = Finding {
                condition: Condition::AudioMissing,
                words: format!("{size}"),
                size: *size,
            };
            let found = if *size > 0.0 { vec![found] } else { Vec::new() };
            standing.update(found, UnixTime::default(), &mut |change, _| {
                changes.push((second, change))
            });
        }
        changes
    }

    #[test]
    fn begins_when_it_is_confirmed_and_ends_when_it_is_calm() {
        let mut looks = vec![1.0; 5];
        looks.extend([0.0; 12]);
        assert_eq!(changes(&looks), [(2, Change::Begins), (14, Change::Ends)]);
    }

    #[test]
    fn a_hiccup_is_no_condition_and_a_pause_is_no_end() {
        assert_eq!(changes(&[1.0, 1.0, 0.0, 1.0, 1.0, 0.0]), []);
        assert_eq!(
            changes(&[1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
            [(2, Change::Begins)]
        );
    }

    #[test]
    fn tells_of_a_change_by_a_lot_once() {
        let told = changes(&[1.0, 1.0, 1.0, 1.9, 2.0, 2.1, 1.2, 1.0, 3.0]);
        assert_eq!(
            told,
            [
                (2, Change::Begins),
                (4, Change::Changes),
                (7, Change::Changes),
                (8, Change::Changes)
            ]
        );
    }
}

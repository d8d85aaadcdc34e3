use alluvium_oss::UnixTime;

/// Counts what was odd in a session, by kind.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Kinds are named in the program: there are no more than it knows.
    kinds: Vec<Counted>,
}

/// Faults of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) kind: &'static str,
    pub(crate) count: u64,
    pub(crate) last: UnixTime,
}

impl Faults {
    /// Counts a fault; `true` when it is the first of its kind.
    pub(crate) fn count(&mut self, kind: &'static str, at: UnixTime) -> bool {
        match self.kinds.iter_mut().find(|counted| counted.kind == kind) {
            Some(counted) => {
                counted.count += 1;
                counted.last = at;
                false
            }
            None => {
                self.kinds.push(Counted {
                    kind,
                    count: 1,
                    last: at,
                });
                true
            }
        }
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.kinds.iter().map(|counted| counted.count).sum()
    }

    /// How many of one kind were counted.
    pub(crate) fn of(&self, kind: &str) -> u64 {
        let of_kind = self.kinds.iter().find(|counted| counted.kind == kind);
        of_kind.map_or(0, |counted| counted.count)
    }

    /// By kind, in the order in which they came first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Counted> {
        self.kinds.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_kind_and_knows_the_first_and_the_last() {
        let mut faults = Faults::default();
        assert!(faults.count("short", UnixTime::from_secs(1)));
        assert!(!faults.count("short", UnixTime::from_secs(2)));
        assert!(faults.count("late", UnixTime::from_secs(3)));
        assert_eq!((faults.total(), faults.of("short"), faults.of("never")), (3, 2, 0));
        let last: Vec<_> = faults
            .iter()
            .map(|counted| (counted.kind, counted.last.as_secs()))
            .collect();
        assert_eq!(last, [("short", 2), ("late", 3)]);
    }
}

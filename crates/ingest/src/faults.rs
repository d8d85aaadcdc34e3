use std::collections::BTreeMap;

/// Counts what was odd in a stream, by kind, and says which fault is the first of its kind and so worth a log line.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Kinds are named in the program: there are as many as it knows.
    kinds: BTreeMap<&'static str, u64>,
}

impl Faults {
    /// Counts a fault; `true` when it is the first of its kind.
    pub(crate) fn count(&mut self, kind: &'static str) -> bool {
        let count = self.kinds.entry(kind).or_insert(0);
        *count += 1;
        *count == 1
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.kinds.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_a_kind_is_worth_a_line() {
        let mut faults = Faults::default();
        assert!(faults.count("short"));
        assert!(!faults.count("short"));
        assert!(faults.count("late"));
        assert_eq!(faults.total(), 3);
    }
}

/// Slots of a minute, each of so many seconds.
const SLOTS: usize = 6;
const SLOT_SECONDS: u32 = 10;

/// How often something happened in the last minute.
#[derive(Debug, Default)]
pub(super) struct LastMinute {
    slots: [u32; SLOTS],
    current: usize,
    /// Seconds that the current slot is old.
    age: u32,
}

impl LastMinute {
    pub(super) fn add(&mut self) {
        let slot = &mut self.slots[self.current];
        *slot = slot.saturating_add(1);
    }

    /// A second has passed.
    pub(super) fn tick(&mut self) {
        self.age += 1;
        if self.age == SLOT_SECONDS {
            self.age = 0;
            self.current = (self.current + 1) % SLOTS;
            self.slots[self.current] = 0;
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.slots.iter().fold(0, |sum, slot| sum.saturating_add(*slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_after_a_minute() {
        let mut minute = LastMinute::default();
        minute.add();
        minute.add();
        for _ in 0..49 {
            minute.tick();
        }
        minute.add();
        assert_eq!(minute.count(), 3);
        for _ in 49..60 {
            minute.tick();
        }
        assert_eq!(minute.count(), 1);
    }
}

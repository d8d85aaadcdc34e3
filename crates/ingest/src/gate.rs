use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Counts open connections, in all and for each remote address, and turns away what is over the limits.
///
/// Cheap to clone; every clone counts together.
#[derive(Debug, Clone)]
pub struct Gate {
    total_max: usize,
    per_address_max: usize,
    /// Held for a map look-up at the beginning and the end of a connection, never across an await.
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    /// Only addresses with a connection: bounded by `total_max`.
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub struct Pass {
    gate: Gate,
    address: IpAddr,
}

impl Gate {
    /// A gate for `total_max` connections, at most `per_address_max` of them from one address.
    pub fn new(total_max: usize, per_address_max: usize) -> Self {
        Self {
            total_max,
            per_address_max,
            open: Arc::default(),
        }
    }

    /// A place for a connection from `address`, or `None` when the gate is full for it.
    pub fn enter(&self, address: IpAddr) -> Option<Pass> {
        let mut open = self.lock();
        if open.total >= self.total_max {
            return None;
        }
        let from_address = open.by_address.entry(address).or_insert(0);
        if *from_address >= self.per_address_max {
            return None;
        }
        *from_address += 1;
        open.total += 1;
        Some(Pass {
            gate: self.clone(),
            address,
        })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        // Counting cannot leave the map in between two states, so a poisoned lock is still right.
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut open = self.gate.lock();
        open.total -= 1;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn refuses_past_the_limit_of_an_address() {
        let gate = Gate::new(10, 2);
        let passes = [gate.enter(A), gate.enter(A)];
        assert!(passes.iter().all(Option::is_some));
        assert!(gate.enter(A).is_none());
        assert!(gate.enter(B).is_some());
    }

    #[test]
    fn refuses_past_the_limit_in_all() {
        let gate = Gate::new(2, 2);
        let _passes = [gate.enter(A), gate.enter(B)];
        assert!(gate.enter(A).is_none());
        assert!(gate.enter(B).is_none());
    }

    #[test]
    fn a_dropped_pass_frees_its_place_and_forgets_the_address() {
        let gate = Gate::new(1, 1);
        drop(gate.enter(A));
        assert_eq!(gate.open(), 0);
        assert!(gate.lock().by_address.is_empty());
        assert!(gate.enter(A).is_some());
    }
}

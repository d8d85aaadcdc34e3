use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Counts open connections, in all and for each remote address, and turns away what is over the limits.
///
/// Of IPv6 a whole /64 is one address: that is the least a network is given.
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

/// The limit that keeps a connection out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// There are so many connections in all.
    Total(usize),
    /// There are so many from this address.
    Address(usize),
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

    /// A place for a connection from `address`.
    ///
    /// # Errors
    /// Which limit it would break.
    pub fn enter(&self, address: IpAddr) -> Result<Pass, Full> {
        let address = counted(address);
        let mut open = self.lock();
        if open.total >= self.total_max {
            return Err(Full::Total(self.total_max));
        }
        // Looked at before an entry is made, which nobody would take out again.
        if open.by_address.get(&address).copied().unwrap_or(0) >= self.per_address_max {
            return Err(Full::Address(self.per_address_max));
        }
        *open.by_address.entry(address).or_insert(0) += 1;
        open.total += 1;
        Ok(Pass {
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

/// What is counted as one address.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
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
        assert!(passes.iter().all(Result::is_ok));
        assert_eq!(gate.enter(A).unwrap_err(), Full::Address(2));
        assert!(gate.enter(B).is_ok());
    }

    #[test]
    fn refuses_past_the_limit_in_all() {
        let gate = Gate::new(2, 2);
        let _passes = [gate.enter(A), gate.enter(B)];
        assert_eq!(gate.enter(A).unwrap_err(), Full::Total(2));
        assert_eq!(gate.enter(B).unwrap_err(), Full::Total(2));
    }

    #[test]
    fn a_dropped_pass_frees_its_place_and_forgets_the_address() {
        let gate = Gate::new(1, 1);
        drop(gate.enter(A));
        assert_eq!(gate.open(), 0);
        assert!(gate.lock().by_address.is_empty());
        assert!(gate.enter(A).is_ok());
    }

    #[test]
    fn an_address_that_is_kept_out_is_not_remembered() {
        let gate = Gate::new(10, 0);
        assert_eq!(gate.enter(A).unwrap_err(), Full::Address(0));
        assert!(gate.lock().by_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_an_ipv4_address_is_itself_in_either_form() {
        for (one, other, same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let gate = Gate::new(10, 1);
            let _pass = gate.enter(one.parse().unwrap()).unwrap();
            assert_eq!(gate.enter(other.parse().unwrap()).is_err(), same, "{one} {other}");
        }
    }
}

//! A store that fails, delays, truncates, loses and lies on command.
//!
//! ```text
//!   caller -> FaultyStore -- first rule that matches the operation and the key --> Fault
//!                  |                                                                 |
//!                  +-- no rule: --> the store inside <-- the fault decides whether, when, and with what
//! ```

mod gate;
mod rule;
mod store;

pub use gate::Gate;
pub use rule::{Fault, Keys, Operation, Rule};
pub use store::FaultyStore;

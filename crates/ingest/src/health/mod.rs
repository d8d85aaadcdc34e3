//! What is wrong with a stream while it runs, said where it is seen.
//!
//! ```text
//!   units ---> Meter --once a second--> Judge --findings--> Standing --begins, changes, ends--> log lines, bounded
//!   faults --> Faults, LastMinute ------^                      |-------- conditions now -------> Status, as JSON
//!                                                              +-------- once each ------------> words for the encoder
//! ```
//!
//! [`Condition`] is the table of all that can be wrong: a code for scripts, and words with what to change.

mod condition;
mod judge;
mod last_minute;
mod lines;
mod session;
mod standing;
mod status;
#[cfg(test)]
mod tests;

pub use condition::Condition;
pub(crate) use session::Health;
pub use status::{AudioStatus, ConditionStatus, FaultStatus, KeyframeInterval, Status, StoreStatus, VideoStatus};

//! The receiving side of one connection.

mod commands;
mod last_messages;
mod machine;
mod state;

pub use last_messages::LastMessages;
pub use machine::Connection;
pub use state::Phase;

#[cfg(test)]
mod tests;

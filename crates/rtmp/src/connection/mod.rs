//! The receiving side of one connection.

mod commands;
mod machine;
mod state;

pub use machine::Connection;
pub use state::Phase;

#[cfg(test)]
mod tests;

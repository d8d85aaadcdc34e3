//! What a person or a script asks at the shell, besides serving: access keys of the data folder, and the API as a client
//! library speaks it.
//!
//! Each command finds out a value, and prints it as text or, with `--json`, as JSON. Standard output carries nothing else.

mod access;
pub(crate) mod bucket;
pub(crate) mod channel;
pub(crate) mod key;
mod output;
mod page;
mod place;
pub(crate) mod publishers;
pub(crate) mod sign;
mod status;
mod when;

pub(crate) use status::report;

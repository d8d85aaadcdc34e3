//! What one publisher sent on one connection, as a file.
//!
//! ```text
//!   alluvium-capture: 1
//!   from: OBS 30.2.3
//!   shows: a sequence header that repeats
//!                                             <- an empty line, then the bytes as they came, handshake included
//! ```
//!
//! Lines of the head end with LF and are UTF-8; names that are not known are skipped. The same format holds what a server
//! kept of a connection that went wrong, and the project's own test vectors (`tests/vectors`).

mod error;
mod expectation;
mod file;
mod head;
mod messages;
mod redact;

pub use error::Error;
pub use expectation::Expectation;
pub use file::Capture;
pub use head::{HEAD_BYTES_MAX, Head};
pub use messages::{Message, Messages, Said};
pub use redact::{redact, redacted};

//! What Alluvium tells beyond the API that client libraries know: paths below `/-/api/`, answered in JSON, signed and
//! authorised as everything else.

pub(crate) mod get_live;
mod publishers;

pub(crate) use publishers::Nobody;
pub use publishers::{Publisher, Publishers};

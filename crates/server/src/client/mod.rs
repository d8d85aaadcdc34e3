//! The command line as a client of the API: what a client library does, over plain HTTP.
//!
//! ```text
//!  Endpoint, Credentials -> Client -- request, signed with version 4 --> any server of the API
//!                                  <-- document, or Refusal ------------
//! ```

mod credentials;
mod endpoint;
mod failure;
mod http_client;

pub(crate) use credentials::Credentials;
pub(crate) use endpoint::{Buckets, Endpoint};
pub(crate) use failure::{Refusal, Unreachable};
pub(crate) use http_client::{Client, Request};

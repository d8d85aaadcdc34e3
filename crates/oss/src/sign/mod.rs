//! Signatures: of HTTP requests in the versions 1, 2 and 4, and of publish URLs (contract, 2 and 3).
//!
//! A [`Claim`] is what a request says about who sent it. It is parsed first, its access key is looked up by the caller, and
//! then it is verified with that key's secret. There is no version 3.

mod canonical;
mod claim;
mod mac;
mod mismatch;
pub mod publish_url;
mod readings;
mod request;
mod skew;
mod url_signer;
pub mod v1;
pub mod v2;
pub mod v4;

pub use claim::Claim;
pub use request::Request;
pub use url_signer::UrlSigner;

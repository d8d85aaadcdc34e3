//! OSS over HTTP.

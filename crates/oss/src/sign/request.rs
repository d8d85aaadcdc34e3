use std::fmt;

use crate::percent;

/// What of an HTTP request goes into its signature. `Debug` leaves out query and headers, where credentials stand.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The verb, upper case.
    pub method: &'a str,
    /// The bucket, wherever the request names it.
    pub bucket: Option<&'a str>,
    /// The decoded key; empty when the request is about the bucket or the service.
    pub key: &'a str,
    /// Decoded names and values in their order; where a name comes twice, the first counts.
    pub query: &'a [(String, String)],
    /// Names in lower case; where a name comes twice, the first counts.
    pub headers: &'a [(String, String)],
}

impl<'a> Request<'a> {
    /// `/bucket/key`, `/bucket/` or `/`, not encoded.
    pub(super) fn resource(&self) -> String {
        match self.bucket {
            Some(bucket) => format!("/{bucket}/{}", self.key),
            None => format!("/{}", self.key),
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        percent::first(self.query, name)
    }

    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        percent::first(self.headers, name).map(str::trim)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("bucket", &self.bucket)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

//! From an HTTP request line and headers to bucket, key and parameters.

use std::borrow::Cow;

use alluvium_oss::percent::{self, Plus};
use alluvium_oss::{Addressing, BucketName, ChannelName, ChannelUrls, Domains, Error, ErrorCode, PlaylistName};
use http::request::Parts;
use http::{Method, header};
use percent_encoding::percent_decode_str;

use crate::config::Limits;
use crate::object::copy_source;

/// A request, addressed and decoded, its body aside.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The host as the client wrote it, port included; every URL in an answer repeats it.
    pub(crate) host: String,
    /// Where the bucket was named.
    pub(crate) addressing: Addressing,
    /// The bucket, not yet checked; none for the service itself.
    pub(crate) bucket: Option<String>,
    /// The key, decoded and not yet checked; empty for the bucket itself.
    pub(crate) key: String,
    pub(crate) query: Query,
    pub(crate) headers: Headers,
}

/// The kind of resource a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Service,
    Bucket,
    Object,
    /// Below `/-/`, which no bucket is called.
    Own,
}

impl Request {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// `InvalidArgument` without a host or with too many parameters, `InvalidObjectName` or `InvalidChannelName` for a
    /// path that is not UTF-8.
    pub(crate) fn read(parts: &Parts, domains: &Domains, limits: &Limits) -> Result<Self, Error> {
        let headers = Headers::read(parts);
        let host = host(parts);
        // More than one is refused, since somebody on the way may go by another of them (RFC 9112, 3.2).
        if host.is_empty() || parts.headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Error::invalid_argument("One Host header is required."));
        }
        let query = Query::read(parts.uri.query().unwrap_or_default(), limits.query_parameters_max)?;
        let path = parts.uri.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let addressing = domains.resolve(&host);
        let (bucket, key) = match &addressing {
            Addressing::Bucket(bucket) => (bucket.to_string(), decode(path, &query)?),
            Addressing::PathStyle => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (decode(bucket, &query)?, decode(key, &query)?)
            }
        };
        let bucket = (!bucket.is_empty()).then_some(bucket);
        Ok(Request {
            method: parts.method.clone(),
            host,
            addressing,
            bucket,
            key,
            query,
            headers,
        })
    }

    /// What kind of resource is named.
    pub(crate) fn target(&self) -> Target {
        match (&self.bucket, self.key.is_empty()) {
            (None, true) => Target::Service,
            (Some(bucket), _) if bucket == OWN && self.addressing == Addressing::PathStyle => Target::Own,
            // `//key` names no bucket; it is refused as the bucket it would need.
            (None, false) | (Some(_), false) => Target::Object,
            (Some(_), true) => Target::Bucket,
        }
    }

    /// The URLs of a channel, at the host of this request.
    pub(crate) fn channel_urls(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        playlist: &PlaylistName,
    ) -> ChannelUrls {
        ChannelUrls::new(&self.host, &self.addressing, bucket, channel, playlist)
    }

    /// The request as the signature sees it.
    pub(crate) fn signed(&self) -> alluvium_oss::sign::Request<'_> {
        alluvium_oss::sign::Request {
            method: self.method.as_str(),
            bucket: self.bucket.as_deref(),
            key: &self.key,
            query: &self.query.0,
            headers: &self.headers.0,
        }
    }

    /// Whether an object is to be written out of another one, not out of the body.
    pub(crate) fn names_copy_source(&self) -> bool {
        self.headers.value(copy_source::HEADER).is_some()
    }

    /// Whether a browser asks for a page.
    pub(crate) fn is_from_browser(&self) -> bool {
        self.method == Method::GET
            && self
                .headers
                .value("accept")
                .is_some_and(|accept| accept.contains("text/html"))
    }
}

/// Stands in the place of a bucket in the paths that are Alluvium's own.
const OWN: &str = "-";

/// The host that a request is addressed to, as the client wrote it; empty when it did not.
///
/// The authority of an absolute-form target counts more than the Host header (RFC 9112, 3.2.2).
pub(crate) fn host(parts: &Parts) -> String {
    match parts.uri.authority() {
        Some(authority) => authority.as_str().rsplit('@').next().unwrap_or_default().to_owned(),
        None => parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
            .trim()
            .to_owned(),
    }
}

/// The parameters of a request, decoded, in their order.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn read(text: &str, parameters_max: usize) -> Result<Self, Error> {
        if text.split('&').filter(|piece| !piece.is_empty()).count() > parameters_max {
            return Err(Error::invalid_argument("The request has too many parameters."));
        }
        let pairs = percent::decode_query(text, Plus::Space);
        pairs
            .map(Query)
            .ok_or_else(|| Error::invalid_argument("The parameters of the request are not UTF-8."))
    }

    /// The first value of a parameter; empty when it is there without one.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether the parameter is there, with a value or without.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Names and values, in the order of the request.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// The headers of a request: lower-case names, values as text, in their order.
#[derive(Debug, Default)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    fn read(parts: &Parts) -> Self {
        let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        };
        Headers(parts.headers.iter().map(pair).collect())
    }

    /// The first value of a header.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A header's value to keep with an object: none when it is absent or empty.
    pub(crate) fn kept(&self, name: &str) -> Option<String> {
        self.value(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Names and values, in the order of the request.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(path: &str, query: &Query) -> Result<String, Error> {
    let bytes = Cow::from(percent_decode_str(path)).into_owned();
    String::from_utf8(bytes).map_err(|error| {
        let channel = query.has("live") || query.has("vod");
        match ChannelName::from_utf8(error.as_bytes()) {
            Err(error) if channel => error,
            _ => Error::new(
                ErrorCode::InvalidObjectName,
                "The specified object is not valid: it is not UTF-8.",
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(method: &str, target: &str, host: &str) -> Result<Request, Error> {
        let own = [("video.example.com".to_owned(), BucketName::parse("own-bucket").unwrap())];
        let domains = Domains::new(["oss.test".to_owned()], own);
        let request = http::Request::builder()
            .method(method)
            .uri(target)
            .header("host", host)
            .body(())
            .unwrap();
        Request::read(&request.into_parts().0, &domains, &Limits::default())
    }

    #[test]
    fn host_and_path_give_bucket_and_key() {
        for (target, host, bucket, key, kind) in [
            ("/", "oss.test", None, "", Target::Service),
            ("/b-1", "oss.test:9000", Some("b-1"), "", Target::Bucket),
            ("/b-1/", "127.0.0.1", Some("b-1"), "", Target::Bucket),
            ("/b-1/a//b/", "localhost:80", Some("b-1"), "a//b/", Target::Object),
            ("/", "b-1.oss.test", Some("b-1"), "", Target::Bucket),
            (
                "/a/../b%20c+d",
                "b-1.oss.test",
                Some("b-1"),
                "a/../b c+d",
                Target::Object,
            ),
            ("//a", "b-1.oss.test", Some("b-1"), "/a", Target::Object),
            (
                "/a%2Fb%3Fc%25",
                "video.example.com",
                Some("own-bucket"),
                "a/b?c%",
                Target::Object,
            ),
            (
                "http://b-1.oss.test:81/a?b",
                "elsewhere",
                Some("b-1"),
                "a",
                Target::Object,
            ),
            (
                "http://user@b-1.oss.test/a",
                "elsewhere",
                Some("b-1"),
                "a",
                Target::Object,
            ),
            ("/100%", "b-1.oss.test", Some("b-1"), "100%", Target::Object),
            ("//a", "oss.test", None, "a", Target::Object),
        ] {
            let request = read("GET", target, host).unwrap();
            assert_eq!(
                (request.bucket.as_deref(), &*request.key),
                (bucket, key),
                "{target} {host}"
            );
            assert_eq!(request.target(), kind, "{target} {host}");
        }
    }

    #[test]
    fn parameters_are_decoded_and_the_first_counts() {
        let request = read("GET", "/?a=1&a=2&b&c=&d=x%20y+z&%E9%8D%B5=%2B&&=e", "oss.test").unwrap();
        for (name, value) in [
            ("a", Some("1")),
            ("b", Some("")),
            ("c", Some("")),
            ("d", Some("x y z")),
            ("鍵", Some("+")),
            ("f", None),
        ] {
            assert_eq!(request.query.value(name), value, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_key_comes_through(key in "[^\u{0}]{1,40}") {
            let target = format!("/{}", percent::encode_path(&key));
            let request = read("GET", &target, "b-1.oss.test").unwrap();
            prop_assert_eq!(request.key, key.clone());
            let request = read("GET", &format!("/b-1{target}"), "oss.test").unwrap();
            prop_assert_eq!(request.key, key);
        }

        #[test]
        fn nothing_panics(target in "/[!-~]{0,60}", host in "[!-~]{0,30}") {
            if http::Uri::try_from(&*target).is_ok() {
                let _ = read("GET", &target, &host);
            }
        }
    }
}

use std::net::IpAddr;

use alluvium_oss::{Addressing, BucketName, percent};
use http::uri::Authority;

/// Where a server of the API is reached, and how its buckets are named there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host, with the port where one was given.
    authority: Authority,
    buckets: Buckets,
}

/// Where a request names its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buckets {
    /// In the path, which needs no name service.
    InPath,
    /// In front of the host, as the services that refuse the other want it.
    InHost,
}

impl Endpoint {
    /// Reads `http://host[:port]`; the scheme may be left out, as in the configuration of client libraries.
    pub(crate) fn parse(text: &str, buckets: Buckets) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err(format!("{text:?}: only http:// endpoints can be asked"));
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let authority: Authority = host
            .parse()
            .ok()
            .filter(|authority: &Authority| !authority.host().is_empty() && !host.contains('@'))
            .ok_or_else(|| format!("{text:?}: http://HOST or http://HOST:PORT is wanted"))?;
        let bare = authority.host().trim_matches(['[', ']']);
        if buckets == Buckets::InHost && bare.parse::<IpAddr>().is_ok() {
            return Err(format!("{text:?}: an IP address has no host names below it"));
        }
        Ok(Self { authority, buckets })
    }

    /// The host that a request for `bucket` is sent to, with the port.
    pub(crate) fn host(&self, bucket: Option<&BucketName>) -> String {
        match (self.buckets, bucket) {
            (Buckets::InHost, Some(bucket)) => format!("{bucket}.{}", self.authority),
            _ => self.authority.to_string(),
        }
    }

    /// What the host of a request for `bucket` means.
    pub(crate) fn addressing(&self, bucket: &BucketName) -> Addressing {
        match self.buckets {
            Buckets::InHost => Addressing::Bucket(bucket.clone()),
            Buckets::InPath => Addressing::PathStyle,
        }
    }

    /// The URL of a key, a bucket or, without one, the service.
    pub(crate) fn url(&self, bucket: Option<&BucketName>, key: &str) -> String {
        let folder = match (self.buckets, bucket) {
            (Buckets::InPath, Some(bucket)) => format!("{bucket}/"),
            _ => String::new(),
        };
        format!("http://{}/{folder}{}", self.host(bucket), percent::encode_path(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> BucketName {
        BucketName::parse("videos").unwrap()
    }

    #[test]
    fn names_buckets_in_the_path() {
        for text in ["http://127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080/"] {
            let endpoint = Endpoint::parse(text, Buckets::InPath).unwrap();
            assert_eq!(endpoint.url(None, ""), "http://127.0.0.1:8080/");
            assert_eq!(endpoint.url(Some(&bucket()), ""), "http://127.0.0.1:8080/videos/");
            assert_eq!(
                endpoint.url(Some(&bucket()), "a b/../c?"),
                "http://127.0.0.1:8080/videos/a%20b/../c%3F"
            );
            assert_eq!(endpoint.addressing(&bucket()), Addressing::PathStyle);
        }
    }

    #[test]
    fn names_buckets_in_front_of_the_host_when_told() {
        let endpoint = Endpoint::parse("oss.example.com", Buckets::InHost).unwrap();
        assert_eq!(endpoint.url(None, ""), "http://oss.example.com/");
        assert_eq!(endpoint.url(Some(&bucket()), "c"), "http://videos.oss.example.com/c");
        assert_eq!(endpoint.addressing(&bucket()), Addressing::Bucket(bucket()));
    }

    #[test]
    fn says_what_is_no_endpoint() {
        for text in [
            "",
            "http://",
            "https://oss.example.com",
            "http://host/path",
            "http://user@host",
            "http://host?x",
            "ho st",
            ":8080",
        ] {
            let error = Endpoint::parse(text, Buckets::InPath).unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
        for text in ["http://127.0.0.1:8080", "[::1]:8080"] {
            assert!(Endpoint::parse(text, Buckets::InPath).is_ok());
            assert!(
                Endpoint::parse(text, Buckets::InHost)
                    .unwrap_err()
                    .contains("IP address")
            );
        }
    }
}

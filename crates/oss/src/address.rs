//! Which bucket a host name means, and the URLs of a channel (design, 3; contract, 1.1 and 5).

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::name::{BucketName, ChannelName, PlaylistName};
use crate::percent;

/// The host names under which buckets are found.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    domains: Vec<String>,
    own: HashMap<String, BucketName>,
}

/// Where the bucket of a request is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// In the host name: the path is the key.
    Bucket(BucketName),
    /// In the path: its first element, or, for publishing, the RTMP app.
    PathStyle,
}

impl Domains {
    /// `domains` are suffixes: `<bucket>.<domain>` means the bucket. `own` maps whole host names to their buckets. Every
    /// `oss-<region>.aliyuncs.com` is a domain as well.
    pub fn new(domains: impl IntoIterator<Item = String>, own: impl IntoIterator<Item = (String, BucketName)>) -> Self {
        Self {
            domains: domains
                .into_iter()
                .map(|domain| normal(domain.trim_start_matches('.')))
                .filter(|domain| !domain.is_empty())
                .collect(),
            own: own.into_iter().map(|(host, bucket)| (normal(&host), bucket)).collect(),
        }
    }

    /// What `host` means, as it stands in a `Host` header or an RTMP URL, with or without port. Own domains come first,
    /// then the bucket below a domain; IP addresses, `localhost`, bare domains and unknown hosts are path style.
    pub fn resolve(&self, host: &str) -> Addressing {
        let host = normal(host);
        if let Some(bucket) = self.own.get(&host) {
            return Addressing::Bucket(bucket.clone());
        }
        match self.bucket_label(&host).map(BucketName::parse) {
            Some(Ok(bucket)) => Addressing::Bucket(bucket),
            _ => Addressing::PathStyle,
        }
    }

    /// The endpoint that `host` belongs to, port kept: without the bucket, where the host has one in front of a domain.
    pub fn endpoint<'a>(&self, host: &'a str) -> &'a str {
        let name = normal(host);
        match self.bucket_label(&name) {
            Some(label) if !self.own.contains_key(&name) => &host[label.len() + 1..],
            _ => host,
        }
    }

    /// The part of a normal host that stands before a domain, if it can be a bucket's name.
    fn bucket_label<'h>(&self, host: &'h str) -> Option<&'h str> {
        if host.parse::<Ipv4Addr>().is_ok() || self.is_domain(host) {
            return None;
        }
        let (label, rest) = host.split_once('.')?;
        (self.is_domain(rest) && BucketName::parse(label).is_ok()).then_some(label)
    }

    fn is_domain(&self, host: &str) -> bool {
        self.domains.iter().any(|domain| domain == host) || is_service_domain(host)
    }
}

/// The URLs of a channel, as the answers to PutLiveChannel and ListLiveChannel carry them.
///
/// They repeat the host of the request, with its port: client libraries compare them with the endpoint that they were
/// given. The schemes are always `rtmp` and `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelUrls {
    bucket: BucketName,
    channel: ChannelName,
    publish: String,
    play: String,
}

impl ChannelUrls {
    /// The URLs of `channel` and of its playlist for a request that was sent to `host`, which means `addressing`.
    pub fn new(
        host: &str,
        addressing: &Addressing,
        bucket: &BucketName,
        channel: &ChannelName,
        playlist: &PlaylistName,
    ) -> Self {
        let folder = match addressing {
            Addressing::Bucket(_) => String::new(),
            Addressing::PathStyle => format!("{bucket}/"),
        };
        let name = percent::encode(channel.as_str());
        Self {
            bucket: bucket.clone(),
            channel: channel.clone(),
            publish: format!("rtmp://{host}/{folder}live/{name}"),
            play: format!("http://{host}/{folder}{name}/{}", percent::encode(playlist.as_str())),
        }
    }

    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// The channel.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Where to publish, unsigned.
    pub fn publish(&self) -> &str {
        &self.publish
    }

    /// Where to play, unsigned.
    pub fn play(&self) -> &str {
        &self.play
    }
}

/// Lower case, without port and trailing dot. An IPv6 address keeps its colons and brackets.
fn normal(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(_) => host.split_inclusive(']').next().unwrap_or(host),
        None if host.parse::<Ipv6Addr>().is_ok() => host,
        None => host.split(':').next().unwrap_or(host),
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// `oss-<region>.aliyuncs.com`: libraries given an IP address still send this host.
fn is_service_domain(host: &str) -> bool {
    host.strip_suffix(".aliyuncs.com")
        .and_then(|label| label.strip_prefix("oss-"))
        .is_some_and(|region| !region.is_empty() && !region.contains('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(name: &str) -> BucketName {
        BucketName::parse(name).unwrap()
    }

    fn domains() -> Domains {
        Domains::new(
            [
                "oss.test".to_owned(),
                "Live.Example.COM.".to_owned(),
                ".test".to_owned(),
            ],
            [("Video.example.org".to_owned(), bucket("media"))],
        )
    }

    #[test]
    fn bucket_is_the_label_before_a_domain() {
        for (host, name) in [
            ("b01.oss.test", "b01"),
            ("b01.oss.test:9000", "b01"),
            ("B01.OSS.Test.", "b01"),
            ("b01.oss.test.:80", "b01"),
            ("b01.live.example.com", "b01"),
            ("other.test", "other"),
            ("b01.oss-cn-hangzhou.aliyuncs.com", "b01"),
            ("b01.oss-cn-hangzhou-internal.aliyuncs.com:8080", "b01"),
            ("video.example.org", "media"),
            ("VIDEO.example.org.:1935", "media"),
        ] {
            assert_eq!(domains().resolve(host), Addressing::Bucket(bucket(name)), "{host}");
        }
    }

    #[test]
    fn everything_else_is_path_style() {
        for host in [
            "",
            ":",
            "oss.test",
            "OSS.test:80",
            "localhost",
            "localhost:8080",
            "127.0.0.1",
            "127.0.0.1:9000",
            "[::1]",
            "[::1]:9000",
            "[b01.oss.test]",
            "::1",
            "[",
            "a.b.oss.test",
            "UPPER_.oss.test",
            "x.oss.test",
            "unknown.org",
            "b01.localhost",
            "oss-cn-hangzhou.aliyuncs.com",
            "b01.oss-.aliyuncs.com",
            "b01.aliyuncs.com",
            "x.video.example.org",
        ] {
            assert_eq!(domains().resolve(host), Addressing::PathStyle, "{host}");
        }
    }

    #[test]
    fn own_domain_wins_over_a_bucket_of_that_name() {
        let domains = Domains::new(["oss.test".to_owned()], [("www.oss.test".to_owned(), bucket("site"))]);
        assert_eq!(domains.resolve("www.oss.test"), Addressing::Bucket(bucket("site")));
        assert_eq!(domains.endpoint("www.oss.test:80"), "www.oss.test:80");
    }

    #[test]
    fn empty_domains_are_none() {
        let domains = Domains::new([String::new(), ".".to_owned()], []);
        for host in ["b01", "b01.", "b01..", "b01.example"] {
            assert_eq!(domains.resolve(host), Addressing::PathStyle, "{host}");
        }
    }

    #[test]
    fn configured_localhost_is_a_domain() {
        let domains = Domains::new(["localhost".to_owned()], []);
        assert_eq!(domains.resolve("b01.localhost:8080"), Addressing::Bucket(bucket("b01")));
        assert_eq!(domains.resolve("localhost:8080"), Addressing::PathStyle);
    }

    #[test]
    fn endpoint_is_the_host_without_the_bucket() {
        for (host, endpoint) in [
            ("B01.oss.test:9000", "oss.test:9000"),
            ("oss.test:9000", "oss.test:9000"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("b01.oss-cn-hangzhou.aliyuncs.com", "oss-cn-hangzhou.aliyuncs.com"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(domains().endpoint(host), endpoint, "{host}");
        }
    }

    #[test]
    fn urls_repeat_the_host() {
        let channel = ChannelName::parse("live channel 2").unwrap();
        let playlist = PlaylistName::default();
        let urls = |host: &str| ChannelUrls::new(host, &domains().resolve(host), &bucket("b01"), &channel, &playlist);
        let hosted = urls("b01.oss.test:9000");
        assert_eq!(hosted.publish(), "rtmp://b01.oss.test:9000/live/live%20channel%202");
        assert_eq!(
            hosted.play(),
            "http://b01.oss.test:9000/live%20channel%202/playlist.m3u8"
        );
        let path = urls("127.0.0.1:9000");
        assert_eq!(path.publish(), "rtmp://127.0.0.1:9000/b01/live/live%20channel%202");
        assert_eq!(
            path.play(),
            "http://127.0.0.1:9000/b01/live%20channel%202/playlist.m3u8"
        );
    }

    proptest! {
        #[test]
        fn no_host_panics(host in ".{0,40}|[a-z.:\\[\\]0-9İ]{0,20}(\\.oss\\.test)?") {
            let domains = domains();
            let _ = (domains.resolve(&host), domains.endpoint(&host));
        }
    }
}

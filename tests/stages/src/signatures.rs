//! The stages that find out who is asking. What came out is 1 for a signature that is good.

use std::hint::black_box;

use alluvium_oss::percent::{self, Plus};
use alluvium_oss::sign::publish_url::{self, PublishTarget};
use alluvium_oss::sign::{Claim, Request, v1, v4};
use alluvium_oss::{BucketName, ChannelName, ChannelUrls, Domains, PlaylistName, Secret, UnixTime};

use crate::{Load, Stage};

/// What a publisher asks for, and its signature.
pub(crate) struct PublishUrl {
    domains: Domains,
    bucket: BucketName,
    tc_url: String,
    name: String,
}

impl PublishUrl {
    pub(crate) fn new() -> Self {
        let domains = Domains::new(["oss.test".to_owned()], []);
        let bucket = BucketName::parse(BUCKET).expect("a good name");
        let channel = ChannelName::parse("test-channel").expect("a good name");
        let addressing = domains.resolve(HOST);
        let urls = ChannelUrls::new(HOST, &addressing, &bucket, &channel, &PlaylistName::default());
        let url = publish_url::sign(&urls, None, ID, &secret(), UnixTime::from_secs(NOW_S + 3_600));
        let (tc_url, name) = url.rsplit_once('/').expect("a URL has slashes");
        Self {
            domains,
            bucket,
            tc_url: tc_url.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl Stage for PublishUrl {
    fn prepare(&mut self) {}

    fn run(&mut self) -> usize {
        let target = PublishTarget::parse("live", &self.tc_url, &self.name, &self.domains).expect("a good URL");
        let good = target
            .verify(&self.bucket, &secret(), UnixTime::from_secs(NOW_S))
            .is_ok();
        usize::from(black_box(good))
    }

    fn load(&self) -> Load {
        Load::One
    }
}

/// A request that is signed in a header.
pub(crate) struct Header {
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Header {
    pub(crate) fn v1() -> Self {
        Self::signed("date", "Tue, 14 Nov 2023 22:13:20 GMT", |request| {
            v1::authorization_header(request, ID, &secret())
        })
    }

    pub(crate) fn v4() -> Self {
        Self::signed("x-oss-date", "20231114T221320Z", |request| {
            v4::authorization_header(request, ID, &secret(), "cn-hangzhou", &[]).expect("a good date")
        })
    }

    fn signed(date: &str, at: &str, sign: impl FnOnce(&Request<'_>) -> String) -> Self {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut header = Self {
            query: percent::decode_query("comp=stat&live", Plus::Space).expect("a good query"),
            headers: vec![
                pair("host", HOST),
                pair("user-agent", "aliyun-sdk-python/2.19.1"),
                pair("accept-encoding", "identity"),
                pair(date, at),
                pair("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
            ],
        };
        let authorization = sign(&header.request());
        header.headers.push(pair("authorization", &authorization));
        header
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: "GET",
            bucket: Some(BUCKET),
            key: "test-channel",
            query: &self.query,
            headers: &self.headers,
        }
    }
}

impl Stage for Header {
    fn prepare(&mut self) {}

    fn run(&mut self) -> usize {
        let request = self.request();
        let claim = Claim::parse(&request).expect("a good claim").expect("a claim");
        let good = claim.verify(&request, &secret(), UnixTime::from_secs(NOW_S)).is_ok();
        usize::from(black_box(good))
    }

    fn load(&self) -> Load {
        Load::One
    }
}

fn secret() -> Secret {
    Secret::new("exampleSecretKey0123456789".to_owned())
}

const ID: &str = "LTAIexampleAK";
const BUCKET: &str = "test-bucket";
const HOST: &str = "test-bucket.oss.test:9000";

/// 2023-11-14T22:13:20Z.
const NOW_S: i64 = 1_700_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_good() {
        let stages: [Box<dyn Stage>; 3] = [
            Box::new(PublishUrl::new()),
            Box::new(Header::v1()),
            Box::new(Header::v4()),
        ];
        for mut stage in stages {
            assert_eq!(stage.run(), 1);
        }
    }
}

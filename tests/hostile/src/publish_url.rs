//! Any app, tcUrl and name, a line each: read without harm, and what was read is signed and found again.

use alluvium_oss::sign::publish_url::{self, PublishTarget};
use alluvium_oss::{Addressing, BucketName, ChannelUrls, Domains, PlaylistName, Secret, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// Panics where the promise above is broken.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let domains = Domains::new(["oss.test".to_owned()], []);
    let Ok(target) = PublishTarget::parse(line(), line(), line(), &domains) else {
        return;
    };

    let secret = Secret::new("exampleSecretKey0123456789".to_owned());
    let lost = BucketName::parse("lost-bucket").expect("a bucket name");
    let bucket = target.bucket.clone().unwrap_or(lost);
    let _ = target.verify(&bucket, &secret, NOW);

    let host = format!("{bucket}.oss.test:9000");
    let by_name = (host.as_str(), Addressing::Bucket(bucket.clone()));
    for (host, addressing) in [by_name, ("127.0.0.1", Addressing::PathStyle)] {
        let urls = ChannelUrls::new(host, &addressing, &bucket, &target.channel, &PlaylistName::default());
        let url = publish_url::sign(&urls, target.playlist_name.as_ref(), "id", &secret, NOW);
        let (tc_url, name) = url.rsplit_once('/').expect("a URL has slashes");
        let app = tc_url.splitn(4, '/').nth(3).expect("a publish URL has a path");
        let again = PublishTarget::parse(app, tc_url, name, &domains).expect("what was written is read");
        assert_eq!(
            (again.bucket.as_ref(), &again.channel),
            (Some(&bucket), &target.channel)
        );
        assert_eq!(again.playlist_name, target.playlist_name);
        assert_eq!(again.verify(&bucket, &secret, NOW), Ok(()));
    }
}

use proptest::prelude::*;

use super::*;
use crate::address::Addressing;

const TOKEN_VALUE: &str = "tok+en/==";
const EXPIRES: i64 = 1_700_003_600;
const CLAIM: &str = "OSSAccessKeyId=LTAIexampleAK&Expires=1700003600";

fn secret() -> Secret {
    Secret::new("exampleSecretKey0123456789".to_owned())
}

fn bucket() -> BucketName {
    BucketName::parse("test-bucket").unwrap()
}

fn domains() -> Domains {
    let own = BucketName::parse("own-bucket").unwrap();
    Domains::new(["oss.test".to_owned()], [("push.example.org".to_owned(), own)])
}

fn parse(app: &str, tc_url: &str, name: &str) -> Result<PublishTarget, Error> {
    PublishTarget::parse(app, tc_url, name, &domains())
}

/// Parses, and gives bucket and channel.
#[track_caller]
fn found(app: &str, tc_url: &str, name: &str) -> (Option<String>, String) {
    let target = parse(app, tc_url, name).unwrap_or_else(|error| panic!("{error}: {app} {tc_url} {name}"));
    (
        target.bucket.map(|bucket| bucket.to_string()),
        target.channel.to_string(),
    )
}

#[track_caller]
fn refused(app: &str, tc_url: &str, name: &str, message: &str) {
    let error = parse(app, tc_url, name).unwrap_err();
    assert!(error.message.contains(message), "{error}: {app} {tc_url} {name}");
}

#[test]
fn vectors_of_the_contract() {
    for (name, signature) in [
        (
            "test-channel?playlistName=playlist.m3u8",
            "6Ip7pHtKAe270CFBjrqk8Rw1t9g=",
        ),
        ("test-channel?", "th9NPDT6J79TWG9uOhcOf6fDF+U="),
        (
            "test-channel?security-token=tok%2Ben%2F%3D%3D&playlistName=playlist.m3u8",
            "ypo2WgiwBDIf2eaIcWx/TTVD2NI=",
        ),
        (
            "test-channel?playlistName=playlist.m3u8&security-token=tok%2Ben%2F%3D%3D",
            "6Ip7pHtKAe270CFBjrqk8Rw1t9g=",
        ),
        ("live channel 2?playlistName=p%20l.m3u8", "boAPFFn+6BrxJdw4at7uiXDRI0k="),
        (
            "live%20channel%202?playlistName=p l.m3u8",
            "boAPFFn+6BrxJdw4at7uiXDRI0k=",
        ),
    ] {
        let name = format!("{name}&{CLAIM}&Signature={}", percent::encode(signature));
        let target = parse("live", "rtmp://test-bucket.oss.test:9000/live", &name).unwrap();
        assert_eq!(target.bucket, Some(bucket()));
        target
            .verify(&bucket(), &secret(), UnixTime::from_secs(EXPIRES))
            .unwrap();
    }
}

#[test]
fn vector_of_the_cpp_tests() {
    let query =
        "playlistName=test.m3u8&OSSAccessKeyId=ak&Expires=1706289617&Signature=Y1LCM2PzyECssQhTdi%2BGKra7iXE%3D";
    let target = parse(
        "live",
        "rtmp://cpp-sdk-live-channel-bucket.oss.test/live",
        &format!("channel?{query}"),
    )
    .unwrap();
    assert_eq!(
        target.playlist_name.as_ref().map(PlaylistName::as_str),
        Some("test.m3u8")
    );
    let secret = Secret::new("sk".to_owned());
    target
        .verify(
            target.bucket.as_ref().unwrap(),
            &secret,
            UnixTime::from_secs(1_706_289_617),
        )
        .unwrap();
}

#[test]
fn whole_url_is_the_one_of_the_contract() {
    let host = "test-bucket.oss-cn-hangzhou.aliyuncs.com";
    let channel = ChannelName::parse("test-channel").unwrap();
    let playlist = PlaylistName::default();
    let urls = ChannelUrls::new(host, &Addressing::Bucket(bucket()), &bucket(), &channel, &playlist);
    let expires = UnixTime::from_secs(EXPIRES);
    assert_eq!(
        sign(&urls, Some(&playlist), "LTAIexampleAK", &secret(), expires),
        "rtmp://test-bucket.oss-cn-hangzhou.aliyuncs.com/live/test-channel?playlistName=playlist.m3u8&OSSAccessKeyId=LTAIexampleAK&Expires=1700003600&Signature=6Ip7pHtKAe270CFBjrqk8Rw1t9g%3D"
    );
    assert_eq!(
        sign(&urls, None, "LTAIexampleAK", &secret(), expires),
        "rtmp://test-bucket.oss-cn-hangzhou.aliyuncs.com/live/test-channel?OSSAccessKeyId=LTAIexampleAK&Expires=1700003600&Signature=th9NPDT6J79TWG9uOhcOf6fDF%2BU%3D"
    );
}

#[test]
fn url_forms_find_bucket_and_channel() {
    for (app, tc_url, name, bucket, channel) in [
        // Below a host that means a bucket.
        ("live", "rtmp://b01.oss.test/live", "c", Some("b01"), "c"),
        ("live", "rtmp://b01.oss.test:9000/live", "c?a=1", Some("b01"), "c"),
        ("live", "rtmp://B01.OSS.test./live", "c", Some("b01"), "c"),
        ("live/", "rtmp://b01.oss.test/live/", "/c/", Some("b01"), "c"),
        ("live", "rtmp://push.example.org/live", "c", Some("own-bucket"), "c"),
        ("live", "rtmp://user:pass@b01.oss.test/live", "c", Some("b01"), "c"),
        (
            "live",
            "rtmps://b01.oss-cn-hangzhou.aliyuncs.com:443/live",
            "c",
            Some("b01"),
            "c",
        ),
        ("b01/live", "rtmp://b01.oss.test/b01/live", "c", Some("b01"), "c"),
        ("", "rtmp://b01.oss.test", "live/c", Some("b01"), "c"),
        ("", "rtmp://b01.oss.test/live", "c", Some("b01"), "c"),
        ("live/c", "rtmp://b01.oss.test/live/c", "", Some("b01"), "c"),
        ("live", "rtmp://b01.oss.test/live", "%22c%20", Some("b01"), "\"c "),
        ("live", "rtmp://b01.oss.test/live", "live", Some("b01"), "live"),
        // Path style.
        ("b01/live", "rtmp://127.0.0.1/b01/live", "c", Some("b01"), "c"),
        ("live/b01", "rtmp://127.0.0.1:1935/live/b01", "c", Some("b01"), "c"),
        ("live", "rtmp://127.0.0.1/live", "b01/c", Some("b01"), "c"),
        ("b01", "rtmp://[::1]:1935/b01", "live/c", Some("b01"), "c"),
        ("b01/live", "rtmp://[::1]/b01/live", "c", Some("b01"), "c"),
        ("b01/live/", "rtmp://localhost:8080/b01/live/", "c/", Some("b01"), "c"),
        ("b01/live/c", "rtmp://localhost/b01/live/c", "", Some("b01"), "c"),
        ("b01%2Flive", "rtmp://localhost/b01%2Flive", "c", Some("b01"), "c"),
        ("live", "rtmp://localhost/live", "b01%2fc", Some("b01"), "c"),
        ("b01/live", "rtmp://oss.test/b01/live", "live", Some("b01"), "live"),
        ("live/live", "rtmp://localhost/live/live", "c", Some("live"), "c"),
        ("b01/live", "", "c", Some("b01"), "c"),
        // The bucket is lost.
        ("live", "rtmp://127.0.0.1:9000/live", "c", None, "c"),
        ("live", "rtmp://localhost/live", "live", None, "live"),
        ("live", "rtmp://unknown.org/live", "c", None, "c"),
        ("live", "", "c", None, "c"),
        // Names.
        ("live", "rtmp://b01.oss.test/live", "a b", Some("b01"), "a b"),
        ("live", "rtmp://b01.oss.test/live", "a%20b", Some("b01"), "a b"),
        ("live", "rtmp://b01.oss.test/live", "a+b", Some("b01"), "a+b"),
        ("live", "rtmp://b01.oss.test/live", "a&b", Some("b01"), "a&b"),
        ("live", "rtmp://b01.oss.test/live", "a%3Fb?x=1", Some("b01"), "a?b"),
        ("live", "rtmp://b01.oss.test/live", "%E6%B5%8B", Some("b01"), "测"),
        ("live", "rtmp://b01.oss.test/live", "测", Some("b01"), "测"),
        // Quote characters, and a name that is the whole URL.
        ("live", "\"rtmp://b01.oss.test/live", "c?a=1\"", Some("b01"), "c"),
        ("'live'", "'rtmp://b01.oss.test/live'", " 'c' ", Some("b01"), "c"),
        ("live", "rtmp://b01.oss.test/live", "`“c”`", Some("b01"), "c"),
        (
            "live",
            "rtmp://b01.oss.test/live",
            "rtmp://b01.oss.test/live/c",
            Some("b01"),
            "c",
        ),
        (
            "",
            "rtmp://b01.oss.test",
            "rtmp://b01.oss.test/live/c?a=1",
            Some("b01"),
            "c",
        ),
    ] {
        let expected = (bucket.map(str::to_owned), channel.to_owned());
        assert_eq!(found(app, tc_url, name), expected, "{app} {tc_url} {name}");
    }
}

#[test]
fn query_is_found_wherever_it_was_put() {
    let signed = [
        CLAIM,
        "Signature=6Ip7pHtKAe270CFBjrqk8Rw1t9g%3D",
        "playlistName=playlist.m3u8",
    ]
    .join("&");
    let (first, second) = signed.split_at(CLAIM.len());
    let second = &second[1..];
    let host = "rtmp://test-bucket.oss.test";
    let app_first = format!("live?{first}");
    let app_signed = format!("live?{signed}");
    let app_whole = format!("live/test-channel?{signed}");
    for (app, tc_url, name) in [
        ("live", format!("{host}/live"), format!("test-channel?{signed}")),
        ("live", format!("{host}/live"), format!("test-channel&{signed}")),
        ("live", format!("{host}/live"), format!("test-channel?{first}?{second}")),
        (&app_signed, format!("{host}/{app_signed}"), "test-channel".to_owned()),
        ("live", format!("{host}/{app_signed}"), "test-channel".to_owned()),
        ("live", format!("{host}?{signed}"), "test-channel".to_owned()),
        (
            "live/test-channel",
            format!("{host}/live/test-channel?{signed}"),
            String::new(),
        ),
        (&app_whole, format!("{host}/{app_whole}"), String::new()),
        (
            &app_first,
            format!("{host}/{app_first}"),
            format!("test-channel?{second}"),
        ),
        (&app_first, format!("{host}/live?{second}"), "test-channel".to_owned()),
        (
            &app_signed,
            format!("{host}/{app_signed}"),
            format!("test-channel?{signed}"),
        ),
        ("live", format!("{host}/live"), format!("\"test-channel?{signed}\"")),
        (
            "live",
            format!("{host}/live"),
            format!("test-channel?{}", signed.replace("%3D", "")),
        ),
        (
            "live",
            format!("{host}/live"),
            format!("test-channel?{}", signed.replace("%3D", "=")),
        ),
    ] {
        let target = parse(app, &tc_url, &name).unwrap_or_else(|error| panic!("{error}: {app} {tc_url} {name}"));
        assert_eq!(target.playlist_name, Some(PlaylistName::default()));
        target
            .verify(&bucket(), &secret(), UnixTime::from_secs(EXPIRES))
            .unwrap_or_else(|error| panic!("{error}: {app} {tc_url} {name}"));
    }
}

#[test]
fn raw_slash_and_plus_of_a_signature_survive_the_cut_of_an_encoder() {
    // ypo2WgiwBDIf2eaIcWx/TTVD2NI= with everything raw: encoders take the slash for one of the path.
    let before =
        format!("{CLAIM}&playlistName=playlist.m3u8&security-token=tok%2Ben%2F%3D%3D&Signature=ypo2WgiwBDIf2eaIcWx");
    for (host, path) in [
        ("test-bucket.oss.test", "live/test-channel"),
        ("127.0.0.1", "test-bucket/live/test-channel"),
        ("127.0.0.1", "live/test-bucket/test-channel"),
    ] {
        let app = format!("{path}?{before}");
        let target = parse(&app, &format!("rtmp://{host}/{app}"), "TTVD2NI=").unwrap();
        target
            .verify(&bucket(), &secret(), UnixTime::from_secs(EXPIRES))
            .unwrap();
    }
    let name = format!("test-channel?{before}/TTVD2NI=");
    let target = parse("live", "rtmp://test-bucket.oss.test/live", &name).unwrap();
    target
        .verify(&bucket(), &secret(), UnixTime::from_secs(EXPIRES))
        .unwrap();
    let name = format!("test-channel?{CLAIM}&Signature=th9NPDT6J79TWG9uOhcOf6fDF+U=");
    let target = parse("live", "rtmp://test-bucket.oss.test/live", &name).unwrap();
    target
        .verify(&bucket(), &secret(), UnixTime::from_secs(EXPIRES))
        .unwrap();
}

#[test]
fn custom_parameters_are_signed() {
    let urls = |query: &str| {
        parse(
            "live",
            "rtmp://test-bucket.oss.test/live",
            &format!("test-channel?{query}"),
        )
        .unwrap()
    };
    let text = "1700003600\na:1\nb:x y\n/test-bucket/test-channel";
    let signature = percent::encode(&mac::sha1_base64(secret().expose(), text));
    let now = UnixTime::from_secs(EXPIRES);
    let target = urls(&format!("b=x%20y&{CLAIM}&Signature={signature}&a=1&SecurityToken=x"));
    assert_eq!(target.verify(&bucket(), &secret(), now), Ok(()));
    let changed = urls(&format!("b=x%20z&{CLAIM}&Signature={signature}&a=1"));
    assert_eq!(
        changed.verify(&bucket(), &secret(), now).unwrap_err().code,
        ErrorCode::SignatureDoesNotMatch
    );
}

#[test]
fn what_is_missing_is_said_in_words() {
    let host = "rtmp://b01.oss.test/live";
    refused("live", host, "", "names no channel");
    refused("live", host, "?a=1", "names no channel");
    refused("", "", "", "names no channel");
    refused("b01/live", "rtmp://127.0.0.1/b01/live", "", "names no channel");
    refused("play", host, "c", "rtmp://<bucket>.<endpoint>/live/<channel>");
    refused("Live", host, "c", "rtmp://<bucket>.<endpoint>/live/<channel>");
    refused("live", host, "a/b/c", "must not contain a slash");
    refused("live", host, &"x".repeat(64), "less than 64");
    refused("live", host, "%ff", "must be utf-8");
    refused("live", host, "c?a=%ff", "must be utf-8");
    refused(
        "Bucket/live",
        "rtmp://127.0.0.1/Bucket/live",
        "c",
        "bucket is not valid",
    );
    refused("live", host, "c?playlistName=list.txt", "must end with .m3u8");
    refused("live", host, "c?playlistName=a%2Fb.m3u8", "must not contain a slash");
    refused("live", host, "c?Expires=1&Signature=x", "lacks OSSAccessKeyId:");
    refused("live", host, "c?OSSAccessKeyId=x", "lacks Expires and Signature:");
    refused(
        "live",
        host,
        "c?OSSAccessKeyId=x&Expires=1&Signature=",
        "lacks Signature:",
    );
    refused(
        "live",
        host,
        "c?OSSAccessKeyId=x&Expires=soon&Signature=x",
        "must be seconds since 1970",
    );
    refused("live", host, "c?a=1&a=1", "the parameter a more than once");
}

#[test]
fn unsigned_urls_have_no_credentials() {
    let target = parse(
        "live",
        "rtmp://test-bucket.oss.test/live",
        "c?playlistName=x.m3u8&security-token=t",
    )
    .unwrap();
    assert_eq!(target.credentials, None);
    assert_eq!(target.playlist_name.as_ref().map(PlaylistName::as_str), Some("x.m3u8"));
    let error = target.verify(&bucket(), &secret(), UnixTime::default()).unwrap_err();
    assert_eq!(error.code, ErrorCode::AccessDenied);
    assert!(error.message.contains("not signed"), "{error}");
    let target = parse("live", "rtmp://test-bucket.oss.test/live", "c?playlistName=").unwrap();
    assert_eq!(target.playlist_name, None);
}

#[test]
fn expiry_is_checked_before_the_signature() {
    let target = parse(
        "live",
        "rtmp://test-bucket.oss.test/live",
        &format!("c?{CLAIM}&Signature=wrong"),
    )
    .unwrap();
    let expired = target
        .verify(&bucket(), &secret(), UnixTime::from_millis(EXPIRES * 1000 + 1))
        .unwrap_err();
    assert_eq!(
        expired.to_string(),
        "AccessDenied: The publish URL expired at 2023-11-14T23:13:20.000Z."
    );
    let wrong = target
        .verify(&bucket(), &secret(), UnixTime::from_secs(EXPIRES))
        .unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "SignatureDoesNotMatch: The signature of the publish URL does not match."
    );
    assert_eq!(
        wrong.details[0],
        ("StringToSign", "1700003600\n/test-bucket/c".to_owned())
    );
}

#[test]
fn signature_holds_for_one_bucket_only() {
    let name = format!("test-channel?{CLAIM}&Signature=th9NPDT6J79TWG9uOhcOf6fDF%2BU%3D");
    let target = parse("live", "rtmp://127.0.0.1/live", &name).unwrap();
    assert_eq!(target.bucket, None);
    let now = UnixTime::from_secs(EXPIRES);
    assert_eq!(target.verify(&bucket(), &secret(), now), Ok(()));
    let other = BucketName::parse("other-bucket").unwrap();
    assert_eq!(
        target.verify(&other, &secret(), now).unwrap_err().code,
        ErrorCode::SignatureDoesNotMatch
    );
    assert!(target.is_signed_for(&bucket(), &secret()) && !target.is_signed_for(&other, &secret()));
    let unsigned = parse("live", "rtmp://127.0.0.1/live", "test-channel").unwrap();
    assert!(!unsigned.is_signed_for(&bucket(), &secret()));
}

#[test]
fn token_is_read() {
    let name = format!("c?{CLAIM}&Signature=x&security-token={}", percent::encode(TOKEN_VALUE));
    let target = parse("live", "rtmp://test-bucket.oss.test/live", &name).unwrap();
    let shown = format!("{target:?}");
    assert!(
        shown.contains("LTAIexampleAK") && !shown.contains("tok+en") && !shown.contains("signature"),
        "{shown}"
    );
    assert_eq!(target.credentials.unwrap().security_token.as_deref(), Some(TOKEN_VALUE));
}

proptest! {
    #[test]
    fn what_is_signed_verifies(
        channel in "[^/\\\\][^/]{0,9}", playlist in proptest::option::of("[^/]{1,20}\\.m3u8"),
        id in "[A-Za-z0-9.]{1,20}", secret in "[ -~]{1,30}", path_style: bool,
    ) {
        let channel = ChannelName::parse(&channel).unwrap();
        let playlist = playlist.map(|name| PlaylistName::parse(&name).unwrap());
        let secret = Secret::new(secret);
        let addressing = if path_style { Addressing::PathStyle } else { Addressing::Bucket(bucket()) };
        let host = if path_style { "127.0.0.1:9000" } else { "test-bucket.oss.test:9000" };
        let urls = ChannelUrls::new(host, &addressing, &bucket(), &channel, &PlaylistName::default());
        let expires = UnixTime::from_secs(EXPIRES);
        let url = sign(&urls, playlist.as_ref(), &id, &secret, expires);
        let (tc_url, name) = url.rsplit_once('/').unwrap();
        let app = tc_url.strip_prefix(&format!("rtmp://{host}/")).unwrap();
        let target = parse(app, tc_url, name).unwrap();
        prop_assert_eq!(target.bucket.as_ref(), Some(&bucket()));
        prop_assert_eq!(&target.channel, &channel);
        prop_assert_eq!(&target.playlist_name, &playlist);
        prop_assert_eq!(target.verify(&bucket(), &secret, expires), Ok(()));
        let other = Secret::new(format!("{}x", secret.expose()));
        prop_assert!(target.verify(&bucket(), &other, expires).is_err());
    }

    #[test]
    fn no_piece_panics(
        app in "(live|b01/live|live/b01)?[ -~é\"]{0,20}", tc_url in "(rtmp://)?[ -~é]{0,30}",
        name in "[ -~é]{0,20}(\\?OSSAccessKeyId=a&Expires=[0-9]{1,25}&Signature=b)?[ -~]{0,10}",
    ) {
        if let Ok(target) = parse(&app, &tc_url, &name) {
            let _ = target.verify(&bucket(), &secret(), UnixTime::default());
        }
    }
}

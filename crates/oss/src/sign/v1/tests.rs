use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;
use crate::percent::{self, Plus};
use crate::sign::Claim;

const ID: &str = "LTAIexampleAK";
const DATE: &str = "Wed, 24 Aug 2016 11:11:28 GMT";

fn secret() -> Secret {
    Secret::new("exampleSecretKey0123456789".to_owned())
}

/// What stands at `DATE`.
fn now() -> UnixTime {
    UnixTime::parse_http_date(DATE).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A request to `test-bucket`, whose target is a decoded key with an encoded query.
#[track_caller]
fn with_request<T>(method: &str, target: &str, headers: &[(&str, &str)], then: impl FnOnce(&Request<'_>) -> T) -> T {
    let (key, query) = target.split_once('?').unwrap_or((target, ""));
    let query = percent::decode_query(query, Plus::Space).unwrap();
    let headers = pairs(headers);
    then(&Request {
        method,
        bucket: Some("test-bucket"),
        key,
        query: &query,
        headers: &headers,
    })
}

/// Verifies the claim that the request carries.
#[track_caller]
fn verify(method: &str, target: &str, headers: &[(&str, &str)], now: UnixTime) -> Result<Claim, Error> {
    with_request(method, target, headers, |request| {
        let claim = Claim::parse(request)?.expect("the request is not anonymous");
        claim.verify(request, &secret(), now).map(|()| claim)
    })
}

#[track_caller]
fn refused(result: Result<Claim, Error>, code: ErrorCode) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.code, code, "{error}");
    error
}

#[test]
fn header_vectors_of_the_contract() {
    for (method, target, token, signature) in [
        (
            "PUT",
            "test-channel?live&status=disabled",
            None,
            "7HTUB9f+jlxaS1LTlJMKDHjVq88=",
        ),
        (
            "POST",
            "test-channel/vod.m3u8?vod=&startTime=1472020031&endTime=1472020226",
            None,
            "GzrLr1zXmFeC/UW8A3CZEmwtQ5U=",
        ),
        (
            "GET",
            "test-channel?live&comp=stat",
            Some("tok+en/=="),
            "yH2ZuX1lsPwVTKVlwnIumoeSnTU=",
        ),
    ] {
        let authorization = format!("OSS {ID}:{signature}");
        let mut headers = vec![("authorization", authorization.as_str()), ("date", DATE)];
        headers.extend(token.map(|token| ("x-oss-security-token", token)));
        let claim = verify(method, target, &headers, now()).unwrap();
        assert_eq!((claim.access_key_id(), claim.security_token()), (ID, token));
        assert_eq!((claim.is_url(), claim.expires()), (false, None));
        let shown = format!("{claim:?}");
        assert!(
            shown.contains(ID) && !shown.contains(signature) && !shown.contains("tok+en"),
            "{shown}"
        );
        with_request(method, target, &headers, |request| {
            assert_eq!(authorization_header(request, ID, &secret()), authorization);
        });
    }
}

#[test]
fn url_vectors_of_the_contract() {
    for (target, token, signature) in [
        ("test-channel/playlist.m3u8", None, "0YdvSsvnTFE0+DaCijHEcYH6qWI="),
        (
            "test-channel/playlist.m3u8?x-oss-process=hls/sign",
            None,
            "BITjcJonM/NbZsrAgQfMyTiWw7c=",
        ),
        (
            "test-channel/playlist.m3u8",
            Some("tok+en/=="),
            "jjCr871NzvObyqIHAi0ZXZcwCs4=",
        ),
    ] {
        let expires = UnixTime::from_secs(1_700_003_600);
        let claim = with_request("GET", target, &[], |request| {
            presign(request, ID, &secret(), expires, token)
        });
        assert_eq!(claim[2], ("Signature".to_owned(), signature.to_owned()));
        let claim = percent::encode_query(claim.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let url = if target.contains('?') {
            format!("{target}&{claim}")
        } else {
            format!("{target}?{claim}")
        };
        let claim = verify("GET", &url, &[], expires).unwrap();
        assert_eq!((claim.access_key_id(), claim.security_token()), (ID, token));
        assert_eq!((claim.is_url(), claim.expires()), (true, Some(expires)));
    }
}

#[test]
fn parameters_that_are_not_sub_resources_are_not_signed() {
    let headers = [
        ("authorization", "OSS LTAIexampleAK:7HTUB9f+jlxaS1LTlJMKDHjVq88="),
        ("date", DATE),
    ];
    let target =
        "test-channel?prefix=a&live&marker=b&max-keys=1&status=disabled&delimiter=/&playlistName=x&encoding-type=url";
    verify("PUT", target, &headers, now()).unwrap();
    refused(
        verify("PUT", "test-channel?acl&live&status=disabled", &headers, now()),
        ErrorCode::SignatureDoesNotMatch,
    );
}

#[test]
fn text_has_every_part_in_order() {
    let headers = [
        ("x-oss-meta-b", " two "),
        ("content-type", "text/plain"),
        ("x-oss-acl", "private"),
        ("date", "never"),
        ("x-oss-date", DATE),
        ("content-md5", "md5=="),
        ("x-oss-acl", "second"),
    ];
    with_request(
        "PUT",
        "a b?x-oss-ac-subject=1&udfName&acl=&uploads&uploads=2&other",
        &headers,
        |request| {
            assert_eq!(
                string_to_sign(request, date(request).unwrap()),
                format!(
                    "PUT\nmd5==\ntext/plain\n{DATE}\nx-oss-acl:private\nx-oss-date:{DATE}\nx-oss-meta-b:two\n/test-bucket/a b?acl&udfName&uploads&x-oss-ac-subject=1"
                )
            );
        },
    );
    let service = Request {
        method: "GET",
        bucket: None,
        key: "",
        query: &[],
        headers: &[],
    };
    assert_eq!(string_to_sign(&service, ""), "GET\n\n\n\n/");
    let bucket = Request {
        bucket: Some("b"),
        ..service
    };
    assert_eq!(string_to_sign(&bucket, ""), "GET\n\n\n\n/b/");
}

#[test]
fn header_needs_a_date_near_now() {
    let authorization = ("authorization", "OSS LTAIexampleAK:x");
    for headers in [vec![authorization], vec![authorization, ("date", "today")]] {
        let error = refused(verify("GET", "k", &headers, now()), ErrorCode::AccessDenied);
        assert_eq!(error.message, "OSS authentication requires a valid Date.");
    }
    let late = now().plus(std::time::Duration::from_secs(15 * 60 + 1));
    let error = refused(
        verify("GET", "k", &[authorization, ("date", DATE)], late),
        ErrorCode::RequestTimeTooSkewed,
    );
    assert_eq!(error.details[1].1, "2016-08-24T11:11:28.000Z");
}

#[test]
fn mismatch_shows_what_was_compared() {
    let headers = [("authorization", "OSS LTAIexampleAK:wrong="), ("date", DATE)];
    let error = refused(
        verify("GET", "k?acl", &headers, now()),
        ErrorCode::SignatureDoesNotMatch,
    );
    let text = format!("GET\n\n\n{DATE}\n/test-bucket/k?acl");
    assert_eq!(error.details[0], ("StringToSign", text));
    assert_eq!(error.details[2], ("SignatureProvided", "wrong=".to_owned()));
    assert_eq!(error.details[3], ("OSSAccessKeyId", ID.to_owned()));
    assert!(!format!("{error:?}").contains(secret().expose()));
}

#[test]
fn expiry_of_a_url_is_checked_before_its_signature() {
    let url = "k?OSSAccessKeyId=LTAIexampleAK&Expires=1700003600&Signature=wrong";
    let expires = UnixTime::from_secs(1_700_003_600);
    refused(verify("GET", url, &[], expires), ErrorCode::SignatureDoesNotMatch);
    let after = UnixTime::from_millis(1_700_003_600_001);
    let error = refused(verify("GET", url, &[], after), ErrorCode::AccessDenied);
    assert_eq!(error.message, "Request has expired.");
}

#[test]
fn incomplete_urls_are_denied() {
    for query in [
        "Signature=x",
        "OSSAccessKeyId=x",
        "OSSAccessKeyId=x&Expires=1",
        "OSSAccessKeyId=x&Signature=x",
        "OSSAccessKeyId=&Expires=1&Signature=x",
    ] {
        let error = refused(
            verify("GET", &format!("k?{query}"), &[], now()),
            ErrorCode::AccessDenied,
        );
        assert!(
            error.message.contains("Signature, Expires and OSSAccessKeyId"),
            "{error}"
        );
    }
    for expires in ["soon", "-1", "+1", "1.5"] {
        let url = format!("k?OSSAccessKeyId=x&Signature=x&Expires={}", percent::encode(expires));
        let error = refused(verify("GET", &url, &[], now()), ErrorCode::AccessDenied);
        assert_eq!(error.message, "Invalid date (should be seconds since epoch).");
    }
}

#[test]
fn first_of_two_parameters_counts() {
    let signature = "0YdvSsvnTFE0%2BDaCijHEcYH6qWI%3D";
    let claim = format!("OSSAccessKeyId={ID}&Expires=1700003600&Signature={signature}");
    let now = UnixTime::from_secs(1_700_000_000);
    let url = format!("test-channel/playlist.m3u8?{claim}&Expires=1&Signature=x&OSSAccessKeyId=y");
    assert_eq!(verify("GET", &url, &[], now).unwrap().access_key_id(), ID);
    let url = format!("test-channel/playlist.m3u8?Expires=1&{claim}");
    refused(verify("GET", &url, &[], now), ErrorCode::AccessDenied);
}

#[test]
fn raw_plus_in_a_signature_is_read() {
    let url = "test-channel/playlist.m3u8?OSSAccessKeyId=LTAIexampleAK&Expires=1700003600&Signature=0YdvSsvnTFE0+DaCijHEcYH6qWI=";
    verify("GET", url, &[], UnixTime::from_secs(1_700_000_000)).unwrap();
}

#[test]
fn malformed_claims_are_refused() {
    for authorization in [
        "",
        "OSS",
        "OSS ",
        "OSS id",
        "OSS :sig",
        "OSS id:",
        "Basic abc",
        "AWS id:sig",
        "oss id:sig",
    ] {
        let headers = [("authorization", authorization), ("date", DATE)];
        refused(verify("GET", "k", &headers, now()), ErrorCode::InvalidArgument);
    }
    let headers = [("authorization", "OSS id:sig"), ("date", DATE)];
    let claims = [
        "OSSAccessKeyId=x&Expires=1&Signature=x",
        "x-oss-signature-version=OSS4-HMAC-SHA256",
        "x-oss-signature-version=OSS2",
    ];
    for claim in claims {
        refused(
            verify("GET", &format!("k?{claim}"), &headers, now()),
            ErrorCode::InvalidArgument,
        );
    }
    refused(
        verify("GET", &format!("k?{}&{}", claims[0], claims[1]), &[], now()),
        ErrorCode::InvalidArgument,
    );
    let twice = "k?OSSAccessKeyId=x&Expires=1&Signature=x&security-token=t";
    refused(
        verify("GET", twice, &[("x-oss-security-token", "t")], now()),
        ErrorCode::InvalidArgument,
    );
}

#[test]
fn the_token_stands_in_one_place() {
    let places = [
        "x-oss-security-token=t",
        "security-token=t",
        "security-token=t&x-oss-security-token=",
    ];
    let in_header = ("x-oss-security-token", "t");
    for authorization in [
        "OSS id:sig",
        "OSS2 AccessKeyId:id,Signature:sig",
        "OSS4-HMAC-SHA256 Credential=id/20160824/r/oss/aliyun_v4_request,Signature=sig",
    ] {
        let headers = [("authorization", authorization), ("date", DATE)];
        let token = |target: &str, headers: &[(&str, &str)]| {
            with_request("GET", target, headers, |request| {
                let claim = Claim::parse(request)?.expect("the request is not anonymous");
                Ok(claim.security_token().map(str::to_owned))
            })
        };
        assert_eq!(token("k?security-token=", &headers), Ok(None));
        let mut both = headers.to_vec();
        both.push(in_header);
        assert_eq!(token("k", &both), Ok(Some("t".to_owned())));
        for query in places {
            assert_eq!(
                token(&format!("k?{query}"), &headers),
                Ok(Some("t".to_owned())),
                "{query}"
            );
            let error: Error = token(&format!("k?{query}"), &both).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{query}");
        }
    }
}

#[test]
fn no_claim_is_anonymous() {
    for target in ["k", "k?Expires=1", "k?security-token=x", "k?live"] {
        with_request("GET", target, &[("date", DATE)], |request| {
            assert_eq!(Claim::parse(request), Ok(None))
        });
    }
}

fn any_pairs(name: &'static str) -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec((name, "\\PC{0,8}"), 0..5)
}

proptest! {
    #[test]
    fn what_is_signed_in_the_header_verifies(
        key in "\\PC{0,20}", query in any_pairs("live|vod|acl|status|\\PC{1,6}"), headers in any_pairs("x-oss-[a-z]{1,5}|content-type|content-md5"),
        id in "[A-Za-z0-9]{1,20}", secret in ".{0,30}",
    ) {
        let secret = Secret::new(secret);
        let now = UnixTime::from_secs(1_700_000_000);
        let mut headers: Vec<_> = headers.into_iter().filter(|(name, _)| name != "x-oss-date").collect();
        headers.push(("date".to_owned(), now.http_date()));
        let query: Vec<_> = query.into_iter().filter(|(name, _)| !name.starts_with("x-oss-")).collect();
        let request = Request { method: "GET", bucket: Some("bucket"), key: &key, query: &query, headers: &headers };
        let authorization = authorization_header(&request, &id, &secret);
        let mut signed = headers.clone();
        signed.push(("authorization".to_owned(), authorization));
        let request = Request { headers: &signed, ..request };
        let claim = Claim::parse(&request).unwrap().unwrap();
        prop_assert_eq!(claim.access_key_id(), &id);
        prop_assert_eq!(claim.verify(&request, &secret, now), Ok(()));
        let other = Request { method: "PUT", ..request };
        prop_assert_eq!(claim.verify(&other, &secret, now).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
    }

    #[test]
    fn what_is_presigned_verifies(
        key in "\\PC{1,20}", query in any_pairs("x-oss-process|response-expires|[a-z]{1,4}"), token in proptest::option::of("\\PC{1,10}"),
    ) {
        let expires = UnixTime::from_secs(1_700_003_600);
        let request = Request { method: "GET", bucket: Some("bucket"), key: &key, query: &query, headers: &[] };
        let claim = presign(&request, "id", &secret(), expires, token.as_deref());
        let query: Vec<_> = query.iter().cloned().chain(claim).collect();
        let request = Request { query: &query, ..request };
        let claim = Claim::parse(&request).unwrap().unwrap();
        prop_assert_eq!(claim.security_token(), token.as_deref());
        prop_assert_eq!(claim.verify(&request, &secret(), expires), Ok(()));
        let other = Request { key: "other/", ..request };
        prop_assert_eq!(claim.verify(&other, &secret(), expires).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
    }

    #[test]
    fn no_claim_panics(
        authorization in proptest::option::of("(OSS|OSS4-HMAC-SHA256|OSS2)? ?[ -~é]{0,60}"),
        query in any_pairs("OSSAccessKeyId|Expires|Signature|x-oss-(signature|credential|date|expires|signature-version|additional-headers)"),
    ) {
        let headers: Vec<_> = authorization.into_iter().map(|value| ("authorization".to_owned(), value)).collect();
        let request = Request { method: "GET", bucket: None, key: "", query: &query, headers: &headers };
        if let Ok(Some(claim)) = Claim::parse(&request) {
            let _ = claim.verify(&request, &secret(), now());
        }
    }
}

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;
use crate::percent::{self, Plus};
use crate::sign::Claim;

const ID: &str = "LTAIexampleAK";
const REGION: &str = "cn-hangzhou";
const DATE: &str = "20231114T221320Z";
const SIGNATURE: &str = "7cd9b11aa9e6fba6699de7477ade4f903fabf6c07a9d98b962115638ab091b4e";

fn secret() -> Secret {
    Secret::new("exampleSecretKey0123456789".to_owned())
}

/// What stands at `DATE`.
fn now() -> UnixTime {
    UnixTime::from_secs(1_700_000_000)
}

#[track_caller]
fn with_request<T>(target: &str, headers: &[(&str, &str)], then: impl FnOnce(&Request<'_>) -> T) -> T {
    let (key, query) = target.split_once('?').unwrap_or((target, ""));
    let query = percent::decode_query(query, Plus::Space).unwrap();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    then(&Request {
        method: "GET",
        bucket: Some("test-bucket"),
        key,
        query: &query,
        headers: &headers,
    })
}

#[track_caller]
fn verify(target: &str, headers: &[(&str, &str)], now: UnixTime) -> Result<Claim, Error> {
    with_request(target, headers, |request| {
        let claim = Claim::parse(request)?.expect("the request is not anonymous");
        claim.verify(request, &secret(), now).map(|()| claim)
    })
}

/// The header vector of the contract with another `Authorization`.
fn verify_header(authorization: &str, now: UnixTime) -> Result<Claim, Error> {
    let headers = [
        ("authorization", authorization),
        ("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-oss-date", DATE),
    ];
    verify("test-channel?comp=stat&live", &headers, now)
}

#[track_caller]
fn refused(result: Result<Claim, Error>, code: ErrorCode) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.code, code, "{error}");
    error
}

fn authorization(date: &str, signature: &str) -> String {
    format!("OSS4-HMAC-SHA256 Credential={ID}/{date}/{REGION}/oss/aliyun_v4_request,Signature={signature}")
}

fn presigned(target: &str, token: Option<&str>) -> String {
    let lifetime = Duration::from_secs(3600);
    let claim = with_request(target, &[], |request| {
        presign(request, ID, &secret(), REGION, now(), lifetime, token)
    });
    let claim = percent::encode_query(claim.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    format!("{target}{}{claim}", if target.contains('?') { '&' } else { '?' })
}

#[test]
fn header_vector_of_the_contract() {
    let signed = authorization("20231114", SIGNATURE);
    for text in [signed.clone(), signed.replace(',', ", ")] {
        let claim = verify_header(&text, now()).unwrap();
        assert_eq!(
            (claim.access_key_id(), claim.is_url(), claim.expires()),
            (ID, false, None)
        );
    }
    let headers = [("x-oss-content-sha256", "UNSIGNED-PAYLOAD"), ("x-oss-date", DATE)];
    with_request("test-channel?live&comp=stat", &headers, |request| {
        assert_eq!(
            authorization_header(request, ID, &secret(), REGION, &[]).unwrap(),
            signed
        );
        let canonical = canonical_request(request, &[], UNSIGNED_PAYLOAD).plain();
        assert_eq!(
            mac::digest_hex(&canonical),
            "6ba75c964b36ea587d712ce629413f30562d1f01ad22964de57207b82a902f80"
        );
    });
}

#[test]
fn presigned_vector_of_the_contract() {
    let url = presigned("test-channel/playlist.m3u8", None);
    assert!(
        url.ends_with("&x-oss-signature=674fcf8912509d3839a666ab7b00975cbfa681d1178afbaad13d33001b52aa07"),
        "{url}"
    );
    let claim = verify(&url, &[], now()).unwrap();
    assert_eq!((claim.access_key_id(), claim.is_url()), (ID, true));
    assert_eq!(claim.expires(), Some(UnixTime::from_secs(1_700_003_600)));
    let (_, query) = url.split_once('?').unwrap();
    with_request(&format!("test-channel/playlist.m3u8?{query}"), &[], |request| {
        let canonical = canonical_request(request, &[], UNSIGNED_PAYLOAD).plain();
        assert_eq!(
            mac::digest_hex(&canonical),
            "33478e971e392324d446046db07898e2d38df41b478d8cdea3fa74f3fbbc9b06"
        );
    });
}

#[test]
fn tokens_are_signed_in_either_place() {
    let url = presigned("k", Some("tok+en/=="));
    assert_eq!(verify(&url, &[], now()).unwrap().security_token(), Some("tok+en/=="));
    refused(
        verify(&url, &[("x-oss-security-token", "tok+en/==")], now()),
        ErrorCode::InvalidArgument,
    );
    let stripped: Vec<_> = url
        .split('&')
        .filter(|piece| !piece.starts_with("x-oss-security-token"))
        .collect();
    refused(
        verify(&stripped.join("&"), &[], now()),
        ErrorCode::SignatureDoesNotMatch,
    );
    let headers = [("x-oss-date", DATE), ("x-oss-security-token", "tok+en/==")];
    let signed = with_request("k", &headers, |request| {
        authorization_header(request, ID, &secret(), REGION, &[]).unwrap()
    });
    let claim = verify("k", &[headers[0], headers[1], ("authorization", &signed)], now()).unwrap();
    assert_eq!(claim.security_token(), Some("tok+en/=="));
    refused(
        verify("k", &[headers[0], ("authorization", &signed)], now()),
        ErrorCode::SignatureDoesNotMatch,
    );
}

#[test]
fn additional_headers_are_signed() {
    let headers = [("x-oss-date", DATE), ("host", "b.oss.test"), ("range", "bytes=0-1")];
    let signed = with_request("k", &headers, |request| {
        authorization_header(request, ID, &secret(), REGION, &["Range", "host"]).unwrap()
    });
    assert!(signed.contains(",AdditionalHeaders=host;range,Signature="), "{signed}");
    let authorization = ("authorization", signed.as_str());
    verify("k", &[headers[0], headers[1], headers[2], authorization], now()).unwrap();
    let other = [headers[0], ("host", "other"), headers[2], authorization];
    refused(verify("k", &other, now()), ErrorCode::SignatureDoesNotMatch);
}

#[test]
fn parameters_without_value_may_keep_their_equals_sign() {
    let date = UnixTime::parse_iso8601_basic(DATE).unwrap();
    let scope = Scope::new(ID, date, REGION);
    for query in ["live&prefix", "live=&prefix=", "live&prefix=", "live=&prefix"] {
        let canonical = format!("GET\n/test-bucket/\n{query}\nx-oss-date:{DATE}\n\n\nUNSIGNED-PAYLOAD");
        let text = scope.string_to_sign(date, &canonical);
        let signature = mac::hex(&mac::sha256(&scope.signing_key(&secret()), &text));
        let signed = authorization("20231114", &signature);
        verify(
            "?live&prefix",
            &[("authorization", &signed), ("x-oss-date", DATE)],
            now(),
        )
        .unwrap();
    }
}

#[test]
fn scope_must_be_of_the_day() {
    refused(
        verify_header(&authorization("20231113", SIGNATURE), now()),
        ErrorCode::InvalidArgument,
    );
    for text in [
        "OSS4-HMAC-SHA256",
        "OSS4-HMAC-SHA256 Signature=x",
        "OSS4-HMAC-SHA256 Credential=id/20231114/r/oss/aliyun_v4_request",
        "OSS4-HMAC-SHA256 Credential=id/20231114/r/s3/aliyun_v4_request,Signature=x",
        "OSS4-HMAC-SHA256 Credential=,Signature=x",
    ] {
        refused(verify_header(text, now()), ErrorCode::InvalidArgument);
    }
}

#[test]
fn any_region_will_do() {
    let headers = [("x-oss-date", DATE)];
    for region in ["us-west-1", "anywhere"] {
        let signed = with_request("k", &headers, |request| {
            authorization_header(request, ID, &secret(), region, &[]).unwrap()
        });
        verify("k", &[headers[0], ("authorization", &signed)], now()).unwrap();
    }
}

#[test]
fn header_needs_a_date_near_now() {
    let signed = authorization("20231114", SIGNATURE);
    let late = now().plus(skew::SKEW_MAX + Duration::from_secs(1));
    refused(verify_header(&signed, late), ErrorCode::RequestTimeTooSkewed);
    for headers in [
        vec![("authorization", &*signed)],
        vec![("authorization", &*signed), ("x-oss-date", "today")],
    ] {
        refused(verify("k", &headers, now()), ErrorCode::AccessDenied);
        with_request("k", &headers, |request| {
            assert!(authorization_header(request, ID, &secret(), REGION, &[]).is_err());
        });
    }
}

#[test]
fn presigned_urls_hold_for_their_lifetime() {
    let url = presigned("k", None);
    let end = now().plus(Duration::from_secs(3600));
    let begin = now().minus(skew::SKEW_MAX);
    for time in [begin, now(), end] {
        verify(&url, &[], time).unwrap();
    }
    let instant = Duration::from_millis(1);
    assert_eq!(
        refused(verify(&url, &[], end.plus(instant)), ErrorCode::AccessDenied).message,
        "Request has expired."
    );
    let early = refused(verify(&url, &[], begin.minus(instant)), ErrorCode::AccessDenied);
    assert_eq!(early.message, "Request is not valid yet.");
}

#[test]
fn presigned_urls_need_every_parameter() {
    let url = presigned("k", None);
    let without = |name: &str| {
        let query = url.strip_prefix("k?").unwrap();
        let pieces: Vec<_> = query.split('&').filter(|piece| !piece.starts_with(name)).collect();
        format!("k?{}", pieces.join("&"))
    };
    let error = refused(
        verify(&without("x-oss-expires"), &[], now()),
        ErrorCode::InvalidArgument,
    );
    assert_eq!(error.ec, Some("0002-00000215"));
    refused(
        verify(&without("x-oss-signature-version"), &[], now()),
        ErrorCode::InvalidArgument,
    );
    for name in ["x-oss-credential", "x-oss-date", "x-oss-signature="] {
        refused(verify(&without(name), &[], now()), ErrorCode::AccessDenied);
    }
    for lifetime in ["0", "604801", "1700003600", "-1", "%2B5", "x"] {
        let other = url.replace("x-oss-expires=3600", &format!("x-oss-expires={lifetime}"));
        refused(verify(&other, &[], now()), ErrorCode::InvalidArgument);
    }
    let longer = url.replace("x-oss-expires=3600", "x-oss-expires=604800");
    refused(verify(&longer, &[], now()), ErrorCode::SignatureDoesNotMatch);
}

#[test]
fn mismatch_shows_the_canonical_request() {
    let error = refused(
        verify_header(&authorization("20231114", "abc"), now()),
        ErrorCode::SignatureDoesNotMatch,
    );
    let (name, canonical) = error.details.last().unwrap();
    assert_eq!(*name, "CanonicalRequest");
    assert!(
        canonical.starts_with("GET\n/test-bucket/test-channel\ncomp=stat&live\n"),
        "{canonical}"
    );
    assert!(error.details[0].1.ends_with(&mac::digest_hex(canonical)));
}

fn any_pairs(name: &'static str) -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec((name, "\\PC{0,8}"), 0..5)
}

proptest! {
    #[test]
    fn what_is_signed_in_the_header_verifies(
        key in "\\PC{0,20}", query in any_pairs("live|acl|[a-z ]{1,6}"), headers in any_pairs("x-oss-m[a-z]{1,5}|content-type|host|range"),
        region in "[a-z0-9-]{1,12}", additional in proptest::sample::subsequence(vec!["host", "range", "absent"], 0..=3),
    ) {
        let mut headers = headers;
        headers.push(("x-oss-date".to_owned(), DATE.to_owned()));
        let request = Request { method: "GET", bucket: Some("bucket"), key: &key, query: &query, headers: &headers };
        let authorization = authorization_header(&request, ID, &secret(), &region, &additional).unwrap();
        let mut signed = headers.clone();
        signed.push(("authorization".to_owned(), authorization));
        let request = Request { headers: &signed, ..request };
        let claim = Claim::parse(&request).unwrap().unwrap();
        prop_assert_eq!(claim.access_key_id(), ID);
        prop_assert_eq!(claim.verify(&request, &secret(), now()), Ok(()));
        let other = Request { bucket: Some("other"), ..request };
        prop_assert_eq!(claim.verify(&other, &secret(), now()).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
    }

    #[test]
    fn what_is_presigned_verifies(
        key in "\\PC{1,20}", query in any_pairs("x-oss-process|[a-z/]{1,6}"), token in proptest::option::of("\\PC{1,10}"),
        lifetime in 1..=604_800_u64,
    ) {
        let lifetime = Duration::from_secs(lifetime);
        let request = Request { method: "GET", bucket: Some("bucket"), key: &key, query: &query, headers: &[] };
        let claim = presign(&request, ID, &secret(), REGION, now(), lifetime, token.as_deref());
        let query: Vec<_> = query.iter().cloned().chain(claim).collect();
        let request = Request { query: &query, ..request };
        let claim = Claim::parse(&request).unwrap().unwrap();
        prop_assert_eq!(claim.expires(), Some(now().plus(lifetime)));
        prop_assert_eq!(claim.verify(&request, &secret(), now()), Ok(()));
        let wrong = Secret::new("other".to_owned());
        prop_assert_eq!(claim.verify(&request, &wrong, now()).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
    }
}

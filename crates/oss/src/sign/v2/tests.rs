use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;
use crate::percent::Plus;
use crate::sign::Claim;

const ID: &str = "LTAIexampleAK";
const DATE: &str = "Wed, 24 Aug 2016 11:11:28 GMT";
const TOKEN_TEXT: &str = "tok+en/==";
const END_S: i64 = 1_700_003_600;

fn secret() -> Secret {
    Secret::new("exampleSecretKey0123456789".to_owned())
}

/// What stands at `DATE`.
fn now() -> UnixTime {
    UnixTime::parse_http_date(DATE).unwrap()
}

/// A request to `test-bucket`, whose target is a decoded key with an encoded query.
#[track_caller]
fn with_request<T>(method: &str, target: &str, headers: &[(&str, &str)], then: impl FnOnce(&Request<'_>) -> T) -> T {
    let (key, query) = target.split_once('?').unwrap_or((target, ""));
    let query = percent::decode_query(query, Plus::Space).unwrap();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    then(&Request {
        method,
        bucket: Some("test-bucket"),
        key,
        query: &query,
        headers: &headers,
    })
}

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

fn presigned(target: &str, token: Option<&str>) -> String {
    let claim = with_request("GET", target, &[], |request| {
        presign(request, ID, &secret(), UnixTime::from_secs(END_S), token)
    });
    let claim = percent::encode_query(claim.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    format!("{target}{}{claim}", if target.contains('?') { '&' } else { '?' })
}

/// The first is the contract's; the others were made by oss2 2.19.1.
#[test]
fn header_vectors_of_the_contract_and_of_oss2() {
    for (method, target, headers, additional, signature) in [
        (
            "PUT",
            "test-channel?live&status=disabled",
            &[][..],
            &[][..],
            "TLzUfM1ZpX214/c1XfvYve6JPBpOP/tYXamidFY5Vwk=",
        ),
        (
            "GET",
            "live channel/测.ts?prefix=a%20b/c",
            &[("range", "bytes=0-1")],
            &["range"],
            "2Mo3lTY+ol8WDKa/GsqmYXnDii5dNXpWOyblw0JIhw8=",
        ),
        (
            "PUT",
            "k",
            &[
                ("content-type", "text/plain"),
                ("x-oss-meta-a", "b"),
                ("x-oss-security-token", TOKEN_TEXT),
            ],
            &[],
            "eamyaMB/l0IUnYyTTA6CTnBmavU5r8amr7P2dhWM3u0=",
        ),
    ] {
        let listed: String = additional
            .iter()
            .map(|name| format!("AdditionalHeaders:{name},"))
            .collect();
        let authorization = format!("OSS2 AccessKeyId:{ID},{listed}Signature:{signature}");
        let mut headers = headers.to_vec();
        headers.push(("date", DATE));
        with_request(method, target, &headers, |request| {
            assert_eq!(authorization_header(request, ID, &secret(), additional), authorization);
        });
        let token = headers.iter().find(|(name, _)| *name == "x-oss-security-token");
        let spaced = authorization.replace(',', ", ");
        for authorization in [&authorization, &spaced] {
            let mut headers = headers.clone();
            headers.push(("authorization", authorization));
            let claim = verify(method, target, &headers, now()).unwrap();
            assert_eq!(
                (claim.access_key_id(), claim.is_url(), claim.expires()),
                (ID, false, None)
            );
            assert_eq!(claim.security_token(), token.map(|(_, value)| *value));
        }
    }
}

#[test]
fn service_vector_of_oss2() {
    let headers = [("date".to_owned(), DATE.to_owned())];
    let request = Request {
        method: "GET",
        bucket: None,
        key: "",
        query: &[],
        headers: &headers,
    };
    assert_eq!(
        authorization_header(&request, ID, &secret(), &[]),
        "OSS2 AccessKeyId:LTAIexampleAK,Signature:Py4fbjY0EtP1AZ9uqf5ZSexA5XlRC11Jx1piORoRUXQ="
    );
}

#[test]
fn url_vectors_of_oss2() {
    for (target, token, signature) in [
        (
            "test-channel/playlist.m3u8",
            None,
            "sQdRNgvi6DaN7nfaffQHjHWvvarBvAG7vKaccw5YbLY=",
        ),
        (
            "test-channel/playlist.m3u8?x-oss-process=hls/sign",
            Some(TOKEN_TEXT),
            "pbUU2HQWs3Ks1gguwrzqezlDFYH4UhXVl2jcGIYsDJs=",
        ),
    ] {
        let url = presigned(target, token);
        let end = format!("&x-oss-signature={}", percent::encode(signature));
        assert!(url.ends_with(&end), "{url}");
        for url in [url.clone(), url.replace(&end, &format!("&x-oss-signature={signature}"))] {
            let claim = verify("GET", &url, &[], UnixTime::from_secs(END_S)).unwrap();
            assert_eq!((claim.access_key_id(), claim.security_token()), (ID, token));
            assert_eq!(
                (claim.is_url(), claim.expires()),
                (true, Some(UnixTime::from_secs(END_S)))
            );
        }
    }
}

#[test]
fn text_has_every_part_in_order() {
    let headers = [
        ("x-oss-meta-b", " two "),
        ("content-type", "text/plain"),
        ("host", "oss.test"),
        ("range", "not listed"),
        ("content-md5", "md5=="),
        ("date", DATE),
    ];
    let target = "a b/c?z=1&live&x-oss-signature=no&a%20b=c%20d&z=2";
    with_request("PUT", target, &headers, |request| {
        assert_eq!(
            texts(request, DATE, &["host".to_owned()]).plain(),
            format!(
                "PUT\nmd5==\ntext/plain\n{DATE}\nhost:oss.test\nx-oss-meta-b:two\nhost\n%2Ftest-bucket%2Fa%20b%2Fc?a%20b=c%20d&live&z=1"
            )
        );
    });
    with_request("GET", "?x-oss-signature=no", &[], |request| {
        assert_eq!(texts(request, "", &[]).plain(), "GET\n\n\n\n\n%2Ftest-bucket%2F");
    });
}

#[test]
fn parameters_without_value_may_keep_their_equals_sign() {
    for query in ["live&status", "live=&status=", "live&status=", "live=&status"] {
        let text = format!("GET\n\n\n{DATE}\n\n%2Ftest-bucket%2Fk?{query}");
        let signature = mac::sha256_base64(secret().expose(), &text);
        let authorization = format!("OSS2 AccessKeyId:{ID},Signature:{signature}");
        let headers = [("date", DATE), ("authorization", &*authorization)];
        verify("GET", "k?live&status", &headers, now()).unwrap();
    }
}

#[test]
fn header_needs_a_date_near_now() {
    let authorization = ("authorization", "OSS2 AccessKeyId:x,Signature:x");
    for headers in [vec![authorization], vec![authorization, ("date", "today")]] {
        let error = refused(verify("GET", "k", &headers, now()), ErrorCode::AccessDenied);
        assert_eq!(error.message, "OSS authentication requires a valid Date.");
    }
    let headers = [authorization, ("date", DATE)];
    for (late_s, code) in [
        (900, ErrorCode::SignatureDoesNotMatch),
        (901, ErrorCode::RequestTimeTooSkewed),
    ] {
        let late = now().plus(std::time::Duration::from_secs(late_s));
        refused(verify("GET", "k", &headers, late), code);
    }
}

#[test]
fn urls_hold_until_they_expire() {
    let url = presigned("k", None);
    verify("GET", &url, &[], UnixTime::default()).unwrap();
    let past = UnixTime::from_millis(END_S * 1000 + 1);
    let error = refused(verify("GET", &url, &[], past), ErrorCode::AccessDenied);
    assert_eq!(error.message, "Request has expired.");
    let longer = url.replace("1700003600", "1800003600");
    refused(verify("GET", &longer, &[], past), ErrorCode::SignatureDoesNotMatch);
}

#[test]
fn urls_need_every_parameter() {
    let url = presigned("k", None);
    let without = |name: &str| {
        let query = url.strip_prefix("k?").unwrap();
        let pieces: Vec<_> = query.split('&').filter(|piece| !piece.starts_with(name)).collect();
        format!("k?{}", pieces.join("&"))
    };
    for name in ["x-oss-access-key-id", "x-oss-expires", "x-oss-signature="] {
        let error = refused(verify("GET", &without(name), &[], now()), ErrorCode::AccessDenied);
        assert!(error.message.contains("x-oss-access-key-id"), "{error}");
    }
    let unversioned = without("x-oss-signature-version");
    refused(verify("GET", &unversioned, &[], now()), ErrorCode::InvalidArgument);
    let never = url.replace("x-oss-expires=1700003600", "x-oss-expires=soon");
    refused(verify("GET", &never, &[], now()), ErrorCode::AccessDenied);
}

#[test]
fn malformed_headers_are_refused() {
    for authorization in [
        "OSS2",
        "OSS2 ",
        "OSS2 id:signature",
        "OSS2 AccessKeyId:id",
        "OSS2 Signature:x",
        "OSS2 AccessKeyId:,Signature:x",
        "OSS2 AccessKeyId:id,Signature:",
        "OSS2 AccessKeyId=id,Signature=x",
    ] {
        let headers = [("authorization", authorization), ("date", DATE)];
        refused(verify("GET", "k", &headers, now()), ErrorCode::InvalidArgument);
    }
}

#[test]
fn mismatch_shows_what_was_compared() {
    let headers = [("authorization", "OSS2 AccessKeyId:id,Signature:wrong"), ("date", DATE)];
    let error = refused(
        verify("GET", "k?live", &headers, now()),
        ErrorCode::SignatureDoesNotMatch,
    );
    let text = format!("GET\n\n\n{DATE}\n\n%2Ftest-bucket%2Fk?live");
    assert_eq!(error.details[0], ("StringToSign", text));
    assert_eq!(error.details[3], ("OSSAccessKeyId", "id".to_owned()));
    assert!(!format!("{error:?}").contains(secret().expose()));
}

fn any_pairs(name: &'static str) -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec((name, "\\PC{0,8}"), 0..5)
}

proptest! {
    #[test]
    fn what_is_signed_in_the_header_verifies(
        key in "\\PC{0,20}", query in any_pairs("live|acl|[a-z ]{1,6}"), headers in any_pairs("x-oss-m[a-z]{1,5}|content-type|host|range"),
        additional in proptest::sample::subsequence(vec!["host", "range", "absent"], 0..=3),
    ) {
        let mut headers = headers;
        headers.push(("date".to_owned(), DATE.to_owned()));
        let request = Request { method: "GET", bucket: Some("bucket"), key: &key, query: &query, headers: &headers };
        let authorization = authorization_header(&request, ID, &secret(), &additional);
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
    ) {
        let expires = UnixTime::from_secs(END_S);
        let request = Request { method: "GET", bucket: Some("bucket"), key: &key, query: &query, headers: &[] };
        let claim = presign(&request, ID, &secret(), expires, token.as_deref());
        let query: Vec<_> = query.iter().cloned().chain(claim).collect();
        let request = Request { query: &query, ..request };
        let claim = Claim::parse(&request).unwrap().unwrap();
        prop_assert_eq!(claim.expires(), Some(expires));
        prop_assert_eq!(claim.security_token(), token.as_deref());
        prop_assert_eq!(claim.verify(&request, &secret(), now()), Ok(()));
        let wrong = Secret::new("other".to_owned());
        prop_assert_eq!(claim.verify(&request, &wrong, now()).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
    }
}

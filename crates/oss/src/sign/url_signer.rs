use super::claim::Claim;
use super::request::Request;
use super::{v1, v2, v4};
use crate::secret::Secret;

/// Signs further URLs as one URL was signed: with its key, its token and its expiry.
///
/// Made from a claim that has been verified; who believes that claim believes what this signs. It holds a secret, and shows
/// nothing in `Debug`.
pub struct UrlSigner(Version);

enum Version {
    V1(v1::UrlSigner),
    V2(v2::UrlSigner),
    V4(v4::UrlSigner),
}

impl UrlSigner {
    /// The signer like this claim; none for a claim in a header, which has no expiry to hand on.
    pub fn like(claim: &Claim, secret: &Secret) -> Option<Self> {
        match claim {
            Claim::V1Url(claim) => Some(Self(Version::V1(v1::UrlSigner::like(claim, secret)))),
            Claim::V2Url(claim) => Some(Self(Version::V2(v2::UrlSigner::like(claim, secret)))),
            Claim::V4Url(claim) => Some(Self(Version::V4(v4::UrlSigner::like(claim, secret)))),
            Claim::V1Header(_) | Claim::V2Header(_) | Claim::V4Header(_) => None,
        }
    }

    /// The parameters that, put after those of the request, let its URL through.
    pub fn parameters(&self, request: &Request<'_>) -> Vec<(String, String)> {
        match &self.0 {
            Version::V1(signer) => signer.parameters(request),
            Version::V2(signer) => signer.parameters(request),
            Version::V4(signer) => signer.parameters(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;
    use crate::time::UnixTime;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn secret() -> Secret {
        Secret::new("exampleSecretKey0123456789".to_owned())
    }

    fn get<'a>(key: &'a str, query: &'a [(String, String)]) -> Request<'a> {
        Request {
            method: "GET",
            bucket: Some("bucket"),
            key,
            query,
            headers: &[],
        }
    }

    /// The claim of this request, signed for ten minutes, and its parameters.
    fn signed(version: u8, request: &Request<'_>, token: Option<&str>) -> (Claim, Vec<(String, String)>) {
        let lifetime = Duration::from_secs(600);
        let claim = match version {
            1 => v1::presign(request, "id", &secret(), NOW.plus(lifetime), token),
            2 => v2::presign(request, "id", &secret(), NOW.plus(lifetime), token),
            _ => v4::presign(request, "id", &secret(), "cn-hangzhou", NOW, lifetime, token),
        };
        let query: Vec<_> = request.query.iter().chain(&claim).cloned().collect();
        let parsed = Claim::parse(&Request {
            query: &query,
            ..*request
        });
        (parsed.unwrap().unwrap(), claim)
    }

    #[test]
    fn a_claim_in_a_header_signs_no_url() {
        let headers = [
            ("date".to_owned(), NOW.http_date()),
            ("authorization".to_owned(), "OSS id:signature".to_owned()),
        ];
        let claim = Claim::parse(&Request {
            headers: &headers,
            ..get("key", &[])
        });
        assert!(UrlSigner::like(&claim.unwrap().unwrap(), &secret()).is_none());
    }

    proptest! {
        #[test]
        fn other_urls_hold_as_long_and_for_the_same_key(
            version in prop_oneof![Just(1), Just(2), Just(4)], key in "\\PC{1,20}", other in "\\PC{1,20}",
            process in proptest::option::of("hls/sign"), token in proptest::option::of("\\PC{1,10}"),
        ) {
            let query: Vec<_> = process.into_iter().map(|value| ("x-oss-process".to_owned(), value)).collect();
            let (claim, parameters) = signed(version, &get(&key, &[]), token.as_deref());
            let signer = UrlSigner::like(&claim, &secret()).unwrap();
            prop_assert_eq!(signer.parameters(&get(&key, &[])), parameters);

            let query: Vec<_> = query.iter().cloned().chain(signer.parameters(&get(&other, &query))).collect();
            let request = get(&other, &query);
            let signed = Claim::parse(&request).unwrap().unwrap();
            prop_assert_eq!(signed.access_key_id(), "id");
            prop_assert_eq!(signed.security_token(), token.as_deref());
            prop_assert_eq!(signed.expires(), claim.expires());
            prop_assert_eq!(signed.verify(&request, &secret(), NOW), Ok(()));
            let elsewhere = Request { bucket: Some("other"), ..request };
            prop_assert_eq!(signed.verify(&elsewhere, &secret(), NOW).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
        }
    }
}

use crate::error::Error;
use crate::secret::Secret;
use crate::sign::claim::malformed;
use crate::sign::mac;
use crate::time::UnixTime;

/// For what a signature holds: whose, on which day, in which region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sign) struct Scope {
    pub(in crate::sign) access_key_id: String,
    /// `20231114`.
    pub(super) date: String,
    region: String,
}

impl Scope {
    pub(super) fn new(access_key_id: &str, at: UnixTime, region: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            date: at.date(),
            region: region.to_owned(),
        }
    }

    /// Reads `<id>/<yyyymmdd>/<region>/oss/aliyun_v4_request`; any region will do.
    pub(super) fn parse(credential: &str) -> Result<Self, Error> {
        let parts: Vec<_> = credential.rsplitn(5, '/').collect();
        match parts[..] {
            [REQUEST, PRODUCT, region, date, id] if !id.is_empty() && !region.is_empty() && is_date(date) => Ok(Self {
                access_key_id: id.to_owned(),
                date: date.to_owned(),
                region: region.to_owned(),
            }),
            _ => Err(malformed(
                "The credential must be AccessKeyId/yyyymmdd/region/oss/aliyun_v4_request.",
            )),
        }
    }

    pub(super) fn credential(&self) -> String {
        format!("{}/{}", self.access_key_id, self.text())
    }

    pub(super) fn signing_key(&self, secret: &Secret) -> [u8; 32] {
        let day = mac::sha256(format!("aliyun_v4{}", secret.expose()).as_bytes(), &self.date);
        let region = mac::sha256(&day, &self.region);
        let product = mac::sha256(&region, PRODUCT);
        mac::sha256(&product, REQUEST)
    }

    pub(super) fn string_to_sign(&self, date: UnixTime, canonical: &str) -> String {
        let digest = mac::digest_hex(canonical);
        format!(
            "{}\n{}\n{}\n{digest}",
            super::ALGORITHM,
            date.iso8601_basic(),
            self.text()
        )
    }

    fn text(&self) -> String {
        format!("{}/{}/{PRODUCT}/{REQUEST}", self.date, self.region)
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

const PRODUCT: &str = "oss";
const REQUEST: &str = "aliyun_v4_request";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_the_one_of_the_contract() {
        let scope = Scope::new("LTAIexampleAK", UnixTime::from_secs(1_700_000_000), "cn-hangzhou");
        let key = scope.signing_key(&Secret::new("exampleSecretKey0123456789".to_owned()));
        assert_eq!(
            mac::hex(&key),
            "bb86181f2e4dc25e5e2e3bf3aa779fd02877e97e617881220f03b327f42fb8b3"
        );
        assert_eq!(Scope::parse(&scope.credential()), Ok(scope));
    }

    #[test]
    fn refuses_other_scopes() {
        for credential in [
            "",
            "id",
            "id/20231114/cn-hangzhou/oss",
            "/20231114/cn-hangzhou/oss/aliyun_v4_request",
            "id/20231114//oss/aliyun_v4_request",
            "id/2023111/cn-hangzhou/oss/aliyun_v4_request",
            "id/20231114/cn-hangzhou/s3/aliyun_v4_request",
            "id/20231114/cn-hangzhou/oss/aws4_request",
        ] {
            assert!(Scope::parse(credential).is_err(), "{credential}");
        }
    }

    #[test]
    fn ids_may_have_slashes() {
        let scope = Scope::parse("a/b/20231114/x/oss/aliyun_v4_request").unwrap();
        assert_eq!(scope.access_key_id, "a/b");
    }
}

//! A request to be signed, from text such as `GET /bucket/key?live` with a header on each line after it.

use std::collections::HashSet;

use alluvium_oss::percent::{self, Plus};
use alluvium_oss::sign::{Claim, Request};
use alluvium_oss::{Secret, UnixTime};

pub(crate) const ID: &str = "LTAIexampleAK";
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

pub(crate) fn secret() -> Secret {
    Secret::new("exampleSecretKey0123456789".to_owned())
}

#[derive(Clone)]
pub(crate) struct Head {
    method: String,
    bucket: Option<String>,
    key: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = percent::decode(path.strip_prefix('/')?)?;
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let headers = lines.filter_map(|line| line.split_once(':'));
        Some(Self {
            method: method.to_owned(),
            bucket: Some(bucket.to_owned()).filter(|bucket| !bucket.is_empty()),
            key: key.to_owned(),
            query: percent::decode_query(query, Plus::Space)?,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
        })
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            bucket: self.bucket.as_deref(),
            key: &self.key,
            query: &self.query,
            headers: &self.headers,
        }
    }

    /// The same without what makes a claim, each name once.
    pub(crate) fn unclaimed(mut self) -> Self {
        for pairs in [&mut self.query, &mut self.headers] {
            let mut seen = HashSet::new();
            pairs.retain(|(name, _)| !CLAIM.contains(&name.as_str()) && seen.insert(name.clone()));
        }
        self
    }

    /// What the request claims by itself is read and verified, whatever comes of it.
    pub(crate) fn check_own_claim(&self) {
        if let Ok(Some(claim)) = Claim::parse(&self.request()) {
            let _ = claim.verify(&self.request(), &secret(), NOW);
        }
    }

    /// A good signature holds, in any order of parameters and headers, and for no other request.
    pub(crate) fn check_signed(&self) {
        let claim = Claim::parse(&self.request()).expect("well formed").expect("signed");
        let verify = |head: &Self| claim.verify(&head.request(), &secret(), NOW);
        assert_eq!(verify(self), Ok(()));
        let mut turned = self.clone();
        turned.query.reverse();
        turned.headers.reverse();
        assert_eq!(verify(&turned), Ok(()));
        let mut other = self.clone();
        other.key.push('x');
        assert!(verify(&other).is_err());
        let mut other = self.clone();
        other.method.push('x');
        assert!(verify(&other).is_err());
    }
}

const CLAIM: &[&str] = &[
    "authorization",
    "date",
    "Expires",
    "OSSAccessKeyId",
    "security-token",
    "Signature",
    "x-oss-access-key-id",
    "x-oss-additional-headers",
    "x-oss-content-sha256",
    "x-oss-credential",
    "x-oss-date",
    "x-oss-expires",
    "x-oss-security-token",
    "x-oss-signature",
    "x-oss-signature-version",
];

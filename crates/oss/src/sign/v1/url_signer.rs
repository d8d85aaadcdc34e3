use super::{TOKEN, UrlClaim, string_to_sign};
use crate::secret::Secret;
use crate::sign::mac;
use crate::sign::request::Request;

/// Signs URLs with one key until one time.
pub(in crate::sign) struct UrlSigner {
    pub(super) access_key_id: String,
    pub(super) secret: Secret,
    /// Unix seconds, as they are signed.
    pub(super) expires: String,
    pub(super) security_token: Option<String>,
}

impl UrlSigner {
    pub(in crate::sign) fn like(claim: &UrlClaim, secret: &Secret) -> Self {
        Self {
            access_key_id: claim.access_key_id.clone(),
            secret: secret.clone(),
            expires: claim.expires_text.clone(),
            security_token: claim.security_token.clone(),
        }
    }

    /// `Expires`, `OSSAccessKeyId`, `Signature`, and the token if there is one.
    pub(in crate::sign) fn parameters(&self, request: &Request<'_>) -> Vec<(String, String)> {
        let token = self
            .security_token
            .iter()
            .map(|token| (TOKEN.to_owned(), token.clone()));
        let query: Vec<_> = request.query.iter().cloned().chain(token.clone()).collect();
        let request = Request {
            query: &query,
            ..*request
        };
        let signature = mac::sha1_base64(self.secret.expose(), &string_to_sign(&request, &self.expires));
        let claim = [
            ("Expires", self.expires.clone()),
            ("OSSAccessKeyId", self.access_key_id.clone()),
            ("Signature", signature),
        ];
        claim
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(token)
            .collect()
    }
}

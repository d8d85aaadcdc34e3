use super::{ALGORITHM, EXPIRES, ID, SIGNATURE, TOKEN, UrlClaim, VERSION, texts};
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
            access_key_id: claim.signature.access_key_id.clone(),
            secret: secret.clone(),
            expires: claim.expires_text.clone(),
            security_token: claim.security_token.clone(),
        }
    }

    /// The token if there is one, version, end, access key id and signature.
    pub(in crate::sign) fn parameters(&self, request: &Request<'_>) -> Vec<(String, String)> {
        let token = self.security_token.iter();
        let mut claim: Vec<_> = token.map(|token| (TOKEN.to_owned(), token.clone())).collect();
        claim.extend([
            (VERSION.to_owned(), ALGORITHM.to_owned()),
            (EXPIRES.to_owned(), self.expires.clone()),
            (ID.to_owned(), self.access_key_id.clone()),
        ]);
        let query: Vec<_> = request.query.iter().chain(&claim).cloned().collect();
        let request = Request {
            query: &query,
            ..*request
        };
        let text = texts(&request, &self.expires, &[]).plain();
        claim.push((SIGNATURE.to_owned(), mac::sha256_base64(self.secret.expose(), &text)));
        claim
    }
}

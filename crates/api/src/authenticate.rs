//! Who is asking: from the signature of a request to an account.

use alluvium_catalog::{AccessKey, Catalog, Error as CatalogError};
use alluvium_oss::sign::{Claim, UrlSigner};
use alluvium_oss::{Error, ErrorCode, OwnerId, UnixTime};

use crate::error;
use crate::request::Request;
use crate::service::Call;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody signed it.
    Anonymous,
    /// The signature of one of this owner's access keys is good.
    Account(OwnerId),
}

impl Caller {
    pub(crate) fn is_owner(&self, owner: &OwnerId) -> bool {
        matches!(self, Caller::Account(account) if account == owner)
    }
}

/// Checks the signature of a request, if it has one.
///
/// A request that carries a claim is never anonymous: a wrong signature is refused whatever the ACL would give.
///
/// # Errors
/// What the contract's section 3 says of malformed claims, unknown keys, tokens, clocks and signatures.
pub(crate) async fn caller(request: &Request, catalog: &dyn Catalog, now: UnixTime) -> Result<Caller, Error> {
    let signed = request.signed();
    let Some(claim) = Claim::parse(&signed)? else {
        return Ok(Caller::Anonymous);
    };
    let key = enabled_key(catalog, claim.access_key_id()).await?;
    check_token(&key, claim.security_token(), now)?;
    claim.verify(&signed, &key.secret, now)?;
    Ok(Caller::Account(key.owner))
}

/// Signs further URLs as the URL of an authenticated request is signed; none when it is not its URL that is.
///
/// # Errors
/// `InvalidAccessKeyId` when the key was taken away meanwhile.
pub(crate) async fn url_signer(call: &Call<'_>) -> Result<Option<UrlSigner>, Error> {
    match Claim::parse(&call.request.signed())? {
        Some(claim) if claim.is_url() => {
            let key = enabled_key(call.catalog.as_ref(), claim.access_key_id()).await?;
            Ok(UrlSigner::like(&claim, &key.secret))
        }
        _ => Ok(None),
    }
}

async fn enabled_key(catalog: &dyn Catalog, id: &str) -> Result<AccessKey, Error> {
    match catalog.access_key(id).await {
        Ok(key) if key.enabled => Ok(key),
        Ok(_) => Err(unknown_key(id, "The OSS Access Key Id is disabled.")),
        Err(CatalogError::NotFound { .. }) => Err(unknown_key(
            id,
            "The OSS Access Key Id you provided does not exist in our records.",
        )),
        Err(other) => Err(error::from_catalog(other)),
    }
}

/// A temporary key is used with its token, any other without one (contract, 3.6).
fn check_token(key: &AccessKey, given: Option<&str>, now: UnixTime) -> Result<(), Error> {
    match (&key.security_token, given) {
        (None, None) => Ok(()),
        (Some(token), Some(given)) => token.check(given, now),
        (None, Some(_)) => Err(ErrorCode::InvalidSecurityToken.into()),
        (Some(_), None) => Err(unknown_key(
            &key.id,
            "The OSS Access Key Id you provided is temporary, and its security token is missing.",
        )),
    }
}

fn unknown_key(id: &str, message: &'static str) -> Error {
    Error::new(ErrorCode::InvalidAccessKeyId, message)
        .with_ec("0002-00000902")
        .with_detail("OSSAccessKeyId", id.to_owned())
}

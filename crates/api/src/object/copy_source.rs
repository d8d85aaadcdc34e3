//! The object that a request copies from: `x-oss-copy-source` (contract, 4.4).

use alluvium_catalog::{Bucket, Error as CatalogError};
use alluvium_oss::{BucketName, Error, ErrorCode, ObjectAcl, ObjectKey, percent};
use alluvium_store::ObjectInfo;

use crate::conditions::{self, Verdict};
use crate::service::Call;
use crate::{authorise, error};

/// An object that the caller may read, and that is what the request's conditions want.
pub(crate) struct Source {
    pub(crate) bucket: Bucket,
    pub(crate) info: ObjectInfo,
}

/// What became of the search for a source.
pub(crate) enum Found {
    Source(Source),
    /// The request's conditions say that the client has it already.
    NotModified(ObjectInfo),
}

/// The name of the header.
pub(crate) const HEADER: &str = "x-oss-copy-source";

/// Looks the source of a copy up.
///
/// # Errors
/// `InvalidArgument`, `InvalidBucketName` and `InvalidObjectName` for a header that names no object, `NotImplemented` for
/// a version of one; `NoSuchBucket`, `NoSuchKey`, `AccessDenied`, `PreconditionFailed`.
pub(crate) async fn find(call: &Call<'_>) -> Result<Found, Error> {
    let headers = &call.request.headers;
    let (bucket, key) = parse(headers.value(HEADER).unwrap_or_default())?;
    let bucket = match call.catalog.bucket(&bucket).await {
        Ok(bucket) => bucket,
        Err(CatalogError::NotFound { .. }) => return Err(Error::no_such_bucket(&bucket)),
        Err(other) => return Err(error::from_catalog(other)),
    };
    let found = call.store.head(&bucket.name, &key).await;
    let acl = found.as_ref().map_or(ObjectAcl::Default, |info| info.attributes.acl);
    authorise::may_read(call, &bucket, acl)?;
    let info = found.map_err(|error| error::from_store(error, &bucket.name, &key))?;
    match conditions::weigh_source(headers, &info) {
        Verdict::Send => Ok(Found::Source(Source { bucket, info })),
        Verdict::NotModified => Ok(Found::NotModified(info)),
        Verdict::Failed => Err(ErrorCode::PreconditionFailed.into()),
    }
}

/// Reads `/bucket/key`, percent-encoded; a raw question mark begins the version.
fn parse(value: &str) -> Result<(BucketName, ObjectKey), Error> {
    let refuse = || Error::invalid_argument("The copy source must be /bucket/key.").with_argument(HEADER, value);
    let (path, version) = value.split_once('?').unwrap_or((value, ""));
    if version.starts_with("versionId=") {
        return Err(Error::not_implemented("versionId"));
    }
    let path = percent::decode(path).ok_or_else(refuse)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').ok_or_else(refuse)?;
    Ok((BucketName::parse(bucket)?, ObjectKey::parse(key)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bucket_and_key_of_a_source() {
        for (value, bucket, key) in [
            ("/b-1/a", "b-1", "a"),
            ("b-1/a/b//", "b-1", "a/b//"),
            ("/b-1/%E9%8D%B5%20a%2Fb%3Fc+d", "b-1", "鍵 a/b?c+d"),
            ("%2Fb-1%2Fa", "b-1", "a"),
        ] {
            let (found, name) = parse(value).unwrap();
            assert_eq!((found.as_str(), name.as_str()), (bucket, key), "{value}");
        }
        for (value, code) in [
            ("", ErrorCode::InvalidArgument),
            ("/b-1", ErrorCode::InvalidArgument),
            ("/b-1/%ff", ErrorCode::InvalidArgument),
            ("/b-1/", ErrorCode::InvalidObjectName),
            ("/B/a", ErrorCode::InvalidBucketName),
            ("/b-1/a?versionId=1", ErrorCode::NotImplemented),
        ] {
            assert_eq!(parse(value).unwrap_err().code, code, "{value}");
        }
    }
}

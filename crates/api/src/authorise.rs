//! What a caller may do: ownership first, then the object's ACL, then the bucket's (contract, 4.5).

use alluvium_catalog::{Bucket, Error as CatalogError};
use alluvium_oss::{BucketName, Error, ErrorCode, ObjectAcl, ObjectKey, OwnerId};
use alluvium_store::{Error as StoreError, ObjectInfo};

use crate::authenticate::Caller;
use crate::error;
use crate::service::Call;

/// The account that asks.
///
/// # Errors
/// `AccessDenied` for an anonymous request.
pub(crate) fn account<'a>(call: &'a Call<'_>) -> Result<&'a OwnerId, Error> {
    match &call.caller {
        Caller::Account(owner) => Ok(owner),
        Caller::Anonymous => Err(denied(call)),
    }
}

/// The name of the bucket.
///
/// # Errors
/// `InvalidBucketName` when there is none, or it is not one.
pub(crate) fn bucket_name(call: &Call<'_>) -> Result<BucketName, Error> {
    BucketName::parse(call.request.bucket.as_deref().unwrap_or_default())
}

/// The bucket of the request, whoever asks.
///
/// # Errors
/// `InvalidBucketName`, `NoSuchBucket`.
pub(crate) async fn existing_bucket<'a>(call: &Call<'a>) -> Result<&'a Bucket, Error> {
    if let Some(bucket) = call.bucket.get() {
        return Ok(bucket);
    }
    let name = bucket_name(call)?;
    match call.catalog.bucket(&name).await {
        Ok(bucket) => Ok(call.bucket.get_or_init(|| bucket)),
        Err(CatalogError::NotFound { .. }) => Err(Error::no_such_bucket(&name)),
        Err(other) => Err(error::from_catalog(other)),
    }
}

/// The bucket of the request, which is the caller's own.
///
/// # Errors
/// As [`existing_bucket`]; `AccessDenied` for everybody else, whatever the ACL.
pub(crate) async fn owned_bucket(call: &Call<'_>) -> Result<Bucket, Error> {
    let bucket = existing_bucket(call).await?;
    if call.caller.is_owner(&bucket.owner) {
        Ok(bucket.clone())
    } else {
        Err(denied(call))
    }
}

/// The bucket and key of a request whose caller owns the bucket.
///
/// # Errors
/// As [`owned_bucket`]; `InvalidObjectName`.
pub(crate) async fn owned_object(call: &Call<'_>) -> Result<(Bucket, ObjectKey), Error> {
    let bucket = owned_bucket(call).await?;
    let key = ObjectKey::parse(&call.request.key)?;
    Ok((bucket, key))
}

/// The bucket and key of a request which may write the object.
///
/// # Errors
/// As [`existing_bucket`]; `InvalidObjectName`; `AccessDenied` where neither ownership nor an ACL allows it.
pub(crate) async fn writable_object(call: &Call<'_>) -> Result<(Bucket, ObjectKey), Error> {
    let bucket = existing_bucket(call).await?;
    let key = ObjectKey::parse(&call.request.key)?;
    may_write(call, bucket, &key).await?;
    Ok((bucket.clone(), key))
}

/// Whether the caller may write or delete an object, which need not exist.
///
/// # Errors
/// `AccessDenied`.
pub(crate) async fn may_write(call: &Call<'_>, bucket: &Bucket, key: &ObjectKey) -> Result<(), Error> {
    if call.caller.is_owner(&bucket.owner) {
        return Ok(());
    }
    let acl = match call.store.head(&bucket.name, key).await {
        Ok(info) => info.attributes.acl,
        Err(StoreError::NotFound { .. }) => ObjectAcl::Default,
        Err(other) => return Err(error::from_store(other, &bucket.name, key)),
    };
    if acl.effective(bucket.acl).anonymous_may_write() {
        Ok(())
    } else {
        Err(denied_object(acl))
    }
}

/// What is known of the object of a request which may read it.
///
/// # Errors
/// As [`existing_bucket`]; `InvalidObjectName`; `NoSuchKey`; `AccessDenied` where neither ownership nor an ACL allows it.
pub(crate) async fn readable_object(call: &Call<'_>) -> Result<ObjectInfo, Error> {
    let bucket = existing_bucket(call).await?;
    let key = ObjectKey::parse(&call.request.key)?;
    let found = call.store.head(&bucket.name, &key).await;
    let acl = found.as_ref().map_or(ObjectAcl::Default, |info| info.attributes.acl);
    may_read(call, bucket, acl)?;
    found.map_err(|error| error::from_store(error, &bucket.name, &key))
}

/// Whether the caller may read an object with this ACL; of an object that does not exist, ask with the default ACL.
///
/// # Errors
/// `AccessDenied`.
pub(crate) fn may_read(call: &Call<'_>, bucket: &Bucket, acl: ObjectAcl) -> Result<(), Error> {
    if call.caller.is_owner(&bucket.owner) || acl.effective(bucket.acl).anonymous_may_read() {
        Ok(())
    } else {
        Err(denied_object(acl))
    }
}

/// The refusal of a caller who does not own the bucket.
pub(crate) fn denied(call: &Call<'_>) -> Error {
    let message = match call.caller {
        Caller::Anonymous => "Anonymous user has no right to access this bucket.",
        Caller::Account(_) => "The bucket you access does not belong to you.",
    };
    access_denied(message)
}

fn denied_object(acl: ObjectAcl) -> Error {
    access_denied(match acl {
        ObjectAcl::Own(_) => "You have no right to access this object because of object acl.",
        ObjectAcl::Default => "You have no right to access this object because of bucket acl.",
    })
}

fn access_denied(message: &'static str) -> Error {
    Error::new(ErrorCode::AccessDenied, message).with_ec("0003-00000001")
}

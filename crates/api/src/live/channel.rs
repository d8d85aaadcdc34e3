//! The channel that a request names.

use alluvium_catalog::{Channel, Error as CatalogError, Missing};
use alluvium_oss::{BucketName, ChannelName, Error};

use crate::service::Call;
use crate::{authorise, error};

/// The caller's bucket and the name in the path, in the order in which clients see them fail.
///
/// # Errors
/// `InvalidBucketName`, `NoSuchBucket`, `AccessDenied`, `InvalidChannelName`.
pub(super) async fn named(call: &Call<'_>) -> Result<(BucketName, ChannelName), Error> {
    let bucket = authorise::owned_bucket(call).await?;
    Ok((bucket.name, ChannelName::parse(&call.request.key)?))
}

/// The channel itself.
///
/// # Errors
/// As [`named`]; `NoSuchLiveChannel`.
pub(super) async fn existing(call: &Call<'_>) -> Result<Channel, Error> {
    let (bucket, name) = named(call).await?;
    call.catalog
        .channel(&bucket, &name)
        .await
        .map_err(|error| from_catalog(error, &bucket))
}

/// What the failure of a catalog means for a request about a channel.
pub(super) fn from_catalog(error: CatalogError, bucket: &BucketName) -> Error {
    match error {
        CatalogError::NotFound { what: Missing::Bucket } => Error::no_such_bucket(bucket),
        CatalogError::NotFound { .. } => Error::no_such_channel(),
        CatalogError::Live => Error::channel_still_live(),
        other => error::from_catalog(other),
    }
}

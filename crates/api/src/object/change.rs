//! Changing an object whose key may be a segment's, so that no later playlist names what is no longer there.

use std::sync::Arc;

use alluvium_catalog::Catalog;
use alluvium_oss::{BucketName, Error, ObjectKey};
use alluvium_store::Error as StoreError;

use crate::error;
use crate::service::Call;

/// What a change does to an object that its key has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it fails where there is one, whose segment then stays recorded.
    Creates,
    /// Replaces or removes it.
    Replaces,
}

/// Changes an object, to the end even when the client goes away meanwhile.
///
/// # Errors
/// What `change` fails with, and `ServiceUnavailable` of the catalog.
pub(crate) async fn run<T: Send + 'static>(
    call: &Call<'_>,
    bucket: &BucketName,
    key: &ObjectKey,
    effect: Effect,
    change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, Error> {
    let catalog = Arc::clone(call.catalog);
    let (bucket, key) = (bucket.clone(), key.clone());
    let task = async move { withdrawing(catalog.as_ref(), &bucket, &key, effect, change).await };
    tokio::spawn(task).await.map_err(|_| Error::internal())?
}

/// Changes an object between two withdrawals of its segment: before, so that nothing names what is about to go, and
/// after, because a segment may be recorded while its object is changed.
///
/// # Errors
/// As [`run`].
pub(crate) async fn withdrawing<T>(
    catalog: &dyn Catalog,
    bucket: &BucketName,
    key: &ObjectKey,
    effect: Effect,
    change: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Error> {
    let withdraw = async || {
        let withdrawn = catalog.withdraw_segment(bucket, key).await;
        withdrawn.map(drop).map_err(error::from_catalog)
    };
    if effect == Effect::Replaces {
        withdraw().await?;
    }
    let outcome = change.await;
    // A change that replaces may have happened although the store could not say so.
    if outcome.is_ok() || effect == Effect::Replaces {
        withdraw().await?;
    }
    outcome.map_err(|error| error::from_store(error, bucket, key))
}

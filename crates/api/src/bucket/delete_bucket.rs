//! DeleteBucket (contract, 4.2).

use alluvium_catalog::Error as CatalogError;
use alluvium_oss::{Error, ErrorCode};
use alluvium_store::{ListQuery, UploadQuery};
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Removes a bucket that has neither objects nor uploads nor channels.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let any = ListQuery {
        limit: 1,
        ..ListQuery::default()
    };
    let page = call
        .store
        .list(&bucket.name, &any)
        .await
        .map_err(|error| error::from_listing(error, &bucket.name))?;
    if !page.objects.is_empty() {
        return Err(not_empty(&bucket.name));
    }
    let uploads = UploadQuery {
        list: any,
        ..UploadQuery::default()
    };
    let page = call.store.list_uploads(&bucket.name, &uploads).await;
    let page = page.map_err(|error| error::from_listing(error, &bucket.name))?;
    if !page.uploads.is_empty() {
        return Err(not_empty(&bucket.name));
    }
    match call.catalog.delete_bucket(&bucket.name).await {
        Ok(()) => Ok(respond::no_content()),
        Err(CatalogError::NotEmpty) => Err(not_empty(&bucket.name)),
        Err(CatalogError::NotFound { .. }) => Err(Error::no_such_bucket(&bucket.name)),
        Err(other) => Err(error::from_catalog(other)),
    }
}

fn not_empty(bucket: &alluvium_oss::BucketName) -> Error {
    Error::from(ErrorCode::BucketNotEmpty).with_detail("BucketName", bucket.as_str())
}

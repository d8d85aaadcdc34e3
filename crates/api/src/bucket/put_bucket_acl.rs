//! PutBucketAcl (contract, 4.2).

use alluvium_catalog::Error as CatalogError;
use alluvium_oss::{Acl, Error};
use axum::response::Response;

use crate::bucket::put_bucket;
use crate::service::Call;
use crate::{authorise, error, respond};

/// Sets a bucket's ACL. As documented, a bucket that does not exist is created with it.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let owner = authorise::account(call)?;
    let name = authorise::bucket_name(call)?;
    let acl = Acl::parse(call.request.headers.value("x-oss-acl").unwrap_or_default())?;
    match call.catalog.bucket(&name).await {
        Ok(bucket) if bucket.owner != *owner => return Err(authorise::denied(call)),
        Ok(_) | Err(CatalogError::NotFound { .. }) => put_bucket::create(call, &name, owner, Some(acl)).await?,
        Err(other) => return Err(error::from_catalog(other)),
    }
    Ok(respond::empty())
}

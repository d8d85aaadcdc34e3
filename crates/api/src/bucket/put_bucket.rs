//! PutBucket (contract, 4.2).

use alluvium_catalog::{BucketQuery, Error as CatalogError};
use alluvium_oss::xml::Element;
use alluvium_oss::{Acl, BucketName, Error, ErrorCode, OwnerId};
use axum::body::Body;
use axum::response::Response;
use http::header;

use crate::service::Call;
use crate::{authorise, error, receive, respond};

/// Creates a bucket of the caller's; one that he has already is left as it is but for an ACL that is given.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let owner = authorise::account(call)?;
    let name = authorise::bucket_name(call)?;
    let acl = call.request.headers.value("x-oss-acl").map(Acl::parse).transpose()?;
    check_configuration(&receive::document(call, body).await?)?;
    create(call, &name, owner, acl).await?;
    let mut response = respond::empty();
    respond::set(&mut response, header::LOCATION, &format!("/{name}"));
    Ok(response)
}

/// Creates the bucket, or sets the ACL of the one that the owner has.
///
/// # Errors
/// `BucketAlreadyExists` when it is another owner's, `TooManyBuckets`.
pub(crate) async fn create(call: &Call<'_>, name: &BucketName, owner: &OwnerId, acl: Option<Acl>) -> Result<(), Error> {
    let exists = match call.catalog.bucket(name).await {
        Ok(_) => true,
        Err(CatalogError::NotFound { .. }) => false,
        Err(other) => return Err(error::from_catalog(other)),
    };
    let buckets_max = call.config.limits.buckets_per_owner_max;
    if !exists {
        let owned = BucketQuery {
            owner: Some(owner.clone()),
            limit: buckets_max.max(1),
            ..BucketQuery::default()
        };
        let owned = call.catalog.buckets(&owned).await.map_err(error::from_catalog)?;
        if owned.items.len() >= buckets_max {
            return Err(ErrorCode::TooManyBuckets.into());
        }
    }
    match call.catalog.create_bucket(name, owner, acl, call.now).await {
        Ok(_) => Ok(()),
        Err(CatalogError::Exists) => Err(ErrorCode::BucketAlreadyExists.into()),
        Err(other) => Err(error::from_catalog(other)),
    }
}

/// The configuration may say what is true of every bucket here, and no more.
fn check_configuration(document: &[u8]) -> Result<(), Error> {
    if document.is_empty() {
        return Ok(());
    }
    let configuration = Element::parse(document, "CreateBucketConfiguration")?;
    match configuration.child_text("StorageClass").map(str::trim) {
        None | Some("" | "Standard") => Ok(()),
        Some(_) => Err(Error::not_implemented("Any StorageClass but Standard")),
    }
}

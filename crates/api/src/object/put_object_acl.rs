//! PutObjectACL (contract, 4.4).

use alluvium_oss::{Error, ObjectAcl};
use axum::response::Response;

use crate::object::description;
use crate::service::Call;
use crate::{authorise, error, respond};

/// Sets an object's own ACL, or takes it away with `default`. The object stays as it is, its time too.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::owned_object(call).await?;
    let acl = match description::acl(&call.request.headers)? {
        Some(acl) => acl,
        None => ObjectAcl::parse("")?,
    };
    let changed = call.store.set_acl(&bucket.name, &key, acl).await;
    changed.map_err(|error| error::from_store(error, &bucket.name, &key))?;
    Ok(respond::empty())
}

//! GetObjectACL (contract, 4.4).

use alluvium_oss::Error;
use alluvium_oss::document::AccessControlPolicy;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Says who owns an object and what others may do; `default` where the bucket decides.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::owned_object(call).await?;
    let info = call.store.head(&bucket.name, &key).await;
    let info = info.map_err(|error| error::from_store(error, &bucket.name, &key))?;
    let policy = AccessControlPolicy {
        owner: bucket.owner,
        grant: info.attributes.acl.as_str(),
    };
    Ok(respond::document(policy.to_xml()))
}

//! GetBucketAcl (contract, 4.2).

use alluvium_oss::Error;
use alluvium_oss::document::AccessControlPolicy;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, respond};

/// Says who owns a bucket and what others may do.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    Ok(respond::document(
        AccessControlPolicy {
            owner: bucket.owner,
            grant: bucket.acl.as_str(),
        }
        .to_xml(),
    ))
}

//! GetBucketInfo (contract, 4.2).

use alluvium_oss::Error;
use alluvium_oss::document::BucketInfo;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, respond};

/// Describes a bucket, with an endpoint under which it can be reached.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let info = BucketInfo {
        name: bucket.name,
        created: bucket.created,
        endpoint: call.endpoint().to_owned(),
        region: call.config.region.clone(),
        owner: bucket.owner,
        acl: bucket.acl,
    };
    Ok(respond::document(info.to_xml()))
}

//! GetBucketLocation (contract, 4.2).

use alluvium_oss::Error;
use alluvium_oss::document::LocationConstraint;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, respond};

/// Says in which region a bucket is.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    authorise::owned_bucket(call).await?;
    let region = call.config.region.clone();
    Ok(respond::document(LocationConstraint { region }.to_xml()))
}

//! GetBucketVersioning (contract, 4.1).

use alluvium_oss::Error;
use alluvium_oss::xml::Writer;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, respond};

/// Says that versioning was never switched on, which is what an empty document means.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    authorise::owned_bucket(call).await?;
    Ok(respond::document(Writer::new("VersioningConfiguration").finish()))
}

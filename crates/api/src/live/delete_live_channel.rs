//! DeleteLiveChannel (contract, 1.7).

use alluvium_catalog::{Error as CatalogError, Missing};
use alluvium_oss::Error;
use axum::response::Response;

use crate::live::channel;
use crate::respond;
use crate::service::Call;

/// Removes a channel that is not live; one that does not exist is removed already. Its objects stay.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, name) = channel::named(call).await?;
    match call.catalog.delete_channel(&bucket, &name).await {
        Ok(()) | Err(CatalogError::NotFound { what: Missing::Channel }) => Ok(respond::no_content()),
        Err(other) => Err(channel::from_catalog(other, &bucket)),
    }
}

//! DeleteObject (contract, 4.4).

use alluvium_oss::Error;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Removes an object; one that does not exist is removed already. No playlist made later names a removed segment.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    call.catalog
        .withdraw_segment(&bucket.name, &key)
        .await
        .map_err(error::from_catalog)?;
    call.store
        .delete(&bucket.name, &key)
        .await
        .map_err(|error| error::from_store(error, &bucket.name, &key))?;
    Ok(respond::no_content())
}

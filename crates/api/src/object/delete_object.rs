//! DeleteObject (contract, 4.4).

use std::sync::Arc;

use alluvium_oss::Error;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Removes an object; one that does not exist is removed already. No playlist made later names a removed segment.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    let (store, catalog) = (Arc::clone(call.store), Arc::clone(call.catalog));
    let change = async move {
        catalog
            .withdraw_segment(&bucket.name, &key)
            .await
            .map_err(error::from_catalog)?;
        store
            .delete(&bucket.name, &key)
            .await
            .map_err(|error| error::from_store(error, &bucket.name, &key))?;
        // A segment may have been recorded while it was being removed.
        catalog
            .withdraw_segment(&bucket.name, &key)
            .await
            .map_err(error::from_catalog)?;
        Ok(respond::no_content())
    };
    // A client that goes away now does not leave the change half done.
    tokio::spawn(change).await.map_err(|_| Error::internal())?
}

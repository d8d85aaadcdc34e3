//! DeleteObject (contract, 4.4).

use std::sync::Arc;

use alluvium_oss::Error;
use axum::response::Response;

use crate::object::change::{self, Effect};
use crate::service::Call;
use crate::{authorise, respond};

/// Removes an object; one that does not exist is removed already. No playlist made later names a removed segment.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    let (store, name, gone) = (Arc::clone(call.store), bucket.name.clone(), key.clone());
    let delete = async move { store.delete(&name, &gone).await };
    change::run(call, &bucket.name, &key, Effect::Replaces, delete).await?;
    Ok(respond::no_content())
}

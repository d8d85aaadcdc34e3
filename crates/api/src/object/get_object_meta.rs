//! GetObjectMeta (contract, 4.4).

use alluvium_oss::Error;
use axum::response::Response;

use crate::object::headers;
use crate::service::Call;
use crate::{authorise, respond};

/// Says length, ETag and time of an object.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let info = authorise::readable_object(call).await?;
    let mut response = respond::empty();
    headers::identify(&mut response, &info);
    Ok(response)
}

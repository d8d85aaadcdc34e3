//! ListObjectsV2 (contract, 4.3).

use alluvium_oss::{Error, ObjectListParameters};
use axum::response::Response;

use crate::bucket::list_objects;
use crate::service::Call;

/// Lists the objects of a bucket, page by page with tokens.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    list_objects::list(call, ObjectListParameters::parse_v2(call.request.query.pairs())).await
}

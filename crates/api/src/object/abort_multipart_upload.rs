//! AbortMultipartUpload: `DELETE /key?uploadId=`.

use alluvium_oss::Error;
use axum::response::Response;

use crate::object::multipart;
use crate::respond;
use crate::service::Call;

/// Ends an upload and throws its parts away.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let upload = multipart::writable(call).await?;
    let aborted = call.store.abort_upload(&upload).await;
    aborted.map_err(|error| multipart::failed(error, &upload))?;
    Ok(respond::no_content())
}

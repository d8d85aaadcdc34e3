//! InitiateMultipartUpload: `POST /key?uploads`.

use alluvium_oss::document::InitiateMultipartUploadResult;
use alluvium_oss::{Error, ErrorCode, url_encoded};
use alluvium_store::{Condition, Error as StoreError, NewUpload};
use axum::response::Response;

use crate::object::description;
use crate::service::Call;
use crate::{authorise, error, respond};

/// Begins an object that comes in parts. Its headers are those of this request.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    let headers = &call.request.headers;
    description::refuse_unsupported(headers)?;
    let url_encoded = url_encoded(call.request.query.pairs())?;
    let new = NewUpload {
        attributes: description::attributes(headers, &call.config.limits)?,
        at: call.now,
    };
    let failed = |error| error::from_store(error, &bucket.name, &key);
    let (_, condition) = description::overwriting(headers);
    if condition == Condition::Absent {
        // Told before the parts are sent; what counts is the answer at the end.
        match call.store.head(&bucket.name, &key).await {
            Err(StoreError::NotFound { .. }) => {}
            Ok(_) => return Err(ErrorCode::FileAlreadyExists.into()),
            Err(other) => return Err(failed(other)),
        }
    }
    let upload = call.store.begin_upload(&bucket.name, &key, new).await.map_err(failed)?;
    let result = InitiateMultipartUploadResult {
        bucket: &bucket.name,
        key: &key,
        upload_id: upload.id.as_str(),
        url_encoded,
    };
    Ok(respond::document(result.to_xml()))
}

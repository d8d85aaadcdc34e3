//! ListParts: `GET /key?uploadId=`.

use alluvium_oss::document::{ListPartsResult, PartEntry};
use alluvium_oss::{Error, PartListParameters};
use alluvium_store::{PartInfo, Upload, UploadId};
use axum::response::Response;

use crate::object::multipart;
use crate::service::Call;
use crate::{authorise, respond};

/// Lists the parts that have arrived of an upload.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::owned_object(call).await?;
    let query = &call.request.query;
    let parameters = PartListParameters::parse(query.pairs())?;
    let upload = Upload {
        bucket: bucket.name,
        key,
        id: UploadId::new(query.value("uploadId").unwrap_or_default()),
    };
    let (after, limit) = (parameters.part_number_marker, parameters.max_parts as usize);
    let page = call.store.list_parts(&upload, after, limit).await;
    let page = page.map_err(|error| multipart::failed(error, &upload))?;
    let entry = |part: PartInfo| PartEntry {
        number: part.number,
        last_modified: part.modified,
        etag: part.etag,
        crc64: part.crc64,
        size: part.length,
    };
    let result = ListPartsResult {
        bucket: &upload.bucket,
        key: &upload.key,
        upload_id: upload.id.as_str(),
        parameters,
        truncated: page.truncated,
        parts: page.parts.into_iter().map(entry).collect(),
    };
    Ok(respond::document(result.to_xml()))
}

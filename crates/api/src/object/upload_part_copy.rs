//! UploadPartCopy: UploadPart with `x-oss-copy-source`.

use alluvium_oss::document::CopyResult;
use alluvium_oss::{Error, ErrorCode, part_number};
use axum::response::Response;
use futures_util::TryStreamExt;

use crate::object::copy_source::{self, Found};
use crate::object::{description, headers, multipart};
use crate::service::Call;
use crate::{authorise, error, range, respond, upload};

/// Stores an object, or one range of it, as a part. The bytes pass through the upload folder, never through memory whole.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let multipart = multipart::writable(call).await?;
    let asked = &call.request.headers;
    description::refuse_unsupported(asked)?;
    let number = part_number(call.request.query.pairs())?;
    multipart::must_exist(call, &multipart).await?;
    let source = match copy_source::find(call).await? {
        Found::Source(source) => source,
        Found::NotModified(info) => return Ok(headers::not_modified(&info)),
    };
    let wanted = match asked.value(RANGE) {
        None => None,
        Some(text) => Some(range::parse(text).ok_or_else(|| {
            Error::invalid_argument("The range of the source must be bytes=first-last.").with_argument(RANGE, text)
        })?),
    };
    let (bucket, key) = (&source.bucket, &source.info.key);
    let failed = |error| error::from_store(error, &bucket.name, key);
    let object = call.store.get(&bucket.name, key, wanted).await.map_err(failed)?;
    if object.info.etag != source.info.etag {
        return Err(ErrorCode::PreconditionFailed.into());
    }
    // The same bytes may have another ACL by now.
    authorise::may_read(call, bucket, object.info.attributes.acl)?;
    let limits = &call.config.limits;
    if object.range.end - object.range.start > limits.object_bytes_max {
        return Err(ErrorCode::EntityTooLarge.into());
    }
    let pieces = object.body.map_err(failed);
    let received = upload::receive(pieces, &call.config.upload_folder, limits.upload_memory_bytes_max).await?;
    let part = multipart::put_part(call, &multipart, number, received).await?;
    let result = CopyResult {
        last_modified: part.modified,
        etag: part.etag.clone(),
    };
    let mut response = respond::document(result.to_part_xml());
    headers::acknowledge(&mut response, &part.etag, part.crc64);
    Ok(response)
}

const RANGE: &str = "x-oss-copy-source-range";

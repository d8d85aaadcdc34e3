//! CompleteMultipartUpload: `POST /key?uploadId=`.

use std::sync::Arc;

use alluvium_oss::document::{CompleteMultipartUpload, CompleteMultipartUploadResult};
use alluvium_oss::{Addressing, Error, ErrorCode, percent, url_encoded};
use alluvium_store::{CompleteUpload, PartInfo, Upload};
use axum::body::Body;
use axum::response::Response;

use crate::object::{change, description, headers, multipart};
use crate::service::Call;
use crate::{receive, respond};

/// Joins parts into an object.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let upload = multipart::writable(call).await?;
    let asked = &call.request.headers;
    description::refuse_unsupported(asked)?;
    let url_encoded = url_encoded(call.request.query.pairs())?;
    let acl = description::acl(asked)?;
    let document = receive::long_document(call, body).await?;
    let there = multipart::parts(call, &upload).await?;
    let parts = chosen(call, &document, &there)?;
    check_sizes(&parts, &there, call.config.limits.part_bytes_min)?;

    let (effect, condition) = description::overwriting(asked);
    let complete = CompleteUpload {
        etag: multipart::etag(&parts),
        parts,
        acl,
        condition,
        at: call.clock.now(),
    };
    let (store, ended) = (Arc::clone(call.store), upload.clone());
    let join = async move { store.complete_upload(&ended, complete).await };
    let info = change::run(call, &upload.bucket, &upload.key, effect, join).await?;

    let result = CompleteMultipartUploadResult {
        location: &location(call, &upload),
        bucket: &upload.bucket,
        key: &upload.key,
        etag: &info.etag,
        url_encoded,
    };
    let mut response = respond::document(result.to_xml());
    headers::acknowledge(&mut response, &info.etag, info.crc64);
    Ok(response)
}

/// Number and ETag of the parts to be joined: those that the document names, or with `x-oss-complete-all` those there are.
fn chosen(call: &Call<'_>, document: &[u8], there: &[PartInfo]) -> Result<Vec<(u32, String)>, Error> {
    match call.request.headers.value(COMPLETE_ALL) {
        None => Ok(CompleteMultipartUpload::from_xml(document)?.parts),
        Some("yes") if document.is_empty() && there.is_empty() => Err(ErrorCode::InvalidPart.into()),
        Some("yes") if document.is_empty() => {
            let name = |part: &PartInfo| (part.number, part.etag.clone());
            Ok(there.iter().map(name).collect())
        }
        Some(value) => Err(
            Error::invalid_argument("To complete all parts the value must be yes, and the body empty.")
                .with_argument(COMPLETE_ALL, value),
        ),
    }
}

/// Each part is there, and each but the last is large enough.
fn check_sizes(parts: &[(u32, String)], there: &[PartInfo], bytes_min: u64) -> Result<(), Error> {
    let last = parts.last().map(|(number, _)| *number);
    for (number, etag) in parts {
        let found = there.binary_search_by_key(number, |part| part.number);
        let part = found.ok().map(|at| &there[at]).filter(|part| part.etag == *etag);
        let part = part.ok_or_else(|| Error::invalid_part(*number))?;
        if part.length < bytes_min && Some(*number) != last {
            return Err(Error::from(ErrorCode::EntityTooSmall)
                .with_detail("ProposedSize", part.length.to_string())
                .with_detail("MinSizeAllowed", bytes_min.to_string())
                .with_detail("PartNumber", number.to_string()));
        }
    }
    Ok(())
}

/// The URL of the object, at the host of this request.
fn location(call: &Call<'_>, upload: &Upload) -> String {
    let (host, key) = (&call.request.host, percent::encode_path(upload.key.as_str()));
    match call.request.addressing {
        Addressing::Bucket(_) => format!("http://{host}/{key}"),
        Addressing::PathStyle => format!("http://{host}/{}/{key}", upload.bucket),
    }
}

const COMPLETE_ALL: &str = "x-oss-complete-all";

//! PutObject (contract, 4.4).

use std::sync::Arc;

use alluvium_oss::{BucketName, Error, ObjectKey};
use alluvium_store::{Attributes, ObjectInfo, Put};
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::object::{change, description, headers};
use crate::receive;
use crate::service::Call;
use crate::upload::Upload;
use crate::{authorise, respond};

/// Stores an object. Nothing of the body is read before the request may write, and nothing of the bucket changes before
/// the body has arrived whole.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    let asked = &call.request.headers;
    description::refuse_unsupported(asked)?;
    let mut attributes = description::attributes(asked, &call.config.limits)?;
    let upload = receive::object(call, body).await?;
    attributes.content_md5 = Some(STANDARD.encode(upload.md5));
    let md5 = upload.md5;
    let info = commit(call, &bucket.name, &key, attributes, upload).await?;

    let mut response = respond::empty();
    headers::acknowledge(&mut response, &info.etag, info.crc64);
    headers::acknowledge_md5(&mut response, &md5);
    Ok(response)
}

/// Puts what has arrived under its key.
async fn commit(
    call: &Call<'_>,
    bucket: &BucketName,
    key: &ObjectKey,
    attributes: Attributes,
    upload: Upload,
) -> Result<ObjectInfo, Error> {
    let (effect, condition) = description::overwriting(&call.request.headers);
    let etag = upload.etag();
    let (body, file) = upload.kept.into_body();
    let put = Put {
        body,
        length: upload.length,
        crc64: upload.crc64,
        etag,
        attributes,
        condition,
        // It is written now; its body may have begun to arrive long ago.
        at: call.clock.now(),
    };
    let (store, to, name) = (Arc::clone(call.store), bucket.clone(), key.clone());
    let change = async move {
        let stored = store.put(&to, &name, put).await;
        drop(file);
        stored
    };
    change::run(call, bucket, key, effect, change).await
}

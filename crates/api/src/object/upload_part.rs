//! UploadPart: `PUT /key?partNumber=&uploadId=`.

use alluvium_oss::{Error, part_number};
use axum::body::Body;
use axum::response::Response;

use crate::object::{description, headers, multipart};
use crate::service::Call;
use crate::{receive, respond};

/// Stores one part of an upload, in the place of an earlier one of its number.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let upload = multipart::writable(call).await?;
    description::refuse_unsupported(&call.request.headers)?;
    let number = part_number(call.request.query.pairs())?;
    multipart::must_exist(call, &upload).await?;
    let received = receive::object(call, body).await?;
    let md5 = received.md5;
    let part = multipart::put_part(call, &upload, number, received).await?;
    let mut response = respond::empty();
    headers::acknowledge(&mut response, &part.etag, part.crc64);
    headers::acknowledge_md5(&mut response, &md5);
    Ok(response)
}

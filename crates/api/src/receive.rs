//! Reading the body of a request, within its bounds of size and time.

use std::time::Duration;

use alluvium_oss::{Error, ErrorCode};
use axum::body::{Body, BodyDataStream};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use md5::{Digest, Md5};
use tokio::time::Instant;

use crate::config::Limits;
use crate::request::Headers;
use crate::service::Call;
use crate::upload::{self, Upload};

/// The body of a request, as it arrives.
///
/// The first read is what makes the HTTP layer answer `Expect: 100-continue`, so nothing is read before the request
/// is authenticated and authorised.
pub(crate) struct Incoming<'a> {
    stream: BodyDataStream,
    limits: &'a Limits,
    bytes_max: u64,
    started: Instant,
    received: u64,
}

impl<'a> Incoming<'a> {
    /// A body of at most `bytes_max`.
    ///
    /// # Errors
    /// `EntityTooLarge` when the headers already announce more.
    pub(crate) fn new(body: Body, headers: &Headers, limits: &'a Limits, bytes_max: u64) -> Result<Self, Error> {
        let announced = headers
            .value("content-length")
            .and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > bytes_max) {
            return Err(ErrorCode::EntityTooLarge.into());
        }
        Ok(Incoming {
            stream: body.into_data_stream(),
            limits,
            bytes_max,
            started: Instant::now(),
            received: 0,
        })
    }

    /// The bytes as they come, with the errors of [`next`](Self::next).
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::try_unfold(self, async |mut incoming| {
            let bytes = incoming.next().await?;
            Ok(bytes.map(|bytes| (bytes, incoming)))
        })
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// `RequestTimeout` when the client sends too slowly, `EntityTooLarge` past the bound, `BadRequest` when the body
    /// breaks off.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let due = self.started + allowed(self.limits, self.received);
        match tokio::time::timeout_at(due, self.stream.next()).await {
            Err(_) => Err(ErrorCode::RequestTimeout.into()),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) => Err(Error::new(ErrorCode::BadRequest, "The request body broke off.")),
            Ok(Some(Ok(bytes))) => {
                self.received += bytes.len() as u64;
                if self.received > self.bytes_max {
                    Err(ErrorCode::EntityTooLarge.into())
                } else {
                    Ok(Some(bytes))
                }
            }
        }
    }
}

/// How long a body may have taken of which so many bytes have come.
fn allowed(limits: &Limits, received: u64) -> Duration {
    limits.body_grace + Duration::from_secs(received / limits.body_bytes_per_second_min.max(1))
}

/// The body of an object or a part, whole, checked against its `Content-MD5`.
///
/// # Errors
/// `MissingContentLength`; as [`Incoming::next`]; `ServiceUnavailable` when it cannot be kept; `InvalidDigest`.
pub(crate) async fn object(call: &Call<'_>, body: Body) -> Result<Upload, Error> {
    let headers = &call.request.headers;
    if headers.value("content-length").is_none() && headers.value("transfer-encoding").is_none() {
        return Err(ErrorCode::MissingContentLength.into());
    }
    let limits = &call.config.limits;
    let incoming = Incoming::new(body, headers, limits, limits.object_bytes_max)?;
    let folder = &call.config.upload_folder;
    let upload = upload::receive(incoming.into_stream(), folder, limits.upload_memory_bytes_max).await?;
    check_md5(headers, &upload.md5)?;
    Ok(upload)
}

/// The whole XML body of a request, checked against its `Content-MD5`.
///
/// # Errors
/// As [`Incoming::next`]; `InvalidDigest`.
pub(crate) async fn document(call: &Call<'_>, body: Body) -> Result<Vec<u8>, Error> {
    document_within(call, body, call.config.limits.document_bytes_max).await
}

/// The same, of a body that names many things one by one.
///
/// # Errors
/// As [`document`].
pub(crate) async fn long_document(call: &Call<'_>, body: Body) -> Result<Vec<u8>, Error> {
    document_within(call, body, call.config.limits.long_document_bytes_max).await
}

async fn document_within(call: &Call<'_>, body: Body, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let headers = &call.request.headers;
    let mut incoming = Incoming::new(body, headers, &call.config.limits, bytes_max as u64)?;
    let mut document = Vec::new();
    while let Some(bytes) = incoming.next().await? {
        document.extend_from_slice(&bytes);
    }
    check_md5(headers, &Md5::digest(&document).into())?;
    Ok(document)
}

/// Compares the MD5 of a body with the `Content-MD5` of its request, if there is one.
///
/// # Errors
/// `InvalidDigest` when they differ, or the header is no MD5.
fn check_md5(headers: &Headers, md5: &[u8; 16]) -> Result<(), Error> {
    match headers.value("content-md5") {
        Some(announced) if STANDARD.decode(announced).ok().as_deref() != Some(md5) => {
            Err(ErrorCode::InvalidDigest.into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_take_the_grace_and_a_second_for_each_kib() {
        for (received, seconds) in [(0, 30), (1023, 30), (1024, 31), (1 << 20, 1054), (5 << 30, 5_242_910)] {
            assert_eq!(
                allowed(&Limits::default(), received),
                Duration::from_secs(seconds),
                "{received}"
            );
        }
    }
}

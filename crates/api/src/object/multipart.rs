//! What the operations on multipart uploads have in common.

use std::sync::Arc;

use alluvium_oss::Error;
use alluvium_store::{LIST_LIMIT_MAX, Part, PartInfo, Upload as Multipart, UploadId};
use md5::{Digest, Md5};

use crate::service::Call;
use crate::upload::Upload;
use crate::{authorise, error};

/// The upload of a request which may write its object. It need not exist.
///
/// # Errors
/// As [`authorise::writable_object`].
pub(crate) async fn writable(call: &Call<'_>) -> Result<Multipart, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    let id = call.request.query.value("uploadId").unwrap_or_default();
    Ok(Multipart {
        bucket: bucket.name,
        key,
        id: UploadId::new(id),
    })
}

/// Refuses early what would be refused after gigabytes.
///
/// # Errors
/// `NoSuchUpload`.
pub(crate) async fn must_exist(call: &Call<'_>, upload: &Multipart) -> Result<(), Error> {
    let found = call.store.list_parts(upload, 0, 0).await;
    found.map(drop).map_err(|error| failed(error, upload))
}

/// Keeps what has arrived as a part.
///
/// # Errors
/// `NoSuchUpload`, `ServiceUnavailable`.
pub(crate) async fn put_part(
    call: &Call<'_>,
    upload: &Multipart,
    number: u32,
    received: Upload,
) -> Result<PartInfo, Error> {
    let etag = received.etag();
    let (body, file) = received.kept.into_body();
    let part = Part {
        body,
        length: received.length,
        crc64: received.crc64,
        etag,
        at: call.clock.now(),
    };
    let (store, to) = (Arc::clone(call.store), upload.clone());
    let put = async move {
        let stored = store.put_part(&to, number, part).await;
        drop(file);
        stored
    };
    // A client that goes away now does not take the file from under the store.
    let stored = tokio::spawn(put).await.map_err(|_| Error::internal())?;
    stored.map_err(|error| failed(error, upload))
}

/// All parts of an upload, of which there are at most 10000.
///
/// # Errors
/// `NoSuchUpload`, `ServiceUnavailable`.
pub(crate) async fn parts(call: &Call<'_>, upload: &Multipart) -> Result<Vec<PartInfo>, Error> {
    let mut parts: Vec<PartInfo> = Vec::new();
    loop {
        let after = parts.last().map_or(0, |part| part.number);
        let page = call.store.list_parts(upload, after, LIST_LIMIT_MAX).await;
        let page = page.map_err(|error| failed(error, upload))?;
        let more = page.truncated && !page.parts.is_empty();
        parts.extend(page.parts);
        if !more {
            return Ok(parts);
        }
    }
}

/// The ETag of an object joined from parts: the MD5 of their MD5s, and how many they are.
pub(crate) fn etag(parts: &[(u32, String)]) -> String {
    let mut md5 = Md5::new();
    for (_, etag) in parts {
        let byte = |pair| u8::from_str_radix(pair, 16).ok();
        match (0..16)
            .map(|at| etag.get(2 * at..2 * at + 2).and_then(byte))
            .collect::<Option<Vec<u8>>>()
        {
            Some(bytes) => md5.update(bytes),
            None => md5.update(etag),
        }
    }
    let digits: String = md5.finalize().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{digits}-{}", parts.len())
}

/// What the failure of a store means for a request about an upload.
pub(crate) fn failed(error: alluvium_store::Error, upload: &Multipart) -> Error {
    error::from_store(error, &upload.bucket, &upload.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_the_md5_of_the_md5s() {
        // printf a | md5sum; printf b | md5sum; and of the 32 bytes that those are.
        let parts = [
            (1, "0CC175B9C0F1B6A831C399E269772661".to_owned()),
            (2, "92EB5FFEE6AE2FEC3AD71C777531578F".to_owned()),
        ];
        assert_eq!(etag(&parts), "96E024BA2074FE77E8E965BA43A704BE-2");
        assert_ne!(etag(&[(1, "short".to_owned())]), etag(&[(1, "other".to_owned())]));
    }
}

//! PutObject (contract, 4.4).

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_catalog::Catalog;
use alluvium_oss::{BucketName, Error, ErrorCode, ObjectAcl, ObjectKey, UnixTime};
use alluvium_store::{Attributes, Condition, ObjectInfo, ObjectStore, Put};
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, header};

use crate::config::Limits;
use crate::object::headers::USER_PREFIX;
use crate::receive::{self, Incoming};
use crate::request::Headers;
use crate::service::Call;
use crate::upload::{self, Kept, Upload};
use crate::{authorise, error, respond};

/// Stores an object. Nothing of the body is read before the request may write, and nothing of the bucket changes before
/// the body has arrived whole.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    let headers = &call.request.headers;
    refuse_unsupported(headers)?;
    if headers.value("content-length").is_none() && headers.value("transfer-encoding").is_none() {
        return Err(ErrorCode::MissingContentLength.into());
    }
    let limits = &call.config.limits;
    let mut attributes = attributes(headers, limits)?;
    let condition = match headers.value("x-oss-forbid-overwrite") {
        Some("true") => Condition::Absent,
        _ => Condition::None,
    };
    let incoming = Incoming::new(body, headers, limits, limits.object_bytes_max)?;
    let upload = upload::receive(incoming, &call.config.upload_folder, limits.upload_memory_bytes_max).await?;
    receive::check_md5(headers, &upload.md5)?;

    let content_md5 = STANDARD.encode(upload.md5);
    attributes.content_md5 = Some(content_md5.clone());
    let commit = Commit {
        store: Arc::clone(call.store),
        catalog: Arc::clone(call.catalog),
        bucket: bucket.name,
        key,
        attributes,
        condition,
        // It is written now; its body may have begun to arrive long ago.
        at: call.clock.now(),
    };
    // A client that goes away now does not leave the change half done.
    let info = tokio::spawn(commit.run(upload))
        .await
        .map_err(|_| Error::internal())??;

    let mut response = respond::empty();
    respond::set(&mut response, header::ETAG, &format!("\"{}\"", info.etag));
    respond::set(&mut response, HeaderName::from_static("content-md5"), &content_md5);
    respond::set(
        &mut response,
        HeaderName::from_static("x-oss-hash-crc64ecma"),
        &info.crc64.to_string(),
    );
    Ok(response)
}

/// The change itself: the key and what it is to hold.
struct Commit {
    store: Arc<dyn ObjectStore>,
    catalog: Arc<dyn Catalog>,
    bucket: BucketName,
    key: ObjectKey,
    attributes: Attributes,
    condition: Condition,
    at: UnixTime,
}

impl Commit {
    async fn run(self, upload: Upload) -> Result<ObjectInfo, Error> {
        let etag: String = upload.md5.iter().map(|byte| format!("{byte:02X}")).collect();
        let (put, file) = match upload.kept {
            Kept::Memory(bytes) => (Put::bytes(bytes, etag, self.attributes, self.at), None),
            Kept::File(file) => {
                let put = Put::file(file.path(), upload.length, upload.crc64, etag, self.attributes, self.at);
                (put, Some(file))
            }
        };
        // Where an object is replaced, no playlist may name its segment from before. A put that must not replace
        // anything leaves the record of an existing object alone when it fails.
        if self.condition == Condition::None {
            self.catalog
                .withdraw_segment(&self.bucket, &self.key)
                .await
                .map_err(error::from_catalog)?;
        }
        let info = self
            .store
            .put(&self.bucket, &self.key, put.when(self.condition))
            .await
            .map_err(|error| error::from_store(error, &self.bucket, &self.key))?;
        if let Some(file) = file {
            file.release();
        }
        // A segment may have been recorded while it was being replaced.
        self.catalog
            .withdraw_segment(&self.bucket, &self.key)
            .await
            .map_err(error::from_catalog)?;
        Ok(info)
    }
}

/// Headers that ask for something which is not offered; to overlook them would be a wrong success.
fn refuse_unsupported(headers: &Headers) -> Result<(), Error> {
    let standard = |value: &str| value.eq_ignore_ascii_case("Standard");
    for name in UNSUPPORTED {
        if headers
            .value(name)
            .is_some_and(|value| *name != STORAGE_CLASS || !standard(value))
        {
            return Err(Error::not_implemented(name).with_detail("Header", *name));
        }
    }
    Ok(())
}

const STORAGE_CLASS: &str = "x-oss-storage-class";

const UNSUPPORTED: &[&str] = &[
    "if-match",
    "if-none-match",
    "x-oss-callback",
    "x-oss-copy-source",
    "x-oss-tagging",
    "x-oss-traffic-limit",
    STORAGE_CLASS,
];

fn attributes(headers: &Headers, limits: &Limits) -> Result<Attributes, Error> {
    let user: BTreeMap<String, String> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(USER_PREFIX)?.to_owned(), value.to_owned())))
        .collect();
    if user.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > limits.user_metadata_bytes_max {
        return Err(Error::invalid_argument("The user metadata is too large."));
    }
    Ok(Attributes {
        content_type: headers.kept("content-type"),
        cache_control: headers.kept("cache-control"),
        content_disposition: headers.kept("content-disposition"),
        content_encoding: headers.kept("content-encoding"),
        content_language: headers.kept("content-language"),
        expires: headers.kept("expires"),
        content_md5: None,
        user,
        acl: headers
            .value("x-oss-object-acl")
            .map(ObjectAcl::parse)
            .transpose()?
            .unwrap_or_default(),
    })
}

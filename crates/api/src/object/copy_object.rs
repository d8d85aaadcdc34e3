//! CopyObject (contract, 4.4).

use std::sync::Arc;

use alluvium_catalog::Bucket;
use alluvium_oss::document::CopyResult;
use alluvium_oss::{Error, ErrorCode, ObjectKey};
use alluvium_store::{Attributes, Copy, CopyAttributes, ObjectInfo};
use axum::response::Response;

use crate::object::change;
use crate::object::copy_source::{self, Found, Source};
use crate::object::{description, headers};
use crate::service::Call;
use crate::{authorise, error, respond};

/// Copies an object within the service. What is copied is the object on which access and conditions were decided: when
/// it is replaced meanwhile, they are decided again.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, key) = authorise::writable_object(call).await?;
    description::refuse_unsupported(&call.request.headers)?;
    let mut looks = 1;
    let info = loop {
        let source = match copy_source::find(call).await? {
            Found::Source(source) => source,
            Found::NotModified(info) => return Ok(headers::not_modified(&info)),
        };
        match copy(call, &bucket, &key, source).await {
            Err(error) if error.code == ErrorCode::PreconditionFailed && looks < LOOKS_MAX => looks += 1,
            other => break other?,
        }
    };
    let result = CopyResult {
        last_modified: info.modified,
        etag: info.etag.clone(),
    };
    let mut response = respond::document(result.to_object_xml());
    headers::acknowledge(&mut response, &info.etag, info.crc64);
    Ok(response)
}

async fn copy(call: &Call<'_>, bucket: &Bucket, key: &ObjectKey, source: Source) -> Result<ObjectInfo, Error> {
    let (effect, condition) = description::overwriting(&call.request.headers);
    let onto_itself = source.bucket.name == bucket.name && source.info.key == *key;
    let copy = Copy {
        source_etag: Some(source.info.etag.clone()),
        attributes: attributes(call, &source.info, onto_itself)?,
        condition,
        at: call.clock.now(),
    };
    let (store, from, to, name) = (
        Arc::clone(call.store),
        source.bucket.name,
        bucket.name.clone(),
        key.clone(),
    );
    let change = async move { store.copy((&from, &source.info.key), (&to, &name), copy).await };
    if onto_itself {
        // The bytes stay, so a segment's record stays true.
        let changed = tokio::spawn(change).await.map_err(|_| Error::internal())?;
        return changed.map_err(|error| error::from_store(error, &bucket.name, key));
    }
    change::run(call, &bucket.name, key, effect, change).await
}

/// What travels with the copy: what the source has, or what the request says. An object copied onto itself always gets
/// what the request says, and keeps its ACL unless the request gives one. `Content-MD5` is about the bytes and stays.
fn attributes(call: &Call<'_>, source: &ObjectInfo, onto_itself: bool) -> Result<CopyAttributes, Error> {
    let asked = &call.request.headers;
    let replace = match asked.value("x-oss-metadata-directive") {
        None | Some("COPY") => onto_itself,
        Some("REPLACE") => true,
        Some(other) => {
            return Err(
                Error::invalid_argument("The metadata directive must be COPY or REPLACE.")
                    .with_argument("x-oss-metadata-directive", other),
            );
        }
    };
    let acl = description::acl(asked)?;
    if !replace {
        return Ok(CopyAttributes::KeepBut(acl.unwrap_or_default()));
    }
    let kept = if onto_itself {
        source.attributes.acl
    } else {
        Default::default()
    };
    Ok(CopyAttributes::Replace(Attributes {
        content_md5: source.attributes.content_md5.clone(),
        acl: acl.unwrap_or(kept),
        ..description::attributes(asked, &call.config.limits)?
    }))
}

/// A source that is replaced each time it is looked at is not worth waiting for.
const LOOKS_MAX: usize = 4;

//! GetSignedPlaylist: `x-oss-process=hls/sign` (contract, 4.8).

use alluvium_oss::{Addressing, Error, ErrorCode, ObjectAcl, ObjectKey};
use alluvium_store::{Attributes, Error as StoreError, Object, ObjectBytes, ObjectInfo, crc64};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use md5::{Digest, Md5};
use tokio::task::spawn_blocking;

use crate::conditions::{self, Verdict};
use crate::object::playlist_signer::{PlaylistSigner, refused, too_large};
use crate::object::reference::Base;
use crate::object::{get_object, headers};
use crate::request::Headers;
use crate::service::Call;
use crate::{authenticate, authorise, error, range, respond};

/// Sends a playlist in which every URI of the bucket is signed as the URL of the request is: for the same access key, until
/// the same time. To HEAD it says what a GET would send.
///
/// The same URL and the same object make the same text, so the text has an ETag that conditions and ranges can rely on.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let overrides = get_object::overrides(call)?;
    let bucket = authorise::existing_bucket(call).await?;
    let urls = authenticate::url_signer(call).await?.ok_or_else(not_url_signed)?;
    let asked = &call.request.headers;
    check_token(asked)?;
    let key = ObjectKey::parse(&call.request.key)?;
    let object = match call.store.get(&bucket.name, &key, None).await {
        Ok(object) => object,
        Err(StoreError::NotFound { .. }) => {
            authorise::may_read(call, bucket, ObjectAcl::Default)?;
            return Err(Error::no_such_key(&key));
        }
        Err(other) => return Err(error::from_store(other, &bucket.name, &key)),
    };
    authorise::may_read(call, bucket, object.info.attributes.acl)?;
    let limits = &call.config.limits;
    let original = object.info.clone();
    if original.length > limits.signed_playlist_bytes_max {
        return Err(too_large());
    }
    let playlist = object
        .bytes()
        .await
        .map_err(|error| error::from_store(error, &bucket.name, &key))?;
    let in_path = (call.request.addressing == Addressing::PathStyle).then_some(&bucket.name);
    let signer = PlaylistSigner {
        base: Base::new(&call.request.host, in_path, &key),
        bucket: bucket.name.clone(),
        urls,
        limits: limits.clone(),
    };
    let text = if playlist.len() <= AT_ONCE_BYTES_MAX {
        signer.sign(&playlist)?
    } else {
        spawn_blocking(move || signer.sign(&playlist))
            .await
            .map_err(|_| Error::internal())??
    };
    let info = describe(original, &text);
    match conditions::weigh(asked, &info) {
        Verdict::Failed => return Err(ErrorCode::PreconditionFailed.into()),
        Verdict::NotModified => return Ok(headers::not_modified(&info)),
        Verdict::Send => {}
    }
    let mut response = if call.request.method == Method::HEAD {
        let mut response = respond::empty();
        headers::describe(&mut response, &info);
        response
    } else {
        send(call, info, text)?
    };
    for (name, value) in overrides {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// What is said of the signed text: all that is said of the object, but for what depends on the bytes.
fn describe(original: ObjectInfo, text: &str) -> ObjectInfo {
    let md5 = Md5::digest(text);
    ObjectInfo {
        length: text.len() as u64,
        crc64: crc64(text.as_bytes()),
        etag: md5.iter().map(|byte| format!("{byte:02X}")).collect(),
        attributes: Attributes {
            content_md5: Some(STANDARD.encode(md5)),
            ..original.attributes
        },
        ..original
    }
}

/// 200 with the text, or 206 with the range of it that the request asks for.
fn send(call: &Call<'_>, info: ObjectInfo, text: String) -> Result<Response, Error> {
    let asked = &call.request.headers;
    let wanted = asked.value("range").and_then(range::parse);
    let extent = match wanted {
        Some(wanted) if conditions::allows_range(asked, &info) => get_object::extent(call, wanted, &info)?,
        _ => get_object::Extent::Whole,
    };
    let whole = 0..info.length;
    let range = match wanted {
        Some(wanted) if extent == get_object::Extent::Range => wanted.resolve(info.length).unwrap_or(whole),
        _ => whole,
    };
    let body = ObjectBytes::AtOnce(Bytes::from(text).slice(range.start as usize..range.end as usize));
    let object = Object {
        info,
        range,
        body,
        memory_file: None,
    };
    Ok(get_object::send(object, extent))
}

/// Checks `x-oss-hls-sign-token`, which may be given and changes nothing (docs/decisions).
fn check_token(headers: &Headers) -> Result<(), Error> {
    let token = headers.value(TOKEN).unwrap_or_default();
    if token.chars().count() > TOKEN_CHARS_MAX {
        return Err(refused(
            "The x-oss-hls-sign-token must not be longer than 100 characters.",
            "0044-00000401",
        ));
    }
    if !token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    {
        return Err(refused(
            "The x-oss-hls-sign-token may have digits, letters and the characters _.- only.",
            "0044-00000402",
        ));
    }
    Ok(())
}

fn not_url_signed() -> Error {
    refused(
        "A playlist is signed for requests whose URL is signed only.",
        "0044-00000410",
    )
}

const TOKEN: &str = "x-oss-hls-sign-token";

/// The contract's bound.
const TOKEN_CHARS_MAX: usize = 100;

/// A live playlist is signed in some ten microseconds, less than handing it to another thread takes; a long one is handed on.
const AT_ONCE_BYTES_MAX: usize = 4 << 10;

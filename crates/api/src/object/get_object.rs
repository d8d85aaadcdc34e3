//! GetObject (contract, 4.4): all that a viewer ever calls.

use alluvium_oss::{Error, ErrorCode, ObjectAcl, ObjectKey};
use alluvium_store::{Error as StoreError, Object, ObjectBytes, ObjectInfo, RangeRequest};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::authenticate::Caller;
use crate::conditions::{self, Verdict};
use crate::object::headers;
use crate::service::Call;
use crate::{authorise, error, range, respond};

/// Sends an object, one range of it, or the news that the client has it already.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let overrides = overrides(call)?;
    let bucket = authorise::existing_bucket(call).await?;
    let key = ObjectKey::parse(&call.request.key)?;
    let asked = &call.request.headers;
    let wanted = asked.value("range").and_then(range::parse);
    let failed = |error| error::from_store(error, &bucket.name, &key);
    let object = match call.store.get(&bucket.name, &key, wanted).await {
        Ok(object) => object,
        Err(StoreError::NotFound { .. }) => {
            authorise::may_read(call, bucket, ObjectAcl::Default)?;
            return Err(Error::no_such_key(&key));
        }
        // Who may not read must not learn the length either, so the whole object is asked for before anything is said.
        Err(StoreError::Range { .. }) => call.store.get(&bucket.name, &key, None).await.map_err(failed)?,
        Err(other) => return Err(failed(other)),
    };
    authorise::may_read(call, bucket, object.info.attributes.acl)?;
    match conditions::weigh(asked, &object.info) {
        Verdict::Failed => return Err(ErrorCode::PreconditionFailed.into()),
        Verdict::NotModified => return Ok(headers::not_modified(&object.info)),
        Verdict::Send => {}
    }
    let extent = match wanted {
        Some(wanted) if conditions::allows_range(asked, &object.info) => extent(call, wanted, &object.info)?,
        _ => Extent::Whole,
    };
    let object = match extent {
        Extent::Whole if object.range != (0..object.info.length) => {
            let whole = call.store.get(&bucket.name, &key, None).await.map_err(failed)?;
            // It may be another object by now.
            authorise::may_read(call, bucket, whole.info.attributes.acl)?;
            whole
        }
        _ => object,
    };
    let mut response = send(object, extent);
    for (name, value) in overrides {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// How much of the object is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Range,
}

/// Whether the service cuts this range.
///
/// One that reaches beyond the end is not cut unless the request asks for the behaviour of the HTTP standard; then one
/// that lies wholly beyond it is refused.
pub(super) fn extent(call: &Call<'_>, wanted: RangeRequest, info: &ObjectInfo) -> Result<Extent, Error> {
    let standard = call.request.headers.value("x-oss-range-behavior") == Some("standard");
    let inside = match wanted {
        RangeRequest::Between(_, last) => last < info.length,
        RangeRequest::From(_) | RangeRequest::Last(_) => true,
    };
    match wanted.resolve(info.length) {
        Ok(_) if inside || standard => Ok(Extent::Range),
        Err(_) if standard => Err(Error::from(ErrorCode::InvalidRange)
            .with_detail(
                "RangeRequested",
                call.request.headers.value("range").unwrap_or_default(),
            )
            .with_detail("ActualObjectSize", info.length.to_string())),
        Ok(_) | Err(_) => Ok(Extent::Whole),
    }
}

/// 200 or 206 with the bytes that were read.
pub(super) fn send(object: Object, extent: Extent) -> Response {
    let Object {
        info,
        range,
        body,
        memory_file,
    } = object;
    let body = match body {
        ObjectBytes::AtOnce(bytes) => Body::from(bytes),
        ObjectBytes::InPieces(pieces) => Body::from_stream(pieces),
    };
    let mut response = Response::new(body);
    if let Some(memory_file) = memory_file {
        response.extensions_mut().insert(memory_file);
    }
    headers::describe_part(&mut response, &info, range.end - range.start);
    if extent == Extent::Range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let last = range.end.saturating_sub(1);
        respond::set(
            &mut response,
            header::CONTENT_RANGE,
            &format!("bytes {}-{last}/{}", range.start, info.length),
        );
    }
    response
}

/// The headers that a signed request may dictate.
pub(super) fn overrides(call: &Call<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let mut overrides = Vec::new();
    for (parameter, value) in call.request.query.pairs() {
        let Some((_, name)) = OVERRIDES.iter().find(|(known, _)| *known == parameter) else {
            continue;
        };
        if call.caller == Caller::Anonymous {
            return Err(Error::new(
                ErrorCode::InvalidRequest,
                "Request specific response headers cannot be used for anonymous GET requests.",
            ));
        }
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::invalid_argument("The value of a response header is not valid.").with_argument("response-*", value)
        })?;
        overrides.push((name.clone(), value));
    }
    Ok(overrides)
}

const OVERRIDES: &[(&str, HeaderName)] = &[
    ("response-content-type", header::CONTENT_TYPE),
    ("response-content-language", header::CONTENT_LANGUAGE),
    ("response-expires", header::EXPIRES),
    ("response-cache-control", header::CACHE_CONTROL),
    ("response-content-disposition", header::CONTENT_DISPOSITION),
    ("response-content-encoding", header::CONTENT_ENCODING),
];

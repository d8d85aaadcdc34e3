//! OptionObject: the preflight of a browser (contract, 4.6).

use alluvium_oss::{Error, ErrorCode};
use axum::response::Response;
use http::header;

use crate::service::Call;
use crate::{authorise, cors, respond};

/// Tells a browser whether a page of another origin may send the request that it has in mind.
///
/// No preflight is signed, and none says anything of the bucket but its rules.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let asked = |name: header::HeaderName| call.request.headers.value(name.as_str()).map(str::trim);
    let (Some(origin), Some(method)) = (asked(header::ORIGIN), asked(header::ACCESS_CONTROL_REQUEST_METHOD)) else {
        return Err(Error::new(
            ErrorCode::BadRequest,
            "Insufficient information. Origin and Access-Control-Request-Method request headers are needed.",
        ));
    };
    let headers = asked(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let names = headers.split(',').map(str::trim).filter(|name| !name.is_empty());
    let bucket = authorise::existing_bucket(call).await?;
    let Some(rules) = cors::rules(call.catalog.as_ref(), bucket).await? else {
        return Err(forbidden("CORSResponse: CORS is not enabled for this bucket."));
    };
    let Some(rule) = rules.rule(origin, method, names) else {
        return Err(forbidden(NOT_ALLOWED));
    };
    let mut response = respond::empty();
    cors::admit(&mut response, rule, origin);
    respond::set(
        &mut response,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        &rule.allowed_methods.join(", "),
    );
    if !headers.is_empty() {
        // Named one by one, since a `*` would not stand for Authorization (Fetch standard, 4.9).
        respond::set(&mut response, header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    if let Some(max_age_s) = rule.max_age_s {
        respond::set(&mut response, header::ACCESS_CONTROL_MAX_AGE, &max_age_s.to_string());
    }
    Ok(response)
}

fn forbidden(message: &'static str) -> Error {
    Error::new(ErrorCode::AccessForbidden, message)
}

const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. No rule of the bucket allows its Origin, \
                           Access-Control-Request-Method and Access-Control-Request-Headers together.";

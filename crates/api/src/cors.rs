//! What answers say to browsers whose page is of another origin (contract, 4.6; Fetch standard, 3.2).

use alluvium_catalog::{Bucket, BucketDocument, Catalog, Error as CatalogError};
use alluvium_oss::{BucketName, CorsConfiguration, CorsRule, Error};
use axum::response::Response;
use http::header;

use crate::request::Request;
use crate::{error, respond};

/// The rules of a bucket, if it has any.
///
/// # Errors
/// `ServiceUnavailable`, `InternalError`.
pub(crate) async fn rules(catalog: &dyn Catalog, bucket: &Bucket) -> Result<Option<CorsConfiguration>, Error> {
    if !bucket.documents.contains(&BucketDocument::Cors) {
        return Ok(None);
    }
    let document = match catalog.bucket_document(&bucket.name, BucketDocument::Cors).await {
        Ok(document) => document,
        Err(CatalogError::NotFound { .. }) => None,
        Err(other) => return Err(error::from_catalog(other)),
    };
    document
        .map(|document| CorsConfiguration::from_xml(document.as_bytes()))
        .transpose()
        .map_err(|refused| {
            tracing::error!(bucket = %bucket.name, error = %refused, "the bucket's CORS rules cannot be read");
            Error::internal()
        })
}

/// Lets the page that asked read the answer, where a rule of the request's bucket says so; a refusal as well, or the
/// page could not tell why it was refused.
///
/// `found` is the bucket, where the operation has looked it up already.
pub(crate) async fn decorate(
    response: &mut Response,
    request: &Request,
    found: Option<&Bucket>,
    catalog: &dyn Catalog,
) {
    let Some(name) = request.bucket.as_deref().and_then(|name| BucketName::parse(name).ok()) else {
        return;
    };
    let looked_up;
    let bucket = match found {
        Some(bucket) => bucket,
        None => match catalog.bucket(&name).await {
            Ok(bucket) => {
                looked_up = bucket;
                &looked_up
            }
            // Whatever is wrong has been said by the operation itself.
            Err(_) => return,
        },
    };
    let Ok(Some(rules)) = rules(catalog, bucket).await else {
        return;
    };
    let origin = request.headers.value(header::ORIGIN.as_str()).map(str::trim);
    let rule = origin.and_then(|origin| rules.rule(origin, request.method.as_str(), std::iter::empty()));
    if let (Some(origin), Some(rule)) = (origin, rule) {
        admit(response, rule, origin);
    }
    if rules.response_vary {
        respond::set(response, header::VARY, "Origin");
    }
}

/// What every answer says to a page that a rule lets in.
pub(crate) fn admit(response: &mut Response, rule: &CorsRule, origin: &str) {
    respond::set(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, rule.allow_origin(origin));
    if !rule.expose_headers.is_empty() {
        respond::set(
            response,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            &rule.expose_headers.join(", "),
        );
    }
}

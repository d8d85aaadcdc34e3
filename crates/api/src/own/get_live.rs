//! The publishers that run, for the owner of their buckets.

use std::collections::BTreeSet;

use alluvium_catalog::{BucketQuery, Error as CatalogError};
use alluvium_oss::{BucketName, ChannelName, Error, ErrorCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::own::Publisher;
use crate::service::Call;
use crate::{authorise, error, respond};

/// Below `/-/`.
const PATH: &str = "api/v1/live";

/// Publishers in one answer, at most and where the request does not say.
const LIMIT_MAX: usize = 1000;
const LIMIT_DEFAULT: usize = 100;

/// `/-/api/v1/live` and `/-/api/v1/live/<bucket>` list, page by page; `/-/api/v1/live/<bucket>/<channel>` tells of one.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let rest = call.request.key.strip_prefix(PATH).ok_or_else(no_such_path)?;
    let place = match rest.trim_end_matches('/').strip_prefix('/') {
        Some(place) => Some(place),
        None if rest.is_empty() || rest == "/" => None,
        None => return Err(no_such_path()),
    };
    match place.map(|place| place.split_once('/').unwrap_or((place, ""))) {
        None => list(call, own_buckets(call).await?),
        Some((bucket, "")) => list(call, BTreeSet::from([owned(call, bucket).await?])),
        Some((bucket, channel)) => one(call, owned(call, bucket).await?, channel).await,
    }
}

async fn one(call: &Call<'_>, bucket: BucketName, channel: &str) -> Result<Response, Error> {
    let channel = ChannelName::parse(channel)?;
    match call.catalog.channel(&bucket, &channel).await {
        Ok(_) => {}
        Err(CatalogError::NotFound { .. }) => return Err(Error::no_such_channel()),
        Err(other) => return Err(error::from_catalog(other)),
    }
    let publisher = call.publishers.publisher(&bucket, &channel);
    let publisher = publisher.ok_or(ErrorCode::LiveChannelNotLive)?;
    Ok(respond::json(&publisher.document))
}

fn list(call: &Call<'_>, buckets: BTreeSet<BucketName>) -> Result<Response, Error> {
    let limit = limit(call)?;
    let after = after(call)?;
    let mut found = call.publishers.publishers(&buckets, after.as_ref(), limit + 1);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(place);
    let publishers: Vec<Value> = found.into_iter().map(|publisher| publisher.document).collect();
    Ok(respond::json(&json!({ "publishers": publishers, "next": next })))
}

/// The names of all buckets of the caller: no more than one owner may have.
async fn own_buckets(call: &Call<'_>) -> Result<BTreeSet<BucketName>, Error> {
    let query = BucketQuery {
        owner: Some(authorise::account(call)?.clone()),
        limit: call.config.limits.buckets_per_owner_max,
        ..BucketQuery::default()
    };
    let page = call.catalog.buckets(&query).await.map_err(error::from_catalog)?;
    Ok(page.items.into_iter().map(|bucket| bucket.name).collect())
}

/// The bucket of this name, which is the caller's own.
async fn owned(call: &Call<'_>, name: &str) -> Result<BucketName, Error> {
    let account = authorise::account(call)?;
    let name = BucketName::parse(name)?;
    match call.catalog.bucket(&name).await {
        Ok(bucket) if bucket.owner == *account => Ok(name),
        Ok(_) => Err(authorise::denied(call)),
        Err(CatalogError::NotFound { .. }) => Err(Error::no_such_bucket(&name)),
        Err(other) => Err(error::from_catalog(other)),
    }
}

fn limit(call: &Call<'_>) -> Result<usize, Error> {
    let Some(text) = call.request.query.value("limit") else {
        return Ok(LIMIT_DEFAULT);
    };
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| {
        let message = format!("The limit must be a number from 1 to {LIMIT_MAX}.");
        Error::new(ErrorCode::InvalidArgument, message).with_argument("limit", text)
    })
}

fn after(call: &Call<'_>) -> Result<Option<(BucketName, ChannelName)>, Error> {
    let Some(text) = call.request.query.value("after").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let names = || {
        let (bucket, channel) = text.split_once('/')?;
        Some((BucketName::parse(bucket).ok()?, ChannelName::parse(channel).ok()?))
    };
    let names = names().ok_or_else(|| {
        let message = "The parameter after must be what was told as next: BUCKET/CHANNEL.";
        Error::new(ErrorCode::InvalidArgument, message).with_argument("after", text)
    });
    names.map(Some)
}

fn place(publisher: &Publisher) -> String {
    format!("{}/{}", publisher.bucket, publisher.channel)
}

fn no_such_path() -> Error {
    Error::new(ErrorCode::NoSuchKey, "There is no such path: /-/api/v1/live is one.")
}

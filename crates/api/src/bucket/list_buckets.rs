//! ListBuckets, called GetService as well (contract, 4.2).

use alluvium_catalog::BucketQuery;
use alluvium_oss::document::{BucketEntry, ListAllMyBucketsResult};
use alluvium_oss::{Error, ListParameters};
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Lists the caller's buckets, each with an endpoint under which it can be reached.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let owner = authorise::account(call)?;
    let parameters = ListParameters::buckets(call.request.query.pairs())?;
    let query = BucketQuery {
        owner: Some(owner.clone()),
        prefix: parameters.prefix.clone(),
        after: parameters.marker.clone(),
        limit: parameters.max_keys as usize,
    };
    let page = call.catalog.buckets(&query).await.map_err(error::from_catalog)?;
    let result = ListAllMyBucketsResult {
        parameters,
        next_marker: page.next,
        owner: owner.clone(),
        region: call.config.region.clone(),
        endpoint: call.endpoint().to_owned(),
        buckets: page
            .items
            .into_iter()
            .map(|bucket| BucketEntry {
                name: bucket.name,
                created: bucket.created,
            })
            .collect(),
    };
    Ok(respond::document(result.to_xml()))
}

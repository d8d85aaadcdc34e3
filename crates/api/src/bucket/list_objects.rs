//! ListObjects, first version (contract, 4.3).

use alluvium_oss::document::{ListBucketResult, ObjectEntry};
use alluvium_oss::{Error, ObjectListParameters};
use alluvium_store::{ListQuery, ObjectInfo};
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Lists the objects of a bucket. An ACL that lets everybody read objects does not let everybody list them.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    list(call, ObjectListParameters::parse(call.request.query.pairs())).await
}

/// The listing that both versions are. A fault of the parameters counts after one of the bucket.
pub(crate) async fn list(call: &Call<'_>, parameters: Result<ObjectListParameters, Error>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let parameters = parameters?;
    let query = ListQuery {
        prefix: parameters.list.prefix.clone(),
        delimiter: parameters.delimiter.clone(),
        after: parameters.list.marker.clone(),
        limit: parameters.list.max_keys as usize,
    };
    let page = call
        .store
        .list(&bucket.name, &query)
        .await
        .map_err(|error| error::from_listing(error, &bucket.name))?;
    let entry = |info: ObjectInfo| ObjectEntry {
        key: info.key,
        last_modified: info.modified,
        etag: info.etag,
        size: info.length,
        owner: bucket.owner.clone(),
    };
    let result = ListBucketResult {
        name: bucket.name,
        parameters,
        next_marker: page.next,
        contents: page.objects.into_iter().map(entry).collect(),
        common_prefixes: page.prefixes,
    };
    Ok(respond::document(result.to_xml()))
}

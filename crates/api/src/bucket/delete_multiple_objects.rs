//! DeleteMultipleObjects: `POST /?delete` (contract, 4.4).

use std::sync::Arc;

use alluvium_oss::document::{DeleteObjects, DeleteResult};
use alluvium_oss::{BucketName, Error, ObjectKey, url_encoded};
use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::object::change::{self, Effect};
use crate::service::Call;
use crate::{authorise, receive, respond};

/// Removes up to a thousand objects; those that do not exist are removed already. Nothing is removed unless the caller
/// may remove all of them.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let bucket = authorise::existing_bucket(call).await?;
    if !call.caller.is_owner(&bucket.owner) && !bucket.acl.anonymous_may_write() {
        return Err(authorise::denied(call));
    }
    let url_encoded = url_encoded(call.request.query.pairs())?;
    if call.request.headers.value("content-md5").is_none() {
        return Err(Error::invalid_argument("A Content-MD5 header is required.").with_argument("Content-MD5", ""));
    }
    let asked = DeleteObjects::from_xml(&receive::long_document(call, body).await?)?;
    for key in &asked.keys {
        authorise::may_write(call, bucket, key).await?;
    }
    let delete = delete(call, &bucket.name, &asked.keys);
    // A client that goes away now does not leave a segment removed and recorded.
    tokio::spawn(delete).await.map_err(|_| Error::internal())??;
    if asked.quiet {
        return Ok(respond::empty());
    }
    let result = DeleteResult {
        deleted: asked.keys,
        url_encoded,
    };
    Ok(respond::document(result.to_xml()))
}

fn delete(
    call: &Call<'_>,
    bucket: &BucketName,
    keys: &[ObjectKey],
) -> impl Future<Output = Result<(), Error>> + Send + use<> {
    let (store, catalog) = (Arc::clone(call.store), Arc::clone(call.catalog));
    let (bucket, keys) = (bucket.clone(), keys.to_vec());
    async move {
        let deletes = keys.into_iter().map(|key| {
            let (store, catalog, bucket) = (Arc::clone(&store), Arc::clone(&catalog), bucket.clone());
            async move {
                let delete = store.delete(&bucket, &key);
                change::withdrawing(catalog.as_ref(), &bucket, &key, Effect::Replaces, delete).await
            }
        });
        stream::iter(deletes)
            .buffer_unordered(DELETES_AT_ONCE)
            .try_collect()
            .await
    }
}

/// Enough to share the commits of a store that groups them, and few enough to leave room for others.
const DELETES_AT_ONCE: usize = 32;

//! ListMultipartUploads: `GET /?uploads`.

use alluvium_oss::document::{ListMultipartUploadsResult, UploadEntry};
use alluvium_oss::{Error, UploadListParameters};
use alluvium_store::{ListQuery, UploadInfo, UploadQuery};
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Lists the uploads of a bucket that were begun and have not ended.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let parameters = UploadListParameters::parse(call.request.query.pairs())?;
    let query = UploadQuery {
        list: ListQuery {
            prefix: parameters.prefix.clone(),
            delimiter: parameters.delimiter.clone(),
            after: parameters.key_marker.clone(),
            limit: parameters.max_uploads as usize,
        },
        after_id: parameters.upload_id_marker.clone(),
    };
    let page = call.store.list_uploads(&bucket.name, &query).await;
    let page = page.map_err(|error| error::from_listing(error, &bucket.name))?;
    let entry = |upload: UploadInfo| UploadEntry {
        key: upload.key,
        upload_id: upload.id.to_string(),
        initiated: upload.begun,
    };
    let result = ListMultipartUploadsResult {
        bucket: &bucket.name,
        parameters,
        uploads: page.uploads.into_iter().map(entry).collect(),
        common_prefixes: page.prefixes,
        next: page.next,
    };
    Ok(respond::document(result.to_xml()))
}

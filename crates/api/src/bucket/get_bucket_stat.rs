//! GetBucketStat (contract, 4.1).

use alluvium_catalog::ChannelQuery;
use alluvium_oss::document::BucketStat;
use alluvium_oss::{BucketName, Error};
use alluvium_store::{LIST_LIMIT_MAX, ListQuery, UploadQuery};
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Counts what is in a bucket, page by page: the answer is exact, and takes as long as a listing of the whole bucket.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let (objects, storage) = objects(call, &bucket.name).await?;
    let stat = BucketStat {
        storage,
        objects,
        uploads: uploads(call, &bucket.name).await?,
        channels: channels(call, &bucket.name).await?,
        at: call.now,
    };
    Ok(respond::document(stat.to_xml()))
}

/// How many objects there are, and their bytes.
async fn objects(call: &Call<'_>, bucket: &BucketName) -> Result<(u64, u64), Error> {
    let (mut count, mut bytes) = (0, 0);
    let mut query = everything();
    loop {
        let page = call.store.list(bucket, &query).await;
        let page = page.map_err(|error| error::from_listing(error, bucket))?;
        count += page.objects.len() as u64;
        bytes += page.objects.iter().map(|object| object.length).sum::<u64>();
        match page.next {
            Some(next) => query.after = next,
            None => return Ok((count, bytes)),
        }
    }
}

async fn uploads(call: &Call<'_>, bucket: &BucketName) -> Result<u64, Error> {
    let mut count = 0;
    let mut query = UploadQuery {
        list: everything(),
        ..UploadQuery::default()
    };
    loop {
        let page = call.store.list_uploads(bucket, &query).await;
        let page = page.map_err(|error| error::from_listing(error, bucket))?;
        count += page.uploads.len() as u64;
        match page.next {
            Some(next) => (query.list.after, query.after_id) = next,
            None => return Ok(count),
        }
    }
}

async fn channels(call: &Call<'_>, bucket: &BucketName) -> Result<u64, Error> {
    let mut count = 0;
    let mut query = ChannelQuery {
        limit: LIST_LIMIT_MAX,
        ..ChannelQuery::default()
    };
    loop {
        let page = call
            .catalog
            .channels(bucket, &query)
            .await
            .map_err(error::from_catalog)?;
        count += page.items.len() as u64;
        match page.next {
            Some(next) => query.after = next,
            None => return Ok(count),
        }
    }
}

fn everything() -> ListQuery {
    ListQuery {
        limit: LIST_LIMIT_MAX,
        ..ListQuery::default()
    }
}

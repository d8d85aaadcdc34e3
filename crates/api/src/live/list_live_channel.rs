//! ListLiveChannel (contract, 1.6).

use alluvium_catalog::{Channel, ChannelQuery};
use alluvium_oss::document::{ListLiveChannelResult, LiveChannelEntry};
use alluvium_oss::{Error, ListParameters};
use axum::response::Response;

use crate::live::channel;
use crate::service::Call;
use crate::{authorise, respond};

/// Lists the channels of a bucket by name.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let parameters = ListParameters::live_channels(call.request.query.pairs())?;
    let query = ChannelQuery {
        prefix: parameters.prefix.clone(),
        after: parameters.marker.clone(),
        limit: parameters.max_keys as usize,
    };
    let page = call
        .catalog
        .channels(&bucket.name, &query)
        .await
        .map_err(|error| channel::from_catalog(error, &bucket.name))?;
    let entry = |channel: Channel| {
        let urls = call
            .request
            .channel_urls(&bucket.name, &channel.name, &channel.config.playlist_name);
        LiveChannelEntry {
            name: channel.name,
            description: channel.config.description,
            status: channel.config.status,
            last_modified: channel.modified,
            publish_url: urls.publish().to_owned(),
            play_url: urls.play().to_owned(),
        }
    };
    let channels = page.items.into_iter().map(entry).collect();
    let result = ListLiveChannelResult {
        parameters,
        next_marker: page.next,
        channels,
    };
    Ok(respond::document(result.to_xml()))
}

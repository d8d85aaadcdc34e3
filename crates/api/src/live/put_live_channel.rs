//! PutLiveChannel (contract, 1.1).

use alluvium_oss::document::CreateLiveChannelResult;
use alluvium_oss::{ChannelConfig, Error};
use axum::body::Body;
use axum::response::Response;

use crate::live::channel;
use crate::service::Call;
use crate::{receive, respond};

/// Creates a channel, or replaces one that is not live.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let (bucket, name) = channel::named(call).await?;
    let config = ChannelConfig::from_xml(&receive::document(call, body).await?)?;
    call.catalog
        .put_channel(&bucket, &name, &config, call.now)
        .await
        .map_err(|error| channel::from_catalog(error, &bucket))?;
    let urls = call.request.channel_urls(&bucket, &name, &config.playlist_name);
    let result = CreateLiveChannelResult {
        publish_url: urls.publish().to_owned(),
        play_url: urls.play().to_owned(),
    };
    Ok(respond::document(result.to_xml()))
}

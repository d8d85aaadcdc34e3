//! GetLiveChannelInfo (contract, 1.3).

use alluvium_oss::Error;
use alluvium_oss::document::LiveChannelConfiguration;
use axum::response::Response;

use crate::live::channel;
use crate::respond;
use crate::service::Call;

/// Says how a channel is configured.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let channel = channel::existing(call).await?;
    Ok(respond::document(LiveChannelConfiguration(&channel.config).to_xml()))
}

//! PutLiveChannelStatus (contract, 1.2).

use alluvium_oss::{ChannelStatus, Error};
use axum::response::Response;

use crate::live::channel;
use crate::respond;
use crate::service::Call;

/// Enables or disables a channel. A publisher that is connected learns of it by watching the channel.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, name) = channel::named(call).await?;
    let status = ChannelStatus::parse(call.request.query.value("status").unwrap_or_default())?;
    call.catalog
        .set_channel_status(&bucket, &name, status, call.now)
        .await
        .map_err(|error| channel::from_catalog(error, &bucket))?;
    Ok(respond::empty())
}

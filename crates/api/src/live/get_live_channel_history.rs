//! GetLiveChannelHistory (contract, 1.5).

use alluvium_oss::Error;
use alluvium_oss::document::{LiveChannelHistory, LiveRecord};
use axum::response::Response;

use crate::live::channel;
use crate::respond;
use crate::service::Call;

/// Lists a channel's last publishes that have ended.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let channel = channel::existing(call).await?;
    let sessions = call
        .catalog
        .recent_sessions(&channel.bucket, &channel.name, RECORDS_MAX)
        .await
        .map_err(|error| channel::from_catalog(error, &channel.bucket))?;
    let records = sessions.into_iter().map(|session| LiveRecord {
        start: session.started,
        end: session.ended,
        remote_addr: session.remote_addr.to_string(),
    });
    Ok(respond::document(LiveChannelHistory(records.collect()).to_xml()))
}

/// The contract's ten most recent publishes.
const RECORDS_MAX: usize = 10;

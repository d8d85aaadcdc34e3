//! GetLiveChannelStat (contract, 1.4).

use alluvium_catalog::LiveSession;
use alluvium_oss::document::{AudioStat, LiveChannelStat, VideoStat};
use alluvium_oss::{ChannelStatus, Error};
use axum::response::Response;

use crate::live::channel;
use crate::respond;
use crate::service::Call;

/// Says whether a publisher is connected, and what it sends.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let channel = channel::existing(call).await?;
    let stat = match channel.config.status {
        ChannelStatus::Disabled => LiveChannelStat::Disabled,
        ChannelStatus::Enabled => {
            let session = call.catalog.live_session(&channel.bucket, &channel.name).await;
            session
                .map_err(|error| channel::from_catalog(error, &channel.bucket))?
                .map_or(LiveChannelStat::Idle, live)
        }
    };
    Ok(respond::document(stat.to_xml()))
}

fn live(session: LiveSession) -> LiveChannelStat {
    LiveChannelStat::Live {
        connected: session.connected,
        remote_addr: session.remote_addr.to_string(),
        video: session.statistics.video.map(|video| VideoStat {
            width: video.width,
            height: video.height,
            frame_rate: video.frame_rate,
            bandwidth: video.bandwidth,
        }),
        audio: session.statistics.audio.map(|audio| AudioStat {
            sample_rate: audio.sample_rate,
            bandwidth: audio.bandwidth,
        }),
    }
}

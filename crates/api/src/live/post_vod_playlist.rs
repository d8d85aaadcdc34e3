//! PostVodPlaylist (contract, 1.8).

use alluvium_oss::{ChannelName, Error, PlaylistName};
use alluvium_store::{Attributes, Put};
use axum::response::Response;
use http::header;

use crate::live::vod::{self, Playlist};
use crate::service::Call;
use crate::{authorise, error, respond};

/// Stores a playlist of what was recorded in a span of time, as an object beside the segments.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let (channel, playlist) = call.request.key.split_once('/').unwrap_or((&call.request.key, ""));
    let channel = ChannelName::parse(channel)?;
    let playlist = PlaylistName::parse(playlist).map_err(|error| error.with_ec("0044-00000403"))?;
    let Playlist { text, etag } = vod::playlist(call, &bucket.name, &channel).await?;
    let attributes = Attributes {
        content_type: Some(vod::CONTENT_TYPE.to_owned()),
        cache_control: Some(CACHE_CONTROL.to_owned()),
        ..Attributes::default()
    };
    let key = channel.playlist_key(&playlist);
    call.store
        .put(&bucket.name, &key, Put::bytes(text, etag.clone(), attributes, call.now))
        .await
        .map_err(|error| error::from_store(error, &bucket.name, &key))?;
    let mut response = respond::empty();
    respond::set(&mut response, header::ETAG, &format!("\"{etag}\""));
    Ok(response)
}

/// It ends, so a player reads it once; but it may be posted again with another span.
const CACHE_CONTROL: &str = "max-age=60";

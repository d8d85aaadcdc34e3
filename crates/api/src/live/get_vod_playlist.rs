//! GetVodPlaylist (contract, 1.9).

use alluvium_oss::Error;
use axum::body::Body;
use axum::response::Response;
use http::header;

use crate::live::channel;
use crate::live::vod::{self, Playlist};
use crate::respond;
use crate::service::Call;

/// Sends a playlist of what was recorded in a span of time, and stores nothing.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let (bucket, name) = channel::named(call).await.map_err(vod::channel_fault)?;
    let Playlist { text, etag } = vod::playlist(call, &bucket, &name).await?;
    let mut response = Response::new(Body::from(text));
    respond::set(&mut response, header::CONTENT_TYPE, vod::CONTENT_TYPE);
    respond::set(&mut response, header::ETAG, &format!("\"{etag}\""));
    Ok(response)
}

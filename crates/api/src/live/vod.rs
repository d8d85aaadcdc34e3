//! The playlist of what was recorded in a span of time (contract, 1.8 to 1.10).

use alluvium_catalog::SegmentRecord;
use alluvium_hls::{Entry, MediaPlaylist};
use alluvium_oss::{BucketName, ChannelName, Error, ErrorCode, VodRange};
use md5::{Digest, Md5};
use tokio::task::spawn_blocking;

use crate::live::channel;
use crate::service::Call;

/// The type of a playlist object.
pub(super) const CONTENT_TYPE: &str = "application/x-mpegURL";

/// A playlist and its ETag: its MD5, as that of any object that a request puts.
pub(super) struct Playlist {
    pub(super) text: String,
    pub(super) etag: String,
}

/// The playlist of the segments whose names lie in the span that the request asks for.
///
/// That the channel still exists is not asked: its recordings outlive it, and of one that never was there are none.
///
/// # Errors
/// `InvalidArgument` with the EC of the parameter at fault, of an empty span, or of one with too many segments.
pub(super) async fn playlist(call: &Call<'_>, bucket: &BucketName, channel: &ChannelName) -> Result<Playlist, Error> {
    let range = VodRange::parse(call.request.query.pairs())?;
    // The writer leaves out what is beyond its own bound; here it is refused.
    let entries_max = call.config.limits.vod_entries_max.min(MediaPlaylist::ENTRIES_MAX);
    let mut segments: Vec<SegmentRecord> = Vec::new();
    loop {
        let after = segments.last().map(|segment| segment.name);
        let page = call
            .catalog
            .segments_between(bucket, channel, range.start, range.end, after, PAGE_SIZE)
            .await
            .map_err(|error| channel::from_catalog(error, bucket))?;
        let last = page.len() < PAGE_SIZE;
        segments.extend(page);
        if segments.len() > entries_max {
            return Err(Error::invalid_argument("Too many ts files in specified time span."));
        }
        if last {
            break;
        }
    }
    if segments.is_empty() {
        return Err(VodRange::nothing_found());
    }
    // A day of short segments takes a while to write.
    spawn_blocking(move || write(&segments))
        .await
        .map_err(|_| Error::internal())
}

/// Beside their playlist, segments need no path.
fn write(segments: &[SegmentRecord]) -> Playlist {
    let mut playlist = MediaPlaylist::with_capacity(segments.len());
    let mut uri = String::new();
    for segment in segments {
        uri.clear();
        ChannelName::write_segment_file(segment.name, &mut uri);
        let entry = Entry {
            uri,
            duration: segment.duration,
            sequence: segment.sequence,
            discontinuity_sequence: segment.discontinuity_sequence,
            discontinuity: segment.discontinuity,
            program_date_time_ms: segment.program_date_time.as_millis(),
        };
        playlist.push(&entry);
        uri = entry.uri;
    }
    let text = playlist.finish_vod();
    let etag = Md5::digest(&text).iter().map(|byte| format!("{byte:02X}")).collect();
    Playlist { text, etag }
}

/// GetVodPlaylist has an EC of its own for whatever is wrong with the channel's name.
pub(super) fn channel_fault(error: Error) -> Error {
    if error.code == ErrorCode::InvalidChannelName {
        error.with_ec("0044-00000302")
    } else {
        error
    }
}

/// Records asked of the catalog at a time, so that a long span does not hold it for long: a few milliseconds.
const PAGE_SIZE: usize = 10_000;

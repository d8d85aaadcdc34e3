use alluvium_oss::{BucketName, ChannelName, PlaylistName, UnixTime};
use rusqlite::{Connection, Row};

use super::failure::Failure;
use super::positions::PositionId;
use super::row::{all, change, limit, parsed, stored, time, unsigned};
use super::segments;
use crate::Unended;
use crate::position::{LEFT_MAX, Left};

/// Adds a playlist that waits for its ENDLIST; past the limit of a channel the oldest is forgotten.
pub(super) fn add(connection: &Connection, position: PositionId, left: &Left) -> Result<(), Failure> {
    let sql = "INSERT INTO left_playlists (position, playlist_name, epoch, closed, frag_count, window_from, last_name)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    change(
        connection,
        sql,
        (
            position,
            left.playlist_name.as_str(),
            stored(left.epoch),
            left.closed.as_millis(),
            left.frag_count,
            stored(left.window_from),
            left.last_name.as_millis(),
        ),
    )?;
    let sql = "DELETE FROM left_playlists WHERE position = ?1 AND epoch <=
                   (SELECT epoch FROM left_playlists WHERE position = ?1 ORDER BY epoch DESC LIMIT 1 OFFSET ?2)";
    change(connection, sql, (position, limit(LEFT_MAX)))?;
    Ok(())
}

/// A session writes the playlist again.
pub(super) fn take_up(connection: &Connection, position: PositionId, name: &PlaylistName) -> Result<(), Failure> {
    let sql = "DELETE FROM left_playlists WHERE position = ?1 AND playlist_name = ?2";
    change(connection, sql, (position, name.as_str()))?;
    Ok(())
}

/// Takes out a playlist that has its ENDLIST; `false`: it was not waiting.
pub(super) fn mark_ended(connection: &Connection, position: PositionId, unended: &Unended) -> Result<bool, Failure> {
    let sql = "DELETE FROM left_playlists WHERE position = ?1 AND playlist_name = ?2 AND epoch = ?3";
    let key = (position, unended.playlist_name.as_str(), stored(unended.epoch));
    Ok(change(connection, sql, key)? > 0)
}

pub(super) fn forget_bucket(connection: &Connection, bucket: &BucketName) -> Result<(), Failure> {
    let sql = "DELETE FROM left_playlists WHERE position IN (SELECT id FROM positions WHERE bucket = ?1)";
    change(connection, sql, [bucket.as_str()])?;
    Ok(())
}

/// What waits for its ENDLIST since before `closed_before`, the longest first.
pub(super) fn unended(connection: &Connection, closed_before: UnixTime, count: usize) -> Result<Vec<Unended>, Failure> {
    let sql = "SELECT left_playlists.*, bucket, channel
               FROM left_playlists JOIN positions ON positions.id = position
               WHERE left_playlists.closed < ?1 ORDER BY left_playlists.closed LIMIT ?2";
    let found = all(connection, sql, (closed_before.as_millis(), limit(count)), decode)?;
    let with_window = |(position, bucket, channel, left): (_, _, _, Left)| {
        Ok(Unended {
            window: segments::listed(connection, position, &left)?,
            ..left.unended(&bucket, &channel)
        })
    };
    found.into_iter().map(with_window).collect()
}

fn decode(row: &Row<'_>) -> Result<(PositionId, BucketName, ChannelName, Left), Failure> {
    let left = Left {
        playlist_name: parsed(row, "playlist_name", PlaylistName::parse)?,
        epoch: unsigned(row, "epoch")?,
        closed: time(row, "closed")?,
        frag_count: row.get("frag_count")?,
        window_from: unsigned(row, "window_from")?,
        last_name: time(row, "last_name")?,
    };
    Ok((
        row.get("position")?,
        parsed(row, "bucket", BucketName::parse)?,
        parsed(row, "channel", ChannelName::parse)?,
        left,
    ))
}

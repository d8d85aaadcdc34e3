use alluvium_oss::{BucketName, ChannelConfig, ChannelName, ChannelStatus, PlaylistName, UnixTime};
use rusqlite::{Connection, Row};

use super::failure::Failure;
use super::row::{all, change, first, first_name, limit, parsed, time};
use super::{buckets, positions, sessions};
use crate::{Channel, ChannelQuery, ChannelState, Error, Missing, Page};

pub(super) fn put(
    connection: &Connection,
    bucket: &BucketName,
    name: &ChannelName,
    config: &ChannelConfig,
    at: UnixTime,
) -> Result<Channel, Failure> {
    buckets::find(connection, bucket)?;
    refuse_live(connection, bucket, name)?;
    let sql = "INSERT INTO channels
                   (bucket, name, description, status, frag_duration_s, frag_count, playlist_name, modified)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (bucket, name) DO UPDATE SET
                   description = ?3, status = ?4, frag_duration_s = ?5, frag_count = ?6, playlist_name = ?7, modified = ?8";
    let ChannelConfig {
        description,
        status,
        frag_duration_s,
        frag_count,
        playlist_name,
    } = config;
    let (status, playlist_name) = (status.as_str(), playlist_name.as_str());
    let target = (bucket.as_str(), name.as_str());
    change(
        connection,
        sql,
        (
            target.0,
            target.1,
            description,
            status,
            frag_duration_s,
            frag_count,
            playlist_name,
            at.as_millis(),
        ),
    )?;
    Ok(Channel {
        bucket: bucket.clone(),
        name: name.clone(),
        config: config.clone(),
        modified: at,
    })
}

pub(super) fn set_status(
    connection: &Connection,
    bucket: &BucketName,
    name: &ChannelName,
    status: ChannelStatus,
    at: UnixTime,
) -> Result<(), Failure> {
    if find(connection, bucket, name)?.config.status != status {
        let sql = "UPDATE channels SET status = ?3, modified = ?4 WHERE bucket = ?1 AND name = ?2";
        change(
            connection,
            sql,
            (bucket.as_str(), name.as_str(), status.as_str(), at.as_millis()),
        )?;
    }
    Ok(())
}

pub(super) fn delete(connection: &Connection, bucket: &BucketName, name: &ChannelName) -> Result<(), Failure> {
    find(connection, bucket, name)?;
    refuse_live(connection, bucket, name)?;
    change(
        connection,
        "DELETE FROM channels WHERE bucket = ?1 AND name = ?2",
        (bucket.as_str(), name.as_str()),
    )?;
    if let Some((position, _)) = positions::find(connection, bucket, name)? {
        sessions::forget(connection, position)?;
    }
    Ok(())
}

pub(super) fn find(connection: &Connection, bucket: &BucketName, name: &ChannelName) -> Result<Channel, Failure> {
    let sql = "SELECT * FROM channels WHERE bucket = ?1 AND name = ?2";
    if let Some(channel) = first(connection, sql, (bucket.as_str(), name.as_str()), decode)? {
        return Ok(channel);
    }
    buckets::find(connection, bucket)?;
    Err(Failure::not_found(Missing::Channel))
}

pub(super) fn state(connection: &Connection, bucket: &BucketName, name: &ChannelName) -> Result<ChannelState, Failure> {
    let status = Some(find(connection, bucket, name)?.config.status);
    let epoch = positions::find(connection, bucket, name)?.map_or(0, |(_, position)| position.epoch);
    Ok(ChannelState { status, epoch })
}

pub(super) fn list(
    connection: &Connection,
    bucket: &BucketName,
    query: &ChannelQuery,
) -> Result<Page<Channel>, Failure> {
    buckets::find(connection, bucket)?;
    let sql = "SELECT * FROM channels WHERE bucket = ?1 AND name >= ?2 AND name <> ?3 ORDER BY name LIMIT ?4";
    let from = first_name(&query.prefix, &query.after);
    let rows = limit(query.limit.saturating_add(1));
    let mut found = all(connection, sql, (bucket.as_str(), from, &query.after, rows), decode)?;
    found.retain(|channel| channel.name.as_str().starts_with(&query.prefix));
    Ok(Page::cut(found, query.limit, |channel| channel.name.as_str()))
}

fn refuse_live(connection: &Connection, bucket: &BucketName, name: &ChannelName) -> Result<(), Failure> {
    match positions::find(connection, bucket, name)? {
        Some((_, position)) if position.is_open() => Err(Error::Live.into()),
        _ => Ok(()),
    }
}

fn decode(row: &Row<'_>) -> Result<Channel, Failure> {
    Ok(Channel {
        bucket: parsed(row, "bucket", BucketName::parse)?,
        name: parsed(row, "name", ChannelName::parse)?,
        config: ChannelConfig {
            description: row.get("description")?,
            status: parsed(row, "status", ChannelStatus::parse)?,
            frag_duration_s: row.get("frag_duration_s")?,
            frag_count: row.get("frag_count")?,
            playlist_name: parsed(row, "playlist_name", PlaylistName::parse)?,
        },
        modified: time(row, "modified")?,
    })
}

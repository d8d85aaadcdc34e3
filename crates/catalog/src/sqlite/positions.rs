use alluvium_oss::{BucketName, ChannelName, PlaylistName};
use rusqlite::{Connection, Row, named_params};

use super::failure::Failure;
use super::row::{change, first, parsed, stored, time, unsigned};
use crate::position::{Closed, LastSegment, Opened, Position, Publish};
use crate::{NodeId, SessionId};

/// The row of a position in the file.
pub(super) type PositionId = i64;

pub(super) fn find(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
) -> Result<Option<(PositionId, Position)>, Failure> {
    let sql = "SELECT * FROM positions WHERE bucket = ?1 AND channel = ?2";
    first(connection, sql, (bucket.as_str(), channel.as_str()), |row| {
        Ok((row.get("id")?, decode(row)?))
    })
}

/// The position, made when the channel has none yet.
pub(super) fn find_or_create(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
) -> Result<(PositionId, Position), Failure> {
    if let Some(found) = find(connection, bucket, channel)? {
        return Ok(found);
    }
    let sql = "INSERT INTO positions (bucket, channel, epoch, next_sequence, listable_from, publish)
               VALUES (?1, ?2, 0, 0, 0, 0)";
    change(connection, sql, (bucket.as_str(), channel.as_str()))?;
    Ok((connection.last_insert_rowid(), Position::default()))
}

/// Writes what a session's opening, closing or ending changed.
pub(super) fn save_publish(connection: &Connection, id: PositionId, position: &Position) -> Result<(), Failure> {
    let (opened, closed) = match &position.publish {
        Publish::Open(opened) => (Some(opened), None),
        Publish::Closed(closed) => (None, Some(closed)),
        Publish::Never | Publish::Ended(_) => (None, None),
    };
    let (state, session) = match &position.publish {
        Publish::Never => (NEVER, None),
        Publish::Open(opened) => (OPEN, Some(opened.session)),
        Publish::Closed(closed) => (CLOSED, Some(closed.session)),
        Publish::Ended(session) => (ENDED, Some(*session)),
    };
    let playlist_name = opened
        .map(|opened| &opened.playlist_name)
        .or(closed.map(|closed| &closed.playlist_name));
    let sql = "UPDATE positions SET epoch = :epoch, window_from = :window_from, publish = :publish,
                   session = :session, node = :node, remote_addr = :remote_addr, started = :started,
                   media_end = NULL, closed = :closed, playlist_name = :playlist_name, frag_count = :frag_count
               WHERE id = :id";
    change(
        connection,
        sql,
        named_params! {
            ":id": id,
            ":epoch": stored(position.epoch),
            ":window_from": stored(position.window_from),
            ":publish": state,
            ":session": session.map(|session| stored(session.to_bits())),
            ":node": opened.map(|opened| opened.node.as_str()),
            ":remote_addr": opened.map(|opened| opened.remote_addr.to_string()),
            ":started": opened.map(|opened| opened.started.as_millis()),
            ":closed": closed.map(|closed| closed.closed.as_millis()),
            ":playlist_name": playlist_name.map(PlaylistName::as_str),
            ":frag_count": opened.map(|opened| opened.frag_count).or(closed.map(|closed| closed.frag_count)),
        },
    )?;
    Ok(())
}

/// Writes what an append or a withdrawal changed.
pub(super) fn save_segments(connection: &Connection, id: PositionId, position: &Position) -> Result<(), Failure> {
    let media_end = match &position.publish {
        Publish::Open(opened) => opened.media_end.map(|end| end.as_millis()),
        Publish::Never | Publish::Closed(_) | Publish::Ended(_) => None,
    };
    let sql = "UPDATE positions SET next_sequence = :next_sequence, listable_from = :listable_from,
                   last_name = :last_name, last_discontinuity_sequence = :last_discontinuity_sequence,
                   last_ends = :last_ends, media_end = :media_end
               WHERE id = :id";
    change(
        connection,
        sql,
        named_params! {
            ":id": id,
            ":next_sequence": stored(position.next_sequence),
            ":listable_from": stored(position.listable_from),
            ":last_name": position.last.map(|last| last.name.as_millis()),
            ":last_discontinuity_sequence": position.last.map(|last| stored(last.discontinuity_sequence)),
            ":last_ends": position.last.map(|last| last.ends.as_millis()),
            ":media_end": media_end,
        },
    )?;
    Ok(())
}

pub(super) fn decode(row: &Row<'_>) -> Result<Position, Failure> {
    let last = match row.get::<_, Option<i64>>("last_name")? {
        None => None,
        Some(_) => Some(LastSegment {
            name: time(row, "last_name")?,
            discontinuity_sequence: unsigned(row, "last_discontinuity_sequence")?,
            ends: time(row, "last_ends")?,
        }),
    };
    Ok(Position {
        epoch: unsigned(row, "epoch")?,
        next_sequence: unsigned(row, "next_sequence")?,
        last,
        listable_from: unsigned(row, "listable_from")?,
        window_from: unsigned(row, "window_from")?,
        publish: publish(row)?,
    })
}

fn publish(row: &Row<'_>) -> Result<Publish, Failure> {
    let session = || Ok::<_, Failure>(SessionId::from_bits(unsigned(row, "session")?));
    Ok(match row.get("publish")? {
        NEVER => Publish::Never,
        OPEN => Publish::Open(Opened {
            session: session()?,
            node: NodeId::new(row.get::<_, String>("node")?),
            remote_addr: parsed(row, "remote_addr", str::parse)?,
            started: time(row, "started")?,
            playlist_name: parsed(row, "playlist_name", PlaylistName::parse)?,
            frag_count: row.get("frag_count")?,
            media_end: match row.get::<_, Option<i64>>("media_end")? {
                None => None,
                Some(_) => Some(time(row, "media_end")?),
            },
        }),
        CLOSED => Publish::Closed(Closed {
            session: session()?,
            playlist_name: parsed(row, "playlist_name", PlaylistName::parse)?,
            frag_count: row.get("frag_count")?,
            closed: time(row, "closed")?,
        }),
        ENDED => Publish::Ended(session()?),
        other => return Err(Failure::Nonsense(format!("column publish holds {other}"))),
    })
}

const NEVER: i64 = 0;
const OPEN: i64 = 1;
const CLOSED: i64 = 2;
const ENDED: i64 = 3;

use alluvium_oss::{BucketName, ChannelName, UnixTime};
use rusqlite::{Connection, Row};

use super::failure::Failure;
use super::positions::PositionId;
use super::row::{all, change, limit, parsed, stored, time, unsigned};
use super::running::Running;
use super::{channels, left, positions, segments};
use crate::position::{Claim, HISTORY_MAX, Opening, Position, Publish};
use crate::{Lease, LiveSession, NodeId, OpenSession, SegmentRecord, SessionId, SessionRecord, Unended};

/// Opens a session; also returns the one that it replaces.
pub(super) fn open(
    connection: &Connection,
    open: &OpenSession,
    running: &Running,
) -> Result<(Lease, Option<SessionId>), Failure> {
    let config = channels::find(connection, &open.bucket, &open.channel)?.config;
    let (id, mut position) = positions::find_or_create(connection, &open.bucket, &open.channel)?;
    let renewal = match &position.publish {
        Publish::Open(held) => running.renewal(held.session),
        Publish::Never | Publish::Closed(_) | Publish::Ended(_) => None,
    };
    let replaced_epoch = position.epoch;
    let Opening { replaced, left } = position.open(SessionId::random(), open, &config, renewal.as_ref())?;
    positions::save_publish(connection, id, &position)?;
    if let Some(replaced) = &replaced {
        remember(connection, id, replaced_epoch, replaced)?;
    }
    if let Some(left) = &left {
        left::add(connection, id, left)?;
    }
    let window = window(connection, id, &position)?;
    let lease = position
        .lease(&open.bucket, &open.channel, config, window)
        .expect("the session was opened above");
    left::take_up(connection, id, &lease.playlist_name)?;
    Ok((lease, replaced.map(|replaced| replaced.session)))
}

/// Closes a session.
pub(super) fn close(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
    claim: Claim,
    at: UnixTime,
) -> Result<(), Failure> {
    let (id, mut position) = positions::find(connection, bucket, channel)?.ok_or(claim.fenced())?;
    if let Some(closed) = position.close(claim, at)? {
        positions::save_publish(connection, id, &position)?;
        remember(connection, id, position.epoch, &closed)?;
    }
    Ok(())
}

pub(super) fn mark_ended(connection: &Connection, unended: &Unended) -> Result<(), Failure> {
    let found = positions::find(connection, &unended.bucket, &unended.channel)?;
    let (id, mut position) = found.ok_or(crate::Error::Fenced { epoch: unended.epoch })?;
    if left::mark_ended(connection, id, unended)? {
        return Ok(());
    }
    position.mark_ended(unended.epoch)?;
    positions::save_publish(connection, id, &position)
}

/// Removes the history of a channel.
pub(super) fn forget(connection: &Connection, position: PositionId) -> Result<(), Failure> {
    change(connection, "DELETE FROM sessions WHERE position = ?1", [position])?;
    Ok(())
}

pub(super) fn live(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
    running: &Running,
) -> Result<Option<LiveSession>, Failure> {
    channels::find(connection, bucket, channel)?;
    let Some((_, position)) = positions::find(connection, bucket, channel)? else {
        return Ok(None);
    };
    let Some(live) = position.live(None) else {
        return Ok(None);
    };
    Ok(position.live(running.renewal(live.session).as_ref()))
}

pub(super) fn recent(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
    count: usize,
) -> Result<Vec<SessionRecord>, Failure> {
    channels::find(connection, bucket, channel)?;
    let Some((id, _)) = positions::find(connection, bucket, channel)? else {
        return Ok(Vec::new());
    };
    let sql = "SELECT * FROM sessions WHERE position = ?1 ORDER BY epoch DESC LIMIT ?2";
    let mut recent = all(connection, sql, (id, limit(count)), decode)?;
    recent.reverse();
    Ok(recent)
}

pub(super) fn open_of_node(connection: &Connection, node: &NodeId) -> Result<Vec<Lease>, Failure> {
    let sql = "SELECT * FROM positions WHERE publish = 1 AND node = ?1 ORDER BY bucket, channel";
    let mut leases = Vec::new();
    for (id, bucket, channel, position) in all(connection, sql, [node.as_str()], decode_position)? {
        let config = channels::find(connection, &bucket, &channel)?.config;
        let window = window(connection, id, &position)?;
        leases.extend(position.lease(&bucket, &channel, config, window));
    }
    Ok(leases)
}

/// Every open session with its epoch.
pub(super) fn open_everywhere(connection: &Connection) -> Result<Vec<(SessionId, u64)>, Failure> {
    all(
        connection,
        "SELECT session, epoch FROM positions WHERE publish = 1",
        (),
        |row| Ok((SessionId::from_bits(unsigned(row, "session")?), unsigned(row, "epoch")?)),
    )
}

pub(super) fn unended(connection: &Connection, closed_before: UnixTime, count: usize) -> Result<Vec<Unended>, Failure> {
    let sql = "SELECT * FROM positions WHERE publish = 2 AND closed < ?1 ORDER BY closed LIMIT ?2";
    let found = all(
        connection,
        sql,
        (closed_before.as_millis(), limit(count)),
        decode_position,
    )?;
    let mut unended = left::unended(connection, closed_before, count)?;
    for (id, bucket, channel, position) in found {
        if let Some(closed) = position.unended(&bucket, &channel, closed_before) {
            let window = window(connection, id, &position)?;
            unended.push(Unended { window, ..closed });
        }
    }
    unended.sort_by_key(|unended| unended.closed);
    unended.truncate(count);
    Ok(unended)
}

/// Adds an ended session to the history of its channel.
fn remember(connection: &Connection, position: PositionId, epoch: u64, ended: &SessionRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO sessions (position, epoch, session, started, ended, remote_addr)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (started, closed) = (ended.started.as_millis(), ended.ended.as_millis());
    let session = stored(ended.session.to_bits());
    change(
        connection,
        sql,
        (
            position,
            stored(epoch),
            session,
            started,
            closed,
            ended.remote_addr.to_string(),
        ),
    )?;
    let sql = "DELETE FROM sessions WHERE position = ?1 AND epoch <=
                   (SELECT epoch FROM sessions WHERE position = ?1 ORDER BY epoch DESC LIMIT 1 OFFSET ?2)";
    change(connection, sql, (position, limit(HISTORY_MAX)))?;
    Ok(())
}

fn decode(row: &Row<'_>) -> Result<SessionRecord, Failure> {
    Ok(SessionRecord {
        session: SessionId::from_bits(unsigned(row, "session")?),
        started: time(row, "started")?,
        ended: time(row, "ended")?,
        remote_addr: parsed(row, "remote_addr", str::parse)?,
    })
}

fn decode_position(row: &Row<'_>) -> Result<(PositionId, BucketName, ChannelName, Position), Failure> {
    Ok((
        row.get("id")?,
        parsed(row, "bucket", BucketName::parse)?,
        parsed(row, "channel", ChannelName::parse)?,
        positions::decode(row)?,
    ))
}

/// What the newest session's playlist lists.
fn window(connection: &Connection, id: PositionId, position: &Position) -> Result<Vec<SegmentRecord>, Failure> {
    let count = usize::try_from(position.window_count()).unwrap_or(usize::MAX);
    segments::latest(connection, id, position, count)
}

use alluvium_oss::{BucketName, ChannelName, UnixTime};
use rusqlite::{Connection, Row};

use super::failure::Failure;
use super::positions::{self, PositionId};
use super::row::{all, change, first, limit, parsed, stored};
use crate::position::{Claim, Left, Position, Step};
use crate::{Appended, SegmentRecord, SessionId};

pub(super) fn append(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
    claim: Claim,
    segment: &SegmentRecord,
) -> Result<Appended, Failure> {
    let (id, mut position) = positions::find(connection, bucket, channel)?.ok_or(claim.fenced())?;
    let is_stored = || Ok::<_, Failure>(find(connection, id, segment.name)?.as_ref() == Some(segment));
    match position.append(claim, segment, is_stored)? {
        Step::Known(appended) => Ok(appended),
        Step::New(appended) => {
            insert(connection, id, segment)?;
            positions::save_segments(connection, id, &position)?;
            Ok(appended)
        }
    }
}

pub(super) fn withdraw(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
    name: UnixTime,
) -> Result<bool, Failure> {
    let Some((id, mut position)) = positions::find(connection, bucket, channel)? else {
        return Ok(false);
    };
    let Some(segment) = find(connection, id, name)? else {
        return Ok(false);
    };
    change(
        connection,
        "DELETE FROM segments WHERE position = ?1 AND name = ?2",
        (id, name.as_millis()),
    )?;
    position.withdraw(segment.sequence);
    positions::save_segments(connection, id, &position)?;
    Ok(true)
}

pub(super) fn between(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
    (from, to): (UnixTime, UnixTime),
    after: Option<UnixTime>,
    count: usize,
) -> Result<Vec<SegmentRecord>, Failure> {
    let Some((id, _)) = positions::find(connection, bucket, channel)? else {
        return Ok(Vec::new());
    };
    // One lower bound, so that the index is entered at the page and not at the range.
    let (first, excluded) = match after {
        Some(after) if after >= from => (after, Some(after.as_millis())),
        _ => (from, None),
    };
    all(
        connection,
        BETWEEN,
        (id, first.as_millis(), to.as_millis(), excluded, limit(count)),
        decode,
    )
}

/// The newest segments that a live playlist may list, ascending.
pub(super) fn latest(
    connection: &Connection,
    id: PositionId,
    position: &Position,
    count: usize,
) -> Result<Vec<SegmentRecord>, Failure> {
    let mut latest = all(connection, LATEST, (id, limit(count)), decode)?;
    latest.retain(|segment| segment.sequence >= position.listable_from);
    latest.reverse();
    Ok(latest)
}

/// The segments that a playlist listed last, ascending.
pub(super) fn listed(connection: &Connection, id: PositionId, left: &Left) -> Result<Vec<SegmentRecord>, Failure> {
    let mut listed = all(
        connection,
        LISTED,
        (id, left.last_name.as_millis(), left.frag_count),
        decode,
    )?;
    listed.retain(|segment| segment.sequence >= left.window_from);
    listed.reverse();
    Ok(listed)
}

pub(super) fn latest_of_channel(
    connection: &Connection,
    bucket: &BucketName,
    channel: &ChannelName,
    count: usize,
) -> Result<Vec<SegmentRecord>, Failure> {
    match positions::find(connection, bucket, channel)? {
        Some((id, position)) => latest(connection, id, &position, count),
        None => Ok(Vec::new()),
    }
}

pub(super) fn channels(connection: &Connection, bucket: &BucketName) -> Result<Vec<ChannelName>, Failure> {
    let sql = "SELECT channel FROM positions
               WHERE bucket = ?1 AND EXISTS (SELECT 1 FROM segments WHERE position = positions.id)
               ORDER BY channel";
    all(connection, sql, [bucket.as_str()], |row| {
        parsed(row, "channel", ChannelName::parse)
    })
}

/// The columns that [`decode`] reads, in its order: by their numbers, as looking up ten names for each of the segments of
/// a day takes longer than finding them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT session, sequence, discontinuity_sequence, discontinuity, name, program_date_time, duration, length, ",
            "crc64 FROM segments WHERE position = ?1 ",
            $rest
        )
    };
}

const BETWEEN: &str = select!("AND name >= ?2 AND name <= ?3 AND name IS NOT ?4 ORDER BY name LIMIT ?5");
const LATEST: &str = select!("ORDER BY name DESC LIMIT ?2");
const LISTED: &str = select!("AND name <= ?2 ORDER BY name DESC LIMIT ?3");
const NAMED: &str = select!("AND name = ?2");

fn find(connection: &Connection, id: PositionId, name: UnixTime) -> Result<Option<SegmentRecord>, Failure> {
    first(connection, NAMED, (id, name.as_millis()), decode)
}

fn insert(connection: &Connection, id: PositionId, segment: &SegmentRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO segments (position, name, session, sequence, discontinuity_sequence, discontinuity,
                   program_date_time, duration, length, crc64)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    change(
        connection,
        sql,
        (
            id,
            segment.name.as_millis(),
            stored(segment.session.to_bits()),
            stored(segment.sequence),
            stored(segment.discontinuity_sequence),
            segment.discontinuity,
            segment.program_date_time.as_millis(),
            stored(segment.duration),
            stored(segment.length),
            stored(segment.crc64),
        ),
    )?;
    Ok(())
}

fn decode(row: &Row<'_>) -> Result<SegmentRecord, Failure> {
    let unsigned = |column| Ok::<_, Failure>(row.get::<_, i64>(column)?.cast_unsigned());
    let time = |column| Ok::<_, Failure>(UnixTime::from_millis(row.get(column)?));
    Ok(SegmentRecord {
        session: SessionId::from_bits(unsigned(0)?),
        sequence: unsigned(1)?,
        discontinuity_sequence: unsigned(2)?,
        discontinuity: row.get(3)?,
        name: time(4)?,
        program_date_time: time(5)?,
        duration: unsigned(6)?,
        length: unsigned(7)?,
        crc64: unsigned(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    /// So that it does not matter how many segments there are besides those asked for.
    #[test]
    fn segments_are_found_by_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open(&folder.path().join("catalog.sqlite")).unwrap();
        for (sql, key) in [
            (BETWEEN, "PRIMARY KEY (position=? AND name>? AND name<?)"),
            (LATEST, "PRIMARY KEY (position=?)"),
            (LISTED, "PRIMARY KEY (position=? AND name<?)"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = vec![0; statement.parameter_count()];
            let steps = statement
                .query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3))
                .unwrap();
            let plan: Vec<_> = steps.map(Result::unwrap).collect();
            assert_eq!(plan, [format!("SEARCH segments USING {key}")], "{sql}");
        }
    }
}

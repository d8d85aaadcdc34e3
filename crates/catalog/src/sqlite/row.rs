use std::fmt::Display;

use alluvium_oss::UnixTime;
use rusqlite::{Connection, Params, Row};

use super::failure::Failure;

/// Every row of a query.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    decode: impl Fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(decode(row)?);
    }
    Ok(found)
}

/// The first row of a query.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    decode: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(decode).transpose()
}

/// Runs a statement that answers no rows; returns how many it changed.
pub(super) fn change(connection: &Connection, sql: &str, params: impl Params) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// Reads a text column into a type that cannot be wrong.
pub(super) fn parsed<T, E: Display>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Failure> {
    let text: String = row.get(column)?;
    parse(&text).map_err(|error| Failure::Nonsense(format!("column {column} holds {text:?}: {error}")))
}

/// Reads a column of [`stored`] bits.
pub(super) fn unsigned(row: &Row<'_>, column: &'static str) -> Result<u64, Failure> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

pub(super) fn time(row: &Row<'_>, column: &'static str) -> Result<UnixTime, Failure> {
    Ok(UnixTime::from_millis(row.get(column)?))
}

/// SQLite's integers are signed; the bits are kept.
pub(super) const fn stored(value: u64) -> i64 {
    value.cast_signed()
}

/// A number of rows as SQLite's LIMIT takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The names of a listing begin at `from` and exclude `after`; those with `prefix` come first.
pub(super) fn first_name<'a>(prefix: &'a str, after: &'a str) -> &'a str {
    prefix.max(after)
}

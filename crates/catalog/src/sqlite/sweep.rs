use rusqlite::Connection;

use super::failure::Failure;
use super::row;

/// Removes a small part of what deleted buckets left; `false` when nothing is left.
///
/// A bucket may have had millions of segments: its positions lose their bucket at once and their rows little by
/// little, between the changes of others.
pub(super) fn step(connection: &Connection) -> Result<bool, Failure> {
    let orphan = "SELECT id FROM positions WHERE bucket IS NULL LIMIT 1";
    let Some(position) = row::first(connection, orphan, (), |row| Ok(row.get::<_, i64>(0)?))? else {
        return Ok(false);
    };
    let transaction = connection.unchecked_transaction()?;
    for (table, key) in [("segments", "name"), ("sessions", "epoch")] {
        let delete = format!(
            "DELETE FROM {table} WHERE position = ?1
             AND {key} IN (SELECT {key} FROM {table} WHERE position = ?1 LIMIT ?2)"
        );
        if row::change(&transaction, &delete, (position, ROWS_MAX))? > 0 {
            transaction.commit()?;
            return Ok(true);
        }
    }
    row::change(&transaction, "DELETE FROM positions WHERE id = ?1", [position])?;
    transaction.commit()?;
    Ok(true)
}

/// Rows removed in one transaction: a few milliseconds that a change may have to wait.
const ROWS_MAX: i64 = 1_000;

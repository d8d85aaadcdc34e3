use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::failure::Failure;
use crate::Error;

/// Opens the file for writing, creating it and bringing its schema up to date.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    make_private(path).map_err(|error| Error::Unavailable {
        reason: format!("{}: {error}", path.display()),
    })?;
    let connection = connect(path).map_err(|failure| failure.at(path))?;
    let version = version(&connection, path)?;
    prepare(&connection, version).map_err(|failure| failure.at(path))?;
    Ok(connection)
}

/// Opens one more connection to a file that [`open`] has prepared.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Failure> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}

/// Makes the file, and keeps it, readable by its owner alone: it holds the secrets of access keys.
/// SQLite gives its companion files the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(OWNER_ONLY).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(OWNER_ONLY))?;
        }
    }
    #[cfg(not(unix))]
    options.open(path)?;
    if is_new && cfg!(unix) {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The file's schema version, 0 when it is empty; changes nothing.
fn version(connection: &Connection, path: &Path) -> Result<usize, Error> {
    let read = |sql| {
        connection
            .query_row(sql, (), |row| row.get::<_, i64>(0))
            .map_err(|error| Failure::from(error).at(path))
    };
    let application = read("PRAGMA application_id")?;
    let found = read("PRAGMA user_version")?;
    let tables = read("SELECT count(*) FROM sqlite_schema")?;
    let is_empty = application == 0 && found == 0 && tables == 0;
    if application != APPLICATION_ID && !is_empty {
        return Err(Error::Damaged {
            reason: format!("{} is the SQLite file of another program", path.display()),
        });
    }
    let supported = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > supported {
        return Err(Error::NewerSchema {
            path: path.to_owned(),
            found,
            supported,
        });
    }
    usize::try_from(found).map_err(|_| Error::Damaged {
        reason: format!("{} has schema version {found}", path.display()),
    })
}

fn prepare(connection: &Connection, version: usize) -> Result<(), Failure> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if mode != "wal" {
        let reason = format!("this file system allows no write-ahead log (journal mode {mode})");
        return Err(Error::Unavailable { reason }.into());
    }
    // Every commit is on the disk before it is answered, also on systems whose plain fsync does not reach it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let next = index + 1;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {migration} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {next}; COMMIT;"
        ))?;
    }
    Ok(())
}

/// One step of the schema each; step n makes version n of version n - 1. A published step never changes.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
];

/// "alvm" in ASCII.
const APPLICATION_ID: i64 = 0x616c_766d;

/// Another process may look at the file for a moment (a backup, a check).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// All statements of the catalog are fewer.
const STATEMENTS_CACHED: usize = 64;

/// A log that once grew large is cut back to this.
const LOG_BYTES_KEPT: i64 = 16 << 20;

#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

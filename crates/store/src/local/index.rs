use std::{collections::BTreeMap, ops::ControlFlow, path::Path};

use alluvium_oss::{Acl, BucketName, ObjectAcl, ObjectKey, UnixTime};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, ToSql, config::DbConfig, named_params, types::Type};

use super::{blobs::BlobId, uploads};
use crate::{Attributes, ListPage, ListQuery, ObjectInfo, list};

/// Where an object's bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<C> {
    /// In the index; of another length than the object's when it is damaged.
    Inline(C),
    /// In a blob.
    Blob(BlobId),
}

/// Opens the index for its one writer, and makes it when it is not there.
pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    plan_once(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => {
            connection.execute_batch(SCHEMA)?;
            connection.execute_batch(uploads::SCHEMA)?;
        }
        1 => connection.execute_batch(uploads::SCHEMA)?,
        VERSION => {}
        newer => {
            let text = format!("its version is {newer}; this program knows {VERSION}");
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH),
                Some(text),
            ));
        }
    }
    Ok(connection)
}

/// Opens the index, which exists, for reading.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    plan_once(&connection)?;
    connection.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    Ok(connection)
}

/// Whatever is bound to a statement, its plan stays. Without this, whether a value lets the partial index be used is asked
/// again for each one, and the statement is compiled anew whenever it is run.
fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

/// Begins a transaction that writes.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute(()).map(drop)
}

/// An object's facts, and its bytes when they are in the index.
pub(super) fn find(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
) -> rusqlite::Result<Option<(ObjectInfo, Place<Vec<u8>>)>> {
    let mut statement = connection.prepare_cached(FIND)?;
    statement
        .query_row((bucket.as_str(), key.as_str()), |row| {
            Ok((info(row)?, place(row, |bytes| bytes.unwrap_or_default())?))
        })
        .optional()
}

/// An object's facts, and how many bytes the index has of it.
pub(super) fn find_facts(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
) -> rusqlite::Result<Option<(ObjectInfo, Place<u64>)>> {
    let mut statement = connection.prepare_cached(FIND_FACTS)?;
    let length = |length: Option<i64>| length.unwrap_or_default().cast_unsigned();
    statement
        .query_row((bucket.as_str(), key.as_str()), |row| {
            Ok((info(row)?, place(row, length)?))
        })
        .optional()
}

/// One page, from one state of the index.
pub(super) fn list(connection: &Connection, bucket: &BucketName, query: &ListQuery) -> rusqlite::Result<ListPage> {
    let snapshot = connection.unchecked_transaction()?;
    let mut statement = snapshot.prepare_cached(PAGE)?;
    list::fill(query, |from, visit| {
        let mut rows = statement.query((bucket.as_str(), from))?;
        while let Some(row) = rows.next()? {
            if let ControlFlow::Break(()) = visit(info(row)?) {
                break;
            }
        }
        Ok(())
    })
}

/// What the writer must know of an object before it changes it.
pub(super) struct Current {
    pub(super) etag: String,
    pub(super) content: Option<i64>,
    pub(super) blob: Option<BlobId>,
}

pub(super) fn current(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
) -> rusqlite::Result<Option<Current>> {
    let mut statement = connection.prepare_cached(CURRENT)?;
    let current = |row: &Row<'_>| {
        Ok(Current {
            etag: row.get(0)?,
            content: row.get(1)?,
            blob: blob(row, 2)?,
        })
    };
    statement.query_row((bucket.as_str(), key.as_str()), current).optional()
}

/// Keeps the bytes of a small object, in the place of `old` ones if there are.
pub(super) fn put_content(connection: &Connection, old: Option<i64>, bytes: &[u8]) -> rusqlite::Result<i64> {
    match old {
        Some(id) => connection
            .prepare_cached("UPDATE contents SET bytes = ?2 WHERE id = ?1")?
            .execute((id, bytes))
            .map(|_| id),
        None => connection
            .prepare_cached("INSERT INTO contents (bytes) VALUES (?1)")?
            .insert([bytes]),
    }
}

pub(super) fn remove_content(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM contents WHERE id = ?1")?
        .execute([id])
        .map(drop)
}

/// Writes an object's row, replacing the one that is there.
pub(super) fn put(
    connection: &Connection,
    bucket: &BucketName,
    info: &ObjectInfo,
    place: Place<i64>,
) -> rusqlite::Result<()> {
    let (content, blob) = match place {
        Place::Inline(content) => (Some(content), None),
        Place::Blob(BlobId(blob)) => (None, Some(blob.cast_signed())),
    };
    let attributes = &info.attributes;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO objects VALUES (:bucket, :key, :length, :crc64, :etag, :modified, :content, :blob, :content_type,
         :cache_control, :content_disposition, :content_encoding, :content_language, :expires, :content_md5, :user, :acl)",
    )?;
    let row: &[(&str, &dyn ToSql)] = named_params! {
        ":bucket": bucket.as_str(),
        ":key": info.key.as_str(),
        ":length": info.length.cast_signed(),
        ":crc64": info.crc64.cast_signed(),
        ":etag": info.etag,
        ":modified": info.modified.as_millis(),
        ":content": content,
        ":blob": blob,
        ":content_type": attributes.content_type,
        ":cache_control": attributes.cache_control,
        ":content_disposition": attributes.content_disposition,
        ":content_encoding": attributes.content_encoding,
        ":content_language": attributes.content_language,
        ":expires": attributes.expires,
        ":content_md5": attributes.content_md5,
        ":user": encode(&attributes.user),
        ":acl": acl_text(attributes.acl),
    };
    statement.execute(row).map(drop)
}

pub(super) fn remove(connection: &Connection, bucket: &BucketName, key: &ObjectKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM objects WHERE bucket = ?1 AND key = ?2")?
        .execute((bucket.as_str(), key.as_str()))
        .map(drop)
}

/// Whether there was such an object.
pub(super) fn set_acl(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
    acl: ObjectAcl,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("UPDATE objects SET acl = ?3 WHERE bucket = ?1 AND key = ?2")?;
    statement
        .execute((bucket.as_str(), key.as_str(), acl_text(acl)))
        .map(|count| count == 1)
}

/// A blob is to be unlinked, unless a row names it.
pub(super) fn drop_blob(connection: &Connection, BlobId(id): BlobId) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO dropped SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM objects WHERE blob = ?1)
               AND NOT EXISTS (SELECT 1 FROM parts WHERE blob = ?1)";
    connection.prepare_cached(sql)?.execute([id.cast_signed()]).map(drop)
}

/// A blob has been unlinked.
pub(super) fn forget_blob(connection: &Connection, BlobId(id): BlobId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM dropped WHERE blob = ?1")?
        .execute([id.cast_signed()])
        .map(drop)
}

/// Some blobs that are to be unlinked, ascending, all greater than `after`.
pub(super) fn dropped(connection: &Connection, after: Option<BlobId>, limit: usize) -> rusqlite::Result<Vec<BlobId>> {
    let after = after.map_or(-1, |BlobId(id)| id.cast_signed());
    let mut statement = connection.prepare_cached("SELECT blob FROM dropped WHERE blob > ?1 ORDER BY blob LIMIT ?2")?;
    let rows = statement.query_map((after, limit as i64), |row| row.get::<_, i64>(0))?;
    rows.map(|id| id.map(|id| BlobId(id.cast_unsigned()))).collect()
}

/// Whether a row names the blob.
pub(super) fn has_blob(connection: &Connection, BlobId(id): BlobId) -> rusqlite::Result<bool> {
    connection.prepare_cached(HAS_BLOB)?.exists([id.cast_signed()])
}

/// Every blob with a lower name has a row or is listed as dropped.
pub(super) fn settled(connection: &Connection) -> rusqlite::Result<BlobId> {
    connection
        .query_row("SELECT settled FROM marks", (), |row| row.get(0))
        .map(|id: i64| BlobId(id.cast_unsigned()))
}

pub(super) fn set_settled(connection: &Connection, BlobId(id): BlobId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE marks SET settled = ?1")?
        .execute([id.cast_signed()])
        .map(drop)
}

/// The greatest name of a blob that the index knows of.
pub(super) fn greatest_blob(connection: &Connection) -> rusqlite::Result<Option<BlobId>> {
    let greatest: i64 = connection.query_row(GREATEST_BLOB, (), |row| row.get(0))?;
    Ok(u64::try_from(greatest).ok().map(BlobId))
}

/// Columns as in [`SCHEMA`].
fn info(row: &Row<'_>) -> rusqlite::Result<ObjectInfo> {
    Ok(ObjectInfo {
        key: key(row)?,
        length: row.get::<_, i64>(2)?.cast_unsigned(),
        crc64: row.get::<_, i64>(3)?.cast_unsigned(),
        etag: row.get(4)?,
        modified: UnixTime::from_millis(row.get(5)?),
        attributes: attributes(row, 8)?,
    })
}

/// The key of a row, its second column.
pub(super) fn key(row: &Row<'_>) -> rusqlite::Result<ObjectKey> {
    let key = row.get_ref(1)?.as_str()?;
    ObjectKey::parse(key).map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into()))
}

/// What travels with an object, from the columns that begin with `first`.
pub(super) fn attributes(row: &Row<'_>, first: usize) -> rusqlite::Result<Attributes> {
    let (user, acl) = (first + 7, first + 8);
    Ok(Attributes {
        content_type: row.get(first)?,
        cache_control: row.get(first + 1)?,
        content_disposition: row.get(first + 2)?,
        content_encoding: row.get(first + 3)?,
        content_language: row.get(first + 4)?,
        expires: row.get(first + 5)?,
        content_md5: row.get(first + 6)?,
        user: decode(row.get_ref(user)?.as_blob_or_null()?.unwrap_or_default())
            .ok_or(rusqlite::Error::InvalidColumnType(user, "user".into(), Type::Blob))?,
        acl: match row.get_ref(acl)?.as_str_or_null()? {
            None => ObjectAcl::Default,
            Some(text) => ObjectAcl::Own(
                Acl::parse(text)
                    .map_err(|error| rusqlite::Error::FromSqlConversionFailure(acl, Type::Text, error.into()))?,
            ),
        },
    })
}

/// The column after those of the table is what the index has of the object's bytes.
fn place<T: rusqlite::types::FromSql, C>(
    row: &Row<'_>,
    content: impl FnOnce(Option<T>) -> C,
) -> rusqlite::Result<Place<C>> {
    Ok(match blob(row, 7)? {
        Some(id) => Place::Blob(id),
        None => Place::Inline(content(row.get(17)?)),
    })
}

fn blob(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<BlobId>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|id| BlobId(id.cast_unsigned())))
}

pub(super) fn acl_text(acl: ObjectAcl) -> Option<&'static str> {
    match acl {
        ObjectAcl::Default => None,
        ObjectAcl::Own(acl) => Some(acl.as_str()),
    }
}

/// The user's attributes as one value: each name and each value, with its length in bytes (32 bits, little-endian) before it.
pub(super) fn encode(user: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    if user.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for text in user.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    Some(bytes)
}

/// `None` when the bytes are not of [`encode`]'s making.
fn decode(mut bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    fn text(bytes: &mut &[u8]) -> Option<String> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        *bytes = rest;
        String::from_utf8(text.to_vec()).ok()
    }
    let mut user = BTreeMap::new();
    while !bytes.is_empty() {
        user.insert(text(&mut bytes)?, text(&mut bytes)?);
    }
    Some(user)
}

const FIND: &str = "SELECT objects.*, contents.bytes FROM objects LEFT JOIN contents ON contents.id = content
    WHERE bucket = ?1 AND key = ?2";
const FIND_FACTS: &str =
    "SELECT objects.*, length(contents.bytes) FROM objects LEFT JOIN contents ON contents.id = content
    WHERE bucket = ?1 AND key = ?2";
const CURRENT: &str = "SELECT etag, content, blob FROM objects WHERE bucket = ?1 AND key = ?2";
const PAGE: &str = "SELECT * FROM objects WHERE bucket = ?1 AND key >= ?2 ORDER BY key";
const HAS_BLOB: &str = "SELECT 1 FROM objects WHERE blob = ?1 UNION ALL SELECT 1 FROM parts WHERE blob = ?1";
const GREATEST_BLOB: &str = "
    SELECT max(
        coalesce((SELECT max(blob) FROM objects WHERE blob IS NOT NULL), -1),
        coalesce((SELECT max(blob) FROM parts), -1),
        coalesce((SELECT max(blob) FROM dropped), -1)
    )";

/// Rows of `objects` are small and lie in the order of their keys, so a listing reads only what it shows; hence the bytes of small objects are beside them.
/// Text compares by its bytes (collation BINARY). CRC-64, lengths and names of blobs are stored as signed numbers of the same 64 bits.
const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE objects (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        length INTEGER NOT NULL,
        crc64 INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified INTEGER NOT NULL,
        content INTEGER,
        blob INTEGER,
        content_type TEXT,
        cache_control TEXT,
        content_disposition TEXT,
        content_encoding TEXT,
        content_language TEXT,
        expires TEXT,
        content_md5 TEXT,
        user BLOB,
        acl TEXT,
        PRIMARY KEY (bucket, key),
        CHECK ((content IS NULL) <> (blob IS NULL))
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX objects_by_blob ON objects (blob) WHERE blob IS NOT NULL;
    CREATE TABLE contents (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE dropped (blob INTEGER PRIMARY KEY);
    CREATE TABLE marks (settled INTEGER NOT NULL);
    INSERT INTO marks VALUES (0);
    PRAGMA user_version = 1;
    COMMIT;
";

/// Of the schema above, version 1, with that of the uploads.
const VERSION: i64 = 2;

/// SQLite's measure: negative numbers are KiB. A reader looks up single rows and short pages; the operating system caches the file.
const READER_CACHE_KIB: i64 = -512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::StatementStatus;

    proptest! {
        #[test]
        fn user_attributes_survive_their_encoding(user: BTreeMap<String, String>) {
            prop_assert_eq!(decode(&encode(&user).unwrap_or_default()), Some(user));
        }

        #[test]
        fn no_bytes_panic_as_user_attributes(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn lookups_and_pages_use_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("index.sqlite")).unwrap();
        for (sql, index) in [
            (PAGE, "PRIMARY KEY (bucket=? AND key>?)"),
            (HAS_BLOB, "objects_by_blob"),
            (GREATEST_BLOB, "objects_by_blob"),
            (uploads::PARTS, "PRIMARY KEY (upload=? AND number>?)"),
            (uploads::PAGE, "PRIMARY KEY (bucket=? AND key>?)"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = vec![""; statement.parameter_count()];
            let rows = statement
                .query_map(rusqlite::params_from_iter(parameters), |row| row.get(3))
                .unwrap();
            let plan: Vec<String> = rows.map(Result::unwrap).collect();
            assert!(
                plan.iter()
                    .any(|step| step.starts_with("SEARCH") && step.contains(index)),
                "{sql}: {plan:?}"
            );
            assert!(
                !plan.iter().any(|step| step.starts_with("SCAN objects")
                    || step.starts_with("SCAN parts")
                    || step.contains("TEMP B-TREE")),
                "{sql}: {plan:?}"
            );
        }
    }

    #[test]
    fn lookups_are_compiled_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        let (writer, reader) = (open_writer(&path).unwrap(), open_reader(&path).unwrap());
        for connection in [&writer, &reader] {
            for sql in [FIND, FIND_FACTS, CURRENT] {
                let mut statement = connection.prepare(sql).unwrap();
                for key in ["a", "b", "c"] {
                    assert!(!statement.exists(("bucket", key)).unwrap());
                }
                assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
            }
        }
    }

    #[test]
    fn refuses_an_index_of_a_later_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        open_writer(&path)
            .unwrap()
            .pragma_update(None, "user_version", VERSION + 1)
            .unwrap();
        let error = open_writer(&path).unwrap_err().to_string();
        assert!(error.contains("its version is 3"), "{error}");
    }

    #[test]
    fn an_index_of_the_first_version_is_brought_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        Connection::open(&path).unwrap().execute_batch(SCHEMA).unwrap();
        for _ in 0..2 {
            let connection = open_writer(&path).unwrap();
            assert!(!has_blob(&connection, BlobId(0)).unwrap());
            let version: i64 = connection
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .unwrap();
            assert_eq!(version, VERSION);
        }
    }
}

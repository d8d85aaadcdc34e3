use std::ops::ControlFlow;

use alluvium_oss::{BucketName, UnixTime};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params};

use super::{
    blobs::BlobId,
    index::{acl_text, attributes, encode, key},
};
use crate::{Attributes, NewUpload, PartInfo, Upload, UploadId, UploadInfo, UploadPage, UploadQuery, list};

/// A part and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredPart {
    pub(super) info: PartInfo,
    pub(super) blob: BlobId,
}

pub(super) fn begin(connection: &Connection, upload: &Upload, new: &NewUpload) -> rusqlite::Result<()> {
    let attributes = &new.attributes;
    let mut statement = connection.prepare_cached(
        "INSERT INTO uploads VALUES (:bucket, :key, :id, :begun, :content_type, :cache_control, :content_disposition,
         :content_encoding, :content_language, :expires, :content_md5, :user, :acl)",
    )?;
    let row: &[(&str, &dyn ToSql)] = named_params! {
        ":bucket": upload.bucket.as_str(),
        ":key": upload.key.as_str(),
        ":id": upload.id.as_str(),
        ":begun": new.at.as_millis(),
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

/// What will travel with the object; `None` when there is no such upload.
pub(super) fn find(connection: &Connection, upload: &Upload) -> rusqlite::Result<Option<Attributes>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM uploads WHERE bucket = ?1 AND key = ?2 AND id = ?3")?;
    statement.query_row(names(upload), |row| attributes(row, 4)).optional()
}

/// An upload whole: what will travel with the object, and all its parts, ascending by number.
pub(super) fn whole(
    connection: &Connection,
    upload: &Upload,
) -> rusqlite::Result<Option<(Attributes, Vec<StoredPart>)>> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(attributes) = find(&snapshot, upload)? else {
        return Ok(None);
    };
    Ok(Some((attributes, parts(&snapshot, upload, 0, usize::MAX)?)))
}

/// At most `limit` parts with numbers greater than `after`; `None` when there is no such upload.
pub(super) fn page(
    connection: &Connection,
    upload: &Upload,
    after: u32,
    limit: usize,
) -> rusqlite::Result<Option<Vec<StoredPart>>> {
    let snapshot = connection.unchecked_transaction()?;
    if find(&snapshot, upload)?.is_none() {
        return Ok(None);
    }
    parts(&snapshot, upload, after, limit).map(Some)
}

/// One page of uploads, from one state of the index.
pub(super) fn list(connection: &Connection, bucket: &BucketName, query: &UploadQuery) -> rusqlite::Result<UploadPage> {
    let snapshot = connection.unchecked_transaction()?;
    let mut statement = snapshot.prepare_cached(PAGE)?;
    list::fill_uploads(query, |from, visit| {
        let mut rows = statement.query((bucket.as_str(), from))?;
        while let Some(row) = rows.next()? {
            let info = UploadInfo {
                key: key(row)?,
                id: UploadId::new(row.get_ref(2)?.as_str()?),
                begun: UnixTime::from_millis(row.get(3)?),
            };
            if let ControlFlow::Break(()) = visit(info) {
                break;
            }
        }
        Ok(())
    })
}

/// Writes a part's row; returns the blob of the one that it replaces.
pub(super) fn put_part(
    connection: &Connection,
    upload: &Upload,
    part: &PartInfo,
    BlobId(blob): BlobId,
) -> rusqlite::Result<Option<BlobId>> {
    let old = blob_of(connection, upload, part.number)?;
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO parts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    statement.execute((
        upload.id.as_str(),
        part.number,
        part.length.cast_signed(),
        part.crc64.cast_signed(),
        &part.etag,
        part.modified.as_millis(),
        blob.cast_signed(),
    ))?;
    Ok(old)
}

/// The blob of a part.
pub(super) fn blob_of(connection: &Connection, upload: &Upload, number: u32) -> rusqlite::Result<Option<BlobId>> {
    let mut statement = connection.prepare_cached("SELECT blob FROM parts WHERE upload = ?1 AND number = ?2")?;
    let blob = |row: &Row<'_>| row.get::<_, i64>(0);
    let found = statement.query_row((upload.id.as_str(), number), blob).optional()?;
    Ok(found.map(|id| BlobId(id.cast_unsigned())))
}

/// Forgets an upload and its parts; returns the parts' blobs, or `None` when there is no such upload.
pub(super) fn remove(connection: &Connection, upload: &Upload) -> rusqlite::Result<Option<Vec<BlobId>>> {
    let mut statement = connection.prepare_cached("DELETE FROM uploads WHERE bucket = ?1 AND key = ?2 AND id = ?3")?;
    if statement.execute(names(upload))? == 0 {
        return Ok(None);
    }
    let blobs = parts(connection, upload, 0, usize::MAX)?
        .into_iter()
        .map(|part| part.blob);
    let blobs = blobs.collect();
    connection
        .prepare_cached("DELETE FROM parts WHERE upload = ?1")?
        .execute([upload.id.as_str()])?;
    Ok(Some(blobs))
}

fn names(upload: &Upload) -> (&str, &str, &str) {
    (upload.bucket.as_str(), upload.key.as_str(), upload.id.as_str())
}

fn parts(connection: &Connection, upload: &Upload, after: u32, limit: usize) -> rusqlite::Result<Vec<StoredPart>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let part = |row: &Row<'_>| {
        Ok(StoredPart {
            info: PartInfo {
                number: row.get(1)?,
                length: row.get::<_, i64>(2)?.cast_unsigned(),
                crc64: row.get::<_, i64>(3)?.cast_unsigned(),
                etag: row.get(4)?,
                modified: UnixTime::from_millis(row.get(5)?),
            },
            blob: BlobId(row.get::<_, i64>(6)?.cast_unsigned()),
        })
    };
    connection
        .prepare_cached(PARTS)?
        .query_map((upload.id.as_str(), after, limit), part)?
        .collect()
}

pub(super) const PARTS: &str = "SELECT * FROM parts WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
pub(super) const PAGE: &str = "SELECT * FROM uploads WHERE bucket = ?1 AND key >= ?2 ORDER BY key, id";

/// What version 2 of the index has besides version 1. Every part is a blob, however small: it is on its way into a larger one.
pub(super) const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE uploads (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        id TEXT NOT NULL UNIQUE,
        begun INTEGER NOT NULL,
        content_type TEXT,
        cache_control TEXT,
        content_disposition TEXT,
        content_encoding TEXT,
        content_language TEXT,
        expires TEXT,
        content_md5 TEXT,
        user BLOB,
        acl TEXT,
        PRIMARY KEY (bucket, key, id)
    ) WITHOUT ROWID;
    CREATE TABLE parts (
        upload TEXT NOT NULL,
        number INTEGER NOT NULL,
        length INTEGER NOT NULL,
        crc64 INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified INTEGER NOT NULL,
        blob INTEGER NOT NULL,
        PRIMARY KEY (upload, number)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX parts_by_blob ON parts (blob);
    PRAGMA user_version = 2;
    COMMIT;
";

use std::collections::BTreeSet;

use alluvium_oss::{Acl, BucketName, OwnerId, UnixTime};
use rusqlite::{Connection, Row};

use super::failure::Failure;
use super::left;
use super::row::{all, change, first, first_name, limit, parsed, time};
use crate::{Bucket, BucketDocument, BucketQuery, Error, Missing, Page};

pub(super) fn create(
    connection: &Connection,
    name: &BucketName,
    owner: &OwnerId,
    acl: Option<Acl>,
    at: UnixTime,
) -> Result<Bucket, Failure> {
    if let Some(mut bucket) = look_up(connection, name)? {
        if bucket.owner != *owner {
            return Err(Error::Exists.into());
        }
        if let Some(acl) = acl {
            set_acl(connection, name, acl)?;
            bucket.acl = acl;
        }
        return Ok(bucket);
    }
    let bucket = Bucket {
        name: name.clone(),
        owner: owner.clone(),
        acl: acl.unwrap_or_default(),
        created: at,
        documents: BTreeSet::new(),
    };
    let sql = "INSERT INTO buckets (name, owner, acl, created) VALUES (?1, ?2, ?3, ?4)";
    change(
        connection,
        sql,
        (name.as_str(), owner.as_str(), bucket.acl.as_str(), at.as_millis()),
    )?;
    Ok(bucket)
}

pub(super) fn set_acl(connection: &Connection, name: &BucketName, acl: Acl) -> Result<(), Failure> {
    match change(
        connection,
        "UPDATE buckets SET acl = ?2 WHERE name = ?1",
        (name.as_str(), acl.as_str()),
    )? {
        0 => Err(Failure::not_found(Missing::Bucket)),
        _ => Ok(()),
    }
}

pub(super) fn delete(connection: &Connection, name: &BucketName) -> Result<(), Failure> {
    find(connection, name)?;
    let channels = "SELECT 1 FROM channels WHERE bucket = ?1 LIMIT 1";
    if first(connection, channels, [name.as_str()], |_| Ok(()))?.is_some() {
        return Err(Error::NotEmpty.into());
    }
    change(connection, "DELETE FROM buckets WHERE name = ?1", [name.as_str()])?;
    change(
        connection,
        "DELETE FROM bucket_documents WHERE bucket = ?1",
        [name.as_str()],
    )?;
    left::forget_bucket(connection, name)?;
    change(
        connection,
        "UPDATE positions SET bucket = NULL, publish = 0 WHERE bucket = ?1",
        [name.as_str()],
    )?;
    Ok(())
}

pub(super) fn document(
    connection: &Connection,
    name: &BucketName,
    kind: BucketDocument,
) -> Result<Option<String>, Failure> {
    let sql = "SELECT document FROM bucket_documents WHERE bucket = ?1 AND kind = ?2";
    let document = first(connection, sql, (name.as_str(), kind.as_str()), |row| Ok(row.get(0)?))?;
    if document.is_none() {
        find(connection, name)?;
    }
    Ok(document)
}

pub(super) fn put_document(
    connection: &Connection,
    name: &BucketName,
    kind: BucketDocument,
    document: &str,
) -> Result<(), Failure> {
    find(connection, name)?;
    let sql = "INSERT OR REPLACE INTO bucket_documents (bucket, kind, document) VALUES (?1, ?2, ?3)";
    change(connection, sql, (name.as_str(), kind.as_str(), document))?;
    Ok(())
}

pub(super) fn delete_document(connection: &Connection, name: &BucketName, kind: BucketDocument) -> Result<(), Failure> {
    find(connection, name)?;
    let sql = "DELETE FROM bucket_documents WHERE bucket = ?1 AND kind = ?2";
    change(connection, sql, (name.as_str(), kind.as_str()))?;
    Ok(())
}

pub(super) fn find(connection: &Connection, name: &BucketName) -> Result<Bucket, Failure> {
    look_up(connection, name)?.ok_or(Failure::not_found(Missing::Bucket))
}

pub(super) fn list(connection: &Connection, query: &BucketQuery) -> Result<Page<Bucket>, Failure> {
    let sql = "SELECT *, (SELECT group_concat(kind) FROM bucket_documents WHERE bucket = name) AS documents
               FROM buckets WHERE name >= ?1 AND name <> ?2 AND (?3 IS NULL OR owner = ?3)
               ORDER BY name LIMIT ?4";
    let from = first_name(&query.prefix, &query.after);
    let owner = query.owner.as_ref().map(OwnerId::as_str);
    let rows = limit(query.limit.saturating_add(1));
    let mut found = all(connection, sql, (from, &query.after, owner, rows), decode)?;
    found.retain(|bucket| bucket.name.as_str().starts_with(&query.prefix));
    Ok(Page::cut(found, query.limit, |bucket| bucket.name.as_str()))
}

fn look_up(connection: &Connection, name: &BucketName) -> Result<Option<Bucket>, Failure> {
    let sql = "SELECT *, (SELECT group_concat(kind) FROM bucket_documents WHERE bucket = name) AS documents
               FROM buckets WHERE name = ?1";
    first(connection, sql, [name.as_str()], decode)
}

fn decode(row: &Row<'_>) -> Result<Bucket, Failure> {
    Ok(Bucket {
        name: parsed(row, "name", BucketName::parse)?,
        owner: OwnerId::new(row.get::<_, String>("owner")?),
        acl: parsed(row, "acl", Acl::parse)?,
        created: time(row, "created")?,
        documents: documents(row)?,
    })
}

/// Kinds that this version does not know were put by a newer one.
fn documents(row: &Row<'_>) -> Result<BTreeSet<BucketDocument>, Failure> {
    let names: Option<String> = row.get("documents")?;
    let names = names.unwrap_or_default();
    let has = |kind: &&BucketDocument| names.split(',').any(|name| name == kind.as_str());
    Ok(BucketDocument::ALL.iter().filter(has).copied().collect())
}

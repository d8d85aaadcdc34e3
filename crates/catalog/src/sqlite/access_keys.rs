use alluvium_oss::{OwnerId, Secret};
use rusqlite::{Connection, Row};

use super::failure::Failure;
use super::row::{all, change, first, time};
use crate::{AccessKey, Missing};

pub(super) fn put(connection: &Connection, key: &AccessKey) -> Result<(), Failure> {
    let sql = "INSERT INTO access_keys (id, secret, owner, enabled, created) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (id) DO UPDATE SET secret = ?2, owner = ?3, enabled = ?4, created = ?5";
    let (secret, owner) = (key.secret.expose(), key.owner.as_str());
    change(
        connection,
        sql,
        (&key.id, secret, owner, key.enabled, key.created.as_millis()),
    )?;
    Ok(())
}

pub(super) fn find(connection: &Connection, id: &str) -> Result<AccessKey, Failure> {
    first(connection, "SELECT * FROM access_keys WHERE id = ?1", [id], decode)?
        .ok_or(Failure::not_found(Missing::AccessKey))
}

pub(super) fn list(connection: &Connection) -> Result<Vec<AccessKey>, Failure> {
    all(connection, "SELECT * FROM access_keys ORDER BY id", (), decode)
}

fn decode(row: &Row<'_>) -> Result<AccessKey, Failure> {
    Ok(AccessKey {
        id: row.get("id")?,
        secret: Secret::new(row.get("secret")?),
        owner: OwnerId::new(row.get::<_, String>("owner")?),
        enabled: row.get("enabled")?,
        created: time(row, "created")?,
    })
}

use alluvium_oss::{OwnerId, Secret, SecurityToken};
use rusqlite::{Connection, Row};

use super::failure::Failure;
use super::row::{all, change, first, time};
use crate::{AccessKey, Missing};

pub(super) fn put(connection: &Connection, key: &AccessKey) -> Result<(), Failure> {
    let sql = "INSERT OR REPLACE INTO access_keys (id, secret, owner, enabled, created, token, token_expires)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (secret, owner) = (key.secret.expose(), key.owner.as_str());
    let token = key.security_token.as_ref();
    let (text, expires) = (
        token.map(|token| token.text.expose()),
        token.map(|token| token.expires.as_millis()),
    );
    let created = key.created.as_millis();
    change(
        connection,
        sql,
        (&key.id, secret, owner, key.enabled, created, text, expires),
    )?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, id: &str) -> Result<(), Failure> {
    match change(connection, "DELETE FROM access_keys WHERE id = ?1", [id])? {
        0 => Err(Failure::not_found(Missing::AccessKey)),
        _ => Ok(()),
    }
}

pub(super) fn find(connection: &Connection, id: &str) -> Result<AccessKey, Failure> {
    first(connection, "SELECT * FROM access_keys WHERE id = ?1", [id], decode)?
        .ok_or(Failure::not_found(Missing::AccessKey))
}

pub(super) fn list(connection: &Connection) -> Result<Vec<AccessKey>, Failure> {
    all(connection, "SELECT * FROM access_keys ORDER BY id", (), decode)
}

fn decode(row: &Row<'_>) -> Result<AccessKey, Failure> {
    let token: Option<String> = row.get("token")?;
    let security_token = token.map(|text| {
        Ok::<_, Failure>(SecurityToken {
            text: Secret::new(text),
            expires: time(row, "token_expires")?,
        })
    });
    Ok(AccessKey {
        id: row.get("id")?,
        secret: Secret::new(row.get("secret")?),
        owner: OwnerId::new(row.get::<_, String>("owner")?),
        security_token: security_token.transpose()?,
        enabled: row.get("enabled")?,
        created: time(row, "created")?,
    })
}

//! `alluvium key`: the access keys of a data folder, also while a server runs on it.

use std::io::Read;
use std::time::Duration;

use alluvium_catalog::{AccessKey, Catalog, Error, SqliteCatalog};
use alluvium_oss::{Clock, OwnerId, Secret, SecurityToken, UnixTime};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::access::Folder;
use super::output::{Finding, fields, print, table};
use super::when::duration;
use crate::access_key::{RootKey, new_id, new_secret};
use crate::clock::SystemClock;
use crate::serve::{CATALOG_FILE, ROOT_OWNER};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct KeyCommand {
    #[command(flatten)]
    place: Folder,
    /// Print JSON, and errors as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an access key; its secret is shown this once
    Add {
        /// Account that the key acts for: keys of one account share its buckets
        #[arg(long, value_name = "OWNER", default_value = ROOT_OWNER, value_parser = word)]
        owner: String,
        /// Identifier, instead of a new one
        #[arg(long, value_name = "ID", value_parser = word)]
        id: Option<String>,
        /// Read the secret from standard input, instead of making one: for a key that clients already have
        #[arg(long)]
        secret_stdin: bool,
        /// Make a temporary key, with a session token: seconds, or such as 90s, 30m, 12h, 7d
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        expires: Option<Duration>,
    },
    /// List all access keys, without their secrets
    List,
    /// Refuse what is signed with a key from now on; publishers that are connected stay
    Disable {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Accept a disabled key again
    Enable {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Forget a key; what its account owns stays
    Remove {
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(crate) const EXAMPLES: &str = "\
The server, if one runs on the data folder, follows at once.

Examples:
  alluvium key add --data /srv/alluvium
  alluvium key add --owner studio --expires 12h --json
  alluvium key disable AKexample";

impl KeyCommand {
    pub(crate) async fn run(&self) -> Result<()> {
        let settings = self.place.settings()?;
        let catalog = open(&settings).await?;
        match &self.action {
            Action::Add {
                owner,
                id,
                secret_stdin,
                expires,
            } => {
                let secret = match secret_stdin {
                    true => secret_from(std::io::stdin().lock())?,
                    false => new_secret(),
                };
                let id = id.clone().unwrap_or_else(new_id);
                print(&add(&catalog, id, secret, owner, *expires).await?, self.json)
            }
            Action::List => print(&list(&catalog, &settings).await?, self.json),
            Action::Disable { id } => print(&set_enabled(&catalog, id, false).await?, self.json),
            Action::Enable { id } => print(&set_enabled(&catalog, id, true).await?, self.json),
            Action::Remove { id } => print(&remove(&catalog, &settings, id).await?, self.json),
        }
    }
}

/// Opens the records of a folder that a server has been started on; a misspelt folder is not made.
async fn open(settings: &Settings) -> Result<SqliteCatalog> {
    let path = settings.data.join(CATALOG_FILE);
    if !path.is_file() {
        bail!(
            "data folder {}: no server has been started on it",
            settings.data.display()
        );
    }
    Ok(tokio::task::spawn_blocking(move || SqliteCatalog::open(&path)).await??)
}

/// Identifiers and accounts stand in headers and URLs between `:`, `,` and `/`.
fn word(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    if (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!("1 to {WORD_BYTES_MAX} letters, digits and . _ - @ are wanted"))
    }
}

/// The first line, without its end.
fn secret_from(input: impl Read) -> Result<String> {
    let mut text = String::new();
    let mut bounded = input.take(SECRET_BYTES_MAX + 1);
    bounded
        .read_to_string(&mut text)
        .context("reading the secret from standard input")?;
    let secret = text.lines().next().unwrap_or_default();
    if secret.is_empty() || text.len() as u64 > SECRET_BYTES_MAX || secret.chars().any(char::is_control) {
        bail!("standard input has no secret: a line of 1 to {SECRET_BYTES_MAX} bytes is wanted");
    }
    Ok(secret.to_owned())
}

async fn add(
    catalog: &SqliteCatalog,
    id: String,
    secret: String,
    owner: &str,
    lifetime: Option<Duration>,
) -> Result<Added> {
    match catalog.access_key(&id).await {
        Err(Error::NotFound { .. }) => {}
        Ok(_) => bail!("there is an access key {id} already"),
        Err(error) => return Err(error.into()),
    }
    let now = SystemClock.now();
    let security_token = lifetime.map(|lifetime| SecurityToken {
        text: Secret::new(new_secret()),
        expires: now.plus(lifetime),
    });
    let key = AccessKey {
        id,
        secret: Secret::new(secret),
        owner: OwnerId::new(owner),
        security_token,
        enabled: true,
        created: now,
    };
    catalog.put_access_key(key.clone()).await?;
    Ok(Added::of(&key))
}

async fn list(catalog: &SqliteCatalog, settings: &Settings) -> Result<Keys> {
    let root = RootKey::load(settings, &settings.data)?.map(|key| key.id);
    let now = SystemClock.now();
    let keys = catalog.access_keys().await?;
    let listed = keys.iter().map(|key| ListedKey::of(key, root.as_deref(), now));
    Ok(Keys(listed.collect()))
}

async fn set_enabled(catalog: &SqliteCatalog, id: &str, enabled: bool) -> Result<Done> {
    let mut key = catalog
        .access_key(id)
        .await
        .with_context(|| format!("access key {id}"))?;
    key.enabled = enabled;
    catalog.put_access_key(key).await?;
    Ok(Done::new(id, if enabled { "enabled" } else { "disabled" }))
}

async fn remove(catalog: &SqliteCatalog, settings: &Settings, id: &str) -> Result<Done> {
    let root = RootKey::load(settings, &settings.data)?;
    if root.is_some_and(|root| root.id == id) {
        bail!(
            "{id} is the root access key, which every start of the server brings back: disable it, or configure another"
        );
    }
    catalog
        .delete_access_key(id)
        .await
        .with_context(|| format!("access key {id}"))?;
    Ok(Done::new(id, "removed"))
}

/// A new key, with what is never shown again.
#[derive(Serialize)]
struct Added {
    access_key_id: String,
    access_key_secret: String,
    owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

impl Added {
    fn of(key: &AccessKey) -> Self {
        let token = key.security_token.as_ref();
        Self {
            access_key_id: key.id.clone(),
            access_key_secret: key.secret.expose().to_owned(),
            owner: key.owner.to_string(),
            security_token: token.map(|token| token.text.expose().to_owned()),
            expires: token.map(|token| token.expires.iso8601()),
        }
    }
}

impl Finding for Added {
    fn text(&self) -> String {
        let mut shown = vec![
            ("access key id", self.access_key_id.clone()),
            ("access key secret", self.access_key_secret.clone()),
        ];
        shown.extend(self.security_token.clone().map(|token| ("security token", token)));
        shown.push(("owner", self.owner.clone()));
        shown.extend(self.expires.clone().map(|expires| ("expires", expires)));
        format!("{}\n\nThe secret is shown this once.", fields(shown))
    }
}

#[derive(Serialize)]
struct Keys(Vec<ListedKey>);

#[derive(Serialize)]
struct ListedKey {
    access_key_id: String,
    owner: String,
    /// `enabled`, `disabled` or `expired`.
    status: &'static str,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Whether it is the one that the server is configured with or made at its first start.
    root: bool,
}

impl ListedKey {
    fn of(key: &AccessKey, root: Option<&str>, now: UnixTime) -> Self {
        let expires = key.security_token.as_ref().map(|token| token.expires);
        let status = match key.enabled {
            false => "disabled",
            true if expires.is_some_and(|expires| now > expires) => "expired",
            true => "enabled",
        };
        Self {
            access_key_id: key.id.clone(),
            owner: key.owner.to_string(),
            status,
            created: key.created.iso8601(),
            expires: expires.map(UnixTime::iso8601),
            root: root == Some(key.id.as_str()),
        }
    }
}

impl Finding for Keys {
    fn text(&self) -> String {
        let row = |key: &ListedKey| {
            vec![
                key.access_key_id.clone(),
                key.owner.clone(),
                key.status.to_owned(),
                key.created.clone(),
                key.expires.clone().unwrap_or_else(|| "never".to_owned()),
                if key.root { "root key" } else { "" }.to_owned(),
            ]
        };
        table(
            &["ID", "OWNER", "STATUS", "CREATED", "EXPIRES", ""],
            self.0.iter().map(row),
        )
    }
}

/// Something has been done to a key.
#[derive(Serialize)]
struct Done {
    access_key_id: String,
    done: &'static str,
}

impl Done {
    fn new(id: &str, done: &'static str) -> Self {
        Self {
            access_key_id: id.to_owned(),
            done,
        }
    }
}

impl Finding for Done {
    fn text(&self) -> String {
        format!("access key {} is {}", self.access_key_id, self.done)
    }
}

/// Longer than the identifiers of the services whose clients come here, short enough for a header.
const WORD_BYTES_MAX: usize = 128;

/// The same, for secrets.
const SECRET_BYTES_MAX: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_fit_between_the_separators_of_signatures() {
        let longest = "a".repeat(WORD_BYTES_MAX);
        for text in ["LTAI5t", "a.b_c-d@e", longest.as_str()] {
            assert_eq!(word(text).as_deref(), Ok(text));
        }
        let too_long = "a".repeat(WORD_BYTES_MAX + 1);
        for text in ["", "a b", "a:b", "a/b", "a,b", "测", too_long.as_str()] {
            assert!(word(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_the_first_line_of_the_input() {
        let longest = "s".repeat(1024);
        for (input, secret) in [
            ("abc", "abc"),
            ("abc\r\n", "abc"),
            ("abc\nrest", "abc"),
            (&longest, &longest),
        ] {
            assert_eq!(secret_from(input.as_bytes()).unwrap(), secret);
        }
        let too_long = "s".repeat(1025);
        for input in ["", "\n", "\nabc", "a\tb", too_long.as_str()] {
            assert!(secret_from(input.as_bytes()).is_err(), "{input}");
        }
    }
}

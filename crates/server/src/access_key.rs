//! The root access key: configured, or made at the first start and kept in the data folder.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use alluvium_oss::Secret;
use anyhow::{Context, Result, bail};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// In the data folder; readable by its owner only.
const FILE: &str = "access-key.toml";

/// An access key's id and secret.
pub(crate) struct RootKey {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    /// It was made just now, so a person has to be shown it.
    pub(crate) is_new: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    access_key_id: String,
    access_key_secret: String,
}

impl RootKey {
    /// The configured key; else the one kept in `data`; else a new one, kept there from now on.
    pub(crate) fn load_or_make(settings: &Settings, data: &Path) -> Result<Self> {
        match Self::load(settings, data)? {
            Some(key) => Ok(key),
            None => Self::make(&data.join(FILE)),
        }
    }

    /// The configured key; else the one kept in `data`.
    pub(crate) fn load(settings: &Settings, data: &Path) -> Result<Option<Self>> {
        match (&settings.root_access_key_id, &settings.root_access_key_secret) {
            (Some(id), Some(secret)) if !id.is_empty() && !secret.is_empty() => Ok(Some(Self {
                id: id.clone(),
                secret: Secret::new(secret.clone()),
                is_new: false,
            })),
            (None, None) => Self::kept(&data.join(FILE)),
            _ => bail!(
                "the root access key needs both its id and its secret \
                 (root_access_key_id and root_access_key_secret, or the ALLUVIUM_ROOT_ACCESS_KEY_* variables)"
            ),
        }
    }

    fn kept(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(path).with_context(|| format!("access key {}", path.display()))?;
        // The parser's own words would quote the file, and the secret with it.
        let kept: Kept = toml::from_str(&text).map_err(|_| {
            anyhow::anyhow!(
                "access key {}: not the file that was written at the first start",
                path.display()
            )
        })?;
        Ok(Some(Self {
            id: kept.access_key_id,
            secret: Secret::new(kept.access_key_secret),
            is_new: false,
        }))
    }

    fn make(path: &Path) -> Result<Self> {
        let kept = Kept {
            access_key_id: new_id(),
            access_key_secret: new_secret(),
        };
        write_private(path, &toml::to_string(&kept)?).with_context(|| format!("access key {}", path.display()))?;
        Ok(Self {
            id: kept.access_key_id,
            secret: Secret::new(kept.access_key_secret),
            is_new: true,
        })
    }
}

/// An identifier that no other key has.
pub(crate) fn new_id() -> String {
    format!("AK{}", random_text(18))
}

/// A secret, or a session token, that nobody guesses: 238 bits.
pub(crate) fn new_secret() -> String {
    random_text(40)
}

/// Writes the file whole or not at all, durable, for its owner's eyes.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn random_text(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    (0..length)
        .map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = RootKey::load_or_make(&Settings::default(), folder.path()).unwrap();
        let again = RootKey::load_or_make(&Settings::default(), folder.path()).unwrap();
        assert!(first.is_new && !again.is_new);
        assert_eq!((&first.id, first.secret.expose()), (&again.id, again.secret.expose()));
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn half_a_configured_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            root_access_key_id: Some("id".to_owned()),
            ..Settings::default()
        };
        assert!(RootKey::load_or_make(&settings, folder.path()).is_err());
    }

    #[test]
    fn a_damaged_file_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "access_key_secret = topsecret").unwrap();
        let error = format!(
            "{:#}",
            RootKey::load_or_make(&Settings::default(), folder.path())
                .err()
                .unwrap()
        );
        assert!(error.contains(FILE) && !error.contains("topsecret"), "{error}");
    }
}

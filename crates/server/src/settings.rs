//! Settings: defaults, then the file, then the environment, then the flags.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alluvium_oss::BucketName;
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use crate::cli::Options;

/// Everything that can be set, with its default.
///
/// Every field is a key of the file; `docs/configuration.md` lists them, and a test keeps the two together.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Folder for objects, records, open segments and the access key.
    pub(crate) data: PathBuf,
    /// Addresses to listen on, for RTMP and HTTP alike.
    pub(crate) listen: Vec<String>,
    /// Names under which buckets are host names: `<bucket>.<domain>`.
    pub(crate) domains: Vec<String>,
    /// Hosts that stand for one bucket each.
    pub(crate) own_domains: BTreeMap<String, String>,
    /// The region's name in answers of the API, without `oss-`.
    pub(crate) region: String,
    /// Log filter.
    pub(crate) log: String,
    pub(crate) root_access_key_id: Option<String>,
    pub(crate) root_access_key_secret: Option<String>,
    pub(crate) rtmp: Rtmp,
    pub(crate) recording: Recording,
    pub(crate) spool: Spool,
    pub(crate) http: Http,
    pub(crate) store: Store,
    pub(crate) lifecycle: Lifecycle,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Rtmp {
    pub(crate) handshake_timeout_s: u64,
    pub(crate) publish_timeout_s: u64,
    pub(crate) first_media_timeout_s: u64,
    pub(crate) silence_timeout_s: u64,
    pub(crate) message_bytes_max: u32,
    pub(crate) capture_refused_mib: Mib,
    pub(crate) connections_max: usize,
    pub(crate) connections_per_address_max: usize,
    pub(crate) health_notices: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Recording {
    pub(crate) busy_within_s: u64,
    pub(crate) reconnect_window_s: ReconnectWindow,
    pub(crate) audio_only: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Spool {
    pub(crate) quota_mib: Mib,
    pub(crate) free_min_mib: Mib,
    pub(crate) sync: bool,
}

/// Binary megabytes, so many that their bytes can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct Mib(u64);

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Http {
    pub(crate) header_timeout_s: u64,
    pub(crate) idle_timeout_s: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Store {
    pub(crate) hot_mib: Mib,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Lifecycle {
    pub(crate) interval_s: NonZeroU64,
}

/// Seconds, or `"never"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(crate) enum ReconnectWindow {
    Seconds(u64),
    Never,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: "alluvium-data".into(),
            listen: vec!["0.0.0.0:8080".to_owned(), "0.0.0.0:1935".to_owned()],
            domains: Vec::new(),
            own_domains: BTreeMap::new(),
            region: "cn-hangzhou".to_owned(),
            log: "info".to_owned(),
            root_access_key_id: None,
            root_access_key_secret: None,
            rtmp: Rtmp::default(),
            recording: Recording::default(),
            spool: Spool::default(),
            http: Http::default(),
            store: Store::default(),
            lifecycle: Lifecycle::default(),
        }
    }
}

impl Default for Rtmp {
    fn default() -> Self {
        Self {
            handshake_timeout_s: 5,
            publish_timeout_s: 10,
            first_media_timeout_s: 20,
            silence_timeout_s: 30,
            message_bytes_max: 8 * 1024 * 1024,
            capture_refused_mib: Mib(0),
            connections_max: 10_000,
            connections_per_address_max: 1_000,
            health_notices: true,
        }
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            busy_within_s: 3,
            reconnect_window_s: ReconnectWindow::Seconds(60),
            audio_only: false,
        }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            quota_mib: Mib(4096),
            free_min_mib: Mib(512),
            sync: false,
        }
    }
}

impl TryFrom<u64> for Mib {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        let max = u64::MAX >> 20;
        if count > max {
            return Err(format!("takes at most {max}"));
        }
        Ok(Self(count))
    }
}

impl Mib {
    pub(crate) fn bytes(self) -> u64 {
        self.0 << 20
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            header_timeout_s: 10,
            idle_timeout_s: 60,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { hot_mib: Mib(16) }
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            interval_s: NonZeroU64::new(24 * 60 * 60).expect("a day is not zero"),
        }
    }
}

impl TryFrom<toml::Value> for ReconnectWindow {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match &value {
            toml::Value::Integer(seconds) if *seconds >= 0 => Ok(Self::Seconds(seconds.unsigned_abs())),
            toml::Value::String(word) if word == "never" => Ok(Self::Never),
            _ => Err("takes a number of seconds, or \"never\"".to_owned()),
        }
    }
}

impl ReconnectWindow {
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds)),
            Self::Never => None,
        }
    }
}

/// The environment's variables by name; a parameter so that tests need not change the real one.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Puts the sources together; clap has already merged the environment into `options`.
    pub(crate) fn load(options: &Options, environment: Environment<'_>) -> Result<Self> {
        let mut settings = match &options.config {
            Some(path) => Self::from_file(path)?,
            None => Self::default(),
        };
        if let Some(data) = &options.data {
            settings.data.clone_from(data);
        }
        if !options.listen.is_empty() {
            settings.listen.clone_from(&options.listen);
        }
        if let Some(domains) = environment("ALLUVIUM_DOMAINS") {
            settings.domains = domains.split(',').map(|domain| domain.trim().to_owned()).collect();
            settings.domains.retain(|domain| !domain.is_empty());
        }
        if let Some(id) = environment("ALLUVIUM_ROOT_ACCESS_KEY_ID") {
            settings.root_access_key_id = Some(id);
        }
        if let Some(secret) = environment("ALLUVIUM_ROOT_ACCESS_KEY_SECRET") {
            settings.root_access_key_secret = Some(secret);
        }
        if let Some(log) = environment("ALLUVIUM_LOG") {
            settings.log = log;
        }
        Ok(settings)
    }

    fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("configuration file {}", path.display()))?;
        Self::from_toml(&text).map_err(|error| anyhow!("configuration file {}: {error:#}", path.display()))
    }

    fn from_toml(text: &str) -> Result<Self> {
        let located = |error: toml::de::Error| match error.span() {
            Some(span) => anyhow!("line {}: {}", line_of(text, span.start), error.message()),
            None => anyhow!("{}", error.message()),
        };
        let table = toml::de::DeTable::parse(text).map_err(located)?;
        refuse_unknown_keys(table.get_ref(), "", text)?;
        toml::from_str(text).map_err(located)
    }

    /// The addresses to listen on.
    pub(crate) fn addresses(&self) -> Result<Vec<SocketAddr>> {
        if self.listen.is_empty() {
            bail!("no address to listen on: `listen` is empty");
        }
        let parse = |text: &String| {
            text.trim().parse().map_err(|_| {
                anyhow!("cannot listen on {text:?}: an address and a port are wanted, as in 0.0.0.0:8080 or [::]:8080")
            })
        };
        self.listen.iter().map(parse).collect()
    }

    /// The hosts that stand for one bucket each.
    pub(crate) fn own_domains(&self) -> Result<Vec<(String, BucketName)>> {
        self.own_domains
            .iter()
            .map(|(host, bucket)| {
                let bucket = BucketName::parse(bucket)
                    .map_err(|error| anyhow!("own_domains: {host} names the bucket {bucket:?}: {error}"))?;
                Ok((host.clone(), bucket))
            })
            .collect()
    }
}

/// The keys of the file, by section; `""` is the top. `own_domains` takes any host as a key.
const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "data",
            "listen",
            "domains",
            "own_domains",
            "region",
            "log",
            "root_access_key_id",
            "root_access_key_secret",
            "rtmp",
            "recording",
            "spool",
            "http",
            "store",
            "lifecycle",
        ],
    ),
    (
        "rtmp",
        &[
            "handshake_timeout_s",
            "publish_timeout_s",
            "first_media_timeout_s",
            "silence_timeout_s",
            "message_bytes_max",
            "capture_refused_mib",
            "connections_max",
            "connections_per_address_max",
            "health_notices",
        ],
    ),
    ("recording", &["busy_within_s", "reconnect_window_s", "audio_only"]),
    ("spool", &["quota_mib", "free_min_mib", "sync"]),
    ("http", &["header_timeout_s", "idle_timeout_s"]),
    ("store", &["hot_mib"]),
    ("lifecycle", &["interval_s"]),
];

fn refuse_unknown_keys(table: &toml::de::DeTable<'_>, section: &str, text: &str) -> Result<()> {
    let Some((_, known)) = KEYS.iter().find(|(name, _)| *name == section) else {
        return Ok(());
    };
    for (key, value) in table {
        let name: &str = key.get_ref();
        if !known.contains(&name) {
            let place = if section.is_empty() {
                String::new()
            } else {
                format!(" in [{section}]")
            };
            let line = line_of(text, key.span().start);
            bail!(
                "line {line}: there is no key `{name}`{place}; the nearest is `{}`",
                nearest(name, known)
            );
        }
        if let Some(inner) = value.get_ref().as_table() {
            refuse_unknown_keys(inner, name, text)?;
        }
    }
    Ok(())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> &'a str {
    known
        .iter()
        .copied()
        .min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(Settings::from_toml(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_key() {
        refused(
            "data = \"x\"\nlisten_on = []\n",
            "line 2: there is no key `listen_on`; the nearest is `listen`",
        );
        refused(
            "[rtmp]\n\nsilence_timeout = 3\n",
            "line 3: there is no key `silence_timeout` in [rtmp]; the nearest is `silence_timeout_s`",
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_names_its_line() {
        let error = Settings::from_toml("\nlisten = 8080\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
        let error = Settings::from_toml("[recording]\nreconnect_window_s = \"later\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2") && error.contains("\"never\""), "{error}");
    }

    #[test]
    fn every_key_is_known_with_its_default() {
        let mut text = String::new();
        for (section, keys) in KEYS {
            if !section.is_empty() {
                text.push_str(&format!("[{section}]\n"));
            }
            for key in keys
                .iter()
                .filter(|key| !KEYS.iter().any(|(section, _)| section == *key))
            {
                let value = match *key {
                    "data" | "region" | "log" | "root_access_key_id" | "root_access_key_secret" => "\"x\"",
                    "listen" | "domains" => "[\"x\"]",
                    "own_domains" => "{ \"video.example\" = \"bucket\" }",
                    "audio_only" | "sync" | "health_notices" => "true",
                    _ => "7",
                };
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        let settings = Settings::from_toml(&text).unwrap();
        assert_eq!(settings.rtmp.connections_per_address_max, 7);
        assert_eq!(settings.recording.reconnect_window_s, ReconnectWindow::Seconds(7));
        assert_eq!(settings.own_domains().unwrap().len(), 1);
    }

    #[test]
    fn the_documentation_names_every_key() {
        let document = include_str!("../../../docs/configuration.md");
        for key in KEYS.iter().flat_map(|(_, keys)| keys.iter()) {
            let named = [format!("`{key}`"), format!("`[{key}]`")];
            assert!(
                named.iter().any(|name| document.contains(name)),
                "docs/configuration.md does not name `{key}`"
            );
        }
    }

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alluvium.toml");
        std::fs::write(
            &path,
            "data = \"from-file\"\nregion = \"from-file\"\ndomains = [\"file.example\"]\n",
        )
        .unwrap();
        let environment = |name: &str| (name == "ALLUVIUM_DOMAINS").then(|| "a.example, b.example".to_owned());
        let options = Options {
            config: Some(path),
            data: Some("from-flag".into()),
            listen: Vec::new(),
        };
        let settings = Settings::load(&options, &environment).unwrap();
        assert_eq!(settings.data, Path::new("from-flag"));
        assert_eq!(settings.domains, ["a.example", "b.example"]);
        assert_eq!(settings.region, "from-file");
        assert_eq!(settings.listen, Settings::default().listen);
    }

    #[test]
    fn says_which_address_cannot_be_listened_on() {
        let options = Options {
            listen: vec!["8080".to_owned()],
            ..Options::default()
        };
        let error = Settings::load(&options, &none)
            .unwrap()
            .addresses()
            .unwrap_err()
            .to_string();
        assert!(error.contains("\"8080\""), "{error}");
    }
}

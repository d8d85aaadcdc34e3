//! Which server to ask, and with which access key.

use std::path::PathBuf;

use alluvium_oss::Secret;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use crate::access_key::RootKey;
use crate::cli::Options;
use crate::client::{Buckets, Client, Credentials, Endpoint};
use crate::listener::reachable;
use crate::settings::Settings;

/// Options of every command that speaks the API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server and access key")]
pub(crate) struct Access {
    /// Where the server is [default: the first address that the configuration listens on, http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL", env = "ALLUVIUM_ENDPOINT")]
    endpoint: Option<String>,
    /// Name buckets in front of the endpoint's host instead of in the path
    #[arg(long, global = true)]
    virtual_host: bool,
    /// Region that signatures name [default: the configured one, cn-hangzhou]
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// Access key to sign with [default: the root access key of the configuration or of the data folder]
    #[arg(long, global = true, value_name = "ID", env = "ALLUVIUM_ACCESS_KEY_ID")]
    access_key_id: Option<String>,
    /// Its secret; rather use the variable, since others on this machine can see command lines
    #[arg(
        long,
        global = true,
        value_name = "SECRET",
        env = "ALLUVIUM_ACCESS_KEY_SECRET",
        hide_env_values = true,
        value_parser = secret
    )]
    access_key_secret: Option<Secret>,
    /// Its session token, if it is a temporary one
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "ALLUVIUM_SECURITY_TOKEN",
        hide_env_values = true,
        value_parser = secret
    )]
    security_token: Option<Secret>,
    #[command(flatten)]
    pub(crate) place: Folder,
    /// Print JSON, and errors as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Where the configuration and the data folder are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Folder {
    /// Configuration file of the server (TOML)
    #[arg(long, global = true, value_name = "FILE", env = "ALLUVIUM_CONFIG")]
    config: Option<PathBuf>,
    /// Data folder of the server [default: alluvium-data]
    #[arg(long, global = true, value_name = "DIR", env = "ALLUVIUM_DATA")]
    data: Option<PathBuf>,
}

impl Folder {
    /// The settings of the server whose configuration and folder these are, as it would load them.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let environment = |name: &str| std::env::var(name).ok();
        let listen = environment("ALLUVIUM_LISTEN").map(|text| text.split(',').map(str::to_owned).collect());
        let options = Options {
            config: self.config.clone(),
            data: self.data.clone(),
            listen: listen.unwrap_or_default(),
        };
        Settings::load(&options, &environment)
    }
}

impl Access {
    pub(crate) fn client(&self) -> Result<Client> {
        let settings = self.place.settings()?;
        let endpoint = self.endpoint(&settings)?;
        let credentials = self.credentials(&settings)?;
        Ok(Client::new(endpoint, credentials, self.region(&settings)))
    }

    pub(crate) fn region(&self, settings: &Settings) -> String {
        self.region.clone().unwrap_or_else(|| settings.region.clone())
    }

    pub(crate) fn endpoint(&self, settings: &Settings) -> Result<Endpoint> {
        let buckets = match self.virtual_host {
            true => Buckets::InHost,
            false => Buckets::InPath,
        };
        let text = match &self.endpoint {
            Some(text) => text.clone(),
            None => {
                let addresses = settings.addresses()?;
                let first = addresses.first().context("no endpoint is given")?;
                reachable(*first).to_string()
            }
        };
        Endpoint::parse(&text, buckets).map_err(|error| anyhow!("endpoint {error}"))
    }

    /// The given key; else the configured root key; else the one that the first start made in the data folder.
    pub(crate) fn credentials(&self, settings: &Settings) -> Result<Credentials> {
        // A variable that is set to nothing gives nothing.
        let id = self.access_key_id.as_ref().filter(|id| !id.is_empty());
        let given = |secret: &&Secret| !secret.expose().is_empty();
        let secret = self.access_key_secret.as_ref().filter(given);
        match (id, secret) {
            (Some(id), Some(secret)) => Ok(Credentials {
                access_key_id: id.clone(),
                secret: secret.clone(),
                security_token: self.security_token.as_ref().filter(given).cloned(),
            }),
            (None, None) => root_credentials(settings),
            _ => bail!("an access key needs both its id and its secret"),
        }
    }
}

fn root_credentials(settings: &Settings) -> Result<Credentials> {
    let data = &settings.data;
    let root = RootKey::load(settings, data)?.with_context(|| {
        format!(
            "no access key: give --access-key-id and ALLUVIUM_ACCESS_KEY_SECRET, or --data with the folder of a server \
             that has been started ({} has no key)",
            data.display()
        )
    })?;
    Ok(Credentials {
        access_key_id: root.id,
        secret: root.secret,
        security_token: None,
    })
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

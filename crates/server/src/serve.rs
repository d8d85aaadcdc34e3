//! The running server: rooms connected, listeners open, signals heard.

use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alluvium_api::{Api, Lifecycle, discard_leftover_uploads};
use alluvium_catalog::{AccessKey, Catalog, NodeId, SqliteCatalog};
use alluvium_ingest::{Gate, Ingest};
use alluvium_oss::{Clock, Domains, OwnerId};
use alluvium_store::{LocalStore, LocalStoreConfig, ObjectStore};
use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::access_key::RootKey;
use crate::clock::SystemClock;
use crate::descriptors;
use crate::http;
use crate::listener::{self, Door};
use crate::paths::Paths;
use crate::publishers::Running;
use crate::settings::Settings;
use crate::workers::Workers;

/// The account of the root access key.
pub(crate) const ROOT_OWNER: &str = "root";

/// The records, in the data folder.
pub(crate) const CATALOG_FILE: &str = "catalog.sqlite";

/// This node's name for its sessions, kept in the data folder.
const NODE_FILE: &str = "node";

/// Objects and records of one data folder.
pub(crate) struct Data {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) catalog: Arc<dyn Catalog>,
}

impl Data {
    /// Opens the data folder, creating what is missing. Only one process can have it open.
    pub(crate) fn open(folder: &Path, store: LocalStoreConfig) -> Result<Self> {
        // What is in it is nobody else's; a folder that is there already keeps the mode that it has.
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private
            .create(folder)
            .with_context(|| format!("data folder {}", folder.display()))?;
        let store = LocalStore::open(&folder.join("objects"), store)?;
        let catalog = SqliteCatalog::open(&folder.join(CATALOG_FILE))?;
        Ok(Self {
            store: Arc::new(store),
            catalog: Arc::new(catalog),
        })
    }
}

/// A server that listens.
pub(crate) struct Server {
    /// The addresses it was given, in the order of the settings.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) root_key: RootKey,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) clock: Arc<dyn Clock>,
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// Opens the data folder, binds every address, and begins to serve. Nothing is left behind by an error.
    pub(crate) async fn start(settings: &Settings) -> Result<Self> {
        descriptors::raise_limit();
        let addresses = settings.addresses()?;
        let own_domains = settings.own_domains()?;
        let folder = &settings.data;
        let data = {
            let (folder, config) = (folder.clone(), store_config(settings));
            tokio::task::spawn_blocking(move || Data::open(&folder, config)).await??
        };
        let root_key = RootKey::load_or_make(settings, folder)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        register(&*data.catalog, &root_key, &*clock).await?;
        let domains = Domains::new(settings.domains.iter().cloned(), own_domains);
        let workers = Workers::start()?;
        let ingest = Ingest::new(
            ingest_config(settings),
            domains.clone(),
            node_id(folder)?,
            Arc::clone(&data.store),
            Arc::clone(&data.catalog),
            Arc::clone(&clock),
        )?;
        let ingest = Arc::new(ingest.list_on(workers.listers()));
        let recovery = ingest
            .find_leftovers()
            .await
            .context("looking for what the last run has left")?;

        let listeners = addresses.into_iter().map(listener::bind).collect::<Result<Vec<_>>>()?;
        let addresses = listeners
            .iter()
            .map(listener::local_address)
            .collect::<Result<Vec<_>>>()?;
        let api = Api::with_publishers(
            api_config(settings, domains.clone())?,
            Arc::clone(&data.store),
            Arc::clone(&data.catalog),
            Arc::clone(&clock),
            Arc::new(Running(Arc::clone(&ingest))),
        );
        let ready = Arc::new(AtomicBool::new(false));
        let stop = CancellationToken::new();
        let connections = TaskTracker::new();
        let door = Door {
            ingest: Arc::clone(&ingest),
            http: Paths::new(api, domains, Arc::clone(&ready), stop.clone()),
            http_limits: http::Limits {
                header_timeout: Duration::from_secs(settings.http.header_timeout_s),
                idle_timeout: Duration::from_secs(settings.http.idle_timeout_s),
            },
            workers,
            gate: Gate::new(
                descriptors::connections_max(settings.rtmp.connections_max),
                settings.rtmp.connections_per_address_max,
            ),
            first_byte_timeout: Duration::from_secs(settings.rtmp.handshake_timeout_s),
            stop: stop.clone(),
            connections: connections.clone(),
        };
        for listener in listeners {
            connections.spawn(listener::accept(listener, door.clone()));
        }
        connections.spawn(recovery.run(stop.clone()));
        connections.spawn(ingest.end_playlists(stop.clone()));
        let lifecycle = Lifecycle::new(Arc::clone(&data.store), Arc::clone(&data.catalog), Arc::clone(&clock));
        let interval = Duration::from_secs(settings.lifecycle.interval_s.get());
        connections.spawn(lifecycle.run(interval, stop.clone()));
        ready.store(true, Ordering::Release);
        Ok(Self {
            addresses,
            root_key,
            catalog: data.catalog,
            clock,
            connections,
            stop,
        })
    }

    /// Says that every listener is bound: the line that scripts wait for.
    fn announce(&self) {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        println!(
            "alluvium ready, listening for RTMP and HTTP on {}",
            addresses.join(" and ")
        );
    }

    /// A token that is cancelled when the server stops, and a tracker of what must end before it has.
    pub(crate) fn background(&self) -> (CancellationToken, TaskTracker) {
        (self.stop.clone(), self.connections.clone())
    }

    /// Says that it is ready and serves until SIGTERM or SIGINT, then finishes and lists every open segment. A second
    /// signal ends it at once.
    pub(crate) async fn run(self) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut signals = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        self.announce();
        signals().await;
        info!("stopping: open segments are finished and listed; a second signal stops at once");
        self.stop.cancel();
        self.connections.close();
        tokio::select! {
            () = self.connections.wait() => info!("stopped"),
            () = signals() => {
                warn!("stopped at once: open segments stay in the spool");
                std::process::exit(1);
            }
        }
        Ok(())
    }
}

/// The root account's key is an access key like any other, so that the API looks all of them up in one place. One that was
/// disabled stays so.
async fn register(catalog: &dyn Catalog, key: &RootKey, clock: &dyn Clock) -> Result<()> {
    let (enabled, created) = match catalog.access_key(&key.id).await {
        Ok(known) => (known.enabled, known.created),
        Err(alluvium_catalog::Error::NotFound { .. }) => (true, clock.now()),
        Err(error) => return Err(error).context("looking for the root access key"),
    };
    if !enabled {
        warn!(id = key.id, "the root access key is disabled");
    }
    let key = AccessKey {
        id: key.id.clone(),
        secret: key.secret.clone(),
        owner: OwnerId::new(ROOT_OWNER),
        security_token: None,
        enabled,
        created,
    };
    catalog
        .put_access_key(key)
        .await
        .context("registering the root access key")
}

/// The node's name: made at the first start, the same ever after, also when the folder moves to another machine.
fn node_id(folder: &Path) -> Result<NodeId> {
    let path = folder.join(NODE_FILE);
    if let Ok(name) = fs::read_to_string(&path)
        && !name.trim().is_empty()
    {
        return Ok(NodeId::new(name.trim()));
    }
    let name = format!("{:016x}", rand::random::<u64>());
    fs::write(&path, &name).with_context(|| format!("node name {}", path.display()))?;
    Ok(NodeId::new(name.as_str()))
}

fn store_config(settings: &Settings) -> LocalStoreConfig {
    LocalStoreConfig {
        hot_bytes_max: usize::try_from(settings.store.hot_mib.bytes()).unwrap_or(usize::MAX),
        ..LocalStoreConfig::default()
    }
}

fn ingest_config(settings: &Settings) -> alluvium_ingest::Config {
    let mut config = alluvium_ingest::Config::new(settings.data.join("spool"));
    config.handshake_timeout = Duration::from_secs(settings.rtmp.handshake_timeout_s);
    config.publish_timeout = Duration::from_secs(settings.rtmp.publish_timeout_s);
    config.first_media_timeout = Duration::from_secs(settings.rtmp.first_media_timeout_s);
    config.silence_timeout = Duration::from_secs(settings.rtmp.silence_timeout_s);
    config.limits.message_bytes_max = settings.rtmp.message_bytes_max;
    config.capture_refused = settings.rtmp.capture_refused_mib.bytes();
    config.capture_folder = settings.data.join("captures");
    config.busy_within = Duration::from_secs(settings.recording.busy_within_s);
    config.reconnect_window = settings.recording.reconnect_window_s.duration();
    config.audio_only = settings.recording.audio_only;
    config.health_notices = settings.rtmp.health_notices;
    config.spool_quota = settings.spool.quota_mib.bytes();
    config.spool_free_min = settings.spool.free_min_mib.bytes();
    config.spool_sync = settings.spool.sync;
    config
}

fn api_config(settings: &Settings, domains: Domains) -> Result<alluvium_api::Config> {
    let upload_folder = settings.data.join("uploads");
    discard_leftover_uploads(&upload_folder).with_context(|| format!("upload folder {}", upload_folder.display()))?;
    Ok(alluvium_api::Config {
        domains,
        region: settings.region.clone(),
        upload_folder,
        limits: alluvium_api::Limits::default(),
    })
}

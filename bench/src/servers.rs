//! The servers that are compared, each as a process of its own.

use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, getuid, kill_process};

use crate::ground::{self, Ground};
use crate::http::{Client, Key};
use crate::machine;
use crate::playlist;
use crate::processes::Tree;
use crate::publisher::Target;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Server {
    Alluvium,
    Nginx,
    /// Keeps 2 s of each stream and writes them to a file.
    StoringFloor,
    /// Throws away what it receives.
    DiscardingFloor,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alluvium => "Alluvium",
            Self::Nginx => "nginx-rtmp",
            Self::StoringFloor => "storing floor",
            Self::DiscardingFloor => "discarding floor",
        })
    }
}

/// The programs that are compared.
pub(crate) struct Programs {
    pub(crate) alluvium: PathBuf,
    pub(crate) nginx: PathBuf,
    pub(crate) rtmp_module: PathBuf,
}

/// Where the servers and what they need are.
pub(crate) struct Lab {
    programs: Programs,
    pub(crate) ground: Ground,
    /// The data folder of which each start of Alluvium gets a copy.
    template: Option<PathBuf>,
}

impl Lab {
    pub(crate) fn new(programs: Programs, ground: Ground) -> Self {
        Self {
            programs,
            ground,
            template: None,
        }
    }

    /// Makes the bucket, a channel for each stream and an object, for each later start of Alluvium.
    pub(crate) fn prepare(&mut self, channels: usize, object: &[u8]) -> Result<()> {
        let running = self.start(Server::Alluvium)?;
        let mut client = Client::connect(running.http.context("no HTTP")?)?;
        client.put(
            &format!("/{BUCKET}/"),
            &KEY,
            Some(("x-oss-acl", "public-read-write")),
            b"",
        )?;
        for channel in 0..channels {
            client.put(&format!("/{BUCKET}/s{channel}?live"), &KEY, None, CHANNEL.as_bytes())?;
        }
        client.put(OBJECT_PATH, &KEY, None, object)?;
        self.template = Some(running.end()?.join("data"));
        Ok(())
    }

    pub(crate) fn start(&self, server: Server) -> Result<Running> {
        let folder = self.ground.folder()?;
        let out = folder.join("out");
        fs::create_dir(&out)?;
        let rtmp = free_address()?;
        let (command, http, listing, app) = match server {
            Server::Alluvium => {
                let http = free_address()?;
                let command = self.alluvium(&folder, [rtmp, http])?;
                (command, Some(http), Listing::Http, format!("{BUCKET}/live"))
            }
            Server::Nginx => {
                let rtmp = NGINX_RTMP
                    .replace("{rtmp}", &rtmp.to_string())
                    .replace("{out}", &out.display().to_string());
                let load = format!("load_module {};", self.programs.rtmp_module.display());
                let command = self.nginx(&folder, 1, &load, &rtmp)?;
                (command, None, Listing::Folder(out), "live".to_owned())
            }
            Server::StoringFloor | Server::DiscardingFloor => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["floor", "--listen", &rtmp.to_string()]);
                if server == Server::StoringFloor {
                    command.arg("--store").arg(out);
                }
                (command, None, Listing::None, "live".to_owned())
            }
        };
        Running::start(command, folder, Target { address: rtmp, app }, http, listing)
    }

    /// nginx with these files to be read by path.
    pub(crate) fn start_file_server(&self, files: &[(&str, &[u8])]) -> Result<Running> {
        let folder = self.ground.folder()?;
        let out = folder.join("out");
        for (path, bytes) in files {
            let file = out.join(path.trim_start_matches('/'));
            fs::create_dir_all(file.parent().context("a file in no folder")?)?;
            fs::write(file, bytes)?;
        }
        let address = free_address()?;
        let cores = thread::available_parallelism()?.get();
        let http = NGINX_FILES
            .replace("{http}", &address.to_string())
            .replace("{out}", &out.display().to_string());
        let command = self.nginx(&folder, cores, "", &http)?;
        let target = Target {
            address,
            app: String::new(),
        };
        Running::start(command, folder, target, Some(address), Listing::None)
    }

    fn alluvium(&self, folder: &Path, listen: [SocketAddr; 2]) -> Result<Command> {
        let data = folder.join("data");
        if let Some(template) = &self.template {
            copy(template, &data)?;
        }
        let config = folder.join("alluvium.toml");
        let text = ALLUVIUM.replace("{connections}", &CONNECTIONS_MAX.to_string());
        fs::write(&config, text)?;
        let mut command = Command::new(&self.programs.alluvium);
        // Whoever runs this may have servers of his own.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"ALLUVIUM_") {
                command.env_remove(name);
            }
        }
        command
            .args([
                "serve",
                "--listen",
                &listen[0].to_string(),
                "--listen",
                &listen[1].to_string(),
            ])
            .arg("--config")
            .arg(config)
            .arg("--data")
            .arg(data)
            .env("ALLUVIUM_ROOT_ACCESS_KEY_ID", KEY.id)
            .env("ALLUVIUM_ROOT_ACCESS_KEY_SECRET", KEY.secret);
        Ok(command)
    }

    fn nginx(&self, folder: &Path, workers: usize, load: &str, servers: &str) -> Result<Command> {
        let user = if getuid().is_root() { "user root;" } else { "" };
        let text = NGINX
            .replace("{user}", user)
            .replace("{workers}", &workers.to_string())
            .replace("{load}", load)
            .replace("{folder}", &folder.display().to_string())
            .replace("{connections}", &CONNECTIONS_MAX.to_string())
            .replace("{files}", &OPEN_FILES_MIN.to_string())
            .replace("{servers}", servers);
        let config = folder.join("nginx.conf");
        fs::write(&config, text)?;
        let mut command = Command::new(&self.programs.nginx);
        command
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(config)
            .arg("-e")
            .arg(folder.join("error.log"));
        Ok(command)
    }

    /// What is measured, in words.
    pub(crate) fn versions(&self) -> Result<String> {
        let alluvium = machine::first_line(&self.programs.alluvium, "--version")?;
        let nginx = machine::first_line(&self.programs.nginx, "-v")?;
        let nginx = nginx.rsplit(' ').next().unwrap_or_default().to_owned();
        let version = self.programs.rtmp_module.with_extension("version");
        let module = fs::read_to_string(version).unwrap_or_else(|_| "of unknown version".to_owned());
        let commit = machine::commit()
            .map(|commit| format!(" ({commit})"))
            .unwrap_or_default();
        Ok(format!(
            "{alluvium}{commit}; {nginx} with the RTMP module {}",
            module.trim()
        ))
    }
}

/// How it is found out what a server has listed.
enum Listing {
    None,
    Http,
    Folder(PathBuf),
}

pub(crate) struct Running {
    child: Child,
    pub(crate) tree: Tree,
    pub(crate) target: Target,
    pub(crate) http: Option<SocketAddr>,
    folder: PathBuf,
    listing: Listing,
}

impl Running {
    fn start(
        mut command: Command,
        folder: PathBuf,
        target: Target,
        http: Option<SocketAddr>,
        listing: Listing,
    ) -> Result<Self> {
        let log = File::create(folder.join("log"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let tree = Tree::new(child.id());
        let mut running = Self {
            child,
            tree,
            target,
            http,
            folder,
            listing,
        };
        running.await_listening()?;
        Ok(running)
    }

    fn await_listening(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        for address in [Some(self.target.address), self.http].into_iter().flatten() {
            while TcpStream::connect(address).is_err() {
                if let Some(status) = self.child.try_wait()? {
                    bail!("the server ended with {status}: {}", self.log());
                }
                ensure!(Instant::now() < deadline, "the server does not listen: {}", self.log());
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// What asks it for playlists; `None` of a server that lists nothing.
    pub(crate) fn lists(&self) -> Result<Option<Lists>> {
        Ok(match &self.listing {
            Listing::None => None,
            Listing::Http => Some(Lists::Http(self.http.context("no HTTP")?, None)),
            Listing::Folder(folder) => Some(Lists::Folder(folder.clone())),
        })
    }

    /// Ends it, and gives back the room of what it has written.
    pub(crate) fn stop(self) -> Result<()> {
        Ok(ground::empty(&self.end()?)?)
    }

    /// Ends it; gives the folder that it has written to.
    fn end(mut self) -> Result<PathBuf> {
        let pid = Pid::from_raw(self.child.id() as i32).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + STOP;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "the server does not stop: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
        Ok(std::mem::take(&mut self.folder))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill; nginx's workers end with their master.
        if let Ok(None) = self.child.try_wait() {
            if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
                let _ = kill_process(pid, Signal::TERM);
            }
            let _ = self.child.wait();
        }
    }
}

/// Where playlists are read.
pub(crate) enum Lists {
    /// Over one connection, which is opened with the first request: a server waits for that only so long.
    Http(SocketAddr, Option<Client>),
    Folder(PathBuf),
}

impl Lists {
    /// How many segments of a publisher have been listed.
    pub(crate) fn listed(&mut self, publisher: usize) -> Result<u64> {
        let text = match self {
            Self::Http(address, client) => {
                let client = match client {
                    Some(client) => client,
                    None => client.insert(Client::connect(*address)?),
                };
                client.get(&playlist_path(publisher))?
            }
            Self::Folder(folder) => fs::read(folder.join(format!("s{publisher}.m3u8"))).ok(),
        };
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok(text.and_then(|text| playlist::listed(&text)).unwrap_or(0))
    }
}

pub(crate) fn playlist_path(publisher: usize) -> String {
    format!("/{BUCKET}/s{publisher}/playlist.m3u8")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// More than any load opens.
const CONNECTIONS_MAX: usize = 2000;
/// A server has a connection and a file for each publisher, and Alluvium some files in reserve.
pub(crate) const OPEN_FILES_MIN: usize = 3 * CONNECTIONS_MAX;
const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(30);

const BUCKET: &str = "bench";
pub(crate) const OBJECT_PATH: &str = "/bench/object.ts";
const KEY: Key = Key {
    id: "bench",
    secret: "only-on-this-machine",
};
const CHANNEL: &str = "<LiveChannelConfiguration><Target><Type>HLS</Type><FragDuration>2</FragDuration>\
                       <FragCount>3</FragCount></Target></LiveChannelConfiguration>";

/// Everything else is as it comes: what is stored is durable before it is listed.
const ALLUVIUM: &str = "log = \"warn\"\n[rtmp]\nconnections_per_address_max = {connections}\n";

const NGINX: &str = "{load}
{user}
daemon off;
worker_processes {workers};
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events { worker_connections {connections}; }
{servers}
";

/// One worker: the module serves all connections of a stream in one.
const NGINX_RTMP: &str = "rtmp {
    access_log off;
    server {
        listen {rtmp};
        chunk_size 4096;
        application live {
            live on;
            hls on;
            hls_path {out};
            hls_fragment 2s;
            hls_playlist_length 6s;
            hls_cleanup off;
        }
    }
}";

const NGINX_FILES: &str = "http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    types { application/vnd.apple.mpegurl m3u8; video/mp2t ts; }
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    server {
        listen {http};
        root {out};
    }
}";

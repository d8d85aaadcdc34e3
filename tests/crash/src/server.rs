//! The server under test: a process that is started, killed and stopped, and its commands.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use rand::RngExt;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::ledger::End;
use crate::status::{State, Status};

/// Nothing that the server does on a busy machine takes this long; reaching it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    pub(crate) memory_kib: u64,
    pub(crate) descriptors: usize,
}

impl Footprint {
    /// The greater of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.memory_kib as f64 / 1024.0;
        write!(f, "{mib:.1} MiB, {}", self.descriptors)
    }
}

pub(crate) struct Server {
    binary: PathBuf,
    data: PathBuf,
    logs: PathBuf,
    /// Where it listens: in the order of its flags.
    addresses: [SocketAddr; 2],
    child: Option<Child>,
    status: Arc<Status>,
}

impl Server {
    /// A server that is not running yet, with its data below `folder`.
    pub(crate) fn new(binary: &Path, folder: &Path, status: Arc<Status>, random: &mut impl Rng) -> Result<Self> {
        ensure!(
            binary.is_file(),
            "{} is no file: build the server first",
            binary.display()
        );
        let (data, logs) = (folder.join("data"), folder.join("log"));
        ensure!(!data.exists(), "{} exists: give an empty folder", data.display());
        fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        Ok(Self {
            binary: binary.canonicalize()?,
            data,
            logs,
            addresses: [free_address(random)?, free_address(random)?],
            child: None,
            status,
        })
    }

    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        self.addresses
    }

    /// The newest start's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.logs.join(format!("server-{}.log", self.status.phase().start))
    }

    /// Starts the process; it may well be killed before it is ready.
    pub(crate) fn spawn(&mut self) -> Result<()> {
        let start = self.status.started();
        let log = File::create(self.log())?;
        let mut child = self
            .command()
            .args(["serve", "--listen", &self.addresses[0].to_string()])
            .args(["--listen", &self.addresses[1].to_string()])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let status = Arc::clone(&self.status);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with("alluvium ready") {
                    status.ready(start);
                }
            }
        });
        self.child = Some(child);
        Ok(())
    }

    /// Waits until the server says that it is ready.
    pub(crate) async fn await_ready(&mut self) -> Result<()> {
        let log = self.log();
        let child = self.child.as_mut().context("the server was not started")?;
        let mut phases = self.status.watch();
        let ready = phases.wait_for(|phase| phase.state == State::Ready);
        tokio::select! {
            ready = timeout(DEADLINE, ready) => match ready {
                Ok(_) => Ok(()),
                Err(_) => bail!("the server is not ready after {DEADLINE:?}: {}", log.display()),
            },
            status = child.wait() => bail!("the server ended by itself ({}): {}", status?, log.display()),
        }
    }

    /// Kills the server by SIGKILL and sees it dead.
    pub(crate) async fn kill(&mut self, kill: u32) -> Result<()> {
        let mut child = self.running()?;
        self.status.gone(|at| End::Killed { kill, at });
        child.start_kill()?;
        child.wait().await?;
        Ok(())
    }

    /// Asks the server to stop, and kills it before it has had its time. What comes after the question need not be kept.
    pub(crate) async fn kill_while_stopping(&mut self, kill: u32, patience: Duration) -> Result<()> {
        let mut child = self.running()?;
        self.status.gone(|at| End::Killed { kill, at });
        terminate(&child)?;
        sleep(patience).await;
        child.start_kill()?;
        child.wait().await?;
        Ok(())
    }

    /// Ends the server by SIGTERM, which it has to obey with exit status 0.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let mut child = self.running()?;
        self.status.gone(|at| End::Stopped { at });
        terminate(&child)?;
        match timeout(DEADLINE, child.wait()).await {
            Ok(status) => {
                let status = status?;
                ensure!(
                    status.success(),
                    "the server stopped with {status}: {}",
                    self.log().display()
                );
                Ok(())
            }
            Err(_) => {
                child.start_kill()?;
                bail!("the server does not stop within {DEADLINE:?}: {}", self.log().display())
            }
        }
    }

    /// Runs one of the server's own commands against it; gives what it prints.
    pub(crate) async fn run(&self, words: &[&str]) -> Result<Vec<u8>> {
        let output = self.command().args(words).output().await?;
        ensure!(
            output.status.success(),
            "alluvium {} ended with {}: {}{}",
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        // Whoever runs this may have servers of his own.
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"ALLUVIUM_") {
                command.env_remove(name);
            }
        }
        command
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .env("ALLUVIUM_DATA", &self.data)
            .env("ALLUVIUM_ENDPOINT", format!("http://{}", self.addresses[0]))
            .env("ALLUVIUM_ROOT_ACCESS_KEY_ID", "crash")
            .env("ALLUVIUM_ROOT_ACCESS_KEY_SECRET", "only-on-this-machine");
        command
    }

    /// What the running server holds.
    pub(crate) fn footprint(&self) -> Result<Footprint> {
        let id = self
            .child
            .as_ref()
            .and_then(Child::id)
            .context("the server is not running")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        Ok(Footprint {
            memory_kib: memory.context("no VmRSS")?,
            descriptors: fs::read_dir(format!("/proc/{id}/fd"))?.count(),
        })
    }

    fn running(&mut self) -> Result<Child> {
        let mut child = self.child.take().context("the server was not started")?;
        match child.try_wait()? {
            Some(status) => bail!("the server ended by itself ({status}): {}", self.log().display()),
            None => Ok(child),
        }
    }
}

fn terminate(child: &Child) -> Result<()> {
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    kill_process(pid.context("no process")?, Signal::TERM).context("sending SIGTERM")
}

/// Lets this process, and the server that it starts, open as many descriptors as the system allows; at least `wanted`.
pub(crate) fn allow_descriptors(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).context("raising the limit of open files")?;
    match current {
        Some(current) if current < wanted => bail!("{wanted} open files are needed, the system allows {current}"),
        _ => Ok(()),
    }
}

/// A free port that the system gives to nobody: while the server is down, a connection to one of the ports it gives away
/// could meet itself.
fn free_address(random: &mut impl Rng) -> Result<SocketAddr> {
    let given_away = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = given_away
        .split_whitespace()
        .filter_map(|bound| bound.parse::<u16>().ok());
    let given_away = bounds.next().unwrap_or(32_768)..=bounds.next().unwrap_or(60_999);
    for _ in 0..PORTS_TRIED {
        let port = random.random_range(10_000..=u16::MAX);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if !given_away.contains(&port) && is_free(address)? {
            return Ok(address);
        }
    }
    bail!("no free port outside {given_away:?}")
}

fn is_free(address: SocketAddr) -> io::Result<bool> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(false),
        Err(error) => Err(error),
    }
}

const PORTS_TRIED: u32 = 1_000;

//! The real server, asked over HTTP.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use alluvium_oss::sign::{Request, v1};
use alluvium_oss::{Secret, UnixTime, percent};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::fill;

/// A server; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// From its start until it said that it is ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    pub(crate) fn start(program: &Path, data: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = data.with_file_name("server.log");
        let began = Instant::now();
        let mut child = Command::new(program)
            .args(["serve", "--listen", &address, "--data"])
            .arg(data)
            .env("ALLUVIUM_ROOT_ACCESS_KEY_ID", ID)
            .env("ALLUVIUM_ROOT_ACCESS_KEY_SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let mut server = Self {
            child,
            address,
            ready_after: Duration::ZERO,
        };
        for line in lines {
            if line?.starts_with("alluvium ready") {
                server.ready_after = began.elapsed();
                return Ok(server);
            }
        }
        bail!("the server did not start: see {}", log.display())
    }

    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        ensure!(self.child.wait()?.success(), "the server did not stop well");
        Ok(())
    }

    /// Resident, MiB.
    pub(crate) fn memory_mib(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(kib.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1_024.0)
    }

    /// How long it takes to get or to post the playlist of a span that holds a day's segments.
    pub(crate) fn vod(
        &self,
        (bucket, channel): (&str, &str),
        from: UnixTime,
        to: UnixTime,
        post: bool,
    ) -> Result<Duration> {
        let (method, key) = if post {
            ("POST", format!("{channel}/vod.m3u8"))
        } else {
            ("GET", channel.to_owned())
        };
        let mut query = vec![
            ("vod".to_owned(), String::new()),
            ("startTime".to_owned(), from.as_secs().to_string()),
            ("endTime".to_owned(), to.as_secs().to_string()),
        ];
        let request = Request {
            method,
            bucket: Some(bucket),
            key: &key,
            query: &query,
            headers: &[],
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let expires = UnixTime::from_secs(now.as_secs() as i64 + 600);
        query.extend(v1::presign(
            &request,
            ID,
            &Secret::new(SECRET.to_owned()),
            expires,
            None,
        ));
        let query = percent::encode_query(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let address = &self.address;
        let head = format!(
            "{method} /{bucket}/{key}?{query} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let began = Instant::now();
        let mut socket = TcpStream::connect(address)?;
        socket.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        let time = began.elapsed();
        let answer = String::from_utf8_lossy(&answer);
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let listed = answer.matches("#EXTINF").count() as i64;
        ensure!(
            post || listed == fill::SEGMENTS_OF_A_DAY,
            "{listed} segments are listed"
        );
        Ok(time)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ID: &str = "scale";
const SECRET: &str = "scale-secret-scale-secret-scale";

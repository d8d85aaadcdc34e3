//! One server under one load.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::compare::Crowd;
use crate::http::Client;
use crate::listing;
use crate::load::{self, Plan, Report};
use crate::media::{GOP, Media};
use crate::processes::Others;
use crate::publisher::Publisher;
use crate::servers::{Lab, Lists, OBJECT_PATH, Running, Server, playlist_path};
use crate::timeline::Timeline;
use crate::viewers::{self, Served};

/// How long things are measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From the first frame until CPU counts.
    pub(crate) warm_up: Duration,
    /// While it counts: whole GOPs, so that each stream ends as many segments in it.
    pub(crate) window: Duration,
    /// While it is watched how soon segments are listed, which costs the server something, after the window.
    pub(crate) watch: Duration,
    pub(crate) unpaced: Duration,
    pub(crate) playback: Duration,
    pub(crate) idle: Duration,
}

pub(crate) struct Bench {
    pub(crate) lab: Lab,
    pub(crate) timelines: HashMap<Media, Timeline>,
    /// What `OBJECT_PATH` holds.
    pub(crate) object: Vec<u8>,
    pub(crate) times: Times,
}

/// What is not as it should be with a measurement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    /// The load could not keep to its times.
    Late(Duration),
    /// The machine had other work, cores.
    Busy(f64),
    /// The server has not done what is measured.
    Fault(String),
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(late) => write!(f, "the load was late, p99 {} ms", late.as_millis()),
            Self::Busy(cores) => write!(f, "the machine had other work, {cores:.2} cores"),
            Self::Fault(fault) => f.write_str(fault),
        }
    }
}

#[derive(Default)]
pub(crate) struct Paced {
    /// User and system time, ms for each second of each stream.
    pub(crate) cpu_ms: f64,
    /// Greatest in the window, above idle, for each publisher.
    pub(crate) memory_kib: f64,
    pub(crate) listed_after: Vec<Duration>,
    pub(crate) marks: Vec<Mark>,
}

/// In a line, for who waits for the table.
impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu_ms,
            memory_kib,
            listed_after,
            marks,
        } = self;
        write!(
            f,
            "{cpu_ms:.3} ms/s and {memory_kib:.0} KiB a stream, {} segments timed {marks:?}",
            listed_after.len()
        )
    }
}

#[derive(Debug, Default)]
pub(crate) struct Unpaced {
    pub(crate) mb_per_s: f64,
    pub(crate) memory_mib: f64,
    pub(crate) marks: Vec<Mark>,
}

#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) requests_per_s: f64,
    pub(crate) mb_per_s: f64,
    pub(crate) cpu_us_per_request: f64,
    pub(crate) marks: Vec<Mark>,
}

/// An object of some hundred KB, and a live playlist.
#[derive(Debug)]
pub(crate) struct Playback {
    pub(crate) object: Played,
    pub(crate) playlist: Played,
}

#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) memory_mib: f64,
    pub(crate) wake_ups_per_s: f64,
}

impl Bench {
    /// `is_watched`: how soon segments are listed is found out, too.
    pub(crate) fn paced(&self, server: Server, crowd: Crowd, is_watched: bool) -> Result<Paced> {
        let Crowd { media, count } = crowd;
        let Times {
            warm_up, window, watch, ..
        } = self.times;
        let timeline = &self.timelines[&media];
        let mut running = self.lab.start(server)?;
        thread::sleep(SETTLING);
        let idle_kib = running.tree.pss_kib()?;
        let publishers = Publisher::connect_all(&running.target, count, timeline.chunk_bytes())?;

        let start = Instant::now() + Duration::from_millis(20);
        let lists = if is_watched { running.lists()? } else { None };
        let watch = if lists.is_some() { watch } else { Duration::ZERO };
        let (sender, receiver) = mpsc::channel();
        let (stop, watching) = (AtomicBool::new(false), AtomicBool::new(false));
        let plan = Plan {
            timeline,
            start,
            spread: GOP,
            duration: warm_up + window + watch + TAIL,
            stop: &stop,
            closed: sender,
            watched: &watching,
            watch_every: WATCHED_ONE_IN,
        };
        let mut paced = Paced::default();
        let report = thread::scope(|scope| -> Result<Report> {
            let load = scope.spawn(move || load::pace(publishers, &plan));
            let delays = lists.map(|lists| scope.spawn(move || listing::watch(lists, &receiver)));
            sleep_until(start + warm_up);
            let (cpu_ns, others, began) = (running.tree.cpu_ns(), Others::watch(), Instant::now());
            let mut memory_kib = 0;
            while began.elapsed() + SAMPLING < window {
                thread::sleep(SAMPLING);
                memory_kib = running.tree.pss_kib()?.max(memory_kib);
                running.tree.cpu_ns();
            }
            sleep_until(began + window);
            let (used_ns, elapsed) = (running.tree.cpu_ns() - cpu_ns, began.elapsed().as_secs_f64());
            paced.marks.extend(busy(&others));
            paced.cpu_ms = used_ns as f64 / 1e6 / elapsed / count as f64;
            paced.memory_kib = memory_kib.saturating_sub(idle_kib) as f64 / count as f64;
            watching.store(true, Ordering::Relaxed);
            let report = load.join().expect("the load does not panic")?;
            if let Some(delays) = delays {
                paced.listed_after = delays.join().expect("the watch does not panic")?;
            }
            Ok(report)
        })?;
        paced.marks.extend(marks_of(&report));
        if let Some(mut lists) = running.lists()? {
            paced.marks.extend(unlisted(&mut lists, &report.segments)?);
        }
        running.stop()?;
        Ok(paced)
    }

    pub(crate) fn unpaced(&self, server: Server, media: Media) -> Result<Unpaced> {
        let timeline = &self.timelines[&media];
        let running = self.lab.start(server)?;
        let publisher = Publisher::connect(&running.target, 0, timeline.chunk_bytes())?;
        let others = Others::watch();
        let (sent, memory_kib) = thread::scope(|scope| {
            let load = scope.spawn(|| load::unpaced(publisher, timeline, self.times.unpaced));
            let mut memory_kib = 0;
            while !load.is_finished() {
                memory_kib = running.tree.pss_kib()?.max(memory_kib);
                thread::sleep(SAMPLING / 10);
            }
            anyhow::Ok((load.join().expect("the load does not panic")?, memory_kib))
        })?;
        let mut marks = Vec::from_iter(busy(&others));
        let elapsed = sent.elapsed.as_secs_f64();
        if let Some(mut lists) = running.lists()? {
            marks.extend(unlisted(&mut lists, &[sent.segments])?);
        }
        running.stop()?;
        Ok(Unpaced {
            mb_per_s: sent.bytes as f64 / 1e6 / elapsed,
            memory_mib: memory_kib as f64 / 1024.0,
            marks,
        })
    }

    /// What Alluvium serves while a publisher is live, and the playlist as it was then.
    pub(crate) fn playback(&self) -> Result<(Playback, Vec<u8>)> {
        let timeline = &self.timelines[&Media::B];
        let mut running = self.lab.start(Server::Alluvium)?;
        let publishers = Publisher::connect_all(&running.target, 1, timeline.chunk_bytes())?;
        let stop = AtomicBool::new(false);
        let plan = Plan {
            timeline,
            start: Instant::now(),
            spread: GOP,
            duration: PUBLISH_MAX,
            stop: &stop,
            closed: mpsc::channel().0,
            watched: &AtomicBool::new(false),
            watch_every: 1,
        };
        let found = thread::scope(|scope| {
            let plan = &plan;
            let load = scope.spawn(move || load::pace(publishers, plan));
            let found = self.play_live(&mut running);
            stop.store(true, Ordering::Relaxed);
            load.join().expect("the load does not panic")?;
            found
        })?;
        running.stop()?;
        Ok(found)
    }

    fn play_live(&self, running: &mut Running) -> Result<(Playback, Vec<u8>)> {
        let object = self.play(running, OBJECT_PATH, OBJECT_CONNECTIONS)?;
        let mut lists = running.lists()?.context("no playlists")?;
        let deadline = Instant::now() + LISTING;
        while lists.listed(0)? < SEGMENTS_IN_A_WINDOW {
            ensure!(Instant::now() < deadline, "no playlist came about");
            thread::sleep(POLLING);
        }
        let path = playlist_path(0);
        let text = Client::connect(running.http.context("no HTTP")?)?.get(&path)?;
        let playlist = self.play(running, &path, PLAYLIST_CONNECTIONS)?;
        Ok((Playback { object, playlist }, text.context("the playlist is gone")?))
    }

    /// The same bytes as files, served by nginx.
    pub(crate) fn playback_of_files(&self, playlist: &[u8]) -> Result<Playback> {
        let path = playlist_path(0);
        let mut running = self
            .lab
            .start_file_server(&[(OBJECT_PATH, &self.object), (&path, playlist)])?;
        let found = Playback {
            object: self.play(&mut running, OBJECT_PATH, OBJECT_CONNECTIONS)?,
            playlist: self.play(&mut running, &path, PLAYLIST_CONNECTIONS)?,
        };
        running.stop()?;
        Ok(found)
    }

    fn play(&self, running: &mut Running, path: &str, connections: usize) -> Result<Played> {
        let address = running.http.context("no HTTP")?;
        let others = Others::watch();
        let edge = || running.tree.cpu_ns();
        let (served, [cpu_ns, cpu_ns_then]) = viewers::watch(address, path, connections, self.times.playback, edge)?;
        let Served {
            requests,
            bytes,
            elapsed,
        } = served;
        let seconds = elapsed.as_secs_f64();
        Ok(Played {
            requests_per_s: requests as f64 / seconds,
            mb_per_s: bytes as f64 / 1e6 / seconds,
            cpu_us_per_request: (cpu_ns_then - cpu_ns) as f64 / 1e3 / requests as f64,
            marks: Vec::from_iter(busy(&others)),
        })
    }

    pub(crate) fn idle(&self, server: Server) -> Result<Idle> {
        let mut running = self.lab.start(server)?;
        thread::sleep(SETTLING);
        let (sleeps, began) = (running.tree.sleeps(), Instant::now());
        while began.elapsed() < self.times.idle {
            thread::sleep(SAMPLING);
            running.tree.sleeps();
        }
        let idle = Idle {
            wake_ups_per_s: (running.tree.sleeps() - sleeps) as f64 / began.elapsed().as_secs_f64(),
            memory_mib: running.tree.pss_kib()? as f64 / 1024.0,
        };
        running.stop()?;
        Ok(idle)
    }
}

fn busy(others: &Others) -> Option<Mark> {
    let cores = others.cores();
    (cores > OTHERS_CORES_MAX).then_some(Mark::Busy(cores))
}

fn marks_of(report: &Report) -> Vec<Mark> {
    let late = (report.late_p99 > LATE_MAX).then_some(Mark::Late(report.late_p99));
    let gone = report.disconnected.first().map(|first| {
        Mark::Fault(format!(
            "{} publishers were disconnected, the first: {first}",
            report.disconnected.len()
        ))
    });
    late.into_iter().chain(gone).collect()
}

/// Waits until as many segments are listed as were sent; tells when they are not.
fn unlisted(lists: &mut Lists, sent: &[u64]) -> Result<Option<Mark>> {
    let deadline = Instant::now() + LISTING;
    loop {
        let mut wrong = Vec::new();
        for (publisher, sent) in sent.iter().enumerate() {
            let listed = lists.listed(publisher)?;
            if listed != *sent {
                wrong.push(format!("s{publisher} lists {listed} of {sent} segments"));
            }
        }
        match wrong.first() {
            None => return Ok(None),
            Some(first) if Instant::now() > deadline => {
                return Ok(Some(Mark::Fault(format!(
                    "{} streams are not listed as sent: {first}",
                    wrong.len()
                ))));
            }
            Some(_) => thread::sleep(POLLING),
        }
    }
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// After a start.
const SETTLING: Duration = Duration::from_secs(1);
/// Between the window and the load's end.
const TAIL: Duration = Duration::from_millis(500);
/// Between two looks at memory.
const SAMPLING: Duration = Duration::from_millis(500);
const POLLING: Duration = Duration::from_millis(50);
/// Of the streams, this part is watched for when its segments are listed.
const WATCHED_ONE_IN: usize = 4;
/// What was sent is listed by then, or never.
const LISTING: Duration = Duration::from_secs(15);
const SEGMENTS_IN_A_WINDOW: u64 = 3;
const OBJECT_CONNECTIONS: usize = 64;
const PLAYLIST_CONNECTIONS: usize = 256;
/// Longer than any playback takes.
const PUBLISH_MAX: Duration = Duration::from_secs(120);
/// Past these a measurement is marked.
const LATE_MAX: Duration = Duration::from_millis(50);
const OTHERS_CORES_MAX: f64 = 0.2;

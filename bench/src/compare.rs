//! All measurements: server beside server, round after round.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::measure::{Bench, Idle, Mark, Paced, Playback, Unpaced};
use crate::media::Media;
use crate::servers::Server;

/// So many publishers of a media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Crowd {
    pub(crate) media: Media,
    pub(crate) count: usize,
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.count, self.media)
    }
}

pub(crate) const FEW: Crowd = Crowd {
    media: Media::B,
    count: 50,
};
pub(crate) const USUAL: Crowd = Crowd {
    media: Media::B,
    count: 200,
};
pub(crate) const WIDE: Crowd = Crowd {
    media: Media::A,
    count: 100,
};
pub(crate) const MANY: Crowd = Crowd {
    media: Media::B,
    count: 1000,
};

/// What can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Idle,
    B200,
    A100,
    B50,
    B1000,
    Unpaced,
    Playback,
}

const CROWDS: [(Part, Crowd, &[Server]); 4] = [
    (Part::B200, USUAL, ALL),
    (Part::A100, WIDE, ALL),
    (Part::B50, FEW, BOTH),
    (Part::B1000, MANY, BOTH),
];
const BOTH: &[Server] = &[Server::Alluvium, Server::Nginx];
const ALL: &[Server] = &[Server::Alluvium, Server::Nginx, Server::StoringFloor];

#[derive(Default)]
pub(crate) struct Results {
    pub(crate) paced: HashMap<(Crowd, Server), Vec<Paced>>,
    pub(crate) unpaced: HashMap<Server, Vec<Unpaced>>,
    /// nginx's are of files.
    pub(crate) playback: HashMap<Server, Vec<Playback>>,
    pub(crate) idle: HashMap<Server, Idle>,
    pub(crate) rounds: usize,
    /// Measurements that came to nothing, and why.
    pub(crate) failures: Vec<String>,
    /// The live playlist that nginx serves as a file.
    playlist: Option<Vec<u8>>,
}

/// As many rounds as are wanted and fit into the limit.
pub(crate) fn run(bench: &Bench, parts: &[Part], rounds: usize, limit: Duration) -> Results {
    let began = Instant::now();
    let mut results = Results::default();
    let idle: &[Server] = if parts.contains(&Part::Idle) { BOTH } else { &[] };
    for server in idle {
        say(began, format_args!("{server}, idle"));
        let idle = bench.idle(*server);
        if let Some(idle) = results.kept(idle, &format!("{server}, idle")) {
            results.idle.insert(*server, idle);
        }
    }
    let mut longest = Duration::ZERO;
    while results.rounds < rounds && began.elapsed() + longest <= limit {
        let round_began = Instant::now();
        results.round(bench, parts, began);
        results.rounds += 1;
        longest = longest.max(round_began.elapsed());
    }
    results
}

impl Results {
    fn round(&mut self, bench: &Bench, parts: &[Part], began: Instant) {
        for (_, crowd, servers) in CROWDS.into_iter().filter(|(part, ..)| parts.contains(part)) {
            for server in self.in_turn(servers) {
                let name = format!("round {}, {server}, {crowd}", self.rounds + 1);
                say(began, format_args!("{name}"));
                let paced = bench.paced(server, crowd, crowd == USUAL);
                if let Some(paced) = self.kept(paced, &name) {
                    self.paced.entry((crowd, server)).or_default().push(paced);
                }
            }
        }
        let unpaced = if parts.contains(&Part::Unpaced) { ALL } else { &[] };
        for server in self.in_turn(unpaced) {
            let name = format!("round {}, {server}, unpaced", self.rounds + 1);
            say(began, format_args!("{name}"));
            let unpaced = bench.unpaced(server, Media::A);
            if let Some(unpaced) = self.kept(unpaced, &name) {
                self.unpaced.entry(server).or_default().push(unpaced);
            }
        }
        // The playlist that nginx serves is one of Alluvium's.
        let playback: &[Server] = if parts.contains(&Part::Playback) { BOTH } else { &[] };
        for server in playback {
            let name = format!("round {}, {server}, playback", self.rounds + 1);
            say(began, format_args!("{name}"));
            let playback = match server {
                Server::Alluvium => bench.playback().map(|(playback, playlist)| {
                    self.playlist = Some(playlist);
                    playback
                }),
                _ => self
                    .playlist
                    .as_ref()
                    .context("no playlist to be served")
                    .and_then(|text| bench.playback_of_files(text)),
            };
            if let Some(playback) = self.kept(playback, &name) {
                self.playback.entry(*server).or_default().push(playback);
            }
        }
    }

    /// Each round begins with another server.
    fn in_turn(&self, servers: &[Server]) -> Vec<Server> {
        let mut servers = servers.to_vec();
        let count = servers.len().max(1);
        servers.rotate_left(self.rounds % count);
        servers
    }

    fn kept<T: fmt::Debug>(&mut self, measured: Result<T>, name: &str) -> Option<T> {
        eprintln!("        {measured:.3?}");
        measured
            .map_err(|error| self.failures.push(format!("{name}: {error:#}")))
            .ok()
    }

    /// Everything that was not as it should be, in words.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.failures.clone();
        let mut note = |name: String, marks: &[Mark]| notes.extend(marks.iter().map(|mark| format!("{name}: {mark}")));
        for ((crowd, server), runs) in &self.paced {
            runs.iter()
                .for_each(|run| note(format!("{server}, {crowd}"), &run.marks));
        }
        for (server, runs) in &self.unpaced {
            runs.iter()
                .for_each(|run| note(format!("{server}, unpaced"), &run.marks));
        }
        for (server, runs) in &self.playback {
            runs.iter()
                .for_each(|run| note(format!("{server}, playback of an object"), &run.object.marks));
            runs.iter()
                .for_each(|run| note(format!("{server}, playback of a playlist"), &run.playlist.marks));
        }
        notes.sort_unstable();
        notes
    }
}

fn say(began: Instant, what: fmt::Arguments<'_>) {
    eprintln!("{:4} s  {what}", began.elapsed().as_secs());
}

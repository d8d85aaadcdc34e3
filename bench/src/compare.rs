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

/// What can be left out, in the order in which it is measured: what creates few files comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Part {
    Idle,
    Playback,
    Unpaced,
    B200,
    A100,
    B50,
    B1000,
}

impl Part {
    /// In how many of the rounds it is measured: what varies most, and decides most, in each.
    fn rounds_max(self) -> usize {
        match self {
            Self::Idle | Self::B50 | Self::B1000 => 1,
            Self::Playback | Self::Unpaced => 2,
            Self::B200 | Self::A100 => usize::MAX,
        }
    }
}

const BOTH: &[Server] = &[Server::Alluvium, Server::Nginx];
const STORING: &[Server] = &[Server::Alluvium, Server::Nginx, Server::StoringFloor];
const ALL: &[Server] = &[
    Server::Alluvium,
    Server::Nginx,
    Server::StoringFloor,
    Server::DiscardingFloor,
];

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
    let mut longest: HashMap<Part, Duration> = HashMap::new();
    while results.rounds < rounds {
        let due = Part::value_variants().iter().copied();
        let due: Vec<Part> = due
            .filter(|part| parts.contains(part) && results.rounds < part.rounds_max())
            .collect();
        let expected: Duration = due.iter().filter_map(|part| longest.get(part)).sum();
        if due.is_empty() || began.elapsed() + expected > limit {
            break;
        }
        for part in due {
            let part_began = Instant::now();
            results.measure(bench, part, began);
            let took = longest.entry(part).or_default();
            *took = part_began.elapsed().max(*took);
        }
        results.rounds += 1;
    }
    results
}

impl Results {
    fn measure(&mut self, bench: &Bench, part: Part, began: Instant) {
        match part {
            Part::Idle => self.idle(bench, began),
            Part::Playback => self.playback(bench, began),
            Part::Unpaced => self.unpaced(bench, began),
            Part::B200 => self.paced(bench, USUAL, ALL, began),
            Part::A100 => self.paced(bench, WIDE, ALL, began),
            Part::B50 => self.paced(bench, FEW, BOTH, began),
            Part::B1000 => self.paced(bench, MANY, BOTH, began),
        }
    }

    fn idle(&mut self, bench: &Bench, began: Instant) {
        for server in BOTH {
            let name = self.say(began, &format!("{server}, idle"));
            if let Some(idle) = self.kept(bench.idle(*server), &name) {
                self.idle.insert(*server, idle);
            }
        }
    }

    /// The playlist that nginx serves is one of Alluvium's, which comes first.
    fn playback(&mut self, bench: &Bench, began: Instant) {
        for server in BOTH {
            let name = self.say(began, &format!("{server}, playback"));
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

    fn unpaced(&mut self, bench: &Bench, began: Instant) {
        for server in self.in_turn(STORING) {
            let name = self.say(began, &format!("{server}, unpaced"));
            if let Some(unpaced) = self.kept(bench.unpaced(server, Media::A), &name) {
                self.unpaced.entry(server).or_default().push(unpaced);
            }
        }
    }

    fn paced(&mut self, bench: &Bench, crowd: Crowd, servers: &[Server], began: Instant) {
        bench.lab.ground.await_rest();
        for server in self.in_turn(servers) {
            let name = self.say(began, &format!("{server}, {crowd}"));
            let paced = bench.paced(server, crowd, crowd == USUAL);
            if let Some(paced) = self.kept(paced, &name) {
                self.paced.entry((crowd, server)).or_default().push(paced);
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

    /// Tells what is measured now; gives its name.
    fn say(&self, began: Instant, what: &str) -> String {
        let name = format!("round {}, {what}", self.rounds + 1);
        eprintln!("{:4} s  {name}", began.elapsed().as_secs());
        name
    }

    fn kept<T: fmt::Debug>(&mut self, measured: Result<T>, name: &str) -> Option<T> {
        match measured {
            Ok(measured) => {
                eprintln!("        {measured:.3?}");
                Some(measured)
            }
            Err(error) => {
                eprintln!("        {error:#}");
                self.failures.push(format!("{name}: {error:#}"));
                None
            }
        }
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

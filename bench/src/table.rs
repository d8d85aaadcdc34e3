//! The results, as one table in Markdown.

use std::fmt;
use std::time::Duration;

use crate::compare::{Crowd, FEW, MANY, Results, USUAL, WIDE};
use crate::measure::{Idle, Paced, Playback, Played, Unpaced};
use crate::servers::Server;
use crate::statistics::{median, percentile};

/// What a figure is to be.
#[derive(Debug, Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Only told.
    None,
}

impl Target {
    fn is_met(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(figure <= most),
            Self::AtLeast(least) => Some(figure >= least),
            Self::None => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::None => Ok(()),
        }
    }
}

/// One line: figures of the servers, and the one that has a target.
struct Row {
    what: String,
    unit: &'static str,
    /// In the order of `SERVERS`.
    figures: [Option<f64>; SERVERS.len()],
    compared: Compared,
    target: Target,
    /// A run of it was marked, or there is none.
    is_doubtful: bool,
}

#[derive(Clone, Copy)]
enum Compared {
    /// Alluvium's figure by itself.
    Alone,
    /// Alluvium's over nginx's.
    WithNginx,
    /// Alluvium's over the storing floor's.
    WithFloor,
}

impl Row {
    fn figure(&self) -> Option<f64> {
        let [alluvium, nginx, floor, _] = self.figures;
        match self.compared {
            Compared::Alone => alluvium,
            Compared::WithNginx => ratio(alluvium?, nginx?),
            Compared::WithFloor => ratio(alluvium?, floor?),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubt = if self.is_doubtful { " \\*" } else { "" };
        write!(f, "| {}, {}{doubt} |", self.what, self.unit)?;
        for figure in self.figures {
            write!(f, " {} |", figure.map(short).unwrap_or_default())?;
        }
        let figure = self.figure();
        let against = match self.compared {
            Compared::Alone => "",
            Compared::WithNginx => " x nginx",
            Compared::WithFloor => " x floor",
        };
        let compared = match (self.compared, figure) {
            (Compared::Alone, _) => String::new(),
            (_, Some(figure)) => format!("{figure:.2}{against}"),
            (_, None) => "not measured".to_owned(),
        };
        let verdict = match figure.and_then(|figure| self.target.is_met(figure)) {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        write!(f, " {compared} | {} | {verdict} |", self.target)
    }
}

/// A quotient, of which nothing is known where there is nothing to divide by.
fn ratio(figure: f64, by: f64) -> Option<f64> {
    (by > 0.0).then_some(figure / by)
}

/// Three digits, or all before the point.
fn short(figure: f64) -> String {
    let decimals = match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.decimals$}")
}

/// The table, and below it what is doubtful.
pub(crate) fn render(results: &Results) -> String {
    let mut text = String::from(
        "| | Alluvium | nginx-rtmp | storing floor | discarding floor | ratio | target | |\n\
         |---|---:|---:|---:|---:|---:|---|---|\n",
    );
    // A part that was left out has no rows; what came to nothing is told below.
    for row in rows(results)
        .iter()
        .filter(|row| row.figures.iter().any(Option::is_some))
    {
        text.push_str(&format!("{row}\n"));
    }
    let notes = results.notes();
    if !notes.is_empty() {
        text.push_str("\n\\* doubtful:\n\n");
    }
    for note in notes {
        text.push_str(&format!("- {note}\n"));
    }
    text
}

fn rows(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    for crowd in [USUAL, WIDE] {
        rows.push(cpu(results, crowd, Compared::WithNginx, Target::AtMost(0.75)));
        rows.push(cpu(results, crowd, Compared::WithFloor, Target::AtMost(1.5)));
    }
    rows.push(growth(results));
    rows.extend([USUAL, MANY].map(|crowd| memory(results, crowd)));
    rows.push(listed(results, "median", 50, Target::AtMost(8.0)));
    rows.push(listed(results, "p99", 99, Target::AtMost(20.0)));
    rows.extend(unpaced(results));
    rows.extend(playback(results, "object of 500 KB, 64 connections", |run| &run.object));
    rows.extend(playback(results, "live playlist, 256 connections", |run| &run.playlist));
    rows.extend(idle(results));
    rows
}

fn cpu(results: &Results, crowd: Crowd, compared: Compared, target: Target) -> Row {
    Row {
        what: format!("CPU per stream, {crowd}"),
        unit: "ms/s",
        figures: SERVERS.map(|server| results.of_crowd(crowd, server, |run| run.cpu_ms)),
        compared,
        target,
        is_doubtful: results.doubts_crowd(crowd),
    }
}

fn growth(results: &Results) -> Row {
    let cpu = |crowd, server| results.of_crowd(crowd, server, |run| run.cpu_ms);
    Row {
        what: format!("CPU per stream, {MANY} over {FEW}"),
        unit: "times",
        figures: SERVERS.map(|server| ratio(cpu(MANY, server)?, cpu(FEW, server)?)),
        compared: Compared::Alone,
        target: Target::AtMost(1.1),
        is_doubtful: results.doubts_crowd(MANY) || results.doubts_crowd(FEW),
    }
}

fn memory(results: &Results, crowd: Crowd) -> Row {
    Row {
        what: format!("memory per publisher, {crowd}"),
        unit: "KiB",
        figures: SERVERS.map(|server| results.of_crowd(crowd, server, |run| run.memory_kib)),
        compared: Compared::Alone,
        target: Target::AtMost(48.0),
        is_doubtful: results.doubts_crowd(crowd),
    }
}

fn listed(results: &Results, name: &str, percent: usize, target: Target) -> Row {
    Row {
        what: format!("closing keyframe to listed, {USUAL}, {name}"),
        unit: "ms",
        figures: SERVERS.map(|server| results.listed_after(server, percent)),
        compared: Compared::Alone,
        target,
        is_doubtful: results.doubts_crowd(USUAL),
    }
}

fn unpaced(results: &Results) -> [Row; 2] {
    let figures =
        |figure: fn(&Unpaced) -> f64| SERVERS.map(|server| median(results.unpaced.get(&server)?.iter().map(figure)));
    let is_doubtful = SERVERS[..3].iter().any(|server| match results.unpaced.get(server) {
        Some(runs) => runs.iter().any(|run| !run.marks.is_empty()),
        None => true,
    });
    let speed = Row {
        what: "one publisher of A, unpaced".to_owned(),
        unit: "MB/s",
        figures: figures(|run| run.mb_per_s),
        compared: Compared::WithNginx,
        target: Target::AtLeast(1.2),
        is_doubtful,
    };
    let memory = Row {
        what: "its peak memory".to_owned(),
        unit: "MiB",
        figures: figures(|run| run.memory_mib),
        compared: Compared::Alone,
        target: Target::None,
        is_doubtful,
    };
    [speed, memory]
}

fn playback(results: &Results, thing: &str, of: fn(&Playback) -> &Played) -> [Row; 3] {
    let is_doubtful = SERVERS[..2].iter().any(|server| match results.playback.get(server) {
        Some(runs) => runs.iter().any(|run| !of(run).marks.is_empty()),
        None => true,
    });
    let row = |unit, figure: fn(&Played) -> f64, target| Row {
        what: thing.to_owned(),
        unit,
        figures: SERVERS.map(|server| {
            let runs = results.playback.get(&server)?;
            median(runs.iter().map(|run| figure(of(run))))
        }),
        compared: Compared::WithNginx,
        target,
        is_doubtful,
    };
    [
        row("requests/s", |played| played.requests_per_s, Target::AtLeast(0.8)),
        row("MB/s", |played| played.mb_per_s, Target::AtLeast(0.8)),
        row("CPU µs/request", |played| played.cpu_us_per_request, Target::None),
    ]
}

fn idle(results: &Results) -> [Row; 2] {
    let row = |what: &str, unit, figure: fn(&Idle) -> f64, target| Row {
        what: what.to_owned(),
        unit,
        figures: SERVERS.map(|server| results.idle.get(&server).map(figure)),
        compared: Compared::Alone,
        target,
        is_doubtful: false,
    };
    [
        row("memory, idle", "MiB", |idle| idle.memory_mib, Target::AtMost(20.0)),
        row("woken up, idle", "times/s", |idle| idle.wake_ups_per_s, Target::None),
    ]
}

impl Results {
    fn of_crowd(&self, crowd: Crowd, server: Server, figure: fn(&Paced) -> f64) -> Option<f64> {
        median(self.paced.get(&(crowd, server))?.iter().map(figure))
    }

    fn doubts_crowd(&self, crowd: Crowd) -> bool {
        let runs = |server| self.paced.get(&(crowd, server));
        let marked = |server| runs(server).is_some_and(|runs| runs.iter().any(|run| !run.marks.is_empty()));
        let missing = SERVERS[..2].iter().any(|server| runs(*server).is_none());
        missing || SERVERS.into_iter().any(marked)
    }

    /// Milliseconds, over all rounds.
    fn listed_after(&self, server: Server, percent: usize) -> Option<f64> {
        let runs = self.paced.get(&(USUAL, server))?;
        let mut delays: Vec<Duration> = runs.iter().flat_map(|run| run.listed_after.iter().copied()).collect();
        percentile(&mut delays, percent).map(|delay| delay.as_secs_f64() * 1000.0)
    }
}

/// In the order of the columns.
const SERVERS: [Server; 4] = [
    Server::Alluvium,
    Server::Nginx,
    Server::StoringFloor,
    Server::DiscardingFloor,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figures: [f64; 4], compared: Compared, target: Target) -> String {
        let row = Row {
            what: "CPU".to_owned(),
            unit: "ms/s",
            figures: figures.map(Some),
            compared,
            target,
            is_doubtful: false,
        };
        row.to_string()
    }

    #[test]
    fn a_ratio_is_alluviums_over_the_others() {
        let figures = [0.6, 0.8, 0.5, 0.2];
        assert_eq!(
            row(figures, Compared::WithNginx, Target::AtMost(0.75)),
            "| CPU, ms/s | 0.600 | 0.800 | 0.500 | 0.200 | 0.75 x nginx | at most 0.75 | met |"
        );
        assert_eq!(
            row(figures, Compared::WithFloor, Target::AtMost(1.1)),
            "| CPU, ms/s | 0.600 | 0.800 | 0.500 | 0.200 | 1.20 x floor | at most 1.1 | missed |"
        );
        assert_eq!(
            row([120.0, 100.0, 0.0, 0.0], Compared::WithNginx, Target::AtLeast(1.2)),
            "| CPU, ms/s | 120 | 100 | 0.000 | 0.000 | 1.20 x nginx | at least 1.2 | met |"
        );
    }

    #[test]
    fn nothing_is_said_of_what_was_not_measured() {
        let text = render(&Results::default());
        assert!(!text.contains(" met |") && !text.contains(" missed |"), "{text}");
        assert_eq!(ratio(1.0, 0.0), None);
    }

    #[test]
    fn a_crowd_with_a_marked_run_is_doubtful() {
        let mut results = Results::default();
        for server in &SERVERS[..2] {
            results.paced.insert((USUAL, *server), vec![Paced::default()]);
        }
        assert!(!results.doubts_crowd(USUAL));
        let marks = vec![crate::measure::Mark::Busy(0.5)];
        results.paced.insert(
            (USUAL, Server::Nginx),
            vec![Paced {
                marks,
                ..Paced::default()
            }],
        );
        assert!(results.doubts_crowd(USUAL));
        assert_eq!(
            results.notes(),
            ["nginx-rtmp, 200 x B: the machine had other work, 0.50 cores"]
        );
    }
}

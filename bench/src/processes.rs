//! What processes use, as `/proc` tells it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

/// A line of the table of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// User and system time, with that of its children that have ended.
    ticks: u64,
}

/// `/proc/PID/stat`: the name may hold anything, parentheses and spaces too.
fn parse_stat(text: &str) -> Option<Process> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process {
        parent: number(1)? as u32,
        ticks: (11..=14).map(number).sum::<Option<u64>>()?,
    })
}

fn table() -> HashMap<u32, Process> {
    let numbered = numbered("/proc");
    let row = |pid: u32| Some((pid, parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?));
    numbered.into_iter().filter_map(row).collect()
}

/// The entries of a folder whose names are numbers.
fn numbered(folder: impl AsRef<Path>) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn tree(root: u32, table: &HashMap<u32, Process>) -> HashSet<u32> {
    let mut found = HashSet::from([root]);
    loop {
        let before = found.len();
        let children = table.iter().filter(|(_, process)| found.contains(&process.parent));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        found.extend(children);
        if found.len() == before {
            return found;
        }
    }
}

/// A process with its children, and what their threads have used so far, those that are gone included: with what they had
/// used when they were looked at last.
pub(crate) struct Tree {
    root: u32,
    cpu_ns: HashMap<Thread, u64>,
    sleeps: HashMap<Thread, u64>,
}

type Thread = u32;

impl Tree {
    pub(crate) fn new(root: u32) -> Self {
        Self {
            root,
            cpu_ns: HashMap::new(),
            sleeps: HashMap::new(),
        }
    }

    /// User and system time, nanoseconds.
    pub(crate) fn cpu_ns(&mut self) -> u64 {
        let used = self.of_threads(|thread| {
            let text = fs::read_to_string(format!("{thread}/schedstat")).ok()?;
            text.split_whitespace().next()?.parse().ok()
        });
        self.cpu_ns.extend(used);
        self.cpu_ns.values().sum()
    }

    /// How often threads have gone to sleep of their own accord, and so were woken.
    pub(crate) fn sleeps(&mut self) -> u64 {
        let sleeps = self.of_threads(|thread| field(&format!("{thread}/status"), "voluntary_ctxt_switches:").ok());
        self.sleeps.extend(sleeps);
        self.sleeps.values().sum()
    }

    /// A figure of each thread that is there, from its folder.
    fn of_threads(&self, figure: impl Fn(&str) -> Option<u64>) -> Vec<(Thread, u64)> {
        let folders = self.processes().into_iter().map(|pid| format!("/proc/{pid}/task"));
        let threads = folders.flat_map(|folder| {
            numbered(&folder)
                .into_iter()
                .map(move |thread| (folder.clone(), thread))
        });
        threads
            .filter_map(|(folder, thread)| Some((thread, figure(&format!("{folder}/{thread}"))?)))
            .collect()
    }

    /// Resident memory, KiB, of which each process that shares a page counts its share.
    pub(crate) fn pss_kib(&self) -> Result<u64> {
        self.processes()
            .into_iter()
            .map(|pid| field(&format!("/proc/{pid}/smaps_rollup"), "Pss:"))
            .sum()
    }

    fn processes(&self) -> HashSet<u32> {
        tree(self.root, &table())
    }
}

fn field(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    value.with_context(|| format!("{path} has no {name}"))
}

/// What all others use from now on: processes that are neither this one, nor its children, nor the kernel's own threads
/// (which write back what servers have written); and what the machine's host takes away.
pub(crate) struct Others {
    since: Instant,
    ticks: u64,
}

impl Others {
    pub(crate) fn watch() -> Self {
        Self {
            since: Instant::now(),
            ticks: others_ticks(),
        }
    }

    /// So many cores since then.
    pub(crate) fn cores(&self) -> f64 {
        let ticks = others_ticks().saturating_sub(self.ticks);
        ticks as f64 / TICKS_PER_SECOND / self.since.elapsed().as_secs_f64()
    }
}

fn others_ticks() -> u64 {
    let table = table();
    let ours = tree(std::process::id(), &table);
    let kernel = tree(KERNEL, &table);
    let others = table
        .iter()
        .filter(|(pid, _)| !ours.contains(pid) && !kernel.contains(pid));
    others.map(|(_, process)| process.ticks).sum::<u64>() + stolen_ticks().unwrap_or(0)
}

fn stolen_ticks() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().next()?.split_whitespace().nth(8)?.parse().ok()
}

/// The parent of the kernel's threads.
const KERNEL: u32 = 2;
/// Linux has shown programs this many since ever.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) b (c)) S 3 7 7 0 -1 4194560 10 0 0 0 12 20 7 3 20 0 1 0 100 1 1";
        assert_eq!(parse_stat(text), Some(Process { parent: 3, ticks: 42 }));
        assert_eq!(parse_stat("7 (cut) S 3 7"), None);
    }

    #[test]
    fn a_tree_has_children_and_their_children() {
        let process = |parent| Process { parent, ticks: 0 };
        let table = HashMap::from([
            (1, process(0)),
            (5, process(1)),
            (6, process(5)),
            (9, process(6)),
            (7, process(1)),
        ]);
        assert_eq!(tree(5, &table), HashSet::from([5, 6, 9]));
    }

    #[test]
    fn a_process_that_works_is_seen_working() {
        let mut tree = Tree::new(std::process::id());
        let before = tree.cpu_ns();
        let mut sum = 0u64;
        while tree.cpu_ns() < before + 20_000_000 {
            sum = sum.wrapping_add(std::hint::black_box(sum) + 1);
        }
        assert!(tree.pss_kib().unwrap() > 0);
    }

    #[test]
    fn what_a_thread_has_used_that_is_gone_is_not_forgotten() {
        let mut tree = Tree::new(std::process::id());
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv().is_err());
        while !tree.sleeps.values().any(|sleeps| *sleeps > 0) {
            tree.sleeps();
        }
        let before = tree.sleeps();
        drop(done);
        thread.join().unwrap();
        assert!(tree.sleeps() >= before);
    }
}

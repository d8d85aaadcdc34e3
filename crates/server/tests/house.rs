//! The walls of the house: who may import whom, and what the ground floor must never touch.
//!
//! Changing this file is changing the architecture; see ARCHITECTURE.md.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every room and the rooms that it may import.
const EDGES: &[(&str, &[&str])] = &[
    ("rtmp", &[]),
    ("media", &[]),
    ("hls", &["media"]),
    ("oss", &[]),
    ("store", &["oss"]),
    ("catalog", &["oss"]),
    ("ingest", &["catalog", "hls", "media", "oss", "rtmp", "store"]),
    ("api", &["catalog", "hls", "oss", "store"]),
    ("console", &[]),
    (
        "server",
        &[
            "api", "catalog", "console", "hls", "ingest", "media", "oss", "rtmp", "store",
        ],
    ),
];

/// The rooms without runtime, socket, file, clock or randomness.
const GROUND_FLOOR: &[&str] = &["rtmp", "media", "hls", "oss"];

/// Crates that bring one of these.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "mio",
    "async-std",
    "smol",
    "hyper",
    "socket2",
    "rand",
    "rand_core",
    "getrandom",
    "fastrand",
    "rusqlite",
    "tempfile",
];

/// Parts of the standard library that do.
const IMPURE_PATHS: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::io::std",
    "std::thread",
    "std::env",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "now_utc",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("crates/ is above")
        .to_owned()
}

#[test]
fn every_room_imports_only_what_the_table_allows() {
    let rooms: BTreeSet<String> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> = EDGES.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(
        rooms, expected,
        "a room was added or removed: that is a decision, see docs/decisions"
    );
    for (room, allowed) in EDGES {
        let imported = workspace_imports(&crates().join(room).join("Cargo.toml"));
        let allowed: BTreeSet<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        let forbidden: Vec<_> = imported.difference(&allowed).collect();
        assert!(
            forbidden.is_empty(),
            "{room} imports {forbidden:?}, which the table does not allow"
        );
    }
}

/// The first command of the README: a second program among the default members would leave cargo without a choice.
#[test]
fn cargo_run_at_the_root_finds_one_program() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--no-deps", "--format-version", "1"])
        .current_dir(crates().join(".."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let defaults = metadata["workspace_default_members"].as_array().unwrap();
    let programs: Vec<&str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| defaults.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().unwrap())
        .filter(|target| target["kind"].as_array().unwrap().contains(&"bin".into()))
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    assert_eq!(programs, ["alluvium"]);
}

/// What judges the server from outside would share its faults with its code: it has an encoder of its own.
#[test]
fn the_witness_and_the_bench_share_no_code_with_the_server() {
    let encoder = BTreeSet::from(["encoder".to_owned()]);
    for (outside, expected) in [
        ("tests/crash", &encoder),
        ("bench", &encoder),
        ("tests/encoder", &BTreeSet::new()),
    ] {
        let imported = workspace_imports(&crates().join("..").join(outside).join("Cargo.toml"));
        assert_eq!(imported, *expected, "{outside}");
    }
}

/// The rooms named in any dependency section of a manifest.
fn workspace_imports(manifest: &Path) -> BTreeSet<String> {
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|dependencies| dependencies.keys())
        .filter_map(|name| name.strip_prefix("alluvium-"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_ground_floor_pulls_in_no_runtime_socket_or_randomness() {
    for room in GROUND_FLOOR {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}",
            ])
            .args(["--package", &format!("alluvium-{room}")])
            .current_dir(crates())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        let found: Vec<_> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| IMPURE_CRATES.contains(name))
            .collect();
        assert!(found.is_empty(), "{room} pulls in {found:?}");
    }
}

#[test]
fn the_ground_floor_names_no_file_socket_clock_or_thread() {
    for room in GROUND_FLOOR {
        for file in rust_files(&crates().join(room).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                if line.trim_start().starts_with("//") {
                    continue;
                }
                // Tests may read vectors; they stand at the end of a file.
                if line.starts_with("#[cfg(test)]") {
                    break;
                }
                if let Some(path) = IMPURE_PATHS.iter().find(|path| line.contains(**path)) {
                    panic!("{}:{}: the ground floor names {path}", file.display(), number + 1);
                }
            }
        }
    }
}

#[test]
fn every_test_and_setting_that_the_limits_name_exists() {
    let tests = tests();
    let configuration = fs::read_to_string(crates().join("../docs/configuration.md")).unwrap();
    let sources: String = rust_files(&crates())
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let limits = fs::read_to_string(crates().join("../docs/limits.md")).unwrap();
    let rows: Vec<Vec<&str>> = limits
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').collect())
        .filter(|cells: &Vec<&str>| cells[0] != " bound ")
        .collect();
    assert!(rows.len() > 50);
    for cells in rows {
        let [bound, _, settings, _, named] = cells[..] else {
            panic!("not five cells: {cells:?}");
        };
        assert!(!code(named).is_empty(), "no test for{bound}");
        for test in code(named) {
            assert!(tests.contains(test), "{test} of{bound}is no test");
        }
        for setting in code(settings) {
            let is_known = match setting.split_once('.') {
                Some((section, key)) => configuration
                    .split_once(&format!("## `[{section}]`"))
                    .is_some_and(|(_, keys)| keys.contains(&format!("| `{key}` |"))),
                None => sources.contains(&format!("{setting}:")),
            };
            assert!(is_known, "{setting} of{bound}is no setting");
        }
    }
}

/// What stands in backquotes.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The names of all tests, in Rust and end to end.
fn tests() -> BTreeSet<String> {
    let root = crates().join("..");
    let mut names = BTreeSet::new();
    for file in rust_files(&crates())
        .into_iter()
        .chain(rust_files(&root.join("tests")))
        .chain(test_files(&crates()))
    {
        let text = fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            let name = line
                .trim_start_matches("async ")
                .strip_prefix("fn ")
                .and_then(|rest| rest.split('(').next());
            match name {
                Some(name) if is_test => drop(names.insert(name.to_owned())),
                _ => {}
            }
            is_test = line.starts_with("#[test]") || line.starts_with("#[tokio::test") || (is_test && name.is_none());
        }
    }
    // Each line of its table is a test.
    let vectors = fs::read_to_string(crates().join("ingest/tests/vectors.rs")).unwrap();
    let lines = vectors.lines().filter_map(|line| line.split_once(" => \""));
    names.extend(lines.map(|(name, _)| name.trim_start().to_owned()));
    for entry in fs::read_dir(root.join("tests/e2e")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let text = fs::read_to_string(&path).unwrap();
            let found = text
                .lines()
                .filter_map(|line| line.strip_prefix("def test_")?.split('(').next());
            names.extend(found.map(|name| format!("test_{name}")));
        }
    }
    names
}

/// Files called `tests.rs`, which [`rust_files`] leaves out.
fn test_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(test_files(&path));
        } else if path.file_name() == Some("tests.rs".as_ref()) {
            found.push(path);
        }
    }
    found
}

/// What is odd about the world, and the tests that show what becomes of it: a test that is renamed is renamed there.
#[test]
fn every_test_that_the_list_of_quirks_names_exists() {
    let tests = tests();
    let list = fs::read_to_string(crates().join("../docs/quirks.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.ends_with("| shown by |");
    for row in list.lines().filter(is_row) {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        assert!(
            !code(shown_by).is_empty() || shown_by.contains("not yet"),
            "no test is named: {row}"
        );
        for test in code(shown_by) {
            assert!(tests.contains(test), "{test} is no test: {row}");
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_stem() != Some("tests".as_ref())
        {
            found.push(path);
        }
    }
    found
}

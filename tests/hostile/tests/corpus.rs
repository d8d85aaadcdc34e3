//! The kept inputs of every fuzz target, and some thousands of changed ones.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use alluvium_hostile::{TARGETS, Target};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Changed inputs for each target: a second or two of each.
const CHANGED: u64 = 4_000;

/// As libFuzzer's own default: longer inputs seldom find more.
const LENGTH_MAX: usize = 4_096;

/// Values at which parsers change their minds.
const ODD: &[u8] = &[
    0, 1, 2, 3, 7, 9, 0x0A, 0x20, 0x22, 0x25, 0x2F, 0x3C, 0x47, 0x7F, 0x80, 0xC3, 0xFE, 0xFF,
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = fuzz().join("corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Each change follows from its number alone, so a failure can be had again.
fn changed(kept: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(number);
    let mut bytes = kept[random.random_range(0..kept.len())].clone();
    for _ in 0..random.random_range(1..=6) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(1..=16)).min(bytes.len());
        match random.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at..end].fill(ODD[random.random_range(0..ODD.len())]),
            2 => drop(bytes.drain(at..end)),
            3 => drop(
                bytes.splice(
                    at..at,
                    (0..random.random_range(1..=8))
                        .map(|_| ODD[random.random_range(0..ODD.len())])
                        .collect::<Vec<_>>(),
                ),
            ),
            4 => bytes.truncate(at),
            5 => {
                let again = bytes[at..end].repeat(random.random_range(1..=64));
                drop(bytes.splice(at..at, again));
            }
            _ => {
                let other = &kept[random.random_range(0..kept.len())];
                let from = random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    bytes.truncate(LENGTH_MAX);
    bytes
}

#[track_caller]
fn holds((name, check): Target, input: &[u8]) {
    if panic::catch_unwind(|| check(input)).is_err() {
        let kept = std::env::temp_dir().join(format!("{name}-failing-input"));
        fs::write(&kept, input).unwrap();
        panic!("{name} breaks its promise for {}", kept.display());
    }
}

#[test]
fn every_target_is_fuzzed_and_has_kept_inputs() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let fuzzed: BTreeSet<_> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    let named: BTreeSet<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(fuzzed, named);
    for name in named {
        assert!(!corpus(name).is_empty(), "{name}");
    }
}

#[test]
fn kept_inputs_and_changed_ones_break_no_promise() {
    std::thread::scope(|scope| {
        for target in TARGETS {
            scope.spawn(move || {
                let kept = corpus(target.0);
                kept.iter().for_each(|input| holds(*target, input));
                (0..CHANGED).for_each(|number| holds(*target, &changed(&kept, number)));
            });
        }
    });
}

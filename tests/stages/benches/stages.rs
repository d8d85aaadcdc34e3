//! The time of every stage; `cargo bench -p alluvium-stages --bench stages` or `make bench-micro`.
//!
//! Throughput is that of the messages' payloads, for stages that handle frames.

#![allow(missing_docs, reason = "a benchmark has no users but at the command line")]

use std::cell::RefCell;
use std::fmt;

use alluvium_stages::{Load, Row, all};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

#[divan::bench(args = all().into_iter().map(Shown), sample_size = 1, sample_count = 500)]
fn stages(bencher: Bencher<'_, '_>, Shown(row): &Shown) {
    let stage = RefCell::new(row.warm());
    bencher
        .with_inputs(|| {
            let mut stage = stage.borrow_mut();
            stage.prepare();
            stage.load()
        })
        .input_counter(|load| match load {
            Load::Gop { bytes, .. } => BytesCount::new(*bytes),
            Load::One => BytesCount::new(0_usize),
        })
        .bench_local_refs(|_| stage.borrow_mut().run());
}

struct Shown(Row);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.stage, self.0.input)
    }
}

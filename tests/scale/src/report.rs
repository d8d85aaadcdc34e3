//! What was measured, beside what is aimed at.

use std::time::Duration;

/// Prints a table row by row.
pub(crate) struct Report(());

/// What is aimed at, ms.
pub(crate) enum Target {
    None,
    Max(f64),
    P99(f64),
}

impl Report {
    pub(crate) fn begin() -> Self {
        println!("| what | n | p50 | p99 | max | aim |\n|---|---:|---:|---:|---:|---|");
        Self(())
    }

    pub(crate) fn row(&mut self, what: &str, times: &mut [Duration], target: Target) {
        times.sort_unstable();
        let ms = |part: f64| {
            let at = ((times.len() - 1) as f64 * part).ceil() as usize;
            times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
        };
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(ms);
        let aim = match target {
            Target::None => String::new(),
            Target::Max(limit) => verdict("all", max, limit),
            Target::P99(limit) => verdict("p99", p99, limit),
        };
        println!("| {what} | {} | {p50:.1} | {p99:.1} | {max:.1} | {aim} |", times.len());
    }
}

fn verdict(which: &str, measured: f64, limit: f64) -> String {
    let met = if measured < limit { "met" } else { "MISSED" };
    format!("{which} below {limit:.0}: {met}")
}

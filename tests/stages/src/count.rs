use std::env;
use std::hint::black_box;
use std::process::{Command, Stdio};

use alluvium_stages::{Row, Stage};
use anyhow::{Context, Result, ensure};

/// The command under which this program runs one stage for callgrind.
pub(crate) const RUN: &str = "run";

/// Runs a warm stage once more, where callgrind looks.
pub(crate) fn run(row: &Row) {
    let mut stage = row.warm();
    stage.prepare();
    stage_that_is_counted(stage.as_mut());
}

/// All that callgrind counts is called from here.
#[inline(never)]
fn stage_that_is_counted(stage: &mut dyn Stage) {
    black_box(stage.run());
}

/// The instructions of one run of the stage with this number.
pub(crate) fn instructions(number: usize) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*stage_that_is_counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe()?)
        .args([RUN, &number.to_string()])
        .stdin(Stdio::null())
        .output()
        .context("valgrind cannot be run: make setup installs it")?;
    ensure!(
        output.status.success(),
        "callgrind failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let profile = std::fs::read_to_string(&out)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.context("callgrind gave no total")?.trim().parse()?;
    ensure!(total > 0, "callgrind has seen nothing of the stage");
    Ok(total)
}

/// The first line that a program prints of its version.
pub(crate) fn version(program: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}

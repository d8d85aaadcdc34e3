//! Counts the instructions of every stage with callgrind, and compares them with the table in `docs/instructions.md`.

#![allow(missing_docs, reason = "a program has no users but at the command line")]

mod count;
mod table;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use alluvium_stages::all;
use anyhow::{Context, Result, bail};

use table::Table;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["update"] => update(),
        [count::RUN, number] => {
            let rows = all();
            let row = number.parse().ok().and_then(|number: usize| rows.get(number));
            count::run(row.context("no such stage")?);
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("usage: alluvium-stages check|update"),
    }
}

fn check() -> Result<ExitCode> {
    let kept = Table::read(&path()).context("the table cannot be read: run make instructions-update")?;
    let counted = Table::count()?;
    let verdict = counted.compare(&kept);
    print!("{}", verdict.text);
    Ok(if verdict.grown {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn update() -> Result<ExitCode> {
    let counted = Table::count()?;
    if let Ok(kept) = Table::read(&path()) {
        print!("{}", counted.compare(&kept).text);
    }
    counted.write(&path())?;
    Ok(ExitCode::SUCCESS)
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/instructions.md")
}

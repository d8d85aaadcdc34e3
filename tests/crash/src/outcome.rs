//! How a run ended.

use std::path::PathBuf;

use anyhow::{Error, Result};

use crate::report::Table;
use crate::stage::Stage;

pub(crate) struct Outcome {
    table: Table,
    failure: Option<Failure>,
    passed: u32,
}

struct Failure {
    error: Error,
    seed: u64,
    log: PathBuf,
    kept: PathBuf,
}

impl Outcome {
    /// Of a run in which `done` things were tried, the last of which failed if anything did.
    pub(crate) fn of(stage: Stage, carried_out: Result<()>, table: Table, done: u32) -> Self {
        let fault = stage.run.first_fault().map(Error::from);
        let failure = fault.or(carried_out.err()).map(|error| Failure {
            error,
            seed: stage.seed,
            log: stage.server.log(),
            kept: stage.keep(),
        });
        let failed = u32::from(failure.is_some());
        Self {
            table,
            failure,
            passed: done.saturating_sub(failed),
        }
    }

    /// Tells a person; gives whether everything held.
    pub(crate) fn print(&self) -> bool {
        println!("\n{}", self.table);
        if let Some(failure) = &self.failure {
            println!("FAILED: {:#}", failure.error);
            println!("  again with   --seed {}", failure.seed);
            println!("  newest log   {}", failure.log.display());
            println!("  data kept in {}\n", failure.kept.display());
        }
        println!("{} passed, {} failed", self.passed, u32::from(self.failure.is_some()));
        self.failure.is_none()
    }
}

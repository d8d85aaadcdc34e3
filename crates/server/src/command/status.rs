//! How a command ends.

use std::process::ExitCode;

use alluvium_catalog as catalog;
use serde::Serialize;
use serde_json::json;

use crate::client::{Refusal, Unreachable};

/// Anything else went wrong; also what `verify` says of faults. 2 is what clap says of a command line that is not
/// understood.
const FAILED: u8 = 1;

/// The server refused.
const REFUSED: u8 = 3;

/// What the command is about does not exist.
const NOT_FOUND: u8 = 4;

/// The server was not reached, or did not answer as one.
const UNREACHABLE: u8 = 5;

/// Tells on standard error why a command failed, and gives the status to end with.
pub(crate) fn report(error: &anyhow::Error, as_json: bool) -> ExitCode {
    if as_json {
        eprintln!("{}", json!({ "error": Reason::of(error) }));
    } else {
        eprintln!("alluvium: {error:#}");
    }
    ExitCode::from(status(error))
}

fn status(error: &anyhow::Error) -> u8 {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return if refusal.status == 404 { NOT_FOUND } else { REFUSED };
    }
    match error.downcast_ref::<catalog::Error>() {
        Some(catalog::Error::NotFound { .. }) => NOT_FOUND,
        _ if error.is::<Unreachable>() => UNREACHABLE,
        _ => FAILED,
    }
}

/// An error as a script reads it.
#[derive(Serialize)]
#[serde(untagged)]
enum Reason<'a> {
    Refused(&'a Refusal),
    Other { message: String },
}

impl<'a> Reason<'a> {
    fn of(error: &'a anyhow::Error) -> Self {
        match error.downcast_ref::<Refusal>() {
            Some(refusal) => Self::Refused(refusal),
            None => Self::Other {
                message: format!("{error:#}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn scripts_can_tell_failures_apart() {
        let refusal = |status| Refusal {
            status,
            code: "NoSuchBucket".to_owned(),
            message: String::new(),
            ec: String::new(),
            request_id: String::new(),
        };
        let missing = catalog::Error::NotFound {
            what: catalog::Missing::AccessKey,
        };
        for (error, expected) in [
            (refusal(404).into(), NOT_FOUND),
            (refusal(409).into(), REFUSED),
            (anyhow!(missing).context("access key x"), NOT_FOUND),
            (anyhow!("a full disk"), FAILED),
        ] {
            let error: anyhow::Error = error;
            assert_eq!(status(&error), expected, "{error:#}");
        }
    }
}

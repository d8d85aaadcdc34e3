use std::path::Path;

use rusqlite::ErrorCode;

use crate::{Error, Missing};

/// Why a statement's work did not succeed, before the file is named to the caller.
#[derive(Debug)]
pub(super) enum Failure {
    /// The contract says no.
    Refused(Error),
    /// SQLite says no.
    Sqlite(rusqlite::Error),
    /// A record does not make sense.
    Nonsense(String),
}

impl Failure {
    pub(super) fn not_found(what: Missing) -> Self {
        Self::Refused(Error::NotFound { what })
    }

    /// What the caller of the catalog sees.
    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Nonsense(reason) => Error::Damaged {
                reason: format!("{}: {reason}", path.display()),
            },
            Self::Sqlite(error) => {
                let reason = format!("{}: {error}", path.display());
                if is_damage(&error) {
                    Error::Damaged { reason }
                } else {
                    Error::Unavailable { reason }
                }
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(
                failure.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch
            )
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}

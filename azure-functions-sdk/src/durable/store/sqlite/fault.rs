//! What SQLite refuses: a row that cannot be read, or more than that.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::durable::store::{Reach, StoreError};

/// Whether a single row is to blame, and not the file.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// The error of the store for one of the database.
pub(super) fn database_error(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    if is_damage(&source) {
        let source = Box::new(source);
        return StoreError::Damaged { path, source };
    }
    let reach = reach(&source);
    let source = Box::new(source);
    match reach {
        Reach::Passes => StoreError::Database { path, source },
        Reach::Commit => StoreError::Corrupt { path, source },
        Reach::Hub => StoreError::Unwritable { path, source },
    }
}

/// By the result codes of SQLite. What is not known to pass by itself concerns what was asked.
fn reach(error: &rusqlite::Error) -> Reach {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed,
        ) => Reach::Passes,
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::NotADatabase
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::NoLargeFileSupport,
        ) => Reach::Hub,
        _ => Reach::Commit,
    }
}

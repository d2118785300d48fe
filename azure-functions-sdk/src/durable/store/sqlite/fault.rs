//! What SQLite refuses: a row that cannot be read, or more than that.

use std::path::Path;

use crate::durable::store::StoreError;

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
    StoreError::Database {
        path,
        source: Box::new(source),
    }
}

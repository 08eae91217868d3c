//! What can go wrong with the database, as far as a caller may care.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A database error. Its text is safe to show: SQL and values stay in the server's log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, a read-only or restarting server, or a statement over its time limit. Try again later.
    #[error("the database is not available")]
    Unavailable,
    /// A constraint refused the write; `name` is the constraint's.
    #[error("constraint {name} refused the change")]
    Constraint {
        /// As in the migrations, for example `timesheets_period_key`.
        name: String,
    },
    /// A value that no column takes: a NUL character, a number or a date out of range.
    #[error("a value cannot be stored")]
    BadValue,
    /// Another transaction was in the way (deadlock, serialization, lock timeout). Try again at once.
    #[error("another change was in the way")]
    Conflict,
    /// Anything else: a defect of ours.
    #[error("database error {0}")]
    Internal(String),
}

impl Error {
    /// Whether a unique, foreign-key or check constraint of this name refused the change.
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint { name } if name == constraint)
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            if error.is_closed() || is_io(&error) {
                return Self::Unavailable;
            }
            // Conversion errors and the like: our own statement and type names, no values.
            return Self::Internal(error.to_string());
        };
        let code = db.code();
        match code.code().get(..2) {
            Some("23") => return Self::Constraint { name: db.constraint().unwrap_or_default().to_owned() },
            Some("22") => {
                tracing::warn!(code = code.code(), "a value cannot be stored");
                return Self::BadValue;
            }
            Some("08" | "53" | "57" | "58") => return Self::Unavailable,
            Some("40") => return Self::Conflict,
            _ => {}
        }
        if *code == SqlState::LOCK_NOT_AVAILABLE {
            Self::Conflict
        } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            Self::Unavailable // a fail-over is under way: this connection leads to the old writer
        } else {
            // The primary message names tables and columns, never values (those are in DETAIL).
            tracing::error!(code = code.code(), message = db.message(), "statement failed");
            Self::Internal(code.code().to_owned())
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        tracing::warn!(error = %PoolCause(&error), "no database connection");
        Self::Unavailable
    }
}

/// Says why there is no connection without its URL or password.
struct PoolCause<'a>(&'a PoolError);

impl std::fmt::Display for PoolCause<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            PoolError::Backend(e) => match e.as_db_error() {
                Some(db) => write!(f, "server said {}", db.code().code()),
                None => write!(f, "{e}"),
            },
            other => write!(f, "{other}"),
        }
    }
}

/// The connection broke under the statement; nothing of it was committed.
pub(crate) fn is_io(error: &tokio_postgres::Error) -> bool {
    use std::error::Error as _;
    let mut source = error.source();
    while let Some(e) = source {
        if e.is::<std::io::Error>() {
            return true;
        }
        source = e.source();
    }
    false
}

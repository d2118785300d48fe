//! Why a command did not do its work, and where it prints what it did.

use std::io::{self, Write as _};

/// The command line makes no sense.
pub(crate) const USAGE_ERROR: u8 = 2;

/// The work failed.
pub(crate) const WORK_FAILED: u8 = 1;

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) message: String,
    pub(super) code: u8,
    /// Whether the whole usage helps.
    pub(super) usage: bool,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::input(message)
        }
    }

    /// What the arguments name cannot be used.
    pub(super) fn input(message: impl Into<String>) -> Self {
        Self::with_code(message, USAGE_ERROR)
    }

    pub(super) fn work(message: impl Into<String>) -> Self {
        Self::with_code(message, WORK_FAILED)
    }

    pub(super) fn with_code(message: impl Into<String>, code: u8) -> Self {
        Self {
            message: message.into(),
            code,
            usage: false,
        }
    }
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // A reader that stops early has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::work(format!("cannot print: {error}"))),
        _ => Ok(()),
    }
}

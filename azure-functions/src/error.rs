//! What a failed function tells the host.

use std::error::Error;

/// A function failed. The message reaches the host, and with it the caller's log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    message: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl FunctionError {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }
}

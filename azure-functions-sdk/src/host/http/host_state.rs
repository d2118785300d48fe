//! What state the host is in, as callers are told.

/// The states of `/admin/host/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// The worker is being started.
    Starting,
    /// Functions can be called.
    Running,
    /// The worker cannot be started.
    Error,
    /// The host is shutting down.
    Stopping,
}

impl HostState {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Error => "Error",
            Self::Stopping => "Stopping",
        }
    }
}

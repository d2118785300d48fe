//! The two ways from a client to the host.

use std::fmt;

/// By which of its two ways a client talks to the host. The binding's data decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientWire {
    /// The durable HTTP API.
    Http,
    /// The gRPC service of the host, `TaskHubSidecarService`.
    Grpc,
}

impl fmt::Display for ClientWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Grpc => "gRPC",
        })
    }
}

//! The front door's port.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

/// The address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another process listens there.
    #[error("port {} of {} is in use: stop the other process, or choose another port with --port", address.port(), address.ip())]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Any other reason.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
}

/// A bound port that is not served yet: connections wait.
#[derive(Debug)]
pub struct FrontDoorListener {
    pub(super) listener: TcpListener,
    address: SocketAddr,
}

impl FrontDoorListener {
    /// Binds; port 0 takes any free port.
    ///
    /// # Errors
    /// The address is in use or cannot be bound.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = TcpListener::bind(address)
            .await
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        match bound {
            Ok((address, listener)) => Ok(Self { listener, address }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(BindError::InUse { address }),
            Err(source) => Err(BindError::Other { address, source }),
        }
    }

    /// The address, with the port that was really bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

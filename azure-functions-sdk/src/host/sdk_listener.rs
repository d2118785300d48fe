//! The port of the loopback address where workers and clients of Durable Task SDKs connect.

use std::{io, net::Ipv4Addr};
use tokio::net::TcpListener;

/// The port that Durable Task SDKs try where they are told none.
const FIRST_CHOICE: u16 = 4001;

/// There is no port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdkListenerError {
    /// The one that was asked for is taken.
    #[error("port {0} of 127.0.0.1 is in use: stop the other process, or choose another port with --grpc-port")]
    InUse(u16),
    /// The system has none.
    #[error("cannot listen for workers and clients on the loopback address: {0}")]
    Loopback(#[source] io::Error),
}

/// Takes this port; without one, the port of the SDKs if it is free, else any.
pub(crate) async fn sdk_listener(port: Option<u16>) -> Result<TcpListener, SdkListenerError> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    match (bind(port.unwrap_or(FIRST_CHOICE)).await, port) {
        (Ok(listener), _) => Ok(listener),
        (Err(error), Some(port)) if in_use(&error) => Err(SdkListenerError::InUse(port)),
        (Err(error), None) if in_use(&error) => bind(0).await.map_err(SdkListenerError::Loopback),
        (Err(error), _) => Err(SdkListenerError::Loopback(error)),
    }
}

//! The socket side: binds, accepts connections, speaks HTTP/1.1 on each, and ends them when told to stop.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::door::Door;

/// The address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody else listens there.
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

/// A bound port that nobody serves yet: connections wait.
#[derive(Debug)]
pub struct FrontDoorListener {
    listener: TcpListener,
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

/// Serves until `stop`; then takes no new connection, lets running requests finish for `grace`, and drops the rest.
pub(super) async fn serve(listener: FrontDoorListener, door: Arc<Door>, stop: CancellationToken, grace: Duration) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&door), stop.clone()));
                }
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    // Out of file handles, most likely: give running requests time to end.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(grace, all_ended).await;
}

/// One connection. If the client goes away while a request runs, hyper drops the request's future, and with it the
/// invocation.
async fn connection(stream: TcpStream, door: Arc<Door>, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(request).await.map(Full::<Bytes>::new)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // Broken connections and malformed requests are the client's affair.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

//! Where the service is, and the connections to it.
//!
//! A connection belongs to an address, and the pool that holds it closes it when the host is gone or it has not been used for a while:
//! the port of the extension is another one after each start.

use super::super::binding::{Binding, Endpoint};
use super::super::error::OrchestrationClientError;
use super::super::transport::{CONNECT_TIMEOUT, MAX_ANSWER_BYTES};
use crate::protobuf::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::metadata::{Ascii, MetadataValue};

/// Connections to all hosts, by address: one for each, which all calls share.
type Pool = Client<HttpConnector, tonic::body::Body>;
pub(super) type Sidecar = TaskHubSidecarServiceClient<Pool>;

/// Longer than apps usually are idle between two calls, and much shorter than a port is likely to be used again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The service that a binding names, and the task hub that it is to work on.
#[derive(Clone)]
pub(in super::super) struct Address {
    pub(super) sidecar: Sidecar,
    pub(super) origin: Arc<str>,
    pub(super) task_hub: MetadataValue<Ascii>,
    pub(super) connection: Option<MetadataValue<Ascii>>,
    /// How many waits the host may hold besides those that it does.
    pub(super) held: Arc<Semaphore>,
}

impl Address {
    /// `None` if the binding is for HTTP.
    pub(in super::super) fn of(binding: &Binding) -> Result<Option<Self>, OrchestrationClientError> {
        let Endpoint::Grpc(origin) = &binding.endpoint else {
            return Ok(None);
        };
        let uri: Uri = origin
            .parse()
            .map_err(|_| OrchestrationClientError::binding("`rpcBaseUrl` is not an absolute http URL"))?;
        let header = |member: &str, text: &str| {
            MetadataValue::try_from(text).map_err(|_| {
                OrchestrationClientError::binding(format!("`{member}` has a character that no header can carry"))
            })
        };
        // What the host says is what its own client takes, which is less than the host sends.
        let limit = binding.grpc_message_size.unwrap_or_default().max(MAX_ANSWER_BYTES);
        Ok(Some(Self {
            sidecar: Sidecar::with_origin(pool(), uri).max_decoding_message_size(limit),
            origin: origin.as_str().into(),
            held: held_at(origin),
            task_hub: header("taskHubName", &binding.task_hub)?,
            connection: match &binding.connection {
                Some(connection) => Some(header("connectionName", connection)?),
                None => None,
            },
        }))
    }
}

/// The one of this process: a binding is read anew in each invocation, its connection is not made anew.
fn pool() -> Pool {
    static SHARED: LazyLock<Pool> = LazyLock::new(|| {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Client::builder(TokioExecutor::new())
            .http2_only(true)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector)
    });
    SHARED.clone()
}

/// How many waits of this process a host holds at a time: a connection carries 100 requests, and others must get through beside them.
const HELD: usize = 50;

/// Leave for waits at an address, which all clients of it share.
fn held_at(origin: &str) -> Arc<Semaphore> {
    static BY_ADDRESS: LazyLock<Mutex<BTreeMap<String, Weak<Semaphore>>>> = LazyLock::new(Mutex::default);
    let mut by_address = BY_ADDRESS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(held) = by_address.get(origin).and_then(Weak::upgrade) {
        return held;
    }
    // Addresses without clients: the port is another one after each start of a host.
    by_address.retain(|_, held| held.strong_count() > 0);
    let held = Arc::new(Semaphore::new(HELD));
    by_address.insert(origin.to_owned(), Arc::downgrade(&held));
    held
}

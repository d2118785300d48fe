//! Where the service is, and the connections to it.
//!
//! A connection belongs to an address, and the pool that holds it closes it when the host is gone or it has not been used for a while:
//! the port of the extension is another one after each start.

use super::super::binding::{Binding, Endpoint};
use super::super::error::OrchestrationClientError;
use super::super::transport::MAX_ANSWER_BYTES;
pub(super) use crate::server::Sidecar;
use crate::server::{Channel, PlainPool, ServerAddress, ServerAddressError, TASK_HUB};
use http::Uri;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use tokio::sync::Semaphore;
use tonic::metadata::{Ascii, MetadataValue};

/// Says to the extension which task hub a call is for.
const EXTENSION_TASK_HUB: &str = "durable-taskhub";

/// The service that a binding names, and the task hub that it is to work on.
#[derive(Clone)]
pub(in super::super) struct Address {
    pub(super) sidecar: Sidecar,
    pub(super) origin: Arc<str>,
    /// The header that names the task hub.
    pub(super) task_hub_header: &'static str,
    pub(super) task_hub: Option<MetadataValue<Ascii>>,
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
            sidecar: Channel::plain(uri, &POOL).sidecar().max_decoding_message_size(limit),
            origin: origin.as_str().into(),
            held: held_at(origin),
            task_hub_header: EXTENSION_TASK_HUB,
            task_hub: Some(header("taskHubName", &binding.task_hub)?),
            connection: match &binding.connection {
                Some(connection) => Some(header("connectionName", connection)?),
                None => None,
            },
        }))
    }

    /// Whether this build speaks to it: to the extension, which is on loopback, without TLS only.
    pub(super) fn is_reachable(&self) -> bool {
        self.task_hub_header == TASK_HUB || self.origin.to_ascii_lowercase().starts_with("http://")
    }

    /// Of a Durable Task server.
    pub(in super::super) fn of_server(server: &ServerAddress) -> Result<Self, ServerAddressError> {
        let channel = server.channel()?;
        Ok(Self {
            sidecar: channel.sidecar().max_decoding_message_size(MAX_ANSWER_BYTES),
            origin: server.origin().into(),
            held: held_at(server.origin()),
            task_hub_header: TASK_HUB,
            // The channel names it.
            task_hub: None,
            connection: None,
        })
    }
}

/// The one of this process: a binding is read anew in each invocation, its connection is not made anew.
static POOL: LazyLock<PlainPool> = LazyLock::new(PlainPool::new);

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

//! How clients reach the task hub of a test host: by messages to its world, and in its time.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use azure_functions_durable::{Exchange, Pause, Transport, TransportError};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::Request;
use tokio::sync::{mpsc::UnboundedSender, oneshot};

use super::{
    clock::{Sleep, VirtualClock},
    command::{Command, Exchanged},
    presence::Presence,
};
use crate::durable::{BindingUrls, Clock, HubName, binding};

/// Where clients believe the hub to be.
pub(super) const LISTENER: &str = "http://test-host/durabletask";
pub(super) const WEBHOOK: &str = "http://localhost:7071/runtime/webhooks/durabletask";
pub(super) const BASES: [&str; 2] = ["/durabletask", "/runtime/webhooks/durabletask"];

/// The data of a durable client binding.
pub(super) fn client_binding() -> String {
    let urls = BindingUrls::new(WEBHOOK).rpc(LISTENER);
    binding::client_binding(&urls, HubName::default().as_str(), "Storage")
}

/// A way into the world.
#[derive(Clone)]
pub(super) struct WorldTransport {
    pub(super) commands: UnboundedSender<Command>,
    pub(super) clock: VirtualClock,
    /// The function that has the client; `None` for a client of the test itself, who gets an answer when all that follows from
    /// the request at this moment has happened.
    pub(super) function: Option<Arc<Presence>>,
}

impl Transport for WorldTransport {
    /// Nothing makes a request in the same process late: there is no limit.
    fn send(&self, request: Request<Bytes>, _limit: Duration) -> Exchange {
        let (reply, answer) = oneshot::channel();
        let exchanged = Exchanged {
            request,
            reply,
            settled: self.function.is_none(),
        };
        let sent = self.commands.send(Command::Exchange(Box::new(exchanged)));
        let function = self.function.clone();
        Box::pin(async move {
            sent.map_err(|_| TransportError::failed(Gone))?;
            let _inside = function.as_ref().map(Presence::inside);
            answer.await.map_err(|_| TransportError::failed(Gone))
        })
    }

    fn sleep(&self, time: Duration) -> Pause {
        let pause = Sleeping {
            sleep: self.clock.insist_until(later(self.clock.now(), time)),
            _look: Look(self.commands.clone()),
        };
        // The world may stand still at this moment: it looks again.
        let _ = self.commands.send(Command::Look);
        let function = self.function.clone();
        Box::pin(async move {
            let _inside = function.as_ref().map(Presence::inside);
            pause.await;
        })
    }
}

/// A pause. When it is over or dropped, the world looks again: time may pass for others.
struct Sleeping {
    sleep: Sleep,
    /// After the sleep.
    _look: Look,
}

struct Look(UnboundedSender<Command>);

impl Future for Sleeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.sleep).poll(cx)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let _ = self.0.send(Command::Look);
    }
}

/// The moment after this time; the end of all times, if that is too long.
pub(super) fn later(now: DateTime<Utc>, time: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(time)
        .ok()
        .and_then(|time| now.checked_add_signed(time))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[derive(Debug, thiserror::Error)]
#[error("the test host is gone: keep it as long as its clients are used")]
struct Gone;

impl fmt::Debug for WorldTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldTransport").finish_non_exhaustive()
    }
}

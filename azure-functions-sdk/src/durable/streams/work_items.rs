//! The stream of a worker: its items, and a ping now and then.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use azure_functions_durable::protobuf::GetWorkItemsRequest;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::Stream;
use tokio::sync::mpsc;

use super::{
    item::health_ping,
    registry::{Streams, Unconnected},
};
use crate::durable::clock::Clock;

/// Workers take a stream for dead after 120 s of silence.
const PING: TimeDelta = TimeDelta::seconds(30);

/// Encoded `WorkItem` messages for one worker. Ends when the hub closes; the worker is disconnected when it is dropped.
pub(crate) struct WorkItems {
    streams: Arc<Streams>,
    worker: u64,
    takes: String,
    items: mpsc::UnboundedReceiver<Bytes>,
    clock: Arc<dyn Clock>,
    ping_due: DateTime<Utc>,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Streams {
    /// Connects a worker: it gets its items from the stream that is returned, until that is dropped.
    pub(crate) fn connect(self: &Arc<Self>, request: GetWorkItemsRequest) -> Result<WorkItems, Unconnected> {
        let (worker, takes, items) = self.add(request)?;
        let clock = Arc::clone(&self.clock);
        let ping_due = clock.now() + PING;
        let sleep = clock.sleep_until(ping_due);
        Ok(WorkItems {
            streams: Arc::clone(self),
            worker,
            takes,
            items,
            clock,
            ping_due,
            sleep,
        })
    }
}

impl WorkItems {
    /// Number of the worker: those of a hub are counted as they connect.
    pub(crate) fn worker(&self) -> u64 {
        self.worker
    }

    /// What the worker takes, for people.
    pub(crate) fn takes(&self) -> &str {
        &self.takes
    }

    /// Items that the worker has and has not answered.
    pub(crate) fn open(&self) -> usize {
        self.streams.open_of(self.worker)
    }
}

impl Stream for WorkItems {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        if let Poll::Ready(item) = this.items.poll_recv(context) {
            return Poll::Ready(item);
        }
        while this.sleep.as_mut().poll(context).is_ready() {
            // The sleep may end early.
            let now = this.clock.now();
            let is_due = now >= this.ping_due;
            if is_due {
                this.ping_due = now + PING;
            }
            this.sleep = this.clock.sleep_until(this.ping_due);
            if is_due {
                return Poll::Ready(Some(health_ping()));
            }
        }
        Poll::Pending
    }
}

impl Drop for WorkItems {
    fn drop(&mut self) {
        self.streams.disconnect(self.worker);
    }
}

impl std::fmt::Debug for WorkItems {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "WorkItems({})", self.worker)
    }
}

//! A place on a worker for one item.

use std::{fmt, sync::Arc};

use super::{
    answer::{Answer, Lost},
    item::Work,
    registry::{Streams, Unseated},
};
use crate::durable::work::WorkKind;

/// Is free again when it is dropped.
pub(crate) struct Seat {
    streams: Arc<Streams>,
    worker: u64,
    kind: WorkKind,
}

impl Streams {
    /// A place for one item, on the worker that has the most room.
    pub(crate) fn reserve(self: &Arc<Self>, kind: WorkKind, name: &str, version: &str) -> Result<Seat, Unseated> {
        let worker = self.take_place(kind, name, version)?;
        Ok(Seat {
            streams: Arc::clone(self),
            worker,
            kind,
        })
    }
}

impl Seat {
    /// Gives the item to the worker, and waits for what comes of it. An item whose wait is dropped is open no more.
    pub(crate) async fn run(self, work: Work) -> Result<Answer, Lost> {
        let begun = self.streams.begin(self.worker, &work).ok_or(Lost::Gone)?;
        drop(work);
        let open = Open {
            seat: &self,
            token: &begun.token,
        };
        let ended = begun.ended.await;
        drop(open);
        ended.unwrap_or(Err(Lost::Gone))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.streams.leave(self.worker, self.kind);
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seat({}, {:?})", self.worker, self.kind)
    }
}

/// An item whose answer is awaited.
struct Open<'a> {
    seat: &'a Seat,
    token: &'a str,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.seat.streams.forget(self.token);
    }
}

//! A place on a worker for one item.

use std::{fmt, sync::Arc};

use super::{
    answer::{Answer, Lost},
    item::Work,
    registry::{Place, Streams, Unseated},
};
use crate::durable::work::WorkKind;

/// Is free again when it is dropped.
pub(crate) struct Seat {
    streams: Arc<Streams>,
    place: Place,
    kind: WorkKind,
}

impl Streams {
    /// A place for one item, on the worker that has the most room. Those of `asked_last`, which have given it back before, come last.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        kind: WorkKind,
        name: &str,
        version: &str,
        asked_last: &[u64],
    ) -> Result<Seat, Unseated> {
        let place = self.take_place(kind, name, version, asked_last)?;
        Ok(Seat {
            streams: Arc::clone(self),
            place,
            kind,
        })
    }
}

impl Seat {
    /// Whether the worker fetches a long history.
    pub(crate) fn streams_history(&self) -> bool {
        self.place.streams_history
    }

    /// Gives the item to the worker, and waits for what comes of it. An item whose wait is dropped is open no more.
    pub(crate) async fn run(self, work: Work) -> Result<Answer, Lost> {
        let begun = self.streams.begin(self.place.worker, &work).ok_or(Lost::Unserved)?;
        drop(work);
        let open = Open {
            seat: &self,
            token: &begun.token,
        };
        let ended = begun.ended.await;
        drop(open);
        ended.unwrap_or(Err(Lost::Unserved))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.streams.leave(self.place.worker, self.kind);
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seat({}, {:?})", self.place.worker, self.kind)
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

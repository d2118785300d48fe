//! What has come of a history after its first payload: the events of further turns, for an orchestration that is kept from one turn to
//! the next.
//!
//! It grows while texts of it are lent out, so what is in it never moves.

use super::event::Event;
use std::cell::{OnceCell, RefCell};

/// Payloads, and the events in them. Places and offsets count from the end of the first payload.
#[derive(Debug, Default)]
pub(crate) struct Later {
    events: RefCell<Vec<Event>>,
    /// Where each payload begins.
    starts: RefCell<Vec<usize>>,
    payloads: Payloads,
}

impl Later {
    /// Adds a payload of this length before it, and its events, whose texts lie where the payload lies in the whole.
    pub(super) fn push(&self, start: usize, payload: Vec<u8>, events: impl Iterator<Item = Event>) {
        let index = self.starts.borrow().len();
        self.starts.borrow_mut().push(start);
        self.payloads.set(index, payload);
        self.events.borrow_mut().extend(events);
    }

    pub(super) fn len(&self) -> usize {
        self.events.borrow().len()
    }

    pub(super) fn event(&self, place: usize) -> Option<Event> {
        self.events.borrow().get(place).copied()
    }

    /// Bytes of all payloads.
    pub(super) fn bytes(&self) -> usize {
        let starts = self.starts.borrow();
        let last = starts.len().checked_sub(1);
        last.map_or(0, |last| starts[last] + self.payloads.get(last).map_or(0, <[u8]>::len))
    }

    /// Bytes of one payload.
    pub(super) fn get(&self, range: std::ops::Range<usize>) -> Option<&[u8]> {
        let (index, start) = {
            let starts = self.starts.borrow();
            let index = starts.partition_point(|start| *start <= range.start).checked_sub(1)?;
            (index, starts[index])
        };
        self.payloads.get(index)?.get(range.start - start..range.end - start)
    }
}

/// Room for payloads; each is set once.
type Bucket = Box<[OnceCell<Vec<u8>>]>;

/// A list that grows by `&self`: each bucket has twice the room of the one before, and none ever moves.
#[derive(Debug, Default)]
struct Payloads {
    // Enough for more payloads than a history can have bytes.
    buckets: [OnceCell<Bucket>; 32],
}

impl Payloads {
    /// The bucket of an index, and the place in it.
    fn place(index: usize) -> (usize, usize) {
        let bucket = (index + 1).ilog2();
        (bucket as usize, index + 1 - (1 << bucket))
    }

    fn set(&self, index: usize, payload: Vec<u8>) {
        let (bucket, place) = Self::place(index);
        let bucket = self.buckets[bucket].get_or_init(|| (0..1 << bucket).map(|_| OnceCell::new()).collect());
        // Each index is set once.
        let _ = bucket[place].set(payload);
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let (bucket, place) = Self::place(index);
        self.buckets[bucket].get()?.get(place)?.get().map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_where_they_are_while_payloads_are_added() {
        let later = Later::default();
        later.push(0, b"first".to_vec(), std::iter::once(Event::Suspended));
        let lent = later.get(0..5).unwrap();
        let mut start = 5;
        for number in 0..1000 {
            let payload = number.to_string().into_bytes();
            let length = payload.len();
            later.push(start, payload, std::iter::once(Event::Resumed));
            start += length;
        }
        assert_eq!((lent, later.bytes(), later.len()), (b"first".as_slice(), start, 1001));
        assert_eq!(later.get(5..6), Some(b"0".as_slice()));
        assert_eq!(later.get(start - 3..start), Some(b"999".as_slice()));
        // A text lies in one payload.
        assert_eq!((later.get(3..6), later.get(start..start + 1)), (None, None));
        assert_eq!((later.event(0), later.event(1001)), (Some(Event::Suspended), None));
    }
}

//! A bounded number of bytes, of which parts are taken and given back.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What every connection may hold besides, in each direction.
pub(super) const FREE: usize = 64 << 10;
/// What a permit stands for: bytes would not fit into the 32 bits that a semaphore counts with.
const UNIT: usize = 1 << 10;

#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// Some of the room; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(OwnedSemaphorePermit);

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// A place for so many bytes, if there is one.
    pub(super) fn take(&self, bytes: usize) -> Option<Place> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(units).ok().map(Place)
    }

    /// Makes a place that was for fewer bytes large enough; false if there is no room for that.
    pub(super) fn extend(&self, place: &mut Option<Place>, bytes: usize) -> bool {
        let had = place.as_ref().map_or(0, |place| place.0.num_permits());
        let more = bytes.div_ceil(UNIT).saturating_sub(had);
        let Some(more) = self.take(more * UNIT) else {
            return false;
        };
        match place {
            Some(place) => place.0.merge(more.0),
            None => *place = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_grows_within_the_room_and_is_given_back() {
        let room = Room::new(10 << 10);
        let mut place = None;
        assert!(room.extend(&mut place, 1) && room.extend(&mut place, 6 << 10));
        let other = room.take(4 << 10).unwrap();
        assert!(!room.extend(&mut place, (6 << 10) + 1));
        assert!(room.take(1).is_none());
        drop(other);
        assert!(room.extend(&mut place, 10 << 10));
        drop(place);
        assert!(room.take(10 << 10).is_some());
        assert!(room.take(usize::MAX).is_none());
    }
}

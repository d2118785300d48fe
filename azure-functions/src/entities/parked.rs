//! States of entities that the host leaves out while a session lasts (`IncludeState: false`): kept from one batch to the next.
//!
//! A state that the host does send counts, whatever is kept. What is not kept is asked for, so nothing here is needed to be correct.

use super::EntityId;
use crate::only_process::is_only_process;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How many are kept.
const MAX_COUNT: usize = 10_000;
/// How many bytes the states together may have.
const MAX_BYTES: usize = 64 << 20;

/// The state of an entity after a batch; `None` if it has none.
pub(crate) type Kept = Option<Arc<str>>;

/// The states that are kept, those that were used last.
#[derive(Debug)]
pub(crate) struct ParkedStates {
    max_count: usize,
    max_bytes: usize,
    parked: Mutex<Parked>,
}

#[derive(Debug, Default)]
struct Parked {
    by_entity: HashMap<EntityId, Entry>,
    /// The entities in the order in which they were used.
    order: BTreeMap<u64, EntityId>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    state: Kept,
    number: u64,
    until: Instant,
}

impl Default for ParkedStates {
    fn default() -> Self {
        Self::with_room_for(MAX_COUNT, MAX_BYTES)
    }
}

impl ParkedStates {
    /// Keeps so many states with so many bytes together at most.
    pub(crate) fn with_room_for(max_count: usize, max_bytes: usize) -> Self {
        Self {
            max_count,
            max_bytes,
            parked: Mutex::default(),
        }
    }

    /// Takes the state that an entity had after its last batch, if it is kept and its session goes on.
    pub(crate) fn take(&self, entity: &EntityId, now: Instant) -> Option<Kept> {
        let entry = self.parked().remove(entity)?;
        (now < entry.until).then_some(entry.state)
    }

    /// Keeps the state after a batch of a session that ends when the entity has been idle for so long.
    pub(crate) fn keep(&self, entity: &EntityId, state: Kept, idle: Duration, now: Instant) {
        self.drop_idle(now);
        let mut parked = self.parked();
        parked.remove(entity);
        let Some(until) = now.checked_add(idle).filter(|_| is_only_process()) else {
            return;
        };
        let number = parked.next;
        parked.next += 1;
        parked.bytes += size(&state);
        parked.order.insert(number, entity.clone());
        parked.by_entity.insert(entity.clone(), Entry { state, number, until });
        while parked.by_entity.len() > self.max_count || parked.bytes > self.max_bytes {
            let Some((_, oldest)) = parked.order.first_key_value() else {
                return;
            };
            let oldest = oldest.clone();
            parked.remove(&oldest);
        }
    }

    /// Forgets the states whose sessions have ended.
    fn drop_idle(&self, now: Instant) {
        let mut parked = self.parked();
        // Sessions of one host are as long as each other, so the oldest ends first.
        while let Some((_, oldest)) = parked.order.first_key_value()
            && parked.by_entity.get(oldest).is_none_or(|entry| entry.until <= now)
        {
            let oldest = oldest.clone();
            parked.remove(&oldest);
        }
    }

    fn parked(&self) -> MutexGuard<'_, Parked> {
        // Nothing in here panics while it holds the lock.
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parked {
    fn remove(&mut self, entity: &EntityId) -> Option<Entry> {
        let entry = self.by_entity.remove(entity)?;
        self.order.remove(&entry.number);
        self.bytes -= size(&entry.state);
        Some(entry)
    }
}

fn size(state: &Kept) -> usize {
    state.as_deref().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    fn entity(key: &str) -> EntityId {
        EntityId::new("counter", key).unwrap()
    }

    fn state(text: &str) -> Kept {
        Some(Arc::from(text))
    }

    #[test]
    fn a_state_is_taken_once_and_only_while_its_session_lasts() {
        let (parked, now) = (ParkedStates::default(), Instant::now());
        parked.keep(&entity("a"), state("1"), IDLE, now);
        parked.keep(&entity("b"), None, IDLE, now);
        assert_eq!(parked.take(&entity("a"), now), Some(state("1")));
        assert_eq!(parked.take(&entity("a"), now), None);
        assert_eq!(parked.take(&entity("b"), now), Some(None));
        parked.keep(&entity("a"), state("2"), IDLE, now);
        assert_eq!(parked.take(&entity("a"), now + IDLE), None);
    }

    #[test]
    fn the_states_that_were_used_last_are_kept_within_number_and_bytes() {
        let now = Instant::now();
        let kept = |parked: &ParkedStates| ["a", "b", "c"].map(|key| parked.take(&entity(key), now).is_some());
        let few = ParkedStates::with_room_for(2, 100);
        for key in ["a", "b", "a", "c"] {
            few.keep(&entity(key), state("1"), IDLE, now);
        }
        assert_eq!(kept(&few), [true, false, true]);
        let small = ParkedStates::with_room_for(10, 8);
        for (key, text) in [("a", "12345"), ("b", "12"), ("c", "1234")] {
            small.keep(&entity(key), state(text), IDLE, now);
        }
        assert_eq!(kept(&small), [false, true, true]);
        small.keep(&entity("a"), state("too large for all"), IDLE, now);
        assert_eq!(kept(&small), [false, false, false]);
        assert_eq!(small.parked().bytes, 0);
    }

    #[test]
    fn states_of_ended_sessions_are_dropped() {
        let (parked, now) = (ParkedStates::default(), Instant::now());
        parked.keep(&entity("a"), state("1"), IDLE, now);
        parked.keep(&entity("b"), state("2"), IDLE, now + IDLE);
        parked.drop_idle(now + IDLE);
        assert_eq!(parked.parked().by_entity.len(), 1);
        assert_eq!(parked.take(&entity("b"), now + IDLE), Some(state("2")));
    }
}

//! The orchestrations that a thread keeps between their turns, those that went on last.
//!
//! What is kept no longer is not dropped at once: its code runs then, which may take its time, and the turn that comes in its place is
//! another instance's. It is put aside until the thread [drops it](ParkedInstances::drop_aside) between two turns.

use super::parked::Parked;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// How many a worker keeps.
pub(crate) const MAX_COUNT: usize = 10_000;
/// How many bytes they may take together, as far as they can be counted.
pub(crate) const MAX_BYTES: usize = 256 << 20;

/// A host counts the idle time from when it has recorded the answer.
const GRACE: Duration = Duration::from_secs(2);

/// Waiting orchestrations by their instance ids.
pub(crate) struct ParkedInstances {
    max_count: usize,
    max_bytes: usize,
    by_instance: HashMap<String, Entry>,
    /// The instances in the order in which they were parked.
    order: BTreeMap<u64, String>,
    next: u64,
    bytes: usize,
    /// What is kept no longer, and not dropped yet.
    aside: Vec<Parked>,
}

struct Entry {
    parked: Parked,
    bytes: usize,
    number: u64,
    until: Instant,
}

impl ParkedInstances {
    /// Keeps so many with so many bytes together at most.
    pub(crate) fn with_room_for(max_count: usize, max_bytes: usize) -> Self {
        Self {
            max_count,
            max_bytes,
            by_instance: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            bytes: 0,
            aside: Vec::new(),
        }
    }

    /// Takes an instance, if it is kept and its session goes on.
    pub(super) fn take(&mut self, instance_id: &str, now: Instant) -> Option<Parked> {
        let entry = self.remove(instance_id)?;
        if now < entry.until {
            return Some(entry.parked);
        }
        self.aside.push(entry.parked);
        None
    }

    /// Puts an instance aside that cannot go on.
    pub(super) fn put_aside(&mut self, parked: Parked) {
        self.aside.push(parked);
    }

    /// Keeps an instance until it has been idle for so long.
    pub(super) fn keep(&mut self, instance_id: &str, parked: Parked, idle: Duration, now: Instant) {
        self.set_idle_aside(now);
        self.forget(instance_id);
        let Some(until) = now.checked_add(idle.saturating_add(GRACE)) else {
            return self.aside.push(parked);
        };
        let (number, bytes) = (self.next, parked.bytes() + instance_id.len());
        self.next += 1;
        self.bytes += bytes;
        self.order.insert(number, instance_id.to_owned());
        let entry = Entry {
            parked,
            bytes,
            number,
            until,
        };
        self.by_instance.insert(instance_id.to_owned(), entry);
        while self.by_instance.len() > self.max_count || self.bytes > self.max_bytes {
            let Some((_, oldest)) = self.order.pop_first() else {
                return;
            };
            self.forget(&oldest);
        }
    }

    /// Keeps an instance no longer.
    pub(crate) fn forget(&mut self, instance_id: &str) {
        if let Some(entry) = self.remove(instance_id) {
            self.aside.push(entry.parked);
        }
    }

    /// Drops what is kept no longer: runs code of the user.
    pub(crate) fn drop_aside(&mut self) {
        self.aside.clear();
    }

    /// Whether there is something to [drop](Self::drop_aside).
    pub(crate) fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// Puts the instances aside whose sessions have ended. Returns when the next session ends, if there is one.
    pub(crate) fn set_idle_aside(&mut self, now: Instant) -> Option<Instant> {
        // Sessions of one host are as long as each other, so the oldest ends first.
        while let Some((_, oldest)) = self.order.first_key_value() {
            match self.by_instance.get(oldest) {
                Some(entry) if entry.until > now => return Some(entry.until),
                _ => {
                    let oldest = oldest.clone();
                    // An instance that is not there has no place in the order.
                    self.order.pop_first();
                    self.forget(&oldest);
                }
            }
        }
        None
    }

    /// How many are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_instance.len()
    }

    fn remove(&mut self, instance_id: &str) -> Option<Entry> {
        let entry = self.by_instance.remove(instance_id)?;
        self.order.remove(&entry.number);
        self.bytes -= entry.bytes;
        Some(entry)
    }
}

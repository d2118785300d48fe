//! What could run but for a seat on a worker that takes it from a stream, or for room in the app. The first is held by function, apart
//! from what may run, so that names without a worker never stand in the way of others, and is looked at again when a seat is free.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::Arc,
};

use super::turns::{Turns, Waiting};
use crate::durable::{
    store::{InstanceKey, RowId},
    streams::Unseated,
};

/// Functions of one kind without a worker that are told at a time.
const MOST_TOLD: usize = 20;

/// A function that workers of streams run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamFunction {
    /// In lower case.
    pub(super) name: String,
    /// Empty: none.
    pub(super) version: String,
}

impl StreamFunction {
    pub(super) fn new(name: &str, version: Option<&str>) -> Self {
        Self {
            name: name.to_lowercase(),
            version: version.unwrap_or_default().to_owned(),
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) episodes: Lists<VecDeque<InstanceKey>>,
    pub(super) activities: Lists<Turns>,
    pub(super) entities: Lists<VecDeque<Arc<str>>>,
    /// Instances whose executions began on a wire of apps, and whose orchestration no app has now.
    pub(super) for_apps: Vec<InstanceKey>,
    /// A seat may be free that was not.
    pub(super) seats_changed: bool,
}

impl Held {
    /// Withdraws the activities of an instance that no worker takes, as of so many connections; gives their rows.
    pub(super) fn withdraw(&mut self, key: InstanceKey, connects: u64) -> Vec<RowId> {
        let mut rows = Vec::new();
        if self.activities.unserved_as_of == connects {
            self.activities.unserved.retain(|_, list| {
                rows.extend(list.withdraw(key));
                !list.is_empty()
            });
        }
        rows
    }
}

/// Functions of which was told that no worker takes them: each is told once, until a worker has taken it, or nothing waits for one.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeSet<StreamFunction>);

impl Told {
    /// Whether it is to be told now.
    pub(super) fn waits(&mut self, function: &StreamFunction) -> bool {
        !self.is_full() && self.0.insert(function.clone())
    }

    pub(super) fn is_taken(&mut self, function: &StreamFunction) {
        self.0.remove(function);
    }

    /// No other one would be told.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_TOLD
    }

    pub(super) fn all(&self) -> Vec<StreamFunction> {
        self.0.iter().cloned().collect()
    }
}

/// What waits of one kind, by function.
#[derive(Debug)]
pub(super) struct Lists<L> {
    /// What the app runs, or the hub itself, as soon as there is room.
    pub(super) for_room: L,
    pub(super) told: Told,
    /// Of functions that a worker may have a seat for.
    served: BTreeMap<StreamFunction, L>,
    /// Of functions that no worker takes, as of so many connections.
    unserved: BTreeMap<StreamFunction, L>,
    unserved_as_of: u64,
    /// The function that had its turn last: the next seat is for one behind it.
    last: Option<StreamFunction>,
}

impl<L: Default> Default for Lists<L> {
    fn default() -> Self {
        Self {
            for_room: L::default(),
            told: Told::default(),
            served: BTreeMap::new(),
            unserved: BTreeMap::new(),
            unserved_as_of: 0,
            last: None,
        }
    }
}

impl<L: Waiting> Lists<L> {
    /// What waits for this function, if anything does.
    pub(super) fn waiting(&mut self, function: &StreamFunction) -> Option<&mut L> {
        let served = self.served.get_mut(function);
        served.or_else(|| self.unserved.get_mut(function))
    }

    /// Where what waits for this function is put, of which one was refused a seat, as of so many connections.
    pub(super) fn hold(&mut self, function: StreamFunction, unseated: Unseated, connects: u64) -> &mut L {
        let list = self.remove(&function).unwrap_or_default();
        let lists = match unseated {
            Unseated::Full => &mut self.served,
            Unseated::NoWorker => {
                if self.unserved.is_empty() || connects < self.unserved_as_of {
                    self.unserved_as_of = connects;
                }
                &mut self.unserved
            }
        };
        lists.entry(function).or_insert(list)
    }

    /// Another worker may take what none took before: there have been so many connections.
    pub(super) fn connected(&mut self, connects: u64) {
        if self.unserved_as_of != connects {
            self.served.append(&mut self.unserved);
        }
    }

    /// Functions that a worker may have a seat for.
    pub(super) fn served(&self) -> usize {
        self.served.len()
    }

    /// The function whose turn it is, of those that a worker may have a seat for.
    pub(super) fn next_turn(&mut self) -> Option<StreamFunction> {
        let behind = self.last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.served.range::<StreamFunction, _>((behind, Bound::Unbounded));
        let next = behind.next().or_else(|| self.served.first_key_value());
        let next = next.map(|(function, _)| function.clone())?;
        self.last = Some(next.clone());
        Some(next)
    }

    pub(super) fn remove(&mut self, function: &StreamFunction) -> Option<L> {
        let served = self.served.remove(function);
        served.or_else(|| self.unserved.remove(function))
    }

    /// Everything that waits.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = L> + use<L> {
        let mut all = std::mem::take(&mut self.served);
        all.append(&mut self.unserved);
        let for_room = std::mem::take(&mut self.for_room);
        std::iter::once(for_room).chain(all.into_values())
    }
}

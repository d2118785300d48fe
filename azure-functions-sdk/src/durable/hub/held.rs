//! What could run but for a seat on a worker that takes it from a stream. It is held by function, apart from what may run, so that
//! names without a worker never stand in the way of others, and is looked at again when a seat is free.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use super::turns::Turns;
use crate::durable::{
    store::{InstanceKey, RowId},
    streams::Unseated,
};

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
        self.activities.lists.retain(|_, list| {
            if list.no_worker == Some(connects) {
                rows.extend(list.waiting.withdraw(key));
            }
            !list.waiting.is_empty()
        });
        rows
    }
}

/// What waits, by function.
#[derive(Debug)]
pub(super) struct Lists<L> {
    lists: BTreeMap<StreamFunction, List<L>>,
    /// The function that had a seat last: the next seat is for one behind it.
    last: Option<StreamFunction>,
}

#[derive(Debug, Default)]
struct List<L> {
    waiting: L,
    /// No worker takes the function, as of so many connections.
    no_worker: Option<u64>,
}

impl<L> Default for Lists<L> {
    fn default() -> Self {
        Self {
            lists: BTreeMap::new(),
            last: None,
        }
    }
}

impl<L: Default> Lists<L> {
    /// What waits for this function, if anything does.
    pub(super) fn waiting(&mut self, function: &StreamFunction) -> Option<&mut L> {
        self.lists.get_mut(function).map(|list| &mut list.waiting)
    }

    /// Where the first that waits for this function is put.
    pub(super) fn hold(&mut self, function: StreamFunction, unseated: Unseated, connects: u64) -> &mut L {
        let list = self.lists.entry(function).or_default();
        list.no_worker = (unseated == Unseated::NoWorker).then_some(connects);
        &mut list.waiting
    }

    /// The functions that a worker may have a seat for, in the order in which they have their turns.
    pub(super) fn in_turn(&self, connects: u64) -> Vec<StreamFunction> {
        let last = self.last.as_ref();
        let behind = last.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = last.map(|last| self.lists.range(..=last.clone()));
        let behind = self.lists.range::<StreamFunction, _>((behind, Bound::Unbounded));
        behind
            .chain(rest.into_iter().flatten())
            .filter(|(_, list)| list.no_worker != Some(connects))
            .map(|(function, _)| function.clone())
            .collect()
    }

    /// One that waited for this function has a seat.
    pub(super) fn had_turn(&mut self, function: StreamFunction) {
        self.last = Some(function);
    }

    pub(super) fn remove(&mut self, function: &StreamFunction) -> Option<L> {
        self.lists.remove(function).map(|list| list.waiting)
    }

    /// Everything that waits.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = L> + use<L> {
        std::mem::take(&mut self.lists).into_values().map(|list| list.waiting)
    }
}

//! Activities that wait, by instance: the instances take turns, so that one with many does not keep the others waiting.

use std::collections::{HashMap, VecDeque};

use super::waiting::Activity;
use crate::durable::store::{InstanceKey, RowId};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    activities: HashMap<InstanceKey, VecDeque<Activity>>,
    order: VecDeque<InstanceKey>,
}

impl Turns {
    pub(super) fn push(&mut self, activity: Activity) {
        let key = activity.instance;
        let queue = self.activities.entry(key).or_default();
        queue.push_back(activity);
        if queue.len() == 1 {
            self.order.push_back(key);
        }
    }

    /// The next activity.
    pub(super) fn pop(&mut self) -> Option<Activity> {
        loop {
            let key = self.order.pop_front()?;
            // What waited for it may have been withdrawn.
            let Some(queue) = self.activities.get_mut(&key) else {
                continue;
            };
            let activity = queue.pop_front();
            if queue.is_empty() {
                self.activities.remove(&key);
            } else {
                self.order.push_back(key);
            }
            return activity;
        }
    }

    /// The activity that is next.
    pub(super) fn first(&mut self) -> Option<&Activity> {
        // What waited for it may have been withdrawn.
        while !self.activities.contains_key(self.order.front()?) {
            self.order.pop_front();
        }
        self.activities.get(self.order.front()?)?.front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.activities.is_empty()
    }

    /// Withdraws what waits of an instance; gives its rows.
    pub(super) fn withdraw(&mut self, key: InstanceKey) -> impl Iterator<Item = RowId> + use<> {
        let queue = self.activities.remove(&key).unwrap_or_default();
        if !queue.is_empty() {
            self.order.retain(|other| *other != key);
        }
        queue.into_iter().map(|activity| activity.row)
    }
}

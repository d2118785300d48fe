//! What waits in order, the first first; and activities that wait, by instance: the instances take turns, so that one with many does
//! not keep the others waiting.

use std::collections::{HashMap, VecDeque};

use super::waiting::Activity;
use crate::durable::store::{InstanceKey, RowId};

/// What waits in order.
pub(super) trait Waiting: Default {
    type Item;

    fn push(&mut self, item: Self::Item);
    fn pop(&mut self) -> Option<Self::Item>;
    /// Puts the one back that was just popped: it is the next again.
    fn put_back(&mut self, item: Self::Item);
    fn is_empty(&self) -> bool;
}

impl<T> Waiting for VecDeque<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn put_back(&mut self, item: T) {
        self.push_front(item);
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// Activities that wait: see the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    activities: HashMap<InstanceKey, VecDeque<Activity>>,
    order: VecDeque<InstanceKey>,
}

impl Turns {
    /// Withdraws what waits of an instance; gives its rows.
    pub(super) fn withdraw(&mut self, key: InstanceKey) -> impl Iterator<Item = RowId> + use<> {
        let queue = self.activities.remove(&key).unwrap_or_default();
        if !queue.is_empty() {
            self.order.retain(|other| *other != key);
        }
        queue.into_iter().map(|activity| activity.row)
    }
}

impl Waiting for Turns {
    type Item = Activity;

    fn push(&mut self, activity: Activity) {
        let key = activity.instance;
        let queue = self.activities.entry(key).or_default();
        queue.push_back(activity);
        if queue.len() == 1 {
            self.order.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<Activity> {
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

    fn put_back(&mut self, activity: Activity) {
        let key = activity.instance;
        if self.activities.contains_key(&key) && self.order.back() == Some(&key) {
            self.order.pop_back();
        }
        self.activities.entry(key).or_default().push_front(activity);
        self.order.push_front(key);
    }

    fn is_empty(&self) -> bool {
        self.activities.is_empty()
    }
}

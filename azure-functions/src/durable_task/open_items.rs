//! The items that the worker has and has not answered.

use super::server::Kind;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, task::AbortHandle};
use tokio_util::sync::CancellationToken;

/// An item that has begun.
#[derive(Debug)]
pub(super) struct OpenItem {
    pub(super) kind: Kind,
    pub(super) token: String,
    /// The function and the instance, for messages.
    pub(super) whose: String,
    pub(super) cancellation: CancellationToken,
}

/// By their numbers in this process.
#[derive(Debug, Default)]
pub(super) struct OpenItems {
    table: Mutex<Table>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    open: HashMap<u64, (OpenItem, Option<AbortHandle>)>,
}

impl OpenItems {
    /// Notes an item that begins; its number.
    pub(super) fn begin(&self, item: OpenItem) -> u64 {
        let mut table = self.table();
        table.last += 1;
        let number = table.last;
        table.open.insert(number, (item, None));
        number
    }

    /// The task that works on it.
    pub(super) fn runs_in(&self, number: u64, task: AbortHandle) {
        // It may have ended already.
        if let Some((_, handle)) = self.table().open.get_mut(&number) {
            *handle = Some(task);
        }
    }

    /// It is answered, or given back.
    pub(super) fn end(&self, number: u64) {
        if self.table().open.remove(&number).is_some() {
            self.ended.notify_waiters();
        }
    }

    pub(super) fn count(&self) -> usize {
        self.table().open.len()
    }

    /// Asks all that run to stop.
    pub(super) fn cancel_all(&self) {
        let tokens: Vec<_> = self
            .table()
            .open
            .values()
            .map(|(item, _)| item.cancellation.clone())
            .collect();
        // Code of the app may hear of it.
        tokens.iter().for_each(CancellationToken::cancel);
    }

    /// Waits until all are answered.
    pub(super) async fn drained(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Takes all that are open, and lets go of what works on them.
    pub(super) fn give_up(&self) -> Vec<OpenItem> {
        let open = std::mem::take(&mut self.table().open);
        self.ended.notify_waiters();
        let given_up = open.into_values().map(|(item, task)| {
            if let Some(task) = task {
                task.abort();
            }
            item
        });
        given_up.collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it holds the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

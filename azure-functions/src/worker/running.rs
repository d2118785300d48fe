//! The invocations that run now: who may be cancelled, who has been answered, when all are done.

use crate::{
    outgoing::Outgoing,
    rpc::{InvocationResponse, streaming_message::Content},
};
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Invocations without an answer, by id. An id leaves the table once: who takes it out answers it.
#[derive(Debug)]
pub(crate) struct Running {
    out: Outgoing,
    table: Mutex<HashMap<String, Entry>>,
    unanswered: AtomicUsize,
    answered_all: Notify,
}

#[derive(Debug)]
struct Entry {
    /// Of the message that the answer must echo; hosts leave it empty.
    request_id: String,
    cancellation: CancellationToken,
}

impl Running {
    /// None yet; they are answered through `out`.
    pub(super) fn new(out: Outgoing) -> Self {
        Self {
            out,
            table: Mutex::default(),
            unanswered: AtomicUsize::new(0),
            answered_all: Notify::new(),
        }
    }

    /// Notes an invocation that begins. `false` if one with this id runs already.
    pub(super) fn begin(&self, id: &str, request_id: String, cancellation: &CancellationToken) -> bool {
        let mut table = self.table();
        if table.contains_key(id) {
            return false;
        }
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        let cancellation = cancellation.clone();
        table.insert(
            id.to_owned(),
            Entry {
                request_id,
                cancellation,
            },
        );
        true
    }

    /// Takes the right to answer, and answers with `response`; nothing happens if that was done before.
    pub(super) fn answer(&self, id: &str, response: impl FnOnce() -> InvocationResponse) {
        let taken = self.table().remove(id);
        let Some(entry) = taken else { return };
        self.out.send(entry.request_id, Content::InvocationResponse(response()));
        // Only now: the stream may be ended as soon as everything has been answered.
        if self.unanswered.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.answered_all.notify_one();
        }
    }

    pub(super) fn cancel(&self, id: &str) {
        let token = self.table().get(id).map(|e| e.cancellation.clone());
        if let Some(token) = token {
            token.cancel();
        }
    }

    pub(super) fn cancel_all(&self) {
        let tokens: Vec<_> = self.table().values().map(|e| e.cancellation.clone()).collect();
        for token in tokens {
            token.cancel();
        }
    }

    /// Ids without an answer.
    pub(super) fn ids(&self) -> Vec<String> {
        self.table().keys().cloned().collect()
    }

    /// Waits until every invocation has been answered.
    pub(super) async fn drained(&self) {
        while self.unanswered.load(Ordering::Acquire) > 0 {
            self.answered_all.notified().await;
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // Nothing in here panics while it holds the lock, and the table would be whole if it did.
        self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

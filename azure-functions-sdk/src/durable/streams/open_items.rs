//! The items that workers have and have not answered yet.

use std::collections::HashMap;

use azure_functions_durable::protobuf::OrchestratorResponse;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    answer::{Answer, Lost},
    chunks::{ChunkError, Chunks, LARGEST_ANSWER},
    item::Work,
};
use crate::durable::work::WorkKind;

/// What becomes of an item.
pub(super) type Ended = Result<Answer, Lost>;

/// By their tokens.
#[derive(Debug, Default)]
pub(super) struct OpenItems {
    items: HashMap<String, OpenItem>,
    /// Tokens of episodes, by their instances. An instance has one at a time.
    episodes: HashMap<String, String>,
}

#[derive(Debug)]
struct OpenItem {
    worker: u64,
    kind: WorkKind,
    /// Of an episode.
    instance_id: Option<String>,
    /// The history that the worker fetches, in chunks.
    past: Vec<Bytes>,
    chunks: Chunks,
    ended: oneshot::Sender<Ended>,
}

/// An item that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) token: String,
    pub(super) ended: oneshot::Receiver<Ended>,
}

impl OpenItems {
    pub(super) fn begin(&mut self, worker: u64, work: &Work) -> Begun {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let (sender, ended) = oneshot::channel();
        let instance_id = work.episode_of().map(str::to_owned);
        if let Some(instance_id) = instance_id.clone() {
            self.episodes.insert(instance_id, token.clone());
        }
        let item = OpenItem {
            worker,
            kind: work.kind(),
            instance_id,
            past: work.past().to_vec(),
            chunks: Chunks::default(),
            ended: sender,
        };
        self.items.insert(token.clone(), item);
        Begun { token, ended }
    }

    /// Whether an item of this kind with this token is open.
    pub(super) fn has(&self, token: &str, kind: WorkKind) -> bool {
        self.items.get(token).is_some_and(|item| item.kind == kind)
    }

    pub(super) fn worker_of(&self, token: &str) -> Option<u64> {
        self.items.get(token).map(|item| item.worker)
    }

    /// The history that belongs to the open episode of an instance.
    pub(super) fn past(&self, instance_id: &str) -> Option<Vec<Bytes>> {
        let item = self.items.get(self.episodes.get(instance_id)?)?;
        Some(item.past.clone())
    }

    /// Adds a part of an answer; gives what becomes of the item if it is the last one.
    pub(super) fn add_chunk(
        &mut self,
        token: &str,
        response: OrchestratorResponse,
        entries: usize,
    ) -> Result<Option<Result<OrchestratorResponse, Lost>>, ChunkError> {
        match self.items.get_mut(token) {
            Some(item) => item.chunks.add(response, entries, &LARGEST_ANSWER),
            None => Ok(None),
        }
    }

    pub(super) fn end(&mut self, token: &str, ended: Ended) {
        if let Some(item) = self.take(token) {
            // The hub may have closed.
            let _ = item.ended.send(ended);
        }
    }

    pub(super) fn forget(&mut self, token: &str) {
        self.take(token);
    }

    fn take(&mut self, token: &str) -> Option<OpenItem> {
        let item = self.items.remove(token)?;
        if let Some(instance_id) = &item.instance_id
            && self.episodes.get(instance_id).is_some_and(|open| open == token)
        {
            self.episodes.remove(instance_id);
        }
        Some(item)
    }

    pub(super) fn count_of(&self, worker: u64) -> usize {
        self.items.values().filter(|item| item.worker == worker).count()
    }

    pub(super) fn end_all_of(&mut self, worker: u64) {
        let of_worker = self.items.iter().filter(|(_, item)| item.worker == worker);
        let tokens: Vec<String> = of_worker.map(|(token, _)| token.clone()).collect();
        for token in tokens {
            self.end(&token, Err(Lost::Gone(worker)));
        }
    }

    pub(super) fn end_all(&mut self) {
        self.episodes.clear();
        for (_, item) in self.items.drain() {
            let _ = item.ended.send(Err(Lost::Unserved));
        }
    }
}

//! The items that workers have and have not answered yet.

use std::collections::HashMap;

use azure_functions_durable::protobuf::OrchestratorResponse;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    answer::{Answer, Lost},
    chunks::{ChunkError, Chunks, LARGEST_ANSWER},
    item::Work,
    subject::Subject,
};

/// What becomes of an item.
pub(super) type Ended = Result<Answer, Lost>;

/// By their tokens.
#[derive(Debug, Default)]
pub(super) struct OpenItems(HashMap<String, OpenItem>);

#[derive(Debug)]
struct OpenItem {
    worker: u64,
    subject: Subject,
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
        let item = OpenItem {
            worker,
            subject: work.subject(),
            past: work.past().to_vec(),
            chunks: Chunks::default(),
            ended: sender,
        };
        self.0.insert(token.clone(), item);
        Begun { token, ended }
    }

    /// The token of the open item of this token; without one, of the item for this subject.
    pub(super) fn find(&self, token: &str, subject: &Subject) -> Option<String> {
        let found = match token {
            "" => self.0.iter().find(|(_, item)| item.subject == *subject),
            token => self
                .0
                .get_key_value(token)
                .filter(|(_, item)| item.subject.is_of_kind(subject)),
        };
        found.map(|(token, _)| token.clone())
    }

    pub(super) fn worker_of(&self, token: &str) -> Option<u64> {
        self.0.get(token).map(|item| item.worker)
    }

    pub(super) fn past(&self, subject: &Subject) -> Option<Vec<Bytes>> {
        let item = self.0.values().find(|item| item.subject == *subject)?;
        Some(item.past.clone())
    }

    /// Adds a part of an answer; gives what becomes of the item if it is the last one.
    pub(super) fn add_chunk(
        &mut self,
        token: &str,
        response: OrchestratorResponse,
    ) -> Result<Option<Result<OrchestratorResponse, Lost>>, ChunkError> {
        match self.0.get_mut(token) {
            Some(item) => item.chunks.add(response, LARGEST_ANSWER),
            None => Ok(None),
        }
    }

    pub(super) fn end(&mut self, token: &str, ended: Ended) {
        if let Some(item) = self.0.remove(token) {
            // The hub may have closed.
            let _ = item.ended.send(ended);
        }
    }

    pub(super) fn forget(&mut self, token: &str) {
        self.0.remove(token);
    }

    pub(super) fn end_all_of(&mut self, worker: u64) {
        for (_, item) in self.0.extract_if(|_, item| item.worker == worker) {
            let _ = item.ended.send(Err(Lost::Gone));
        }
    }

    pub(super) fn end_all(&mut self) {
        for (_, item) in self.0.drain() {
            let _ = item.ended.send(Err(Lost::Gone));
        }
    }
}

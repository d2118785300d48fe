//! An orchestration between two turns: its code as it waits, and what has to be known to let it go on.
//!
//! It is worth having, and never needed: a history that comes counts, and where anything about the new events is odd the
//! history is asked for.

use super::{
    code::Code,
    replay::{
        core::Core,
        history::{Event, Moved, Span},
    },
    wire::protobuf::{message::Newest, request::NewEvents},
};
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

/// A waiting orchestration. It stays on the thread that it began on.
pub(crate) struct Parked {
    pub(super) core: Rc<Core>,
    pub(super) code: Code,
    pub(super) newest: Newest,
    /// Of each event of the newest turn.
    digests: HashSet<u64>,
}

impl Parked {
    /// Code that waits after a turn with these events, which lie in its history.
    pub(super) fn new(core: Rc<Core>, mut code: Code, newest: Newest, events: &[Span]) -> Self {
        code.park();
        let digests = events.iter().map(|event| digest(core.history.bytes_at(*event)));
        Self {
            digests: digests.collect(),
            core,
            code,
            newest,
        }
    }

    /// Bytes that it takes, as far as they can be counted.
    pub(super) fn bytes(&self) -> usize {
        self.core.bytes() + self.code.bytes()
    }

    /// Adds the events of the next turn; nothing if they are not what can come next. A host that did not take the last answer may give
    /// its events again, alone or with others, and what it has of the instance is then not what is parked here.
    pub(super) fn take_in(&self, new: &mut NewEvents) -> Option<Moved> {
        if !new.execution_id.is_empty() && new.execution_id != self.core.history.execution_id {
            return None;
        }
        // It has begun.
        if new.events.iter().any(|event| matches!(event, Event::ExecutionStarted)) {
            return None;
        }
        let began = new.events.iter().find_map(|event| match event {
            Event::OrchestratorStarted(began) => Some(*began),
            _ => None,
        })?;
        if began < self.core.newest_turn() {
            return None;
        }
        let is_known = |event: &Span| {
            let digest = digest(event.of_whole(&new.message));
            self.digests.contains(&digest)
        };
        if new.turn.events.iter().any(is_known) || !self.core.awaits(&new.events) {
            return None;
        }
        let moved = self
            .core
            .append(std::mem::take(&mut new.message), std::mem::take(&mut new.events))?;
        new.turn.terminated = new.turn.terminated.map(|reason| moved.span(reason));
        for event in &mut new.turn.events {
            *event = moved.span(*event);
        }
        Some(moved)
    }
}

/// Only compared within a process.
fn digest(event: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    hasher.finish()
}

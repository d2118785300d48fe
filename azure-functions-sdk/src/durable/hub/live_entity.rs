//! Entities in memory: those that have messages, run, or are locked. All others are on disk only.

use std::{collections::VecDeque, sync::Arc};

use super::{attempts::Attempts, waiting::Phase};
use crate::durable::{
    engine::entity::{Entity, EntityMessage, Request},
    store::{Commit, RowId},
};

/// An entity with something to do.
#[derive(Debug)]
pub(super) struct LiveEntity {
    pub(super) inbox: VecDeque<Inbound>,
    pub(super) phase: Phase,
    /// Times that the turn that is due has failed.
    pub(super) failures: u32,
    /// By workers of streams, of the turn that is due.
    pub(super) attempts: Attempts,
    /// Messages that turns still take one by one: one of them ends with something that cannot be kept.
    pub(super) one_by_one: usize,
    /// The lock that it has since its last turn.
    pub(super) lock: Option<Request>,
    /// `None` while a turn has it, or when it has not been read yet.
    pub(super) loaded: Option<Box<Entity>>,
    /// Turns that the writer still has to write.
    pub(super) unwritten: u32,
    /// A turn could not be written: none begins any more.
    pub(super) halted: bool,
    /// The worker that may have kept the state since its last turn.
    pub(super) session: Option<u64>,
}

/// A message and the row that goes when it has been taken.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) source: Source,
    pub(super) message: Arc<EntityMessage>,
}

/// Where a message is on disk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Inbox(RowId),
    /// One that was delayed stays a timer until a turn has taken it.
    Timer(RowId),
}

/// A message that its entity gets when it is on disk: entities do what cannot be undone, so they run on nothing that could
/// still be lost.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(super) entity: Arc<str>,
    pub(super) row: RowId,
    pub(super) message: Arc<EntityMessage>,
}

impl LiveEntity {
    pub(super) fn new() -> Self {
        Self {
            inbox: VecDeque::new(),
            phase: Phase::Idle,
            failures: 0,
            attempts: Attempts::default(),
            one_by_one: 0,
            lock: None,
            loaded: None,
            unwritten: 0,
            halted: false,
            session: None,
        }
    }

    pub(super) fn locked(lock: Request) -> Self {
        Self {
            lock: Some(lock),
            ..Self::new()
        }
    }

    /// Whether a turn is due.
    pub(super) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready && !self.halted
    }

    /// Whether the turn that is due may have operations to run. Locks need no worker.
    pub(super) fn has_operations(&self) -> bool {
        let mut inbox = self.inbox.iter();
        inbox.any(|inbound| matches!(&*inbound.message, EntityMessage::Op(request) if !request.is_lock()))
    }

    /// Begins the turn that a worker process has ended; false if there is none.
    pub(super) fn begin_again(&mut self) -> bool {
        let waits = self.phase == Phase::BackingOff && !self.halted;
        if waits {
            self.phase = Phase::Running;
        }
        waits
    }

    /// The request of the lock that it has.
    pub(super) fn lock(&self) -> Option<&Request> {
        self.lock.as_ref()
    }

    /// Removes messages by their rising places. Those that came since the turn began stand behind the ones that it has seen.
    pub(super) fn take(&mut self, places: &[usize], commit: &mut Commit) {
        self.one_by_one = self.one_by_one.saturating_sub(places.len());
        let (mut place, mut taken) = (0, places.iter().peekable());
        self.inbox.retain(|inbound| {
            let goes = taken.next_if(|next| **next == place).is_some();
            place += 1;
            if goes {
                inbound.source.remove(commit);
            }
            !goes
        });
    }

    /// A turn is on its way to the disk.
    pub(super) fn changed(&mut self, entity: Entity) {
        self.failures = 0;
        self.attempts = Attempts::default();
        self.unwritten += 1;
        self.lock.clone_from(&entity.lock);
        self.loaded = Some(Box::new(entity));
    }
}

impl Source {
    pub(super) fn remove(self, commit: &mut Commit) {
        match self {
            Self::Inbox(row) => commit.entity_inbox_removed.push(row),
            Self::Timer(row) => commit.entity_timers_removed.push(row),
        }
    }
}

//! What the hub keeps in memory: instances that have not ended, what waits for them, and what may run next.
//!
//! Everything here can be rebuilt from the store; see `recovery`.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{
    attempts::Attempts,
    held::Held,
    live_entity::LiveEntity,
    quarantine::Quarantine,
    running::Running,
    sessions::{Session, Sessions},
    turns::Turns,
    waiting::Phase,
    waits::Waits,
};
use crate::durable::{
    engine::{
        entity::EntityMessage, event::EventKind, instance::Instance, message::Message, played::Played,
        runtime_status::RuntimeStatus,
    },
    store::{Commit, InstanceKey, InstanceState, Micros, RowId},
    work::{DurableFunctions, Wire},
};

/// Stands among the timers of an instance for its start: no timer of an execution has this id.
pub(super) const START: i32 = i32::MIN;

/// Bytes of messages that an episode takes for a worker of a stream, if they are more than one: such workers take 4 MiB, and the past
/// may have one of them.
const MOST_OF_EPISODE: usize = 2 * 1024 * 1024;

/// The hub's memory.
#[derive(Debug, Default)]
pub(super) struct State {
    /// How many workers have loaded.
    pub(super) workers: u64,
    /// Whether the newest of them keeps instances.
    pub(super) sessions: Sessions,
    /// `None` until a worker has loaded.
    pub(super) functions: Option<Arc<DurableFunctions>>,
    /// Boxed, so that a table that grows copies little.
    pub(super) instances: HashMap<InstanceKey, Box<Live>>,
    pub(super) ids: HashMap<Arc<str>, InstanceKey>,
    /// Ids whose past is being looked up for a start; nobody else may start them meanwhile.
    pub(super) starting: HashSet<String>,
    /// Instances that a queued commit removes: what is on disk of them counts for nothing. That a start replaces one needs no word here,
    /// as the new instance is in memory until after it.
    pub(super) leaving: HashMap<String, InstanceKey>,
    /// Instances with messages, in the order in which they got the first.
    pub(super) ready: VecDeque<InstanceKey>,
    pub(super) running_episodes: Running<InstanceKey>,
    /// Activities that may run.
    pub(super) activities: Turns,
    pub(super) running_activities: Running<RowId>,
    /// What waits for a seat on a worker of a stream, or for room in the app.
    pub(super) held: Held,
    /// Timers that have not fired.
    pub(super) timers: BTreeMap<(Micros, RowId), Due>,
    /// Entities with something to do, by id.
    pub(super) entities: HashMap<Arc<str>, LiveEntity>,
    /// Entities with a turn to come, in the order in which they got a reason for it.
    pub(super) ready_entities: VecDeque<Arc<str>>,
    pub(super) running_entities: Running<Arc<str>>,
    pub(super) waits: Waits,
    pub(super) cache: Cache,
    /// What was in flight when a worker process ended.
    pub(super) quarantine: Quarantine,
    /// The worker is shutting down: nothing begins until the next one has loaded.
    pub(super) paused: bool,
    /// One is on its way for the time when trials make way.
    pub(super) pump_is_due: bool,
    /// The hub is shutting down: nothing begins any more.
    pub(super) draining: bool,
}

/// An instance that has not ended, or whose end is not yet on disk.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: Arc<str>,
    /// Name of its orchestration.
    pub(super) name: Arc<str>,
    pub(super) state: InstanceState,
    pub(super) inbox: VecDeque<Inbound>,
    pub(super) phase: Phase,
    /// Times that the episode that is due failed without an end of the worker process.
    pub(super) failures: u32,
    /// By workers of streams, of the episode that is due.
    pub(super) attempts: Attempts,
    /// Takes the episode that runs back from its worker.
    pub(super) recall: Option<oneshot::Sender<()>>,
    /// The instance with its history; `None` while an episode has it, or when it was evicted.
    pub(super) loaded: Option<Box<Loaded>>,
    /// Place in the cache's order, while loaded.
    pub(super) cached: Option<u64>,
    /// Timers of this execution that have not fired, by their id.
    pub(super) timers: BTreeMap<i32, (Micros, RowId)>,
    /// Episodes that the writer still has to write.
    pub(super) unwritten: u32,
    /// Tells lives with the same key apart: an instance that was rewound begins another.
    pub(super) life: RowId,
    /// Terminated before it ran: that needs no worker.
    pub(super) never_ran: bool,
    /// An episode could not be written: none begins any more.
    pub(super) halted: bool,
}

/// A message and the row that goes when it has been taken.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) source: Source,
    /// Boxed, since a queue of one has room for four.
    pub(super) message: Box<Message>,
}

/// Where a message is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Inbox(RowId),
    /// A timer that fired stays a timer until an episode has taken it: after a crash it fires again.
    Timer(RowId),
}

/// What becomes due.
#[derive(Debug)]
pub(super) enum Due {
    /// A timer of an orchestration.
    Instance(InstanceKey, Box<Message>),
    /// A delayed signal.
    Entity(Arc<str>, Arc<EntityMessage>),
}

/// An instance, ready for an episode.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) instance: Instance,
    /// The history as the next payload shows it.
    pub(super) played: Played,
    /// Its session, if a worker may have kept it since its last episode.
    pub(super) session: Option<Session>,
}

/// Which loaded instances were used longest ago, and how much memory they take.
#[derive(Debug, Default)]
pub(super) struct Cache {
    bytes: usize,
    clock: u64,
    order: BTreeMap<u64, (InstanceKey, usize)>,
}

impl Loaded {
    /// A guess: the text once, the parsed events about twice.
    fn bytes(&self) -> usize {
        self.played.len() * 3 + 1024
    }
}

impl Live {
    pub(super) fn new(id: &str, name: &str, state: InstanceState, life: RowId) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            state,
            inbox: VecDeque::new(),
            phase: Phase::Idle,
            failures: 0,
            attempts: Attempts::default(),
            recall: None,
            loaded: None,
            cached: None,
            timers: BTreeMap::new(),
            unwritten: 0,
            life,
            never_ran: false,
            halted: false,
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.state.status.is_terminal()
    }

    /// Whether a termination is among its messages.
    pub(super) fn is_to_be_terminated(&self) -> bool {
        self.is_terminated_behind(0)
    }

    /// Whether a termination is among its messages, so many left out.
    pub(super) fn is_terminated_behind(&self, taken: usize) -> bool {
        let mut inbox = self.inbox.iter().skip(taken);
        inbox.any(|inbound| matches!(inbound.message.event.kind, EventKind::ExecutionTerminated { .. }))
    }

    /// How many of its messages the next episode takes. One that a worker of a stream runs gets no more than such workers can
    /// receive, but for its start and its end: it cannot do without them.
    pub(super) fn next_batch(&self) -> usize {
        let of_stream = matches!(self.state.wire, None | Some(Wire::Stream));
        if !of_stream || self.is_to_be_terminated() {
            return self.inbox.len();
        }
        let is_start = |inbound: &Inbound| matches!(inbound.message.event.kind, EventKind::ExecutionStarted(_));
        let start = self.inbox.iter().rposition(is_start);
        if start.is_none() && self.state.wire.is_none() {
            // It is to start later: nothing runs, and with messages left the next episode would come at once, again and again.
            return self.inbox.len();
        }
        let needed = start.map_or(1, |place| place + 1);
        let mut bytes = 0_usize;
        let fits = self.inbox.iter().take_while(|inbound| {
            bytes = bytes.saturating_add(inbound.message.payload_len());
            bytes <= MOST_OF_EPISODE
        });
        fits.count().max(needed).min(self.inbox.len())
    }

    /// The status as the next message will find it: what has been accepted counts, though no episode has taken it yet.
    pub(super) fn next_status(&self) -> RuntimeStatus {
        let newest = self
            .inbox
            .iter()
            .rev()
            .find_map(|inbound| match inbound.message.event.kind {
                EventKind::ExecutionSuspended { .. } => Some(RuntimeStatus::Suspended),
                EventKind::ExecutionResumed { .. } => Some(RuntimeStatus::Running),
                _ => None,
            });
        newest.unwrap_or(self.state.status)
    }
}

impl Source {
    /// Notes that the row goes.
    pub(super) fn remove(self, commit: &mut Commit) {
        match self {
            Self::Inbox(row) => commit.inbox_removed.push(row),
            Self::Timer(row) => commit.timers_removed.push(row),
        }
    }
}

impl State {
    /// How executions travel that begin now.
    pub(super) fn wire(&self) -> Wire {
        self.functions
            .as_ref()
            .map(|functions| functions.wire)
            .unwrap_or_default()
    }

    /// How an execution of this orchestration travels that begins now.
    pub(super) fn wire_for(&self, name: &str) -> Wire {
        let functions = self.functions.as_ref();
        functions.map(|functions| functions.wire_for(name)).unwrap_or_default()
    }

    /// Whether workers of streams run what the app does not have.
    pub(super) fn is_open(&self) -> bool {
        self.functions.as_ref().is_some_and(|functions| functions.open)
    }

    /// How the current execution of an instance travels.
    pub(super) fn wire_of(&self, key: InstanceKey) -> Wire {
        self.instances
            .get(&key)
            .and_then(|live| live.state.wire)
            .unwrap_or_default()
    }

    /// The instance with this id, unless it has ended.
    pub(super) fn find(&mut self, id: &str) -> Option<(InstanceKey, &mut Live)> {
        let key = *self.ids.get(id)?;
        let live = self.instances.get_mut(&key)?;
        (!live.ended()).then_some((key, live))
    }

    /// What is known of an instance, though it may have ended: it can be newer than what is on disk.
    pub(super) fn remembered(&self, id: &str) -> Option<(InstanceKey, &Live)> {
        let key = *self.ids.get(id)?;
        Some((key, self.instances.get(&key)?))
    }

    /// The removal of these instances is on disk, or never will be.
    pub(super) fn purge_ended(&mut self, rows: &[(String, InstanceKey)]) {
        for (id, key) in rows {
            // A later one of the same id may be queued.
            if self.leaving.get(id) == Some(key) {
                self.leaving.remove(id);
            }
        }
    }

    pub(super) fn insert(&mut self, key: InstanceKey, live: Live) {
        self.ids.insert(Arc::clone(&live.id), key);
        self.instances.insert(key, Box::new(live));
    }

    /// Forgets an instance, and wakes those who wait for its end; what its activities still do is dropped when they end.
    pub(super) fn forget(&mut self, key: InstanceKey) {
        let Some(live) = self.instances.remove(&key) else {
            return;
        };
        self.waits.is_gone(&live.id);
        if self.ids.get(&live.id) == Some(&key) {
            self.ids.remove(&live.id);
        }
        if let Some(place) = live.cached {
            self.cache.remove(place);
        }
    }

    /// Puts a message into the inbox; the instance will have an episode.
    pub(super) fn deliver(&mut self, key: InstanceKey, source: Source, message: impl Into<Box<Message>>) {
        let Some(live) = self.instances.get_mut(&key) else {
            return;
        };
        let message = message.into();
        // One that waits for a worker needs none for its end.
        let ends = matches!(message.event.kind, EventKind::ExecutionTerminated { .. });
        live.inbox.push_back(Inbound { source, message });
        if live.phase == Phase::Idle {
            live.phase = Phase::Ready;
            self.ready.push_back(key);
        } else if ends && live.phase == Phase::Ready {
            self.ready.push_back(key);
        } else if ends && let Some(recall) = live.recall.take() {
            // Nor does one that a worker has, which may never answer. The episode may have ended meanwhile.
            let _ = recall.send(());
        }
    }

    /// Adds a timer; true if it is due before all others.
    pub(super) fn arm(&mut self, due: Micros, row: RowId, key: InstanceKey, timer_id: i32, message: Message) -> bool {
        let Some(live) = self.instances.get_mut(&key) else {
            return false;
        };
        live.timers.insert(timer_id, (due, row));
        self.add_timer(due, row, Due::Instance(key, Box::new(message)))
    }

    /// True if it is due before all others.
    pub(super) fn add_timer(&mut self, due: Micros, row: RowId, what: Due) -> bool {
        self.timers.insert((due, row), what);
        self.timers
            .first_key_value()
            .is_some_and(|(first, _)| *first == (due, row))
    }

    /// The start of an instance that is to begin later.
    pub(super) fn later_start(&self, key: InstanceKey) -> Option<&Message> {
        let place = self.instances.get(&key)?.timers.get(&START)?;
        match self.timers.get(place)? {
            Due::Instance(_, message) => Some(message),
            Due::Entity(..) => None,
        }
    }

    /// Drops all timers of an instance that have not fired; returns their rows.
    pub(super) fn disarm(&mut self, key: InstanceKey) -> Vec<RowId> {
        let Some(live) = self.instances.get_mut(&key) else {
            return Vec::new();
        };
        let armed = std::mem::take(&mut live.timers);
        armed
            .into_values()
            .map(|place| {
                self.timers.remove(&place);
                place.1
            })
            .collect()
    }

    /// Takes the loaded instance for an episode.
    pub(super) fn take_loaded(&mut self, key: InstanceKey) -> Option<Box<Loaded>> {
        let live = self.instances.get_mut(&key)?;
        if let Some(place) = live.cached.take() {
            self.cache.remove(place);
        }
        live.loaded.take()
    }

    /// Gives the loaded instance back, and evicts others when there are too many.
    pub(super) fn keep_loaded(&mut self, key: InstanceKey, loaded: Box<Loaded>, limit: usize) {
        let bytes = loaded.bytes();
        let Some(live) = self.instances.get_mut(&key) else {
            return;
        };
        live.loaded = Some(loaded);
        live.cached = Some(self.cache.add(key, bytes));
        if self.cache.bytes > limit {
            self.evict(limit);
        }
    }

    /// What is not wholly on disk stays: it could not be read back.
    fn evict(&mut self, limit: usize) {
        let mut next = 0;
        while self.cache.bytes > limit {
            let Some((&place, &(key, _))) = self.cache.order.range(next..).next() else {
                return;
            };
            next = place + 1;
            if let Some(live) = self.instances.get_mut(&key)
                && live.unwritten == 0
            {
                live.loaded = None;
                live.cached = None;
                self.cache.remove(place);
            }
        }
    }
}

impl Cache {
    fn add(&mut self, key: InstanceKey, bytes: usize) -> u64 {
        self.clock += 1;
        self.bytes += bytes;
        self.order.insert(self.clock, (key, bytes));
        self.clock
    }

    fn remove(&mut self, place: u64) {
        if let Some((_, bytes)) = self.order.remove(&place) {
            self.bytes -= bytes;
        }
    }
}

/// When a timer may fire: never early, so a fraction of a microsecond counts as one.
pub(super) fn due_micros(fire_at: DateTime<Utc>) -> Micros {
    let micros = fire_at.timestamp_micros();
    if fire_at.timestamp_subsec_nanos().is_multiple_of(1000) {
        micros
    } else {
        micros + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn an_instance_that_is_to_start_later_leaves_no_message_to_an_episode_of_its_own() {
        let state = InstanceState {
            execution_id: "e".to_owned(),
            version: None,
            generation: 0,
            status: RuntimeStatus::Pending,
            created: 0,
            updated: 0,
            custom_status: None,
            output: None,
            ending: None,
            wire: None,
        };
        let mut live = Live::new("later", "one", state, 1);
        for row in 0..3 {
            let input = Some("x".repeat(MOST_OF_EPISODE));
            live.inbox.push_back(Inbound {
                source: Source::Inbox(row),
                message: Message::event_raised(DateTime::UNIX_EPOCH, "go".to_owned(), input).into(),
            });
        }
        assert_eq!(live.next_batch(), 3);
        live.state.wire = Some(Wire::Stream);
        assert_eq!(live.next_batch(), 1);
        live.state.wire = Some(Wire::Json);
        assert_eq!(live.next_batch(), 3);
    }
}

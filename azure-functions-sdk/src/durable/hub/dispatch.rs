//! What runs next: episodes and turns of entities in the order in which they got messages, activities in turns; what the app runs, or the
//! hub itself, within a limit for each kind, what workers of streams run as far as they have seats.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use chrono::TimeDelta;

use super::{
    Inner,
    committed::Committed,
    held::StreamFunction,
    live_entity::LiveEntity,
    quarantine::{Item, Room, Suspect},
    runnable::{Activities, EntityTurns, Episodes, Kind, Runner},
    state::State,
    turns::Waiting,
    waiting::Phase,
};
use crate::durable::{
    store::{InstanceKey, RowId},
    streams::{Seat, Shortened, Streams, Unseated},
    work::{Begun, DurableFunctions},
};

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);

/// Looks again whenever a seat on a worker of a stream is free, as long as the hub is there.
pub(super) async fn seat_freed(streams: Arc<Streams>, hub: Weak<Inner>) {
    loop {
        streams.freed().await;
        let Some(hub) = hub.upgrade() else { return };
        if streams.is_closed() {
            return;
        }
        let mut state = hub.state();
        state.held.seats_changed = true;
        hub.pump(&mut state);
    }
}

impl Inner {
    /// These commits are on disk.
    pub(super) fn committed(self: &Arc<Self>, tokens: Vec<Committed>) {
        let mut replies = Vec::new();
        let mut state = self.state();
        for token in tokens {
            match token {
                Committed::Nothing => {}
                Committed::Reply(reply) => replies.push(reply),
                Committed::Purged { reply, rows } => {
                    replies.push(reply);
                    state.purge_ended(&rows);
                }
                Committed::Signals { reply, deliveries } => {
                    replies.push(reply);
                    state.deliver_all(deliveries);
                }
                Committed::Turn { entity, deliveries } => {
                    state.deliver_all(deliveries);
                    state.entity_written(&entity);
                }
                Committed::Episode {
                    key,
                    life,
                    activities,
                    deliveries,
                } => {
                    state.deliver_all(deliveries);
                    for activity in activities {
                        state.activities.push(activity);
                    }
                    state.episode_written(key, life);
                }
            }
        }
        self.pump(&mut state);
        drop(state);
        for reply in replies {
            // A client that went away does not care.
            let _ = reply.send(Ok(()));
        }
    }

    /// Starts whatever may run.
    pub(super) fn pump(self: &Arc<Self>, state: &mut State) {
        if state.draining || state.paused {
            return;
        }
        let known = state.functions.is_some();
        if known {
            self.begin_trial(state);
        }
        let now = self.now();
        if let Some(until) = state.quarantine.holds(now) {
            // Nothing else need happen until then.
            if !std::mem::replace(&mut state.pump_is_due, true) {
                self.after((until - now).to_std().unwrap_or_default(), |hub| {
                    let mut state = hub.state();
                    state.pump_is_due = false;
                    hub.pump(&mut state);
                });
            }
            return;
        }
        if known && state.held.seats_changed {
            self.begin_held(state);
        }
        let functions = state.functions.clone().unwrap_or_default();
        self.begin_ready::<Episodes>(state, &functions);
        if known {
            self.begin_ready::<EntityTurns>(state, &functions);
            self.begin_ready::<Activities>(state, &functions);
        }
    }

    /// Starts what may run, as far as there is room.
    fn begin_ready<K: Kind>(self: &Arc<Self>, state: &mut State, functions: &DurableFunctions) {
        let mut later = Vec::new();
        // What waits for room was there first. Whose it is may have changed since.
        while K::has_room(self, state) {
            let Some(item) = K::held(state).for_room.pop() else {
                break;
            };
            later.extend(self.begin_or_hold::<K>(state, functions, item));
        }
        while let Some(item) = K::ready(state).pop() {
            later.extend(self.begin_or_hold::<K>(state, functions, item));
        }
        for item in later.into_iter().rev() {
            K::ready(state).put_back(item);
        }
    }

    /// Starts one, or puts it where it waits for room or for a seat: there it does not keep back the work of other workers. Gives it
    /// back if no worker has said yet what it runs.
    fn begin_or_hold<K: Kind>(
        self: &Arc<Self>,
        state: &mut State,
        functions: &DurableFunctions,
        item: K::Item,
    ) -> Option<K::Item> {
        match K::runner(state, &item, functions) {
            Runner::None => {}
            Runner::Later => return Some(item),
            Runner::Now if !K::has_room(self, state) => K::held(state).for_room.push(item),
            Runner::Now => {
                state.quarantine.begins(K::suspect(&item));
                K::begin(self, state, item, None);
            }
            // Others wait for a seat already: it stands behind them.
            Runner::Stream(function) => match K::held(state).waiting(&function) {
                Some(others) if !others.is_empty() => others.push(item),
                _ => match self.seat_for::<K>(state, &function, &item) {
                    Some(Ok(seat)) => {
                        K::held(state).told.is_taken(&function);
                        K::begin(self, state, item, Some(seat));
                    }
                    Some(Err(refused)) => Self::hold::<K>(state, function, refused).push(item),
                    None => {}
                },
            },
        }
        None
    }

    /// A seat for one; or why there is none, as of how many connections. `None`: it needs none, as it has ended or runs.
    fn seat_for<K: Kind>(
        &self,
        state: &State,
        function: &StreamFunction,
        item: &K::Item,
    ) -> Option<Result<Seat, (Unseated, u64)>> {
        let asked_last = K::asked_last(state, item)?;
        let connects = self.streams.connects();
        let seat = self
            .streams
            .reserve(K::KIND, &function.name, &function.version, asked_last);
        Some(seat.map_err(|unseated| (unseated, connects)))
    }

    /// Where what waits for this function is put.
    fn hold<K: Kind>(
        state: &mut State,
        function: StreamFunction,
        (unseated, connects): (Unseated, u64),
    ) -> &mut K::Waiting {
        match unseated {
            Unseated::Full => K::held(state).told.is_taken(&function),
            Unseated::NoWorker => {
                if K::held(state).told.is_full() {
                    Self::forget_told::<K>(state, &function);
                }
                if K::held(state).told.waits(&function) {
                    let of_version = match function.version.as_str() {
                        "" => String::new(),
                        version => format!(" of version '{}'", Shortened::name(version)),
                    };
                    log::warn!(
                        "{} '{}'{of_version} waits: no worker that is connected takes it",
                        K::NAME,
                        Shortened::name(&function.name)
                    );
                }
            }
        }
        K::held(state).hold(function, unseated, connects)
    }

    /// Forgets the names of which was told that they wait, and of which nothing waits any more: it has ended. What is about to be held
    /// waits.
    pub(super) fn forget_told<K: Kind>(state: &mut State, held_next: &StreamFunction) {
        for function in K::held(state).told.all() {
            if function == *held_next {
                continue;
            }
            let waits = loop {
                let Some(item) = K::held(state).waiting(&function).and_then(Waiting::pop) else {
                    break false;
                };
                if K::asked_last(state, &item).is_some() {
                    if let Some(list) = K::held(state).waiting(&function) {
                        list.put_back(item);
                    }
                    break true;
                }
            };
            if !waits {
                K::held(state).remove(&function);
                K::held(state).told.is_taken(&function);
            }
        }
    }

    /// Gives free seats to what waits for them: one for each function, in turns.
    fn begin_held(self: &Arc<Self>, state: &mut State) {
        // What is freed from here on is told once more.
        state.held.seats_changed = false;
        self.begin_held_of::<Episodes>(state);
        self.begin_held_of::<EntityTurns>(state);
        self.begin_held_of::<Activities>(state);
    }

    fn begin_held_of<K: Kind>(self: &Arc<Self>, state: &mut State) {
        K::held(state).connected(self.streams.connects());
        // Functions in a row that had no seat.
        let mut without = 0;
        while without < K::held(state).served() && !self.streams.is_full(K::KIND) {
            let served = K::held(state).served();
            let Some(function) = K::held(state).next_turn() else {
                return;
            };
            if self.begin_held_one::<K>(state, function) {
                without = 0;
            } else if K::held(state).served() == served {
                without += 1;
            }
        }
    }

    /// Starts the first that waits for this function; false if there is none, or no seat for it.
    fn begin_held_one<K: Kind>(self: &Arc<Self>, state: &mut State, function: StreamFunction) -> bool {
        loop {
            let Some(item) = K::held(state).waiting(&function).and_then(Waiting::pop) else {
                K::held(state).remove(&function);
                return false;
            };
            match self.seat_for::<K>(state, &function, &item) {
                Some(Ok(seat)) => {
                    K::held(state).told.is_taken(&function);
                    K::begin(self, state, item, Some(seat));
                    return true;
                }
                Some(Err(refused)) => {
                    Self::hold::<K>(state, function, refused).put_back(item);
                    return false;
                }
                // It has ended, or ran without a worker.
                None => {}
            }
        }
    }

    /// There is another app: what waits may be for it.
    fn look_again(state: &mut State) {
        Self::look_again_at::<Episodes>(state);
        state.ready.extend(state.held.for_apps.drain(..));
        Self::look_again_at::<EntityTurns>(state);
        Self::look_again_at::<Activities>(state);
    }

    fn look_again_at<K: Kind>(state: &mut State) {
        let all: Vec<K::Waiting> = K::held(state).take_all().collect();
        for mut list in all {
            while let Some(item) = list.pop() {
                K::ready(state).push(item);
            }
        }
    }

    /// Starts the suspects whose turn it is, before everything else.
    fn begin_trial(self: &Arc<Self>, state: &mut State) {
        loop {
            let room = Room {
                episodes: self
                    .options
                    .max_concurrent_orchestrations
                    .saturating_sub(state.running_episodes.in_app()),
                activities: self
                    .options
                    .max_concurrent_activities
                    .saturating_sub(state.running_activities.in_app()),
                entities: self
                    .options
                    .max_concurrent_entities
                    .saturating_sub(state.running_entities.in_app()),
            };
            let suspects = state.quarantine.next_trial(room);
            if suspects.is_empty() {
                return;
            }
            for suspect in suspects {
                self.begin_suspect(state, suspect);
            }
        }
    }

    fn begin_suspect(self: &Arc<Self>, state: &mut State, suspect: Suspect) {
        match suspect {
            Suspect::Activity(activity) => Activities::begin(self, state, activity, None),
            Suspect::Episode(key) => match state.instances.get_mut(&key) {
                Some(live) if live.phase == Phase::BackingOff && !live.halted => {
                    Episodes::begin(self, state, key, None);
                }
                // It is gone, or another of its id has come.
                _ => state.quarantine.leaves(&Item::Episode(key)),
            },
            Suspect::Entity(id) => {
                if state.entities.get_mut(&id).is_some_and(LiveEntity::begin_again) {
                    EntityTurns::begin(self, state, id, None);
                } else {
                    state.quarantine.leaves(&Item::Entity(id));
                }
            }
        }
    }

    /// To be told when an item has reached a worker process: from then on its trial takes its time.
    pub(super) fn begun(self: &Arc<Self>, item: Item) -> Begun {
        let hub = Arc::downgrade(self);
        Begun::new(move |process| {
            let Some(hub) = hub.upgrade() else { return };
            let trial = hub.state().quarantine.reached(&item, process);
            if let Some((number, time)) = trial {
                let item = item.clone();
                hub.after(time, move |hub| {
                    let mut state = hub.state();
                    if state.quarantine.passed(&item, number) {
                        hub.pump(&mut state);
                    }
                });
            }
        })
    }

    /// An episode has left its place; more may run.
    pub(super) fn episode_ended(self: &Arc<Self>, state: &mut State, key: InstanceKey) {
        state.quarantine.leaves(&Item::Episode(key));
        state.running_episodes.ended(&key);
        self.pump(state);
        self.note_quiet(state);
    }

    pub(super) fn activity_ended(self: &Arc<Self>, state: &mut State, row: RowId) {
        state.quarantine.leaves(&Item::Activity(row));
        state.running_activities.ended(&row);
        self.pump(state);
        self.note_quiet(state);
    }

    /// A turn of an entity has left its place.
    pub(super) fn entity_ended(self: &Arc<Self>, state: &mut State, id: &Arc<str>) {
        state.quarantine.leaves(&Item::Entity(Arc::clone(id)));
        state.running_entities.ended(id);
        self.pump(state);
        self.note_quiet(state);
    }

    fn note_quiet(&self, state: &State) {
        if state.draining && state.is_quiet() {
            self.quiet.notify_waiters();
        }
    }

    pub(super) fn set_functions(self: &Arc<Self>, functions: DurableFunctions) {
        let mut state = self.state();
        state.functions = Some(Arc::new(functions));
        state.workers += 1;
        state.paused = false;
        Self::look_again(&mut state);
        self.pump(&mut state);
    }

    pub(super) fn begin_drain(&self) {
        self.state().draining = true;
        // The timers look again, and end.
        self.timers_changed.notify_one();
    }

    /// Activities, and episodes with turns of entities.
    pub(super) fn running(&self) -> (usize, usize) {
        let state = self.state();
        (
            state.running_activities.all(),
            state.running_episodes.all() + state.running_entities.all(),
        )
    }

    /// Returns when nothing runs; for a hub that drains.
    pub(super) async fn until_quiet(&self) {
        loop {
            let quiet = self.quiet.notified();
            tokio::pin!(quiet);
            // Registered before looking, so that no notice is missed.
            quiet.as_mut().enable();
            {
                let state = self.state();
                if state.is_quiet() {
                    return;
                }
            }
            quiet.await;
        }
    }

    /// Calls `then` after the pause that follows this many failures.
    pub(super) fn after_pause(self: &Arc<Self>, failures: u32, then: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let pause = LAST_DELAY.min(FIRST_DELAY * 2u32.saturating_pow(failures.saturating_sub(1)));
        self.after(pause, then);
    }

    /// Calls `then` after this pause, if the hub is still there; earlier if it drains.
    pub(super) fn after(self: &Arc<Self>, pause: Duration, then: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let due = self.now() + TimeDelta::from_std(pause).unwrap_or_default();
        let hub = Arc::downgrade(self);
        let clock = Arc::clone(&self.options.clock);
        self.runtime.spawn(async move {
            loop {
                let Some(hub) = hub.upgrade() else { return };
                if hub.now() >= due || hub.state().draining {
                    return then(&hub);
                }
                drop(hub);
                clock.sleep_until(due).await;
            }
        });
    }
}

impl State {
    fn is_quiet(&self) -> bool {
        self.running_episodes.all() == 0 && self.running_activities.all() == 0 && self.running_entities.all() == 0
    }

    /// One more episode of the instance is on disk. An instance that has ended is forgotten.
    fn episode_written(&mut self, key: InstanceKey, life: RowId) {
        let Some(live) = self.instances.get_mut(&key) else {
            return;
        };
        if live.life != life {
            return;
        }
        live.unwritten = live.unwritten.saturating_sub(1);
        if live.ended() && live.unwritten == 0 {
            self.waits.has_ended(&live.id, &live.state);
            self.forget(key);
        } else {
            self.waits.has_begun(&live.id);
        }
    }
}

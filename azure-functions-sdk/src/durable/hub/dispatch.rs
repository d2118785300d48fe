//! What runs next: episodes and turns of entities in the order in which they got messages, activities in turns, each
//! kind within its limit.

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
    state::{Live, State},
    turns::Turns,
    waiting::{Activity, Phase},
};
use crate::durable::{
    engine::{entity::EntityId, event::HTTP_ACTIVITY},
    store::{InstanceKey, RowId},
    streams::{Seat, Streams, Unseated},
    work::{Begun, DurableFunctions, Wire, WorkKind},
};

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);

/// Who runs something.
enum Next {
    /// The app, or the hub itself.
    Now,
    /// A worker of a stream.
    Seat(StreamFunction),
    /// An app that has the function.
    AnApp,
}

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
        let mut waiting = Vec::new();
        while state.running_episodes < self.options.max_concurrent_orchestrations {
            let Some(key) = state.ready.pop_front() else { break };
            let Some(live) = state.instances.get_mut(&key) else {
                continue;
            };
            if live.phase != Phase::Ready || live.halted {
                continue;
            }
            if !known && !live.never_ran {
                waiting.push(key);
                continue;
            }
            match next_of(live, &functions) {
                Next::Now => {
                    state.quarantine.begins(Item::Episode(key));
                    self.begin_episode(state, key, None);
                }
                Next::Seat(function) => match state.held.episodes.waiting(&function) {
                    Some(others) if !others.is_empty() => others.push_back(key),
                    _ => match self.seat_for(WorkKind::Orchestration, &function, live.attempts.asked_last()) {
                        Ok(seat) => self.begin_episode(state, key, Some(seat)),
                        Err((unseated, connects)) => {
                            state.held.episodes.hold(function, unseated, connects).push_back(key);
                        }
                    },
                },
                Next::AnApp => state.held.for_apps.push(key),
            }
        }
        for key in waiting.into_iter().rev() {
            state.ready.push_front(key);
        }
        while known && state.running_entities < self.options.max_concurrent_entities {
            let Some(id) = state.ready_entities.pop_front() else {
                break;
            };
            let Some(live) = state.entities.get(&id).filter(|live| live.is_ready()) else {
                continue;
            };
            match live
                .has_operations()
                .then(|| entity_on_stream(&id, &functions))
                .flatten()
            {
                None => {
                    state.quarantine.begins(Item::Entity(Arc::clone(&id)));
                    self.begin_entity(state, id, None);
                }
                Some(function) => match state.held.entities.waiting(&function) {
                    Some(others) if !others.is_empty() => others.push_back(id),
                    _ => match self.seat_for(WorkKind::Entity, &function, live.attempts.asked_last()) {
                        Ok(seat) => self.begin_entity(state, id, Some(seat)),
                        Err((unseated, connects)) => {
                            state.held.entities.hold(function, unseated, connects).push_back(id);
                        }
                    },
                },
            }
        }
        while known && state.running_activities < self.options.max_concurrent_activities {
            let Some(activity) = state.activities.pop() else { break };
            match state.runs_on_stream(&activity, &functions) {
                None => {
                    state.quarantine.begins(Item::Activity(activity.row));
                    self.begin_activity(state, activity, None);
                }
                Some(function) => match state.held.activities.waiting(&function) {
                    Some(others) if !others.is_empty() => others.push(activity),
                    _ => match self.seat_for(WorkKind::Activity, &function, activity.attempts.asked_last()) {
                        Ok(seat) => self.begin_activity(state, activity, Some(seat)),
                        Err((unseated, connects)) => {
                            state.held.activities.hold(function, unseated, connects).push(activity);
                        }
                    },
                },
            }
        }
    }

    fn begin_episode(self: &Arc<Self>, state: &mut State, key: InstanceKey, seat: Option<Seat>) {
        if let Some(live) = state.instances.get_mut(&key) {
            live.phase = Phase::Running;
        }
        state.running_episodes += 1;
        self.runtime.spawn(Arc::clone(self).run_episode(key, seat));
    }

    fn begin_entity(self: &Arc<Self>, state: &mut State, id: Arc<str>, seat: Option<Seat>) {
        if let Some(live) = state.entities.get_mut(&id) {
            live.phase = Phase::Running;
        }
        state.running_entities += 1;
        self.runtime.spawn(Arc::clone(self).run_entity(id, seat));
    }

    fn begin_activity(self: &Arc<Self>, state: &mut State, activity: Activity, seat: Option<Seat>) {
        state.running_activities += 1;
        self.runtime.spawn(Arc::clone(self).run_activity(activity, seat));
    }

    /// A seat; or why there is none, as of how many connections.
    fn seat_for(&self, kind: WorkKind, function: &StreamFunction, last: &[u64]) -> Result<Seat, (Unseated, u64)> {
        let connects = self.streams.connects();
        let seat = self.streams.reserve(kind, &function.name, &function.version, last);
        seat.map_err(|unseated| (unseated, connects))
    }

    /// Gives free seats to what waits for them: one for each function, in turns.
    fn begin_held(self: &Arc<Self>, state: &mut State) {
        // What is freed from here on is told once more.
        state.held.seats_changed = false;
        loop {
            let mut begun = false;
            for function in state.held.episodes.in_turn(self.streams.connects()) {
                if state.running_episodes >= self.options.max_concurrent_orchestrations {
                    state.held.seats_changed = true;
                    break;
                }
                begun |= self.begin_held_episode(state, function);
            }
            for function in state.held.entities.in_turn(self.streams.connects()) {
                if state.running_entities >= self.options.max_concurrent_entities {
                    state.held.seats_changed = true;
                    break;
                }
                begun |= self.begin_held_entity(state, function);
            }
            for function in state.held.activities.in_turn(self.streams.connects()) {
                if state.running_activities >= self.options.max_concurrent_activities {
                    state.held.seats_changed = true;
                    break;
                }
                begun |= self.begin_held_activity(state, function);
            }
            if !begun {
                return;
            }
        }
    }

    fn begin_held_episode(self: &Arc<Self>, state: &mut State, function: StreamFunction) -> bool {
        // Some may have ended, or run without a worker.
        let (key, last) = loop {
            let waiting = state.held.episodes.waiting(&function);
            let Some(key) = waiting.and_then(std::collections::VecDeque::pop_front) else {
                state.held.episodes.remove(&function);
                return false;
            };
            let live = state.instances.get(&key);
            if let Some(live) = live.filter(|live| live.phase == Phase::Ready && !live.halted) {
                break (key, live.attempts.asked_last().to_vec());
            }
        };
        match self.seat_for(WorkKind::Orchestration, &function, &last) {
            Ok(seat) => {
                self.begin_episode(state, key, Some(seat));
                state.held.episodes.had_turn(function);
                true
            }
            Err((unseated, connects)) => {
                state.held.episodes.hold(function, unseated, connects).push_front(key);
                false
            }
        }
    }

    fn begin_held_entity(self: &Arc<Self>, state: &mut State, function: StreamFunction) -> bool {
        let (id, last) = loop {
            let waiting = state.held.entities.waiting(&function);
            let Some(id) = waiting.and_then(std::collections::VecDeque::pop_front) else {
                state.held.entities.remove(&function);
                return false;
            };
            if let Some(live) = state.entities.get(&id).filter(|live| live.is_ready()) {
                let last = live.attempts.asked_last().to_vec();
                break (id, last);
            }
        };
        match self.seat_for(WorkKind::Entity, &function, &last) {
            Ok(seat) => {
                self.begin_entity(state, id, Some(seat));
                state.held.entities.had_turn(function);
                true
            }
            Err((unseated, connects)) => {
                state.held.entities.hold(function, unseated, connects).push_front(id);
                false
            }
        }
    }

    fn begin_held_activity(self: &Arc<Self>, state: &mut State, function: StreamFunction) -> bool {
        let first = state.held.activities.waiting(&function).and_then(Turns::first);
        let Some(last) = first.map(|activity| activity.attempts.asked_last().to_vec()) else {
            state.held.activities.remove(&function);
            return false;
        };
        match self.seat_for(WorkKind::Activity, &function, &last) {
            Ok(seat) => {
                let activity = state.held.activities.waiting(&function).and_then(Turns::pop);
                let Some(activity) = activity else { return false };
                self.begin_activity(state, activity, Some(seat));
                state.held.activities.had_turn(function);
                true
            }
            Err((unseated, connects)) => {
                state.held.activities.hold(function, unseated, connects);
                false
            }
        }
    }

    /// There is another app: what waits may be for it.
    fn look_again(state: &mut State) {
        let episodes: Vec<_> = state.held.episodes.take_all().flatten().collect();
        state.ready.extend(episodes);
        state.ready.append(&mut state.held.for_apps.drain(..).collect());
        let entities: Vec<_> = state.held.entities.take_all().flatten().collect();
        state.ready_entities.extend(entities);
        let activities: Vec<_> = state.held.activities.take_all().collect();
        for mut turns in activities {
            while let Some(activity) = turns.pop() {
                state.activities.push(activity);
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
                    .saturating_sub(state.running_episodes),
                activities: self
                    .options
                    .max_concurrent_activities
                    .saturating_sub(state.running_activities),
                entities: self
                    .options
                    .max_concurrent_entities
                    .saturating_sub(state.running_entities),
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
            Suspect::Activity(activity) => self.begin_activity(state, activity, None),
            Suspect::Episode(key) => match state.instances.get_mut(&key) {
                Some(live) if live.phase == Phase::BackingOff && !live.halted => self.begin_episode(state, key, None),
                // It is gone, or another of its id has come.
                _ => state.quarantine.leaves(&Item::Episode(key)),
            },
            Suspect::Entity(id) => {
                if state.entities.get_mut(&id).is_some_and(LiveEntity::begin_again) {
                    self.begin_entity(state, id, None);
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
        state.running_episodes -= 1;
        self.pump(state);
        self.note_quiet(state);
    }

    pub(super) fn activity_ended(self: &Arc<Self>, state: &mut State, row: RowId) {
        state.quarantine.leaves(&Item::Activity(row));
        state.running_activities -= 1;
        self.pump(state);
        self.note_quiet(state);
    }

    /// A turn of an entity has left its place.
    pub(super) fn entity_ended(self: &Arc<Self>, state: &mut State, id: &Arc<str>) {
        state.quarantine.leaves(&Item::Entity(Arc::clone(id)));
        state.running_entities -= 1;
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
            state.running_activities,
            state.running_episodes + state.running_entities,
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

/// Who runs the next episode of an instance.
fn next_of(live: &Live, functions: &DurableFunctions) -> Next {
    if !functions.open || live.never_ran || live.is_to_be_terminated() {
        return Next::Now;
    }
    match live.state.wire.unwrap_or_else(|| functions.wire_for(&live.name)) {
        Wire::Stream => Next::Seat(StreamFunction::new(&live.name, live.state.version.as_deref())),
        _ if functions.has(WorkKind::Orchestration, &live.name) => Next::Now,
        _ => Next::AnApp,
    }
}

/// The function that a worker of a stream has for an entity; `None`: the app runs it.
fn entity_on_stream(id: &str, functions: &DurableFunctions) -> Option<StreamFunction> {
    // The name of one that cannot be read is found out by its turn.
    let id = EntityId::parse(id).ok()?;
    (functions.wire_for_entity(&id.name) == Wire::Stream).then(|| StreamFunction::new(&id.name, None))
}

impl State {
    /// The function that a worker of a stream has for an activity; `None`: the app runs it, or the hub.
    fn runs_on_stream(&self, activity: &Activity, functions: &DurableFunctions) -> Option<StreamFunction> {
        let elsewhere = !functions.open
            || functions.has(WorkKind::Activity, &activity.name)
            || (activity.name == HTTP_ACTIVITY && self.wire_of(activity.instance) != Wire::Stream);
        (!elsewhere).then(|| StreamFunction::new(&activity.name, activity.version.as_deref()))
    }

    fn is_quiet(&self) -> bool {
        self.running_episodes == 0 && self.running_activities == 0 && self.running_entities == 0
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
        self.waits.has_begun(&live.id);
        if live.ended() && live.unwritten == 0 {
            self.forget(key);
        }
    }
}

//! What runs next: episodes and turns of entities in the order in which they got messages, activities in turns, each
//! kind within its limit.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::{
    Inner,
    committed::Committed,
    live_entity::LiveEntity,
    quarantine::{Item, Room, Suspect},
    state::State,
    waiting::Phase,
};
use crate::durable::{
    store::{InstanceKey, RowId},
    work::{Begun, DurableFunctions},
};

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);

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
                        state.enqueue_activity(activity);
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
            live.phase = Phase::Running;
            state.quarantine.begins(Item::Episode(key));
            state.running_episodes += 1;
            self.runtime.spawn(Arc::clone(self).run_episode(key));
        }
        for key in waiting.into_iter().rev() {
            state.ready.push_front(key);
        }
        while known && state.running_entities < self.options.max_concurrent_entities {
            let Some(id) = state.ready_entities.pop_front() else {
                break;
            };
            let Some(live) = state.entities.get_mut(&id) else {
                continue;
            };
            if live.begin() {
                state.quarantine.begins(Item::Entity(Arc::clone(&id)));
                state.running_entities += 1;
                self.runtime.spawn(Arc::clone(self).run_entity(id));
            }
        }
        while known && state.running_activities < self.options.max_concurrent_activities {
            let Some(activity) = state.next_activity() else { break };
            state.quarantine.begins(Item::Activity(activity.row));
            state.running_activities += 1;
            self.runtime.spawn(Arc::clone(self).run_activity(activity));
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
            Suspect::Activity(activity) => {
                state.running_activities += 1;
                self.runtime.spawn(Arc::clone(self).run_activity(activity));
            }
            Suspect::Episode(key) => match state.instances.get_mut(&key) {
                Some(live) if live.phase == Phase::BackingOff && !live.halted => {
                    live.phase = Phase::Running;
                    state.running_episodes += 1;
                    self.runtime.spawn(Arc::clone(self).run_episode(key));
                }
                // It is gone, or another of its id has come.
                _ => state.quarantine.leaves(&Item::Episode(key)),
            },
            Suspect::Entity(id) => {
                if state.entities.get_mut(&id).is_some_and(LiveEntity::begin_again) {
                    state.running_entities += 1;
                    self.runtime.spawn(Arc::clone(self).run_entity(id));
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

impl State {
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

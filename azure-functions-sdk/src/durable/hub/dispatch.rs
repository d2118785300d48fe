//! What runs next: episodes and turns of entities in the order in which they got messages, activities in turns, each
//! kind within its limit.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tokio::sync::oneshot;

use super::{
    Inner,
    entity::Delivery,
    state::{Activity, Phase, State},
};
use crate::durable::{
    store::{InstanceKey, RowId},
    work::DurableFunctions,
};

/// Times that a worker may die in one work item before the item fails.
pub(super) const MAX_DEATHS: u32 = 10;
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);

/// What follows when a commit is on disk.
#[derive(Debug)]
pub(crate) enum Committed {
    /// Nothing.
    Nothing,
    /// A client waits for it.
    Reply(oneshot::Sender<()>),
    /// An episode: its activities may run now, and entities get its messages.
    Episode {
        key: InstanceKey,
        life: RowId,
        activities: Vec<Activity>,
        deliveries: Vec<Delivery>,
    },
    /// A client waits for it, and entities get messages.
    Signals {
        reply: oneshot::Sender<()>,
        deliveries: Vec<Delivery>,
    },
    /// A turn of an entity.
    Turn {
        entity: Arc<str>,
        deliveries: Vec<Delivery>,
    },
}

impl Inner {
    /// Called by the writer for every batch.
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
            let _ = reply.send(());
        }
    }

    /// Starts whatever may run.
    pub(super) fn pump(self: &Arc<Self>, state: &mut State) {
        if state.draining || state.paused {
            return;
        }
        let known = state.functions.is_some();
        let mut waiting = Vec::new();
        while state.running_episodes < self.options.max_concurrent_orchestrations {
            let Some(key) = state.ready.pop_front() else { break };
            let Some(live) = state.instances.get_mut(&key) else {
                continue;
            };
            if live.phase != Phase::Ready {
                continue;
            }
            if !known && !live.never_ran {
                waiting.push(key);
                continue;
            }
            live.phase = Phase::Running;
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
                state.running_entities += 1;
                self.runtime.spawn(Arc::clone(self).run_entity(id));
            }
        }
        while known && state.running_activities < self.options.max_concurrent_activities {
            let Some(activity) = state.next_activity() else { break };
            state.running_activities += 1;
            self.runtime.spawn(Arc::clone(self).run_activity(activity));
        }
    }

    /// An episode has left its place; more may run.
    pub(super) fn episode_ended(self: &Arc<Self>, state: &mut State) {
        state.running_episodes -= 1;
        self.pump(state);
        self.note_quiet(state);
    }

    pub(super) fn activity_ended(self: &Arc<Self>, state: &mut State) {
        state.running_activities -= 1;
        self.pump(state);
        self.note_quiet(state);
    }

    /// A turn of an entity has left its place.
    pub(super) fn entity_ended(self: &Arc<Self>, state: &mut State) {
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

    /// Calls `then` after the pause that follows this many deaths.
    pub(super) fn after_pause(self: &Arc<Self>, deaths: u32, then: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let pause = LAST_DELAY.min(FIRST_DELAY * 2u32.saturating_pow(deaths.saturating_sub(1)));
        let due = self.now() + TimeDelta::from_std(pause).unwrap_or_default();
        let hub = Arc::clone(self);
        self.runtime.spawn(async move {
            while hub.now() < due && !hub.state().draining {
                hub.options.clock.sleep_until(due).await;
            }
            then(&hub);
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
        if live.ended() && live.unwritten == 0 {
            self.forget(key);
        }
    }
}

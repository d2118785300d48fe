//! One episode: the batch, the engine, the worker, and one commit with everything that follows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::state::{Inbound, Source};
use super::{
    Inner,
    dispatch::{Committed, MAX_DEATHS},
    recovery::rebuild,
    state::{Activity, Live, Loaded, Phase, State},
};
use crate::durable::{
    clock::new_id,
    engine::{
        decision::{ChildStart, Decision, Outgoing},
        episode::{Begin, Episode},
        event::write_events,
        instance::{Instance, RuntimeStatus},
        message::Message,
    },
    store::{
        ActivityRow, Commit, InboxRow, InstanceKey, InstanceRow, InstanceState, Micros, NewInstance, StoreError,
        TimerRow,
    },
    work::{WorkError, WorkItem, WorkKind},
};

/// How an episode ended.
enum End {
    /// The engine decided; all messages of the batch have been taken.
    Decided(Decision),
    /// No message of the batch concerns the instance.
    Discard,
    /// The start message is not there yet.
    NotStarted,
    /// The worker did not answer: once more, later.
    Again(String),
    /// The host is shutting down.
    Leave,
}

impl Inner {
    pub(super) async fn run_episode(self: Arc<Self>, key: InstanceKey) {
        let (batch, loaded) = {
            let mut state = self.state();
            let loaded = state.take_loaded(key);
            let Some(live) = state.instances.get_mut(&key) else {
                return self.episode_ended(&mut state);
            };
            let batch: Vec<Message> = live.inbox.iter().map(|inbound| inbound.message.clone()).collect();
            (batch, loaded)
        };
        let taken = batch.len();
        let loaded = match loaded {
            Some(loaded) => Ok(loaded),
            None => self.load(key, &batch).await,
        };
        match loaded {
            Ok(mut loaded) => {
                let end = self.decide(&mut loaded, batch, key).await;
                if let Err(error) = self.conclude(key, loaded, taken, end).await {
                    // Closed: the next host goes on from what is on disk.
                    log::debug!("an episode was not recorded: {error}");
                    self.episode_ended(&mut self.state());
                }
            }
            Err(reason) => {
                log::error!("an orchestration instance cannot go on: {reason}");
                self.retry_later(key, None, &reason);
            }
        }
    }

    /// Reads an instance back that memory has no history of.
    async fn load(self: &Arc<Self>, key: InstanceKey, batch: &[Message]) -> Result<Box<Loaded>, String> {
        let hub = Arc::clone(self);
        let texts = tokio::task::spawn_blocking(move || hub.store.history(key))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let (id, row) = {
            let state = self.state();
            let live = state.instances.get(&key).ok_or("it is gone")?;
            (Arc::clone(&live.id), live.state.clone())
        };
        rebuild(&row, texts, batch.iter())
            .map(Box::new)
            .map_err(|error| format!("instance '{id}': {error}"))
    }

    async fn decide(self: &Arc<Self>, loaded: &mut Loaded, batch: Vec<Message>, key: InstanceKey) -> End {
        let begin = Episode::begin(&loaded.instance, &self.settings, batch, self.now());
        let episode = match begin {
            Begin::Discard => return End::Discard,
            Begin::NotStarted => return End::NotStarted,
            Begin::Decided(decision) => return End::Decided(*decision),
            Begin::Run(episode) => episode,
        };
        let name = &loaded.instance.name;
        let (function, deaths) = {
            let state = self.state();
            let function = state.function(WorkKind::Orchestration, name);
            (function, state.instances.get(&key).map_or(0, |live| live.deaths))
        };
        let Some(function) = function else {
            let text = format!(
                "Orchestrator function '{name}' failed: the function '{name}' doesn't exist, is disabled, or is not an \
                 orchestrator function."
            );
            return End::Decided(episode.fail(&text, self.now()));
        };
        let played = (!loaded.played.is_empty()).then_some(loaded.played.as_str());
        let item = WorkItem {
            kind: WorkKind::Orchestration,
            function,
            instance_id: loaded.instance.instance_id.clone(),
            payload: Some(episode.payload(played)),
        };
        match self.worker.run(item).await {
            Ok(answer) => End::Decided(episode.finish(&answer, self.now(), &mut new_id)),
            Err(WorkError::ShuttingDown) => End::Leave,
            Err(error) if deaths + 1 >= MAX_DEATHS => {
                let text = format!(
                    "Orchestrator function '{name}' failed: it was tried {MAX_DEATHS} times and never ended; the last \
                     time {error}. Look for what ends the worker (an abort, a stack overflow, no memory left) or blocks it."
                );
                End::Decided(episode.fail(&text, self.now()))
            }
            Err(error) => End::Again(error.to_string()),
        }
    }

    /// Records how the episode ended, and lets go of the instance.
    async fn conclude(
        self: &Arc<Self>,
        key: InstanceKey,
        loaded: Box<Loaded>,
        taken: usize,
        end: End,
    ) -> Result<(), StoreError> {
        match end {
            End::Decided(decision) => self.record(key, loaded, taken, decision).await,
            End::Discard => {
                let place = self.writer.place().await?;
                let mut state = self.state();
                let mut commit = Commit::default();
                state.consume(key, taken, &mut commit);
                place.submit(commit, Committed::Nothing);
                self.release(&mut state, key, loaded);
                Ok(())
            }
            End::NotStarted => {
                let mut state = self.state();
                if let Some(live) = state.instances.get_mut(&key) {
                    // The next message tries again.
                    live.phase = if live.inbox.len() > taken {
                        Phase::Ready
                    } else {
                        Phase::Idle
                    };
                    if live.phase == Phase::Ready {
                        state.ready.push_back(key);
                    }
                }
                state.keep_loaded(key, loaded, self.options.history_cache);
                self.episode_ended(&mut state);
                Ok(())
            }
            End::Again(reason) => {
                self.retry_later(key, Some(loaded), &reason);
                Ok(())
            }
            End::Leave => {
                let mut state = self.state();
                state.paused = true;
                if let Some(live) = state.instances.get_mut(&key) {
                    live.phase = Phase::Ready;
                    state.ready.push_front(key);
                }
                state.keep_loaded(key, loaded, self.options.history_cache);
                self.episode_ended(&mut state);
                Ok(())
            }
        }
    }

    fn retry_later(self: &Arc<Self>, key: InstanceKey, loaded: Option<Box<Loaded>>, reason: &str) {
        let mut state = self.state();
        let Some(live) = state.instances.get_mut(&key) else {
            return self.episode_ended(&mut state);
        };
        live.phase = Phase::BackingOff;
        live.deaths += 1;
        let deaths = live.deaths;
        log::warn!(
            "an episode of orchestration instance '{}' will be tried again: {reason}",
            live.id
        );
        if let Some(loaded) = loaded {
            state.keep_loaded(key, loaded, self.options.history_cache);
        }
        self.episode_ended(&mut state);
        drop(state);
        self.after_pause(deaths, move |hub| {
            let mut state = hub.state();
            if let Some(live) = state.instances.get_mut(&key)
                && live.phase == Phase::BackingOff
            {
                live.phase = Phase::Ready;
                state.ready.push_back(key);
                hub.pump(&mut state);
            }
        });
    }

    /// The instance waits again, or has its next episode if there are messages.
    fn release(self: &Arc<Self>, state: &mut State, key: InstanceKey, loaded: Box<Loaded>) {
        if let Some(live) = state.instances.get_mut(&key) {
            if live.inbox.is_empty() {
                live.phase = Phase::Idle;
            } else {
                live.phase = Phase::Ready;
                state.ready.push_back(key);
            }
            state.keep_loaded(key, loaded, self.options.history_cache);
        }
        self.episode_ended(state);
    }

    /// Commits a decision.
    async fn record(
        self: &Arc<Self>,
        key: InstanceKey,
        mut loaded: Box<Loaded>,
        taken: usize,
        mut decision: Decision,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut commit = Commit::default();
        let reserved = self.reserve_children(&loaded.instance, &decision).await;
        let execution_id: Arc<str> = loaded.instance.execution_id.as_str().into();
        let ends = decision.ends_execution();

        // Whatever takes time is done before the lock is taken.
        if decision.continued.is_some() {
            loaded.played.clear();
            commit.cleared.push(key);
        } else if !decision.appended.is_empty() {
            let mut events = String::new();
            write_events(&decision.appended, true, &mut events);
            if !loaded.played.is_empty() {
                loaded.played.push(',');
            }
            loaded.played.push_str(&events);
            commit.history.push((self.new_row(), key, events));
        }
        let instance_id: Arc<str> = loaded.instance.instance_id.as_str().into();
        let mut activities = Vec::with_capacity(decision.activities.len());
        for task in std::mem::take(&mut decision.activities) {
            let row = self.new_row();
            commit.activities_added.push(ActivityRow {
                row,
                instance: key,
                execution_id: execution_id.to_string(),
                event_id: task.task_id,
                name: task.name.clone(),
                input: task.input.clone(),
            });
            activities.push(Activity {
                row,
                instance: key,
                instance_id: Arc::clone(&instance_id),
                execution_id: Arc::clone(&execution_id),
                task_id: task.task_id,
                name: task.name,
                input: task.input,
                deaths: 0,
            });
        }
        let previous_input = loaded.instance.input.clone();
        decision.apply(&mut loaded.instance);
        if loaded.instance.input != previous_input {
            commit.inputs.push((key, loaded.instance.input.clone()));
        }

        let place = self.writer.place().await?;
        let mut guard = self.state();
        let state = &mut *guard;
        state.consume(key, taken, &mut commit);
        let Some(live) = state.instances.get_mut(&key) else {
            // Replaced while it ran: nothing of this is wanted any more.
            self.unreserve(state, &reserved);
            drop(place);
            self.episode_ended(state);
            return Ok(());
        };
        live.deaths = 0;
        live.unwritten += 1;
        live.state = row_of(&loaded.instance, now);
        let life = live.life;
        commit.updated.push((key, live.state.clone()));
        if live.ended() {
            for inbound in live.inbox.drain(..) {
                inbound.source.remove(&mut commit);
            }
        }
        if ends {
            commit.timers_removed.extend(state.disarm(key));
        } else {
            self.cancel_timers(state, key, &decision.cancelled_timers, &mut commit);
            self.arm_timers(state, key, &execution_id, &decision, &mut commit);
        }
        if let Some(start) = decision.continued.take() {
            self.post(state, &instance_id, *start, &mut commit);
        }
        let mut outgoing = std::mem::take(&mut decision.messages);
        for child in std::mem::take(&mut decision.children) {
            self.start_child(state, child, &reserved, now, &mut commit, &mut outgoing);
        }
        for Outgoing { instance_id, message } in outgoing {
            self.post(state, &instance_id, message, &mut commit);
        }
        self.unreserve(state, &reserved);
        place.submit(commit, Committed::Episode { key, life, activities });
        if loaded.instance.status.is_terminal() {
            self.episode_ended(state);
        } else {
            self.release(state, key, loaded);
        }
        Ok(())
    }

    fn arm_timers(
        &self,
        state: &mut State,
        key: InstanceKey,
        execution_id: &str,
        decision: &Decision,
        commit: &mut Commit,
    ) {
        for timer in &decision.timers {
            let row = self.new_row();
            let due = due_micros(timer.fire_at);
            let message = Message::timer_fired(timer.fire_at, execution_id, timer.timer_id, timer.fire_at);
            commit.timers_added.push(TimerRow {
                row,
                instance: key,
                due,
                message: message.to_json(),
            });
            if state.arm(due, row, key, timer.timer_id, message) {
                self.timer_added.notify_one();
            }
        }
    }

    fn cancel_timers(&self, state: &mut State, key: InstanceKey, timers: &[i32], commit: &mut Commit) {
        for timer_id in timers {
            let place = state
                .instances
                .get_mut(&key)
                .and_then(|live| live.timers.remove(timer_id));
            if let Some(place) = place {
                state.timers.remove(&place);
                commit.timers_removed.push(place.1);
            }
        }
    }

    /// Puts a message into an instance's inbox, in memory and in the commit; one to an instance that is not there or
    /// has ended is dropped.
    pub(super) fn post(&self, state: &mut State, instance_id: &str, message: Message, commit: &mut Commit) {
        let Some((key, _)) = state.find(instance_id) else {
            log::debug!("a message to instance '{instance_id}', which is not running, was dropped");
            return;
        };
        let row = self.new_row();
        commit.inbox_added.push(InboxRow {
            row,
            instance: key,
            message: message.to_json(),
        });
        state.deliver(key, Source::Inbox(row), message);
    }

    /// Looks up the past of the ids that user code chose for children. Ids made from the execution id are new.
    async fn reserve_children(
        self: &Arc<Self>,
        instance: &Instance,
        decision: &Decision,
    ) -> BTreeMap<String, Option<InstanceRow>> {
        let chosen: BTreeSet<String> = decision
            .children
            .iter()
            .filter_map(ChildStart::started)
            .filter(|started| !started.instance_id.starts_with(&instance.execution_id))
            .map(|started| started.instance_id.clone())
            .collect();
        let mut reserved = BTreeMap::new();
        for id in chosen {
            {
                let mut state = self.state();
                if state.find(&id).is_some() || !state.starting.insert(id.clone()) {
                    continue;
                }
            }
            let hub = Arc::clone(self);
            let looked_up = id.clone();
            let found = tokio::task::spawn_blocking(move || hub.store.find(&looked_up)).await;
            let row = found.ok().and_then(|found| {
                found
                    .inspect_err(|error| log::error!("looking up sub-orchestration '{id}' failed: {error}"))
                    .ok()
            });
            reserved.insert(id, row.flatten());
        }
        reserved
    }

    fn unreserve(&self, state: &mut State, reserved: &BTreeMap<String, Option<InstanceRow>>) {
        for id in reserved.keys() {
            state.starting.remove(id);
        }
    }

    fn start_child(
        &self,
        state: &mut State,
        mut child: ChildStart,
        reserved: &BTreeMap<String, Option<InstanceRow>>,
        now: DateTime<Utc>,
        commit: &mut Commit,
        outgoing: &mut Vec<Outgoing>,
    ) {
        let Some(started) = child.started() else { return };
        let id = started.instance_id.clone();
        let running = state.find(&id).is_some() || (state.starting.contains(&id) && !reserved.contains_key(&id));
        if running {
            let reason = format!("An orchestration instance with the id '{id}' is already running.");
            outgoing.extend(child.refused(now, reason));
            return;
        }
        let replaced = reserved
            .get(&id)
            .and_then(Option::as_ref)
            .map(|row| (row.key, row.state.generation));
        if let Some((_, generation)) = replaced
            && let crate::durable::engine::event::EventKind::ExecutionStarted(started) = &mut child.message.event.kind
        {
            started.generation = generation + 1;
        }
        self.create(state, child.message, replaced.map(|(key, _)| key), commit);
    }

    /// Makes an instance from its start message, in memory and in the commit.
    pub(super) fn create(
        &self,
        state: &mut State,
        start: Message,
        replaced: Option<InstanceKey>,
        commit: &mut Commit,
    ) -> Option<InstanceKey> {
        let instance = Instance::pending(&start)?;
        // An instance that ended a moment ago may still be in memory.
        let in_memory = state.ids.get(instance.instance_id.as_str()).copied();
        for old in replaced.into_iter().chain(in_memory).collect::<BTreeSet<_>>() {
            state.drop_messages(old, commit);
            state.forget(old);
            commit.removed.push(old);
        }
        let key = InstanceKey(self.new_row());
        let row = row_of(&instance, instance.created);
        commit.created.push(NewInstance {
            key,
            id: instance.instance_id.clone(),
            name: instance.name.clone(),
            version: instance.version.clone(),
            input: instance.input.clone(),
            state: row.clone(),
        });
        state.insert(key, Live::new(instance.instance_id.as_str().into(), row, key.0));
        let id = instance.instance_id.clone();
        state.keep_loaded(
            key,
            Box::new(Loaded {
                instance,
                played: String::new(),
            }),
            self.options.history_cache,
        );
        self.post(state, &id, start, commit);
        Some(key)
    }
}

impl State {
    pub(super) fn function(&self, kind: WorkKind, name: &str) -> Option<String> {
        self.functions
            .as_ref()?
            .functions
            .get(&(kind, name.to_lowercase()))
            .cloned()
    }

    /// Removes the messages that an episode has taken: those that were there when it began.
    fn consume(&mut self, key: InstanceKey, taken: usize, commit: &mut Commit) {
        let Some(live) = self.instances.get_mut(&key) else {
            return;
        };
        for Inbound { source, .. } in live.inbox.drain(..taken.min(live.inbox.len())) {
            source.remove(commit);
        }
    }

    /// Removes everything that waits for an instance that is replaced.
    fn drop_messages(&mut self, key: InstanceKey, commit: &mut Commit) {
        commit.timers_removed.extend(self.disarm(key));
        if let Some(live) = self.instances.get_mut(&key) {
            for Inbound { source, .. } in live.inbox.drain(..) {
                source.remove(commit);
            }
        }
    }
}

/// The row of an instance.
pub(super) fn row_of(instance: &Instance, updated: DateTime<Utc>) -> InstanceState {
    InstanceState {
        execution_id: instance.execution_id.clone(),
        generation: instance.generation,
        status: match instance.status {
            RuntimeStatus::ContinuedAsNew => RuntimeStatus::Running,
            status => status,
        },
        created: instance.created.timestamp_micros(),
        updated: updated.timestamp_micros(),
        custom_status: instance.custom_status.clone(),
        output: instance.output.clone(),
    }
}

/// When a timer may fire: never early, so a fraction of a microsecond counts as one.
fn due_micros(fire_at: DateTime<Utc>) -> Micros {
    let micros = fire_at.timestamp_micros();
    if fire_at.timestamp_subsec_nanos() % 1000 == 0 {
        micros
    } else {
        micros + 1
    }
}

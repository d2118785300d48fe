//! One episode: the batch, the engine, the worker. What is decided goes to `record`.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{
    Inner,
    activity::{log_death, too_often},
    attempts::{MAX_DEATHS, Next},
    committed::Committed,
    quarantine::{Item, Suspect, Verdict},
    recovery::rebuild,
    sessions::Session,
    state::{Loaded, State},
    waiting::Phase,
};
use crate::durable::{
    engine::{
        decision::Decision,
        episode::{Begin, Episode},
        instance::Instance,
        message::Message,
        played::Played,
        termination::terminate,
    },
    store::{Commit, InstanceKey, StoreError},
    streams::{Answer, Lost, Seat, Work},
    versions::VersionFailure,
    work::{Wire, WorkError, WorkItem, WorkKind, WorkerDeath},
};

/// In the words of the extension.
const VERSION_MISMATCH: &str = "VersionMismatch: Orchestration version did not comply with Worker Versioning";

/// Bytes of a past from which on a worker fetches it, if it can: the requests of workers are limited to 4 MiB.
const LONG_PAST: usize = 1024 * 1024;

/// How an episode ended.
enum End {
    /// The engine decided; all messages of the batch have been taken.
    Decided(Box<Decision>),
    /// No message of the batch concerns the instance.
    Discard,
    /// The start message is not there yet.
    NotStarted,
    /// The worker did not answer: once more, later.
    Again(String),
    /// The worker process ended.
    Died(WorkerDeath, Verdict),
    /// The stream of the worker that had it has ended, or the seat that it was given is not one for it, or it was called back: once
    /// more, at once.
    AtOnce,
    /// The worker of this number gave it back: once more, later, and to another one if there is any.
    Abandoned(Option<u64>),
    /// No app has the orchestration, whose execution began on a wire of apps.
    NoApp,
    /// The host is shutting down.
    Leave,
}

/// Why an instance could not be read back.
enum Unloaded {
    /// What is stored makes no sense.
    Damaged(String),
    /// The store gave no answer.
    NotNow(String),
}

impl Inner {
    pub(super) async fn run_episode(self: Arc<Self>, key: InstanceKey, seat: Option<Seat>) {
        // A bug that one instance meets must not take its place from the others.
        let episode = AssertUnwindSafe(self.episode(key, seat)).catch_unwind();
        if episode.await.is_err() {
            self.retry_later(key, None, "the host panicked in it; this is a bug of the host");
        }
    }

    async fn episode(self: &Arc<Self>, key: InstanceKey, seat: Option<Seat>) {
        let (batch, loaded) = {
            let mut state = self.state();
            let loaded = state.take_loaded(key);
            let Some(live) = state.instances.get_mut(&key) else {
                return self.episode_ended(&mut state, key);
            };
            let messages = live.inbox.iter().take(live.next_batch());
            let batch: Vec<Message> = messages.map(|inbound| Message::clone(&inbound.message)).collect();
            (batch, loaded)
        };
        let taken = batch.len();
        let loaded = match loaded {
            Some(loaded) => Ok(loaded),
            None => self.load(key, &batch).await,
        };
        match loaded {
            Ok(mut loaded) => {
                let end = self.decide(&mut loaded, batch, key, seat).await;
                self.conclude_or_leave(key, loaded, taken, end).await;
            }
            Err(Unloaded::Damaged(reason)) => match self.end_unread(key, &batch, &reason).await {
                Some((loaded, decision)) => self.conclude_or_leave(key, loaded, taken, End::Decided(decision)).await,
                None => {
                    let reason = format!("{reason}; terminate or purge it if that does not pass");
                    self.retry_later(key, None, &reason);
                }
            },
            Err(Unloaded::NotNow(reason)) => self.retry_later(key, None, &reason),
        }
    }

    async fn conclude_or_leave(self: &Arc<Self>, key: InstanceKey, loaded: Box<Loaded>, taken: usize, end: End) {
        if let Err(error) = self.conclude(key, loaded, taken, end).await {
            // Closed: the next host goes on from what is on disk.
            log::debug!("an episode was not recorded: {error}");
            self.episode_ended(&mut self.state(), key);
        }
    }

    /// Reads an instance back that memory has no history of.
    async fn load(self: &Arc<Self>, key: InstanceKey, batch: &[Message]) -> Result<Box<Loaded>, Unloaded> {
        let hub = Arc::clone(self);
        let read = self.runtime.block(move || hub.store.history(key)).await;
        let texts = read.map_err(Unloaded::NotNow)?.map_err(|error| match error {
            StoreError::Damaged { .. } | StoreError::Corrupt { .. } => Unloaded::Damaged(error.to_string()),
            error => Unloaded::NotNow(error.to_string()),
        })?;
        let (row, later) = {
            let state = self.state();
            let live = state.instances.get(&key);
            let gone = || Unloaded::NotNow("it is gone".to_owned());
            (live.ok_or_else(gone)?.state.clone(), state.later_start(key).cloned())
        };
        let loaded = rebuild(&row, &texts, batch.iter().chain(&later));
        loaded.map(Box::new).map_err(Unloaded::Damaged)
    }

    async fn decide(
        self: &Arc<Self>,
        loaded: &mut Loaded,
        batch: Vec<Message>,
        key: InstanceKey,
        seat: Option<Seat>,
    ) -> End {
        if loaded.instance.history.is_empty() {
            let wire = self.state().wire_for(&loaded.instance.name);
            loaded.instance.wire = Some(wire);
            loaded.played = Played::none(wire);
        }
        if loaded.instance.wire == Some(Wire::Stream) {
            return self.decide_on_stream(loaded, batch, key, seat).await;
        }
        drop(seat);
        let begin = Episode::begin(&loaded.instance, &self.settings, batch, self.now());
        let episode = match begin {
            Begin::Discard => return End::Discard,
            Begin::NotStarted => return End::NotStarted,
            Begin::Decided(decision) => return End::Decided(decision),
            Begin::Run(episode) => episode,
        };
        let name = &loaded.instance.name;
        let itself = Item::Episode(key);
        let (function, failures, solitude, worker) = {
            let state = self.state();
            let function = state.function(WorkKind::Orchestration, name);
            let failures = state.instances.get(&key).map_or(0, |live| live.failures);
            (function, failures, state.quarantine.solitude(&itself), state.workers)
        };
        let Some(function) = function else {
            if self.state().is_open() && !episode.is_terminated() {
                return End::NoApp;
            }
            let text = format!(
                "Orchestrator function '{name}' failed: the function '{name}' doesn't exist, is disabled, or is not an \
                 orchestrator function."
            );
            return End::Decided(Box::new(episode.fail(&text, self.now())));
        };
        if let Some(end) = self.refused_version(&loaded.instance) {
            return match end {
                VersionFailure::Fail => End::Decided(Box::new(episode.fail(VERSION_MISMATCH, self.now()))),
                VersionFailure::Reject => End::Again(format!(
                    "its version '{}' is not one that this host takes (defaultVersion '{}', versionMatchStrategy in host.json), \
                     so it waits, as on Azure",
                    loaded.instance.version.as_deref().unwrap_or_default(),
                    self.options.default_version
                )),
            };
        }
        let item = |with_history| WorkItem {
            kind: WorkKind::Orchestration,
            function: function.clone(),
            instance_id: loaded.instance.instance_id.clone(),
            payload: Some(episode.payload(Some(&loaded.played), with_history)),
            as_json: (self.options.record && loaded.instance.wire == Some(Wire::Protobuf))
                .then(|| episode.as_json(None)),
            whole: (!with_history && self.options.check_replays).then(|| episode.payload(Some(&loaded.played), true)),
            // The same in every turn: the code may read it.
            trace: loaded.instance.trace.as_ref().map(|trace| trace.parent.clone()),
            solitude,
            begun: self.begun(itself.clone()),
        };
        let in_session = loaded
            .session
            .is_some_and(|session| session.goes_on(worker, self.now()))
            && self.state().sessions.are_offered(worker);
        let mut answer = self.worker.run(item(!in_session)).await;
        if in_session && let Ok(first) = &answer {
            let needs_history = episode.needs_history(first);
            self.state().sessions.answered(worker, !needs_history);
            if needs_history {
                answer = self.worker.run(item(true)).await;
            }
        }
        loaded.session = match &answer {
            Ok(_) => self
                .settings
                .session_idle
                .map(|idle| Session::new(worker, self.now(), idle)),
            Err(_) => None,
        };
        match answer {
            Ok(answer) => {
                let has_entity = |name: &str| {
                    let state = self.state();
                    let functions = state.functions.as_ref();
                    functions.is_some_and(|functions| functions.takes_entity(name))
                };
                End::Decided(Box::new(episode.finish(
                    &answer,
                    self.now(),
                    &mut || self.new_id(),
                    &has_entity,
                )))
            }
            Err(WorkError::ShuttingDown) => End::Leave,
            Err(WorkError::WorkerDied(death))
                // On the protobuf wire, the extension gives the episode again.
                if self.options.crash_as_host && loaded.instance.wire != Some(Wire::Protobuf) =>
            {
                End::Decided(Box::new(episode.crashed(death.as_host(), self.now())))
            }
            Err(WorkError::WorkerDied(death)) => {
                let verdict = self.state().quarantine.died(&itself, &death, 0);
                if verdict == Verdict::Guilty {
                    let text = format!("Orchestrator function '{name}' failed: {}", too_often(&death));
                    End::Decided(Box::new(episode.fail(&text, self.now())))
                } else {
                    End::Died(death, verdict)
                }
            }
            Err(error) if failures + 1 >= MAX_DEATHS => {
                let text = format!(
                    "Orchestrator function '{name}' failed: it was tried {MAX_DEATHS} times and never ended; the last \
                     time {error}. Look in this function for what blocks its thread."
                );
                End::Decided(Box::new(episode.fail(&text, self.now())))
            }
            Err(error) => End::Again(error.to_string()),
        }
    }

    /// An episode of an execution that travels on a stream. The end of an instance that is to be terminated needs no worker: whatever
    /// one says, the instance ends.
    async fn decide_on_stream(
        self: &Arc<Self>,
        loaded: &mut Loaded,
        batch: Vec<Message>,
        key: InstanceKey,
        seat: Option<Seat>,
    ) -> End {
        let taken = batch.len();
        let is_running = !loaded.instance.status.is_terminal();
        if is_running && let Some(decision) = terminate(&loaded.instance, &batch, self.now()) {
            return End::Decided(Box::new(decision));
        }
        let episode = match Episode::begin(&loaded.instance, &self.settings, batch, self.now()) {
            Begin::Discard => return End::Discard,
            Begin::NotStarted => return End::NotStarted,
            Begin::Decided(decision) => return End::Decided(decision),
            Begin::Run(episode) => episode,
        };
        let Some(seat) = seat else { return End::AtOnce };
        let fetches = loaded.played.len() > LONG_PAST && seat.streams_history();
        let past = fetches.then(|| loaded.played.chunks()).flatten();
        let work = Work::Orchestration {
            instance_id: loaded.instance.instance_id.clone(),
            request: episode.request(&loaded.played, past.is_some()),
            past: past.unwrap_or_default(),
        };
        let Some(recalled) = self.recalled(key, taken) else {
            return End::AtOnce;
        };
        let ended = tokio::select! {
            biased;
            ended = seat.run(work) => ended,
            Ok(()) = recalled => return End::AtOnce,
        };
        match ended {
            Ok(Answer::Orchestration(response)) => {
                let decision = episode.finish_response(response, self.now(), &mut || self.new_id());
                End::Decided(Box::new(decision))
            }
            // It has the token of another kind of work.
            Ok(_) => End::Abandoned(None),
            Err(Lost::Abandoned(worker)) => End::Abandoned(Some(worker)),
            Err(Lost::Unserved) => End::AtOnce,
            Err(Lost::Gone(worker)) => {
                let next = match self.state().instances.get_mut(&key) {
                    Some(live) => live.attempts.lost_with(worker),
                    None => Next::AtOnce,
                };
                match next {
                    Next::AtOnce => End::AtOnce,
                    Next::Later(reason) => End::Again(reason),
                    Next::Fails(problem) => End::Decided(Box::new(self.fail(episode, loaded, &problem))),
                }
            }
            Err(Lost::Unusable(problem)) => End::Decided(Box::new(self.fail(episode, loaded, &problem))),
        }
    }

    fn fail(&self, episode: Episode<'_>, loaded: &Loaded, problem: &str) -> Decision {
        let text = format!("Orchestrator function '{}' failed: {problem}.", loaded.instance.name);
        episode.fail(&text, self.now())
    }

    /// Tells when the episode that begins is taken back from its worker: when the instance is terminated. `None`: it is already, by a
    /// message behind those that the episode has taken.
    fn recalled(&self, key: InstanceKey, taken: usize) -> Option<oneshot::Receiver<()>> {
        let (recall, recalled) = oneshot::channel();
        if let Some(live) = self.state().instances.get_mut(&key) {
            if live.is_terminated_behind(taken) {
                return None;
            }
            live.recall = Some(recall);
        }
        Some(recalled)
    }

    /// What becomes of an instance whose version this host does not take.
    fn refused_version(&self, instance: &Instance) -> Option<VersionFailure> {
        let own = &self.options.default_version;
        let version = instance.version.as_deref().unwrap_or_default();
        let refused = instance.wire == Some(Wire::Protobuf) && !self.options.version_match.admits(version, own);
        refused.then_some(self.options.version_failure)
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
            End::Decided(decision) => self.record(key, loaded, taken, *decision).await,
            End::Discard => {
                let place = self.writer.place().await?;
                let mut state = self.state();
                let mut commit = Commit::default();
                state.consume(key, taken, &mut commit);
                place.submit_unawaited(commit, Committed::Nothing);
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
                self.episode_ended(&mut state, key);
                Ok(())
            }
            End::Again(reason) => {
                self.retry_later(key, Some(loaded), &reason);
                Ok(())
            }
            End::Died(death, verdict) => {
                self.episode_died(key, loaded, &death, verdict);
                Ok(())
            }
            End::Abandoned(worker) => {
                if let Some(live) = self.state().instances.get_mut(&key)
                    && let Some(worker) = worker
                {
                    live.attempts.abandoned(worker);
                }
                self.retry_later(key, Some(loaded), "a worker has abandoned it");
                Ok(())
            }
            end @ (End::AtOnce | End::NoApp | End::Leave) => {
                let mut state = self.state();
                state.paused |= matches!(end, End::Leave);
                if let Some(live) = state.instances.get_mut(&key) {
                    live.phase = Phase::Ready;
                    match end {
                        End::NoApp => state.held.for_apps.push(key),
                        _ => state.ready.push_front(key),
                    }
                }
                state.keep_loaded(key, loaded, self.options.history_cache);
                self.episode_ended(&mut state, key);
                Ok(())
            }
        }
    }

    /// The worker process ended while it ran the episode.
    fn episode_died(self: &Arc<Self>, key: InstanceKey, loaded: Box<Loaded>, death: &WorkerDeath, verdict: Verdict) {
        let mut guard = self.state();
        let state = &mut *guard;
        if let Some(live) = state.instances.get_mut(&key) {
            let what = format!("an episode of '{}', instance '{}',", loaded.instance.name, live.id);
            log_death(&what, state.quarantine.deaths(&Item::Episode(key)), death);
            if verdict == Verdict::Innocent {
                live.phase = Phase::Ready;
                state.ready.push_front(key);
            } else {
                live.phase = Phase::BackingOff;
                state.quarantine.wait(Suspect::Episode(key));
            }
            state.keep_loaded(key, loaded, self.options.history_cache);
        }
        self.episode_ended(state, key);
    }

    fn retry_later(self: &Arc<Self>, key: InstanceKey, loaded: Option<Box<Loaded>>, reason: &str) {
        let mut state = self.state();
        let Some(live) = state.instances.get_mut(&key) else {
            return self.episode_ended(&mut state, key);
        };
        live.phase = Phase::BackingOff;
        live.failures += 1;
        let failures = live.failures;
        // An episode that is abandoned for ever, because no worker takes its version, says so now and then.
        let level = match failures.is_power_of_two() {
            true => log::Level::Warn,
            false => log::Level::Debug,
        };
        log::log!(
            level,
            "an episode of orchestration instance '{}' will be tried again: {}",
            live.id,
            reason
        );
        if let Some(loaded) = loaded {
            state.keep_loaded(key, loaded, self.options.history_cache);
        }
        self.episode_ended(&mut state, key);
        drop(state);
        self.after_pause(failures, move |hub| {
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
    pub(super) fn release(self: &Arc<Self>, state: &mut State, key: InstanceKey, loaded: Box<Loaded>) {
        if let Some(live) = state.instances.get_mut(&key) {
            if live.inbox.is_empty() {
                live.phase = Phase::Idle;
            } else {
                live.phase = Phase::Ready;
                state.ready.push_back(key);
            }
            state.keep_loaded(key, loaded, self.options.history_cache);
        }
        self.episode_ended(state, key);
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
}

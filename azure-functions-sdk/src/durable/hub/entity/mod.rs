//! Turns of entities: the engine says which messages one takes, the worker runs the operations, and all that follows is one
//! commit. An entity has one turn at a time, so its operations never interleave.

mod inbox;
mod orphans;
mod requests;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use super::{
    Inner,
    activity::{log_death, too_often},
    attempts::Next,
    committed::Committed,
    live_entity::{Delivery, LiveEntity},
    quarantine::{Item, Suspect, Verdict},
    state::{Due, State, due_micros},
    waiting::Phase,
};
use crate::durable::{
    engine::{
        decision::ChildStart,
        entity::{
            BatchLimit, Done, Entity, EntityId, EntityMessage, MAX_BATCH, MAX_BATCH_OF_STREAM, Posted, Request, Turn,
            Unfinished,
        },
        event::json_string,
        message::Outgoing,
        time::write_span,
    },
    store::{Commit, EntityInboxRow, EntityRow, EntityTimerRow, StoreError},
    streams::{Answer, Lost, Seat, Work},
    work::{Wire, WorkError, WorkItem, WorkKind, WorkerDeath},
};

/// How a turn ended.
enum End {
    /// Nothing of what waits can be taken now.
    Nothing,
    Done(Box<Done>),
    /// The worker gave no answer: once more, later.
    Again(String),
    /// The worker process ended.
    Died(WorkerDeath, Verdict),
    /// The stream of the worker that had it has ended, or it has no seat and needs one: once more, at once.
    AtOnce,
    /// The host is shutting down.
    Leave,
}

impl Inner {
    pub(super) async fn run_entity(self: Arc<Self>, id: Arc<str>, seat: Option<Seat>) {
        // A bug that one entity meets must not take its place from the others.
        let turn = AssertUnwindSafe(self.entity_turn(&id, seat)).catch_unwind();
        if turn.await.is_err() {
            self.entity_again(&id, None, "the host panicked in it; this is a bug of the host");
        }
    }

    async fn entity_turn(self: &Arc<Self>, id: &Arc<str>, seat: Option<Seat>) {
        let (waiting, loaded) = {
            let mut state = self.state();
            let Some(live) = state.entities.get_mut(id) else {
                return self.entity_ended(&mut state, id);
            };
            let waiting: Vec<_> = live.inbox.iter().map(|inbound| Arc::clone(&inbound.message)).collect();
            (waiting, live.loaded.take())
        };
        let entity = match loaded {
            Some(entity) => *entity,
            None => match self.load_entity(id).await {
                Ok(entity) => entity,
                Err(reason) => return self.entity_again(id, None, &reason),
            },
        };
        match self.decide_turn(&entity, id, &waiting, seat).await {
            End::Done(done) => {
                if let Err(error) = self.record_turn(id, *done).await {
                    // Closed: the next host goes on from what is on disk.
                    log::debug!("a turn of an entity was not recorded: {error}");
                    self.entity_ended(&mut self.state(), id);
                }
            }
            End::Nothing => {
                let mut state = self.state();
                if let Some(live) = state.entities.get_mut(id) {
                    live.loaded = Some(Box::new(entity));
                }
                state.rest_entity(id);
                self.entity_ended(&mut state, id);
            }
            End::Again(reason) => self.entity_again(id, Some(entity), &reason),
            End::Died(death, verdict) => self.entity_died(id, entity, &death, verdict),
            end @ (End::Leave | End::AtOnce) => {
                let mut state = self.state();
                state.paused |= matches!(end, End::Leave);
                if let Some(live) = state.entities.get_mut(id) {
                    live.loaded = Some(Box::new(entity));
                    live.phase = Phase::Ready;
                    state.ready_entities.push_front(Arc::clone(id));
                }
                self.entity_ended(&mut state, id);
            }
        }
    }

    async fn load_entity(self: &Arc<Self>, id: &Arc<str>) -> Result<Entity, String> {
        let (hub, wanted) = (Arc::clone(self), Arc::clone(id));
        let row = self
            .runtime
            .block(move || hub.store.entity(&wanted))
            .await?
            .map_err(|error| error.to_string())?;
        let Some(row) = row else {
            return Ok(Entity::unknown(EntityId::parse(id)?));
        };
        Ok(Entity {
            id: EntityId::parse(id)?,
            exists: row.exists,
            state: row.state,
            lock: row.lock.as_deref().map(parse_lock).transpose()?,
        })
    }

    async fn decide_turn(
        self: &Arc<Self>,
        entity: &Entity,
        id: &Arc<str>,
        waiting: &[Arc<EntityMessage>],
        seat: Option<Seat>,
    ) -> End {
        let functions = self.state().functions.clone().unwrap_or_default();
        let wire = functions.wire_for_entity(&entity.id.name);
        if wire == Wire::Stream {
            return self.decide_turn_on_stream(entity, id, waiting, seat).await;
        }
        drop(seat);
        let itself = Item::Entity(Arc::clone(id));
        let (most, solitude, worker, session) = {
            let mut state = self.state();
            let worker = state.workers;
            // Of a turn that does not end well, the worker may know something else.
            let session = state.entities.get_mut(id).and_then(|live| live.session.take());
            let divided = state.entities.get(id).is_some_and(|live| live.one_by_one > 0);
            // One by one, so that what ends a process, or cannot be kept, is told from the others.
            let most = if divided || state.quarantine.is_suspect(&itself) {
                BatchLimit::operations(1)
            } else {
                MAX_BATCH
            };
            (most, state.quarantine.solitude(&itself), worker, session)
        };
        let Some(turn) = Turn::plan(entity, waiting.iter().map(AsRef::as_ref), most) else {
            return End::Nothing;
        };
        let in_session = self.settings.session_idle.is_some() && session == Some(worker);
        let is_json = wire == Wire::Json;
        let payload = match is_json {
            true => turn.payload(),
            false => turn.batch(&self.settings, !in_session),
        };
        let Some(payload) = payload else {
            return End::Done(Box::new(turn.without_worker(self.now())));
        };
        let name = &entity.id.name;
        let Some(function) = self.state().function(WorkKind::Entity, name) else {
            log::warn!("a message to entity '{id}' came to nothing: the app has no entity '{name}'");
            return End::Done(Box::new(turn.missing(self.now())));
        };
        let item = |payload| WorkItem {
            kind: WorkKind::Entity,
            function: function.clone(),
            instance_id: id.to_string(),
            payload,
            as_json: None,
            whole: None,
            trace: None,
            solitude,
            begun: self.begun(itself.clone()),
        };
        let mut answer = self.worker.run(item(Some(payload))).await;
        if in_session && !is_json && answer.as_ref().is_ok_and(Turn::needs_state) {
            answer = self.worker.run(item(turn.batch(&self.settings, true))).await;
        }
        match answer {
            Ok(answer) if is_json => self.end_of(id, worker, turn.finish(&answer, self.now(), &mut || self.new_guid())),
            Ok(answer) => self.end_of(
                id,
                worker,
                Ok(turn.finish_batch(&answer, self.now(), &mut || self.new_guid())),
            ),
            Err(WorkError::ShuttingDown) => End::Leave,
            Err(WorkError::TimedOut(limit)) => {
                let mut text = String::from("Timeout value of ");
                write_span(chrono::TimeDelta::from_std(limit).unwrap_or_default(), &mut text);
                text.push_str(&format!(" was exceeded by entity function '{name}'."));
                End::Done(Box::new(turn.fail(&text, self.now())))
            }
            Err(WorkError::WorkerDied(death)) => {
                let verdict = self.state().quarantine.died(&itself, &death, turn.operation_count());
                match verdict {
                    Verdict::Guilty => {
                        let text = format!("Entity function '{name}' failed: {}", too_often(&death));
                        End::Done(Box::new(turn.fail(&text, self.now())))
                    }
                    verdict => End::Died(death, verdict),
                }
            }
        }
    }

    /// What the answer of an app's worker ends in.
    fn end_of(&self, id: &Arc<str>, worker: u64, finished: Result<Done, Unfinished<'_>>) -> End {
        match finished {
            Ok(done) => {
                if let Some(live) = self.state().entities.get_mut(id) {
                    live.session = done.answer_taken.then_some(worker);
                }
                End::Done(Box::new(done))
            }
            Err(Unfinished::TryAgain(reason)) => End::Again(reason),
            Err(Unfinished::Unreadable(turn, reason)) => {
                let name = turn.entity_name();
                if turn.operation_count() > 1 {
                    self.divide(id, turn.operation_count());
                    return End::Again(format!("one by one, as entity function '{name}' failed: {reason}"));
                }
                let text = format!("Entity function '{name}' failed: {reason}");
                log::warn!("an operation of entity '{id}' has failed: {text}");
                End::Done(Box::new(turn.fail(&json_string(&text), self.now())))
            }
        }
    }

    /// A turn whose operations a worker of a stream runs.
    async fn decide_turn_on_stream(
        self: &Arc<Self>,
        entity: &Entity,
        id: &Arc<str>,
        waiting: &[Arc<EntityMessage>],
        seat: Option<Seat>,
    ) -> End {
        let now = self.now();
        let divided = self.state().entities.get(id).is_some_and(|live| live.one_by_one > 0);
        let most = if divided {
            BatchLimit::operations(1)
        } else {
            MAX_BATCH_OF_STREAM
        };
        let Some(turn) = Turn::plan(entity, waiting.iter().map(AsRef::as_ref), most) else {
            return End::Nothing;
        };
        let Some(request) = turn.request(now) else {
            return End::Done(Box::new(turn.without_worker(now)));
        };
        let Some(seat) = seat else { return End::AtOnce };
        if let Some(live) = self.state().entities.get_mut(id) {
            // What an app's worker has kept is of another turn.
            live.session = None;
        }
        match seat.run(Work::Entity(request)).await {
            Ok(Answer::Entity(result)) => match turn.finish_result(result, self.now(), &mut || self.new_guid()) {
                Ok(done) => End::Done(Box::new(done)),
                Err(Unfinished::TryAgain(reason)) => End::Again(reason),
                Err(Unfinished::Unreadable(turn, reason)) => {
                    self.divide(id, turn.operation_count());
                    End::Again(format!("one by one, as their answer cannot be taken: {reason}"))
                }
            },
            Err(Lost::Unserved) => End::AtOnce,
            Err(Lost::Gone(worker)) => {
                let next = match self.state().entities.get_mut(id) {
                    Some(live) => live.attempts.lost_with(worker),
                    None => Next::AtOnce,
                };
                let count = turn.operation_count();
                match next {
                    Next::AtOnce => End::AtOnce,
                    Next::Fails(problem) if count == 1 => self.fail_operation(entity, turn, &problem),
                    Next::Later(reason) | Next::Fails(reason) => {
                        // What ends workers is told from the others.
                        if count > 1 {
                            self.divide(id, count);
                        }
                        End::Again(reason)
                    }
                }
            }
            Err(Lost::Abandoned(worker)) => {
                if let Some(live) = self.state().entities.get_mut(id) {
                    live.attempts.abandoned(worker);
                }
                End::Again("a worker has abandoned them".to_owned())
            }
            // It has the token of another kind of work.
            Ok(_) => End::Again("a worker has abandoned them".to_owned()),
            Err(Lost::Unusable(reason)) if turn.operation_count() > 1 => {
                self.divide(id, turn.operation_count());
                End::Again(format!("one by one: {reason}"))
            }
            Err(Lost::Unusable(problem)) => self.fail_operation(entity, turn, &problem),
        }
    }

    /// The only operation of a turn fails.
    fn fail_operation(&self, entity: &Entity, turn: Turn<'_>, problem: &str) -> End {
        let text = format!("Entity function '{}' failed: {problem}.", entity.id.name);
        log::warn!("an operation of entity '{}' has failed: {text}", entity.id);
        End::Done(Box::new(turn.fail(&json_string(&text), self.now())))
    }

    /// The next so many operations are run one by one.
    fn divide(&self, id: &Arc<str>, operations: usize) {
        if let Some(live) = self.state().entities.get_mut(id) {
            live.one_by_one = operations;
        }
    }

    fn new_guid(&self) -> String {
        let id = self.new_id();
        uuid::Uuid::try_parse(&id).map_or(id, |id| id.to_string())
    }

    async fn record_turn(self: &Arc<Self>, id: &Arc<str>, done: Done) -> Result<(), StoreError> {
        let Done {
            entity,
            taken,
            mut answers,
            mut posted,
            starts,
            answer_taken: _,
        } = done;
        let pasts = self.reserve_ids(starts.iter().filter_map(ChildStart::started)).await;
        let mut commit = Commit::default();
        if entity.is_nothing() {
            commit.entities_removed.push(id.to_string());
        } else {
            commit.entities.push(EntityRow {
                id: id.to_string(),
                exists: entity.exists,
                state: entity.state.clone(),
                lock: entity.lock.as_ref().map(Request::to_json),
                updated: self.now().timestamp_micros(),
            });
        }
        let place = self.writer.place().await?;
        let mut guard = self.state();
        let state = &mut *guard;
        if state.entities.get(id).is_some_and(|live| live.halted) {
            drop(place);
            self.entity_ended(state, id);
            return Ok(());
        }
        // An owner that is gone cannot give its locks back.
        if let Some(lock) = &entity.lock
            && !state.wants(lock)
        {
            posted.extend(releases(lock));
        }
        let itself = Item::Entity(Arc::clone(id));
        state.quarantine.operations_ended(&itself, taken.len());
        if let Some(live) = state.entities.get_mut(id) {
            live.take(&taken, &mut commit);
            live.changed(entity);
        }
        for start in starts {
            self.start_child(state, start, &pasts, self.now(), &mut commit, &mut answers);
        }
        for Outgoing { instance_id, message } in answers {
            self.post(state, &instance_id, message, &mut commit);
        }
        let deliveries = self.post_to_entities(state, posted, &mut commit);
        let entity = Arc::clone(id);
        place.submit(commit, Committed::Turn { entity, deliveries });
        state.rest_entity(id);
        self.entity_ended(state, id);
        Ok(())
    }

    /// Puts messages for entities into the commit. Those that are due are delivered when it is on disk.
    pub(super) fn post_to_entities(
        &self,
        state: &mut State,
        posted: Vec<Posted>,
        commit: &mut Commit,
    ) -> Vec<Delivery> {
        let now = self.now();
        let mut deliveries = Vec::with_capacity(posted.len());
        for Posted { target, message, due } in posted {
            let row = self.new_row();
            let entity = target.to_string();
            let json = message.to_json();
            let message = Arc::new(message);
            match due.filter(|due| *due > now) {
                None => {
                    deliveries.push(Delivery {
                        entity: entity.as_str().into(),
                        row,
                        message,
                    });
                    commit.entity_inbox_added.push(EntityInboxRow {
                        row,
                        entity,
                        message: json,
                    });
                }
                Some(due) => {
                    let due = due_micros(due);
                    if state.add_timer(due, row, Due::Entity(entity.as_str().into(), message)) {
                        self.timers_changed.notify_one();
                    }
                    commit.entity_timers_added.push(EntityTimerRow {
                        row,
                        entity,
                        due,
                        message: json,
                    });
                }
            }
        }
        deliveries
    }

    /// The worker process ended while it ran operations.
    fn entity_died(self: &Arc<Self>, id: &Arc<str>, entity: Entity, death: &WorkerDeath, verdict: Verdict) {
        let mut guard = self.state();
        let state = &mut *guard;
        if let Some(live) = state.entities.get_mut(id) {
            let deaths = state.quarantine.deaths(&Item::Entity(Arc::clone(id)));
            log_death(&format!("an operation of entity '{id}'"), deaths, death);
            live.loaded = Some(Box::new(entity));
            if verdict == Verdict::Innocent {
                live.phase = Phase::Ready;
                state.ready_entities.push_front(Arc::clone(id));
            } else {
                live.phase = Phase::BackingOff;
                state.quarantine.wait(Suspect::Entity(Arc::clone(id)));
            }
        }
        self.entity_ended(state, id);
    }

    fn entity_again(self: &Arc<Self>, id: &Arc<str>, entity: Option<Entity>, reason: &str) {
        let mut state = self.state();
        let Some(live) = state.entities.get_mut(id) else {
            return self.entity_ended(&mut state, id);
        };
        live.phase = Phase::BackingOff;
        live.failures = live.failures.saturating_add(1);
        live.loaded = entity.map(Box::new);
        let failures = live.failures;
        // What is abandoned for ever says so now and then.
        let level = match failures.is_power_of_two() {
            true => log::Level::Warn,
            false => log::Level::Debug,
        };
        log::log!(level, "operations of entity '{id}' will be tried again: {reason}");
        self.entity_ended(&mut state, id);
        drop(state);
        let id = Arc::clone(id);
        self.after_pause(failures, move |hub| {
            let mut state = hub.state();
            if let Some(live) = state.entities.get_mut(&id)
                && live.phase == Phase::BackingOff
            {
                live.phase = Phase::Ready;
                state.ready_entities.push_back(id);
                hub.pump(&mut state);
            }
        });
    }

    /// What an instance had locked that makes place for another without having ended.
    pub(super) fn locks_of(state: &State, instance_id: &str) -> Vec<Posted> {
        let locks = state.entities.values().filter_map(LiveEntity::lock);
        let mut own: Vec<&Request> = locks
            .filter(|lock| lock.parent.as_deref() == Some(instance_id))
            .collect();
        own.sort_by(|a, b| a.id.cmp(&b.id));
        own.dedup_by(|a, b| a.id == b.id);
        own.into_iter().flat_map(releases).collect()
    }
}

/// Releases everything that was locked together.
fn releases(lock: &Request) -> impl Iterator<Item = Posted> + use<> {
    let release = lock.release();
    lock.lockset.clone().into_iter().map(move |target| Posted {
        target,
        message: EntityMessage::Release(release.clone()),
        due: None,
    })
}

/// Reads a stored lock.
pub(super) fn parse_lock(json: &str) -> Result<Request, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

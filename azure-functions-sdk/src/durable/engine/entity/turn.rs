//! One turn of an entity.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    Entity, EntityId, EntityMessage, Posted, Release, Request,
    answer::{self, Answer, OperationResult, Refused},
    event_name,
    message::{Identity, grant, respond, response},
};
use crate::durable::{
    engine::{
        decision::ChildStart,
        event::{ExecutionStarted, ParentLink, Tags, json_string},
        failure_details::FailureDetails,
        message::{Message, Outgoing},
        trace::ExecutionTrace,
    },
    work::WorkResult,
};

/// The most that one turn takes.
pub(crate) const MAX_BATCH: BatchLimit = BatchLimit::operations(5_000);

/// The most that one turn takes for a worker of a stream: such workers take messages of 4 MiB.
pub(crate) const MAX_BATCH_OF_STREAM: BatchLimit = BatchLimit {
    bytes: 2 * 1024 * 1024,
    ..MAX_BATCH
};

/// How much of what waits one turn takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimit {
    pub(crate) operations: usize,
    /// Of the state and the inputs together; the first operation is taken in any case.
    pub(crate) bytes: usize,
}

impl BatchLimit {
    /// So many operations, however large.
    pub(crate) const fn operations(operations: usize) -> Self {
        Self {
            operations,
            bytes: usize::MAX,
        }
    }
}

/// What a turn takes, in this order. A worker may stop after some of the operations: what comes later is then left for the
/// next turn.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(in crate::durable::engine) entity: &'a Entity,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// Runs the operation of these messages, which are one that came more than once.
    Run(Vec<usize>, Request),
    /// Gives the lock to who asked for it in this message.
    Lock(usize, Request),
    /// Takes the lock away that this message releases.
    Unlock(usize),
    /// The message means nothing any more.
    Drop(usize),
}

/// What a turn has changed; to be committed at once.
#[derive(Debug, PartialEq)]
pub(crate) struct Done {
    /// The entity from now on.
    pub(crate) entity: Entity,
    /// Messages that are done with, by their places in the list of those that waited; rising.
    pub(crate) taken: Vec<usize>,
    /// Answers to orchestrations, in the order of the operations; then locks that they have got.
    pub(crate) answers: Vec<Outgoing>,
    /// Messages to entities, in order.
    pub(crate) posted: Vec<Posted>,
    /// Orchestrations to start.
    pub(crate) starts: Vec<ChildStart>,
    /// Whether the worker's answer is taken: the state that it may have kept is then the entity's.
    pub(crate) answer_taken: bool,
}

/// Why the worker's answer does not end a turn. The turn has changed nothing.
#[derive(Debug)]
pub(crate) enum Unfinished<'a> {
    /// The worker has not answered: the turn is to be tried again. The text is for the log.
    TryAgain(String),
    /// The operations end with something that cannot be kept, and would again: the turn is to be divided, or to fail.
    Unreadable(Turn<'a>, String),
}

/// True if a message is a reason for a turn.
pub(crate) fn wakes(lock: Option<&Request>, message: &EntityMessage) -> bool {
    match message {
        EntityMessage::Release(_) => true,
        EntityMessage::Op(request) => admits(lock, request),
    }
}

/// While an entity is locked, it runs operations of the one who has the lock only.
fn admits(lock: Option<&Request>, request: &Request) -> bool {
    match lock {
        None => true,
        Some(lock) => {
            (!request.is_lock() && lock.parent.is_some() && request.parent == lock.parent)
                || lock.identity() == request.identity()
        }
    }
}

impl<'a> Turn<'a> {
    /// Decides what of the waiting messages the next turn takes; `None`: there is nothing to do.
    ///
    /// Messages are taken in the order of their arrival, except that a lock lets nobody else through. They come from a
    /// store that gives each one once and keeps the order of every sender, so nothing need be put in order here; a
    /// request that waits twice counts once.
    pub(crate) fn plan<'m>(
        entity: &'a Entity,
        waiting: impl IntoIterator<Item = &'m EntityMessage>,
        limit: BatchLimit,
    ) -> Option<Self> {
        let waiting: Vec<&EntityMessage> = waiting.into_iter().collect();
        let mut taken = vec![false; waiting.len()];
        let mut same: BTreeMap<Identity<'_>, Vec<usize>> = BTreeMap::new();
        for (index, message) in waiting.iter().enumerate() {
            if let EntityMessage::Op(request) = message {
                same.entry(request.identity()).or_default().push(index);
            }
        }
        let mut steps = Vec::new();
        let mut operations = 0;
        let mut bytes = entity.state.as_deref().map_or(0, str::len);
        let mut lock = entity.lock.as_ref();
        let mut place = 0;
        while place < waiting.len() {
            let index = place;
            place += 1;
            if taken[index] {
                continue;
            }
            match waiting[index] {
                EntityMessage::Release(release) => {
                    taken[index] = true;
                    if lock.is_some_and(|lock| releases(release, lock)) {
                        steps.push(Step::Unlock(index));
                        lock = None;
                        // Those who had to wait come first.
                        place = 0;
                        continue;
                    }
                    steps.push(Step::Drop(index));
                    // The lock is still waited for: nobody wants it any more.
                    for (other, message) in waiting.iter().enumerate() {
                        if let EntityMessage::Op(request) = message
                            && !taken[other]
                            && request.is_lock()
                            && releases(release, request)
                        {
                            taken[other] = true;
                            steps.push(Step::Drop(other));
                        }
                    }
                }
                EntityMessage::Op(request) if !admits(lock, request) => {}
                EntityMessage::Op(request) => {
                    let size = request.input.as_deref().map_or(0, str::len);
                    let is_full =
                        operations == limit.operations || (operations > 0 && bytes.saturating_add(size) > limit.bytes);
                    if !request.is_lock() && is_full {
                        break;
                    }
                    taken[index] = true;
                    if lock.is_some_and(|lock| lock.identity() == request.identity()) {
                        steps.push(Step::Drop(index));
                    } else if request.is_lock() {
                        steps.push(Step::Lock(index, request.clone()));
                        lock = Some(request);
                    } else {
                        operations += 1;
                        bytes = bytes.saturating_add(size);
                        let all = same.remove(&request.identity()).unwrap_or_else(|| vec![index]);
                        all.iter().for_each(|index| taken[*index] = true);
                        steps.push(Step::Run(all, request.clone()));
                    }
                }
            }
        }
        (!steps.is_empty()).then_some(Self { entity, steps })
    }

    pub(in crate::durable::engine) fn operations(&self) -> impl Iterator<Item = &Request> {
        self.steps.iter().filter_map(|step| match step {
            Step::Run(_, request) => Some(request),
            _ => None,
        })
    }

    pub(crate) fn entity_name(&self) -> &str {
        &self.entity.id.name
    }

    /// How many operations the worker is asked to run.
    pub(crate) fn operation_count(&self) -> usize {
        self.operations().count()
    }

    /// What the entity trigger delivers; `None`: nothing in this turn needs the worker.
    pub(crate) fn payload(&self) -> Option<String> {
        self.operations().next()?;
        Some(answer::payload(self.entity, self.operations()))
    }

    /// What is no answer fails the operations.
    pub(in crate::durable::engine) fn finish_read(
        self,
        answer: Result<Answer, Refused>,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Done {
        match answer {
            Ok(answer) => self.settle(Some(answer), None, now, new_id),
            Err(Refused::TryAgain(reason) | Refused::Unreadable(reason)) => {
                log::warn!("the operations of entity '{}' have failed: {reason}", self.entity.id);
                let details = FailureDetails {
                    error_type: "FunctionInvocationFailed".to_owned(),
                    error_message: reason,
                    ..FailureDetails::default()
                };
                self.fail_as(&details, now)
            }
        }
    }

    /// Decides that every operation of the turn fails so; the state stays as it was.
    fn fail_as(self, details: &FailureDetails, now: DateTime<Utc>) -> Done {
        let results = self
            .operations()
            .map(|_| OperationResult::failed(details.clone()))
            .collect();
        let answer = Answer {
            entity_exists: self.entity.exists,
            entity_state: self.entity.state.clone(),
            results,
            signals: Vec::new(),
            starts: Vec::new(),
        };
        Done {
            answer_taken: false,
            ..self.settle(Some(answer), None, now, &mut String::new)
        }
    }

    /// Decides by the worker's answer. `new_id` gives a fresh id for every signal.
    pub(crate) fn finish(
        self,
        answer: &WorkResult,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Result<Done, Unfinished<'a>> {
        match answer::read(answer, self.operation_count()) {
            Ok(answer) => Ok(self.settle(Some(answer), None, now, new_id)),
            Err(Refused::TryAgain(reason)) => Err(Unfinished::TryAgain(reason)),
            Err(Refused::Unreadable(reason)) => Err(Unfinished::Unreadable(self, reason)),
        }
    }

    /// Decides without the worker: every operation of the turn fails with this text, as it is; the state stays as it was.
    pub(crate) fn fail(self, text: &str, now: DateTime<Utc>) -> Done {
        self.settle(None, Some(text), now, &mut String::new)
    }

    /// Decides for an app that has no such entity: calls get an error, signals are gone.
    pub(crate) fn missing(self, now: DateTime<Utc>) -> Done {
        let text = json_string(&missing(&self.entity.id.name));
        self.fail(&text, now)
    }

    /// Decides a turn that needs no worker.
    pub(crate) fn without_worker(self, now: DateTime<Utc>) -> Done {
        self.settle(None, None, now, &mut String::new)
    }

    fn settle(
        self,
        answer: Option<Answer>,
        failure: Option<&str>,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Done {
        let mut entity = self.entity.clone();
        let (mut taken, mut answers, mut grants, mut locks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let parent = self.entity.id.to_string();
        let mut starts = Vec::new();
        let (mut results, signals) = match answer {
            Some(answer) => {
                starts.extend(
                    answer
                        .starts
                        .into_iter()
                        .map(|start| started(start, &parent, now, new_id)),
                );
                entity.exists = answer.entity_exists;
                entity.state = answer.entity_state.filter(|_| answer.entity_exists);
                (answer.results.into_iter(), answer.signals)
            }
            None => (Vec::new().into_iter(), Vec::new()),
        };
        for step in self.steps {
            match step {
                Step::Run(mut all, request) => {
                    let outgoing = match (failure, results.next()) {
                        (Some(text), _) => response(&request, now, text, true),
                        (None, Some(result)) => match &result.details {
                            None if result.is_error => {
                                response(&request, now, result.result.as_deref().unwrap_or("null"), true)
                            }
                            details => respond(&request, now, result.result.as_deref(), details.as_ref()),
                        },
                        // The worker has stopped before this one.
                        (None, None) => break,
                    };
                    taken.append(&mut all);
                    answers.extend(outgoing);
                }
                Step::Drop(index) => taken.push(index),
                Step::Lock(index, request) => {
                    taken.push(index);
                    match request.next() {
                        Some(target) => locks.push(Posted {
                            target: target.clone(),
                            message: EntityMessage::Op(Request {
                                pos: request.pos + 1,
                                ..request.clone()
                            }),
                            due: None,
                        }),
                        None => grants.extend(grant(&request, now)),
                    }
                    entity.lock = Some(request);
                }
                Step::Unlock(index) => {
                    taken.push(index);
                    let Some(lock) = entity.lock.take() else { continue };
                    // The request may have gone on after its end was told to all: this follows it.
                    locks.extend(lock.next().map(|target| Posted {
                        target: target.clone(),
                        message: EntityMessage::Release(lock.release()),
                        due: None,
                    }));
                }
            }
        }
        taken.sort_unstable();
        answers.append(&mut grants);
        let mut posted: Vec<Posted> = signals
            .into_iter()
            .filter_map(|signal| {
                // Checked when it was read.
                let target = EntityId::new(&signal.target.name, &signal.target.key).ok()?;
                let input = signal.input.filter(|input| !input.is_empty());
                let request = Request {
                    trace: signal.trace,
                    due: signal.due.map(|due| event_name(Some(due)).split_off("op@".len())),
                    ..Request::signal(signal.name, input, new_id(), Some(parent.clone()))
                };
                Some(Posted {
                    target,
                    message: EntityMessage::Op(request),
                    due: signal.due,
                })
            })
            .collect();
        posted.append(&mut locks);
        Done {
            entity,
            taken,
            answers,
            posted,
            starts,
            answer_taken: failure.is_none(),
        }
    }
}

/// An orchestration that an entity starts: it has the entity as parent, which waits for nothing.
fn started(start: answer::Start, entity: &str, now: DateTime<Utc>, new_id: &mut dyn FnMut() -> String) -> ChildStart {
    let instance_id = if start.instance_id.is_empty() {
        new_id()
    } else {
        start.instance_id
    };
    let started = ExecutionStarted {
        instance_id,
        execution_id: new_id().replace('-', ""),
        name: start.name,
        version: start.version.filter(|version| !version.is_empty()),
        input: start.input,
        parent: Some(ParentLink {
            name: entity.to_owned(),
            instance_id: entity.to_owned(),
            execution_id: String::new(),
            task_id: 0,
            version: Some(String::new()),
        }),
        scheduled_start: start.due,
        generation: 0,
        tags: Tags::from([("FireAndForget".to_owned(), String::new())]),
        trace: start.trace.map(ExecutionTrace::from),
    };
    ChildStart {
        message: Message::start(now, started),
    }
}

fn releases(release: &Release, lock: &Request) -> bool {
    release.id == lock.id && lock.parent.as_ref() == Some(&release.parent)
}

/// What is said of an entity that the app does not have.
pub(crate) fn missing(name: &str) -> String {
    format!("Entity function '{name}' does not exist.")
}

//! Rewinding a failed instance, and the failed sub-orchestrations below it, in one commit.

use std::{collections::VecDeque, sync::Arc};

use chrono::{DateTime, Utc};

use super::{
    Inner,
    committed::{Committed, Written},
    create::row_of,
    recovery::rebuild,
    request_error::RequestError,
    reserved::Reserved,
    state::{Live, Loaded},
};
use crate::durable::{
    engine::{
        event::{Failure, ParentLink, write_events},
        instance::Instance,
        message::Message,
        played::Played,
        rewind::{NotRewound, Rewind, rewind},
        runtime_status::RuntimeStatus,
    },
    store::{Commit, InstanceKey, InstanceRow},
};

struct Step {
    key: InstanceKey,
    rewind: Rewind,
    /// What children report that are not rewound, by their tasks.
    reports: Vec<Message>,
    /// Children that run: they report when they have ended.
    running: Vec<String>,
}

/// An instance, as a rewind finds it.
enum Found {
    /// It can be rewound, and no other request starts it meanwhile.
    Failed(InstanceKey, Box<Loaded>),
    /// There is no such instance, and no other request starts one. One that another has started under the id of a child is not the child:
    /// to its parent, that one is gone.
    Gone,
    /// A child that has ended, but has not failed.
    Ended(Box<Loaded>),
    /// A child of which nothing can be said: its history cannot be read, or another child of this rewind has its id.
    Unknown,
    /// It has not ended, or is being started, or its end is not on disk: it stays as it is.
    Other,
}

/// The call that has started a child.
#[derive(Clone, Copy)]
struct Call<'a> {
    parent: &'a Instance,
    task_id: i32,
}

impl Call<'_> {
    fn link(self) -> ParentLink {
        ParentLink {
            name: self.parent.name.clone(),
            instance_id: self.parent.instance_id.clone(),
            execution_id: self.parent.execution_id.clone(),
            task_id: self.task_id,
            version: self.parent.version.clone(),
        }
    }

    fn not_rewound(self, child: &str, now: DateTime<Utc>) -> Message {
        let reason = format!("The sub-orchestration '{child}' cannot be rewound.");
        Message::child_failed(now, &self.link(), Failure::text(reason))
    }

    /// What the parent did not hear, as it had ended by then.
    fn report(self, child: &Instance, now: DateTime<Utc>) -> Message {
        let output = child.output.clone();
        match child.status {
            RuntimeStatus::Completed => Message::child_completed(now, &self.link(), output),
            _ => Message::child_failed(now, &self.link(), Failure::text(output.unwrap_or_default())),
        }
    }

    /// Whether this instance reports to the call. It may be that of another call of the same parent: of an earlier execution, of a later
    /// attempt, or of one that still ran when this call was refused.
    fn has_started(self, child: &Instance) -> bool {
        child.parent.as_ref().is_some_and(|link| {
            link.instance_id == self.parent.instance_id
                && link.execution_id == self.parent.execution_id
                && link.task_id == self.task_id
        })
    }
}

impl Inner {
    /// Rewinds the instance; every failed child that led to its failure is rewound with it.
    pub(crate) async fn rewind(self: &Arc<Self>, id: &str, reason: &str) -> Result<(), RequestError> {
        self.check_health()?;
        let mut reserved = Reserved::new(self);
        let planned = self.plan_rewind(id, reason, &mut reserved).await;
        let result = match planned {
            Ok(steps) => self.commit_rewind(steps).await,
            Err(error) => Err(error),
        };
        drop(reserved);
        self.written(result?).await
    }

    async fn plan_rewind(
        self: &Arc<Self>,
        id: &str,
        reason: &str,
        reserved: &mut Reserved,
    ) -> Result<Vec<Step>, RequestError> {
        let first = match self.reserve_failed(id, None, reserved).await? {
            Found::Failed(key, loaded) => (key, loaded),
            Found::Gone => return Err(RequestError::NotFound),
            Found::Ended(_) | Found::Unknown | Found::Other => match self.status(id).await? {
                RuntimeStatus::Failed => {
                    let text = format!("Another request is about to change the instance '{id}'. Try again later.");
                    return Err(RequestError::Unavailable(text));
                }
                status => return Err(RequestError::NotFailed(status)),
            },
        };
        let mut steps = Vec::new();
        let mut pending = VecDeque::from([first]);
        while let Some((key, loaded)) = pending.pop_front() {
            let instance = &loaded.instance;
            let mut rewound = rewind(instance, reason, self.now()).map_err(|refused| match refused {
                NotRewound::NotFailed => RequestError::NotFailed(instance.status),
                NotRewound::Locked(entities) => RequestError::FailedLocked {
                    instance_id: instance.instance_id.clone(),
                    entities,
                },
            })?;
            let (mut reports, mut running) = (Vec::new(), Vec::new());
            let failed = std::mem::take(&mut rewound.children);
            let unheard = std::mem::take(&mut rewound.unheard);
            let failed = failed.into_iter().map(|child| (child, true));
            for (child, has_failed) in failed.chain(unheard.into_iter().map(|child| (child, false))) {
                let call = Call {
                    parent: instance,
                    task_id: child.task_id,
                };
                match self.reserve_failed(&child.instance_id, Some(call), reserved).await? {
                    Found::Failed(key, loaded) => pending.push_back((key, loaded)),
                    Found::Gone => rewound.forget_child(child.task_id),
                    Found::Ended(loaded) if !has_failed => reports.push(call.report(&loaded.instance, self.now())),
                    Found::Other if !has_failed => running.push(child.instance_id),
                    Found::Ended(_) | Found::Unknown | Found::Other => {
                        reports.push(call.not_rewound(&child.instance_id, self.now()));
                    }
                }
            }
            steps.push(Step {
                key,
                rewind: rewound,
                reports,
                running,
            });
        }
        Ok(steps)
    }

    /// Keeps the id of an instance that is to be rewound, unless another request is starting it, and looks the instance up: of a child,
    /// the one that this call has started.
    async fn reserve_failed(
        self: &Arc<Self>,
        id: &str,
        call: Option<Call<'_>>,
        reserved: &mut Reserved,
    ) -> Result<Found, RequestError> {
        // Of two children with the same id, the first that is looked up has it; a later rewind finds the other.
        let is_second = reserved.has(id);
        let newest = {
            let mut state = self.state();
            // One that is being started need not be on disk yet.
            if state.find(id).is_some() || !(is_second || reserved.add(&mut state, id)) {
                return Ok(Found::Other);
            }
            match state.remembered(id) {
                Some((key, live)) => Some((key, live.state.clone())),
                None if state.leaving.contains_key(id) => return Ok(Found::Gone),
                None => None,
            }
        };
        let Some(row) = self.find(id).await? else {
            return Ok(Found::Gone);
        };
        // The row of an earlier build does not name the parent: the history does.
        if let (Some(call), Some(parent)) = (call, &row.parent)
            && *parent != call.parent.instance_id
        {
            return Ok(Found::Gone);
        }
        // What has ended a moment ago may have to be written yet.
        let is_old = newest.is_some_and(|newest| newest != (row.key, row.state.clone()));
        let is_failed = row.state.status == RuntimeStatus::Failed;
        if is_second {
            return Ok(Found::Unknown);
        }
        if is_old || (call.is_none() && !is_failed) {
            return Ok(Found::Other);
        }
        let loaded = match self.load_ended(&row).await {
            Err(_) if !is_failed => return Ok(Found::Unknown),
            loaded => loaded?,
        };
        Ok(match call {
            Some(call) if !call.has_started(&loaded.instance) => Found::Gone,
            _ if is_failed => Found::Failed(row.key, loaded),
            Some(_) if row.state.status.is_terminal() => Found::Ended(loaded),
            _ => Found::Other,
        })
    }

    async fn load_ended(self: &Arc<Self>, row: &InstanceRow) -> Result<Box<Loaded>, RequestError> {
        let texts = self.history(row.key).await?;
        let loaded = rebuild(&row.state, &texts, std::iter::empty())
            .map_err(|error| RequestError::Broken(format!("instance '{}': {error}", row.id)))?;
        Ok(Box::new(loaded))
    }

    async fn commit_rewind(self: &Arc<Self>, steps: Vec<Step>) -> Result<Written, RequestError> {
        let place = self.place().await?;
        let (reply, written) = tokio::sync::oneshot::channel();
        let now = self.now();
        let mut commit = Commit::default();
        let mut state = self.state();
        for id in steps.iter().flat_map(|step| &step.running) {
            if state.find(id).is_none() {
                let text = format!("The sub-orchestration '{id}' is about to start or to end. Try again later.");
                return Err(RequestError::Unavailable(text));
            }
        }
        for Step {
            key, rewind, reports, ..
        } in steps
        {
            let Rewind { instance, wake, .. } = rewind;
            let row = row_of(&instance, now);
            let mut events = String::new();
            write_events(instance.history.iter(), true, &mut events);
            let played = Played::of(instance.wire.unwrap_or_default(), &instance.history);
            commit.cleared.push(key);
            commit.history.push((self.new_row(), key, events));
            commit.updated.push((key, row.clone()));
            state.forget(key);
            state.insert(
                key,
                Live::new(&instance.instance_id, &instance.name, row, self.new_row()),
            );
            let id = instance.instance_id.clone();
            state.keep_loaded(
                key,
                Box::new(Loaded {
                    instance,
                    played,
                    session: None,
                }),
                self.options.history_cache,
            );
            self.post(&mut state, &id, wake, &mut commit);
            for report in reports {
                self.post(&mut state, &id, report, &mut commit);
            }
        }
        place.submit(commit, Committed::Reply(reply));
        self.pump(&mut state);
        Ok(written)
    }
}

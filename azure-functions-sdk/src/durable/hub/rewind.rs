//! Rewinding a failed instance, and the failed sub-orchestrations below it, in one commit.

use std::{collections::VecDeque, sync::Arc};

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
        message::Message,
        played::Played,
        rewind::{ChildFailed, NotRewound, Rewind, rewind},
        runtime_status::RuntimeStatus,
    },
    store::{Commit, InstanceKey, InstanceRow},
};

struct Step {
    key: InstanceKey,
    rewind: Rewind,
    /// Children that cannot be rewound.
    lost: Vec<ChildFailed>,
}

/// An instance, as a rewind finds it.
enum Found {
    /// It can be rewound, and no other request starts it meanwhile.
    Failed(Box<InstanceRow>),
    /// There is no such instance, and no other request starts one.
    Gone,
    /// It has not failed, or is being started: it stays as it is.
    Other,
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
        let Found::Failed(row) = self.reserve_failed(id, reserved).await? else {
            let status = self.status(id).await?;
            return Err(RequestError::NotFailed(status));
        };
        let mut steps = Vec::new();
        let mut pending = VecDeque::from([row]);
        while let Some(row) = pending.pop_front() {
            let hub = Arc::clone(self);
            let key = row.key;
            let texts = self.blocking(move || hub.store.history(key)).await?;
            let loaded = rebuild(&row.state, &texts, std::iter::empty())
                .map_err(|error| RequestError::Broken(format!("instance '{}': {error}", row.id)))?;
            let mut rewound = rewind(&loaded.instance, reason, self.now()).map_err(|refused| match refused {
                NotRewound::NotFailed => RequestError::NotFailed(row.state.status),
                NotRewound::Locked(entities) => RequestError::FailedLocked {
                    instance_id: row.id.clone(),
                    entities,
                },
            })?;
            let mut lost = Vec::new();
            for child in std::mem::take(&mut rewound.children) {
                match self.reserve_failed(&child.instance_id, reserved).await? {
                    Found::Failed(row) => pending.push_back(row),
                    Found::Gone => rewound.forget_child(child.task_id),
                    Found::Other => lost.push(child),
                }
            }
            steps.push(Step {
                key,
                rewind: rewound,
                lost,
            });
        }
        Ok(steps)
    }

    /// Keeps the id of an instance that is to be rewound, unless another request is starting it, and looks the instance up.
    async fn reserve_failed(self: &Arc<Self>, id: &str, reserved: &mut Reserved) -> Result<Found, RequestError> {
        // Of two children with the same id, the first has it.
        let is_second = reserved.has(id);
        {
            let mut state = self.state();
            // One that is being started need not be on disk yet.
            if state.find(id).is_some() || !(is_second || reserved.add(&mut state, id)) {
                return Ok(Found::Other);
            }
        }
        Ok(match self.find(id).await? {
            None => Found::Gone,
            Some(row) if row.state.status == RuntimeStatus::Failed && !is_second => Found::Failed(Box::new(row)),
            Some(_) => Found::Other,
        })
    }

    async fn commit_rewind(self: &Arc<Self>, steps: Vec<Step>) -> Result<Written, RequestError> {
        let place = self.place().await?;
        let (reply, written) = tokio::sync::oneshot::channel();
        let now = self.now();
        let mut commit = Commit::default();
        let mut state = self.state();
        for Step { key, rewind, lost } in steps {
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
            let failures: Vec<Message> = lost
                .iter()
                .map(|child| {
                    let parent = ParentLink {
                        name: instance.name.clone(),
                        instance_id: instance.instance_id.clone(),
                        execution_id: instance.execution_id.clone(),
                        task_id: child.task_id,
                        version: instance.version.clone(),
                    };
                    let reason = format!("The sub-orchestration '{}' cannot be rewound.", child.instance_id);
                    Message::child_failed(now, &parent, Failure::text(reason))
                })
                .collect();
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
            for failure in failures {
                self.post(&mut state, &id, failure, &mut commit);
            }
        }
        place.submit(commit, Committed::Reply(reply));
        self.pump(&mut state);
        Ok(written)
    }
}

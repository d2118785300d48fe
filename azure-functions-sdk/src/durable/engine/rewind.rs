//! Rewinds a failed instance: forgets the failures that ended it, so that replay schedules the failed work again.
//!
//! The rule is simple and never makes replay disagree with what is left. All failures since the last thing that the
//! orchestrator scheduled before the *last* failure are forgotten with their tasks, and so is all that it scheduled after
//! that failure (what other branches did, the timer behind a last retry). Failures before that were handled by the
//! code, which went on, and stay. Failed children keep their place in history and are rewound themselves; one that was purged
//! is started again. The execution id stays.
//!
//! A failure that was followed by another attempt is not the one that ended the instance. Then the last one of the same round that was not
//! decides: another branch's, for which the instance failed when all branches were done. What the attempts did after it is
//! forgotten with all else, since only a history that ends with one failure is sure to agree with replay.
//!
//! If there is no such failure, or the code answered it at once with more work, so that it has handled it, only the end is taken back:
//! what a later attempt did, and all that came after it, stays; and a saga that has undone its steps must neither undo them twice nor
//! go on as if it had not.
//!
//! An instance that failed in a critical section is not rewound. Its locks ended with it, and replay would go on from what
//! it had read of entities that others may have changed since: no new locks could make that true again. A lock that it
//! still waited for is asked for again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    entity::{EntityId, critical},
    event::{Event, EventKind},
    instance::Instance,
    message::Message,
    retried::Retried,
    runtime_status::RuntimeStatus,
};

/// What rewinding changes; commit it at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rewind {
    /// The instance as it is now, with its history rewritten: status Running, no output.
    pub(crate) instance: Instance,
    /// Instances of failed children: rewind those that are Failed, and forget those that are gone. A child that cannot be rewound
    /// needs a failure message to this instance, for which `ChildCall::task_id` is there.
    pub(crate) children: Vec<ChildCall>,
    /// Instances of children that had not ended when this one did. One that has since was not heard: rewind it if it is Failed, and
    /// otherwise tell this instance once more how it ended.
    pub(crate) unheard: Vec<ChildCall>,
    /// To put in the inbox of the instance.
    pub(crate) wake: Message,
}

/// A child of a rewound instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChildCall {
    /// Its task in the parent.
    pub(crate) task_id: i32,
    /// Its instance.
    pub(crate) instance_id: String,
}

/// Why an instance is not rewound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotRewound {
    /// It is not Failed, or never ran.
    NotFailed,
    /// It failed while it had these locked.
    Locked(Vec<EntityId>),
}

impl Rewind {
    /// Forgets a child whose instance is gone: replay schedules it again, like an activity that failed.
    pub(crate) fn forget_child(&mut self, task_id: i32) {
        let is_it = |event: &Event| {
            event.event_id == task_id && matches!(event.kind, EventKind::SubOrchestrationCreated { .. })
        };
        // Earlier attempts may have the same id.
        let Some(newest) = self.instance.history.iter().rposition(is_it) else {
            return;
        };
        let mut place = 0;
        self.instance.history.retain(|_| {
            place += 1;
            place - 1 != newest
        });
    }
}

/// Rewinds an instance.
pub(crate) fn rewind(instance: &Instance, reason: &str, now: DateTime<Utc>) -> Result<Rewind, NotRewound> {
    if instance.status != RuntimeStatus::Failed || instance.history.is_empty() {
        return Err(NotRewound::NotFailed);
    }
    let history = &instance.history;
    let last = last_failure(history);
    let failed_at = last.unwrap_or(history.len());
    // Failures of the same round as the last one.
    let round = history[..failed_at]
        .iter()
        .rposition(|event| event.kind.is_scheduled())
        .unwrap_or(0);

    // By place: some workers give an attempt the id of the one before.
    let mut newest = BTreeMap::new();
    let mut scheduled_at = BTreeMap::new();
    let (mut forgotten, mut answered, mut failed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut raised = BTreeSet::new();
    for (index, event) in history.iter().enumerate() {
        if event.kind.is_scheduled() {
            newest.insert(event.event_id, index);
            if index > failed_at {
                forgotten.insert(index);
            }
        }
        if let Some(&scheduled) = event.kind.settles().and_then(|id| newest.get(&id)) {
            scheduled_at.insert(index, scheduled);
            answered.insert(scheduled);
            if last.is_some() && index > round && event.kind.fails().is_some() {
                failed.insert(scheduled);
            }
        }
        raised.extend(critical::answered_request(&event.kind).map(str::to_lowercase));
    }

    let (mut children, mut unheard) = (Vec::new(), Vec::new());
    let mut kept = Vec::with_capacity(history.len());
    for (index, event) in history.iter().enumerate() {
        let keep = match &event.kind {
            EventKind::ExecutionCompleted(_) => false,
            EventKind::SubOrchestrationCreated { instance_id, .. } => {
                let is_kept = !forgotten.contains(&index);
                let call = || ChildCall {
                    task_id: event.event_id,
                    instance_id: instance_id.clone(),
                };
                if is_kept && failed.contains(&index) {
                    children.push(call());
                } else if is_kept && !answered.contains(&index) {
                    unheard.push(call());
                }
                is_kept
            }
            // Work that never ended went with the end of the instance: it is scheduled again, too.
            EventKind::TaskScheduled { .. } | EventKind::TimerCreated { .. } => {
                !forgotten.contains(&index) && !failed.contains(&index) && answered.contains(&index)
            }
            kind if kind.is_scheduled() => {
                let waits = critical::lock_request(kind).is_some_and(|lock| !raised.contains(&lock.id.to_lowercase()));
                !forgotten.contains(&index) && !waits
            }
            _ => scheduled_at
                .get(&index)
                .is_none_or(|task| !(forgotten.contains(task) || index > round && failed.contains(task))),
        };
        if keep {
            let mut event = event.clone();
            // The trace of an instance that is loaded again is what its start says.
            if let EventKind::ExecutionStarted(started) = &mut event.kind
                && let Some(trace) = &mut started.trace
            {
                *trace = trace.rewound(now);
            }
            kept.push(event);
        }
    }
    let locked = critical::releases(&instance.instance_id, kept.iter());
    if !locked.is_empty() {
        return Err(NotRewound::Locked(
            locked.into_iter().map(|release| release.target).collect(),
        ));
    }
    let instance = Instance {
        status: RuntimeStatus::Running,
        output: None,
        history: kept.into(),
        trace: instance.trace.as_ref().map(|trace| trace.rewound(now)),
        ..instance.clone()
    };
    Ok(Rewind {
        instance,
        children,
        unheard,
        wake: Message::rewound(now, reason.to_owned()),
    })
}

/// The failure that ended the instance, unless the code has handled it.
fn last_failure(history: &[Event]) -> Option<usize> {
    let retried = Retried::of(history);
    let mut passed = false;
    for (place, event) in history.iter().enumerate().rev() {
        if event.kind.fails().is_some() {
            if !retried.has(place) {
                return (!is_handled(history, place, &retried)).then_some(place);
            }
            passed = true;
        } else if passed && is_step(history, place, &retried) {
            // What failed before this is of another round.
            return None;
        }
    }
    None
}

/// Whether the episode that saw the failure at this place went on with something.
fn is_handled(history: &[Event], failed_at: usize, retried: &Retried) -> bool {
    let rest = failed_at..history.len();
    rest.take_while(|&place| history[place].kind != EventKind::OrchestratorCompleted)
        .any(|place| is_step(history, place, retried))
}

/// Whether the code asked here for something new that has an effect: not for a timer, which a retry may need, nor for the attempt after
/// it, nor for the end of a lock, which comes with every failure in a critical section.
fn is_step(history: &[Event], place: usize, retried: &Retried) -> bool {
    match &history[place].kind {
        EventKind::TimerCreated { .. } => false,
        kind => kind.is_scheduled() && !critical::is_release(kind) && !retried.is_attempt(place),
    }
}

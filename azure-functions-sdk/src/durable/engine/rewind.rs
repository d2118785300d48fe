//! Rewinds a failed instance: forgets the failures that ended it, so that replay schedules the failed work again.
//!
//! The rule is simple and never makes replay disagree with what is left. All failures since the last thing that the
//! orchestrator scheduled before the *last* failure are forgotten with their tasks, and so is all that it scheduled after
//! that failure (what other branches did, the timer behind a last retry). Failures before that were handled by the
//! code, which went on, and stay. Failed children keep their place in history and are rewound themselves; one that was purged
//! is started again. The execution id stays.
//!
//! If the code answered the last failure at once with more work, it has handled that one, too. Then only the end is taken
//! back: a saga that has undone its steps must neither undo them twice nor go on as if it had not. So it is with a failure that was
//! followed by another attempt: what that one did, and all that came after it, stays.
//!
//! An instance that failed in a critical section is not rewound. Its locks ended with it, and replay would go on from what
//! it had read of entities that others may have changed since: no new locks could make that true again. A lock that it
//! still waited for is asked for again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{
    entity::{EntityId, critical},
    event::{Event, EventKind},
    instance::Instance,
    message::Message,
    runtime_status::RuntimeStatus,
};

/// What rewinding changes; commit it at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rewind {
    /// The instance as it is now, with its history rewritten: status Running, no output.
    pub(crate) instance: Instance,
    /// Instances of failed children: rewind those that are Failed, and forget those that are gone. A child that cannot be rewound
    /// needs a failure message to this instance, for which `ChildFailed::task_id` is there.
    pub(crate) children: Vec<ChildFailed>,
    /// To put in the inbox of the instance.
    pub(crate) wake: Message,
}

/// A failed child of a rewound instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChildFailed {
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
        self.instance.history.retain(|event| {
            event.event_id != task_id || !matches!(event.kind, EventKind::SubOrchestrationCreated { .. })
        });
    }
}

/// Rewinds an instance.
pub(crate) fn rewind(instance: &Instance, reason: &str, now: DateTime<Utc>) -> Result<Rewind, NotRewound> {
    if instance.status != RuntimeStatus::Failed || instance.history.is_empty() {
        return Err(NotRewound::NotFailed);
    }
    let history = &instance.history;
    let last = history
        .iter()
        .rposition(|event| failure_of(event).is_some())
        .filter(|&failed_at| !is_handled(&history[failed_at..]) && !is_retried(history, failed_at));
    let failed_at = last.unwrap_or(history.len());
    // Failures of the same round as the last one.
    let round = history[..failed_at]
        .iter()
        .rposition(|event| event.kind.is_scheduled())
        .unwrap_or(0);

    let mut forgotten = BTreeSet::new();
    let mut answered = BTreeSet::new();
    let mut failed = BTreeSet::new();
    let mut raised = BTreeSet::new();
    for (index, event) in history.iter().enumerate() {
        if last.is_some()
            && index > round
            && let Some(id) = failure_of(event)
        {
            failed.insert(id);
        }
        if index > failed_at && event.kind.is_scheduled() {
            forgotten.insert(event.event_id);
        }
        answered.extend(event.kind.settles());
        raised.extend(critical::answered_request(&event.kind).map(str::to_lowercase));
    }

    let mut children = Vec::new();
    let mut kept = Vec::with_capacity(history.len());
    for (index, event) in history.iter().enumerate() {
        let id = event.event_id;
        let keep = match &event.kind {
            EventKind::ExecutionCompleted(_) => false,
            EventKind::SubOrchestrationCreated { instance_id, .. } => {
                if failed.contains(&id) && !forgotten.contains(&id) {
                    children.push(ChildFailed {
                        task_id: id,
                        instance_id: instance_id.clone(),
                    });
                }
                !forgotten.contains(&id)
            }
            // Work that never ended went with the end of the instance: it is scheduled again, too.
            EventKind::TaskScheduled { .. } | EventKind::TimerCreated { .. } => {
                !forgotten.contains(&id) && !failed.contains(&id) && answered.contains(&id)
            }
            kind if kind.is_scheduled() => {
                let waits = critical::lock_request(kind).is_some_and(|lock| !raised.contains(&lock.id.to_lowercase()));
                !forgotten.contains(&id) && !waits
            }
            kind => kind
                .settles()
                .is_none_or(|task| !(forgotten.contains(&task) || index > round && failed.contains(&task))),
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
        wake: Message::rewound(now, reason.to_owned()),
    })
}

/// Task whose failure this event is.
fn failure_of(event: &Event) -> Option<i32> {
    match &event.kind {
        EventKind::TaskFailed { task_id, .. } | EventKind::SubOrchestrationFailed { task_id, .. } => Some(*task_id),
        _ => None,
    }
}

/// Whether the episode that saw the failure at the begin of these events asked for something that has an effect: not a
/// timer, which a retry may need, nor the end of a lock, which comes with every failure in a critical section.
fn is_handled(since: &[Event]) -> bool {
    episode(since).any(|event| match &event.kind {
        EventKind::TimerCreated { .. } => false,
        kind => kind.is_scheduled() && !critical::is_release(kind),
    })
}

/// Whether another attempt followed the failure at this place: its episode set a timer, and the one that the timer woke asked for the same
/// work again.
fn is_retried(history: &[Event], failed_at: usize) -> bool {
    let (before, since) = history.split_at(failed_at);
    let failed = since.first().and_then(failure_of);
    let Some(work) = before
        .iter()
        .rfind(|event| event.kind.is_scheduled() && Some(event.event_id) == failed)
    else {
        return false;
    };
    let timers: BTreeSet<i32> = episode(since)
        .filter(|event| matches!(event.kind, EventKind::TimerCreated { .. }))
        .map(|event| event.event_id)
        .collect();
    since.iter().enumerate().any(|(place, event)| {
        matches!(event.kind, EventKind::TimerFired { timer_id, .. } if timers.contains(&timer_id))
            && episode(&since[place..]).any(|event| is_same_work(&event.kind, &work.kind))
    })
}

/// The events up to the end of the episode that the first of them belongs to.
fn episode(since: &[Event]) -> impl Iterator<Item = &Event> {
    since
        .iter()
        .take_while(|event| event.kind != EventKind::OrchestratorCompleted)
}

fn is_same_work(one: &EventKind, other: &EventKind) -> bool {
    match (one, other) {
        (EventKind::TaskScheduled { name, .. }, EventKind::TaskScheduled { name: other, .. })
        | (EventKind::SubOrchestrationCreated { name, .. }, EventKind::SubOrchestrationCreated { name: other, .. }) => {
            name == other
        }
        _ => false,
    }
}

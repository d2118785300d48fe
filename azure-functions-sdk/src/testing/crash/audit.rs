//! Looks at everything that is written for what must never be: a call that is scheduled twice, a result that is recorded
//! twice, a message that an entity takes twice.

use std::collections::BTreeSet;

use crate::durable::{
    engine::{event::EventKind, message::Message},
    store::{Commit, InstanceKey, RowId},
};

/// What was written so far.
#[derive(Debug, Default)]
pub(super) struct Audit {
    scheduled: BTreeSet<Call>,
    ended: BTreeSet<Call>,
    /// Messages that wait for entities.
    posted: BTreeSet<RowId>,
    violation: Option<String>,
}

/// A call of an execution: its kind, and its task id.
type Call = (InstanceKey, String, &'static str, i32);

impl Audit {
    /// A commit is written.
    pub(super) fn note(&mut self, commit: &Commit) {
        let inbox = commit.entity_inbox_added.iter().map(|row| row.row);
        self.posted
            .extend(inbox.chain(commit.entity_timers_added.iter().map(|row| row.row)));
        for row in commit.entity_inbox_removed.iter().chain(&commit.entity_timers_removed) {
            if !self.posted.remove(row) {
                self.violation
                    .get_or_insert_with(|| "a message to an entity was taken twice".to_owned());
            }
        }
        // An instance that is rewound, or continues as new, gives its task ids out again.
        for key in &commit.cleared {
            self.scheduled.retain(|(instance, ..)| instance != key);
            self.ended.retain(|(instance, ..)| instance != key);
        }
        for row in &commit.activities_added {
            let call = (row.instance, row.execution_id.clone(), "activity", row.event_id);
            if !self.scheduled.insert(call) {
                let text = format!("activity '{}', task {}, was scheduled twice", row.name, row.event_id);
                self.violation.get_or_insert(text);
            }
        }
        for row in &commit.inbox_added {
            let Ok(message) = Message::parse(&row.message) else {
                self.violation
                    .get_or_insert("a message was written that cannot be read".to_owned());
                continue;
            };
            let (kind, task) = match message.event.kind {
                EventKind::TaskCompleted { task_id, .. } | EventKind::TaskFailed { task_id, .. } => {
                    ("activity", task_id)
                }
                EventKind::SubOrchestrationCompleted { task_id, .. }
                | EventKind::SubOrchestrationFailed { task_id, .. } => ("sub-orchestration", task_id),
                _ => continue,
            };
            let call = (row.instance, message.execution_id.unwrap_or_default(), kind, task);
            if !self.ended.insert(call) {
                let text = format!("the end of {kind} {task} was recorded twice");
                self.violation.get_or_insert(text);
            }
        }
    }

    /// The first thing that must never be.
    pub(super) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }
}

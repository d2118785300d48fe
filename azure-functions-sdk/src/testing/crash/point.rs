//! Where a process can end, and what was going on there.

use std::{collections::BTreeMap, fmt::Write};

use crate::durable::{
    engine::{
        entity::EntityMessage,
        event::{EventKind, parse_events},
        message::Message,
    },
    store::{Commit, InstanceKey},
};

/// One point at which the process can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) struct Point {
    /// The commit, counted from zero.
    pub(in crate::testing) commit: usize,
    pub(in crate::testing) moment: Moment,
}

/// Before or after the commit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) enum Moment {
    /// It is lost, with all that follows from it.
    Before,
    /// It is kept, and nothing has followed from it, except that who waited for it was told.
    After,
}

/// The instances that commits speak of: name and id.
pub(super) type Names = BTreeMap<InstanceKey, (String, String)>;

/// What a commit is about, for people.
pub(super) fn describe(commit: &Commit, names: &mut Names) -> String {
    for new in &commit.created {
        names.insert(new.key, (new.name.clone(), new.id.clone()));
    }
    let instance = |key: &InstanceKey| match names.get(key) {
        Some((name, id)) => format!("instance '{id}' of '{name}'"),
        None => "an instance".to_owned(),
    };
    let mut text = String::new();
    let mut add = |part: &str| {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{part}");
    };
    for (_, key, events) in &commit.history {
        add(&format!("an episode of {}: {}", instance(key), in_words(events)));
    }
    for key in &commit.cleared {
        add(&format!("the history of {} begins anew", instance(key)));
    }
    for row in &commit.inbox_added {
        let message = Message::parse(&row.message);
        let what = message.map_or_else(
            |_| "a message".to_owned(),
            |message| event_in_words(&message.event.kind),
        );
        add(&format!("{what}, for {}", instance(&row.instance)));
    }
    for new in &commit.created {
        add(&format!("{} is created", instance(&new.key)));
    }
    for row in &commit.entities {
        add(&format!("a turn of entity '{}'", row.id));
    }
    for id in &commit.entities_removed {
        add(&format!("a turn of entity '{id}', of which nothing is left"));
    }
    let delayed = commit.entity_timers_added.iter().map(|row| (&row.entity, &row.message));
    let posted = commit.entity_inbox_added.iter().map(|row| (&row.entity, &row.message));
    for (entity, message) in posted.chain(delayed) {
        let what = match EntityMessage::parse(message) {
            Ok(EntityMessage::Op(request)) => match request.op {
                Some(operation) => format!("operation '{operation}'"),
                None => "a lock".to_owned(),
            },
            Ok(EntityMessage::Release(_)) => "the end of a lock".to_owned(),
            Err(_) => "a message".to_owned(),
        };
        add(&format!("{what}, for entity '{entity}'"));
    }
    if !commit.removed.is_empty() {
        add(&format!("{} instances are removed", commit.removed.len()));
    }
    if text.is_empty() {
        "messages that are not needed any more are removed".clone_into(&mut text);
    }
    text
}

fn in_words(events: &str) -> String {
    let events = parse_events(events).unwrap_or_default();
    let telling = events.iter().filter(|event| {
        !matches!(
            event.kind,
            EventKind::OrchestratorStarted | EventKind::OrchestratorCompleted
        )
    });
    let words: Vec<String> = telling.map(|event| event_in_words(&event.kind)).collect();
    if words.is_empty() {
        return "nothing new".to_owned();
    }
    words.join(", ")
}

fn event_in_words(kind: &EventKind) -> String {
    match kind {
        EventKind::ExecutionStarted(_) => "its start".to_owned(),
        EventKind::ExecutionCompleted(_) => "its end".to_owned(),
        EventKind::ContinueAsNew(_) => "it continues as new".to_owned(),
        EventKind::TaskScheduled { name, .. } => format!("activity '{name}' is scheduled"),
        EventKind::TaskCompleted { task_id, .. } => format!("task {task_id} completed"),
        EventKind::TaskFailed { task_id, .. } => format!("task {task_id} failed"),
        EventKind::SubOrchestrationCreated { name, .. } => format!("sub-orchestration '{name}' is scheduled"),
        EventKind::SubOrchestrationCompleted { task_id, .. } => format!("sub-orchestration {task_id} completed"),
        EventKind::SubOrchestrationFailed { task_id, .. } => format!("sub-orchestration {task_id} failed"),
        EventKind::TimerCreated { .. } => "a timer is created".to_owned(),
        EventKind::TimerFired { timer_id, .. } => format!("timer {timer_id} fired"),
        EventKind::EventRaised { name, .. } => format!("event '{name}'"),
        EventKind::EventSent { instance_id, .. } => format!("a message to '{instance_id}'"),
        EventKind::ExecutionTerminated { .. } => "its termination".to_owned(),
        EventKind::ExecutionSuspended { .. } => "its suspension".to_owned(),
        EventKind::ExecutionResumed { .. } => "its resumption".to_owned(),
        EventKind::ExecutionRewound { .. } => "its rewinding".to_owned(),
        EventKind::OrchestratorStarted
        | EventKind::OrchestratorCompleted
        // Workers of streams only have these.
        | EventKind::Entity(_)
        | EventKind::Generic { .. }
        | EventKind::Unknown { .. } => "something else".to_owned(),
    }
}

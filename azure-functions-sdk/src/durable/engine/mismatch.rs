//! The texts of a history that the orchestrator's actions do not match.

use std::borrow::Cow;

use super::{
    action::Action,
    entity::event_name,
    event::{Event, EventKind, HTTP_ACTIVITY},
    task::{Task, Work},
};

/// Compares a scheduled event with the action of the same sequence number, if there is one: same kind, and same name
/// whatever the case. `None`: they match.
pub(super) fn describe(event: &Event, found: Option<(&Task, &Action<'_>)>) -> Option<String> {
    let id = event.event_id;
    let (what, name, version) = match &event.kind {
        EventKind::TaskScheduled { name, version, .. } => ("an activity task", Some(name), version.as_deref()),
        EventKind::SubOrchestrationCreated { name, version, .. } => {
            ("a sub-orchestration task", Some(name), version.as_deref())
        }
        EventKind::TimerCreated { .. } => ("a timer task", None, None),
        EventKind::EventSent { name, .. } => ("a send event task", Some(name), None),
        _ => return None,
    };
    let named = name.map(|name| format!(" named '{name}'")).unwrap_or_default();
    let text = match found {
        None => {
            let called = match (name, version) {
                (Some(name), Some(version)) => format!(" and name '{name}' (version '{version}')"),
                (Some(name), None) => format!(" and name '{name}'"),
                (None, _) => String::new(),
            };
            format!(
                "A previous execution of this orchestration scheduled {what} with sequence ID {id}{called}, but the \
                 current replay execution hasn't (yet?) scheduled this task."
            )
        }
        Some((task, action)) => {
            let (now, now_name) = produced(task, action);
            if now != what {
                let kind = match task.work {
                    Work::Activity | Work::Poll => "ScheduleTask",
                    Work::Child => "CreateSubOrchestration",
                    Work::Timer(_) => "CreateTimer",
                    Work::Call | Work::Signal | Work::Lock | Work::Release { .. } => "SendEvent",
                };
                format!(
                    "A previous execution of this orchestration scheduled {what} with sequence number {id}{named}, but \
                     the current orchestration replay instead produced a {kind} action with this sequence number."
                )
            } else {
                match (name, now_name) {
                    (Some(name), Some(now_name)) if !same_name(name, &now_name) => format!(
                        "A previous execution of this orchestration scheduled {what} with sequence number {id} named \
                         '{name}', but the current orchestration replay instead scheduled {what} named '{now_name}' \
                         with this sequence number."
                    ),
                    _ => return None,
                }
            }
        }
    };
    Some(format!(
        "Non-Deterministic workflow detected: {text} Was a change made to the orchestrator code after this instance had \
         already started running?"
    ))
}

fn produced<'p>(task: &Task, action: &'p Action<'_>) -> (&'static str, Option<Cow<'p, str>>) {
    const SENT: &str = "a send event task";
    match (task.work, action) {
        (Work::Release { .. }, _) => (SENT, Some("release".into())),
        (Work::Signal, Action::SignalEntity { fire_at, .. }) => (SENT, Some(event_name(*fire_at).into())),
        (Work::Call | Work::Lock | Work::Signal, _) => (SENT, Some("op".into())),
        (Work::Timer(_), _) => ("a timer task", None),
        (_, Action::Http { .. }) => ("an activity task", Some(HTTP_ACTIVITY.into())),
        (Work::Child, Action::Child { name, .. }) => ("a sub-orchestration task", Some(name.as_ref().into())),
        (_, Action::Activity { name, .. }) => ("an activity task", Some(name.as_ref().into())),
        _ => ("a task", None),
    }
}

fn same_name(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}

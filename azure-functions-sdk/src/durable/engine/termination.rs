//! The end of an instance by a termination alone: nothing is replayed, so its history need not be readable.

use chrono::{DateTime, Utc};

use super::{
    decision::{Decision, End},
    event::{Event, EventKind},
    instance::Instance,
    message::Message,
    runtime_status::RuntimeStatus,
};

/// The end that the first termination of a batch asks for; `None` if there is none. The instance has what of its history can
/// be read.
pub(crate) fn terminate(instance: &Instance, batch: &[Message], now: DateTime<Utc>) -> Option<Decision> {
    let (termination, reason) = batch.iter().find_map(|message| match &message.event.kind {
        EventKind::ExecutionTerminated { reason, .. } => Some((&message.event, reason)),
        _ => None,
    })?;
    let mut decision = Decision::unchanged(instance);
    decision.appended = vec![Event::new(now, EventKind::OrchestratorStarted), termination.clone()];
    let next = instance.history.next_id();
    decision.end(instance, End::Terminated(reason.clone()), next, now);
    decision
        .appended
        .push(Event::new(now, EventKind::OrchestratorCompleted));
    if instance.status == RuntimeStatus::Pending && instance.history.is_empty() {
        // It never ran, so it has no history.
        decision.appended.clear();
    }
    Some(decision)
}

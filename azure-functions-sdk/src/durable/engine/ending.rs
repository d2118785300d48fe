//! What keeps an instance from its end after its code has ended: it stays Running until everything that it has started has
//! ended, too, as with the extension.

use std::collections::BTreeSet;

use azure_functions_durable::OrchestrationEnding;
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};

use super::event::{Event, EventKind, HTTP_ACTIVITY};

/// So many things are named at most.
const NAMED: usize = 20;

/// An end that is decided and has not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ending {
    /// The status that it will have, if nothing fails meanwhile: Completed or Failed.
    pub(crate) runtime_status: String,
    /// What it waits for, in words; the first of them, where there are many.
    pub(crate) awaits: Vec<String>,
    /// How many there are.
    pub(crate) count: usize,
}

impl Ending {
    /// From the events of an execution whose code has ended. `cancelled`: timers that nothing waits for; `events`: names of the
    /// external events that actions wait for.
    pub(super) fn new<'a>(
        failed: bool,
        history: impl Iterator<Item = &'a Event> + Clone,
        cancelled: &BTreeSet<i32>,
        events: &[String],
    ) -> Self {
        let open = open(history)
            .into_iter()
            .filter(|event| !cancelled.contains(&event.event_id));
        let named = open.filter_map(|event| name(&event.kind));
        let named = named.chain(events.iter().map(|name| format!("event '{name}'")));
        let mut awaits: Vec<String> = named.collect();
        if awaits.is_empty() {
            awaits.push("the answer of an entity".to_owned());
        }
        let count = awaits.len();
        awaits.truncate(NAMED);
        Self {
            runtime_status: if failed { "Failed" } else { "Completed" }.to_owned(),
            awaits,
            count,
        }
    }

    /// For people: `activity 'send', timer until ..., and 3 more`.
    pub(crate) fn in_words(&self) -> String {
        let mut shown = OrchestrationEnding::default();
        shown.awaits.clone_from(&self.awaits);
        shown.count = self.count as u64;
        shown.in_words()
    }

    pub(crate) fn to_json(&self) -> String {
        // Texts and a number are always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Events that scheduled something that has not ended.
fn open<'a>(history: impl Iterator<Item = &'a Event> + Clone) -> Vec<&'a Event> {
    let ended: BTreeSet<i32> = history.clone().filter_map(|event| event.kind.settles()).collect();
    history
        .filter(|event| event.kind.is_scheduled() && !ended.contains(&event.event_id))
        .collect()
}

/// The sub-orchestrations that have not ended, by their instance ids.
pub(crate) fn open_children<'a>(history: impl Iterator<Item = &'a Event> + Clone) -> Vec<&'a str> {
    let children = open(history).into_iter().filter_map(|event| match &event.kind {
        EventKind::SubOrchestrationCreated { instance_id, .. } => Some(instance_id.as_str()),
        _ => None,
    });
    children.collect()
}

fn name(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::TaskScheduled { name, .. } if name == HTTP_ACTIVITY => "HTTP call".to_owned(),
        EventKind::TaskScheduled { name, .. } => format!("activity '{name}'"),
        EventKind::SubOrchestrationCreated { name, instance_id, .. } => {
            format!("sub-orchestration '{name}' (instance '{instance_id}')")
        }
        EventKind::TimerCreated { fire_at } => {
            format!("timer until {}", fire_at.to_rfc3339_opts(SecondsFormat::Secs, true))
        }
        _ => return None,
    })
}

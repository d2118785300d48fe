//! A history in the form in which the durable HTTP API shows it: completions carry the name and the start of what they complete, and what
//! only replay needs is gone.

use super::super::error::OrchestrationClientError;
use super::super::status::Show;
use super::call::Caller;
use crate::{FailureDetails, HistoryEvent, HistoryEventKind as Kind};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl Caller<'_> {
    pub(super) async fn shown_history(
        &self,
        operation: &str,
        instance_id: &str,
        show: Show,
    ) -> Result<Vec<Value>, OrchestrationClientError> {
        let mut history = self.stream_history(operation, instance_id).await?;
        let mut shown = Shown::new(show);
        while let Some(event) = history.next_event().await? {
            shown.take(event);
        }
        Ok(shown.events.into_iter().flatten().map(Value::Object).collect())
    }
}

struct Shown {
    show: Show,
    /// `None` in the place of what a completion has taken.
    events: Vec<Option<Map<String, Value>>>,
    /// Where what was scheduled stands, by its id.
    scheduled: BTreeMap<i32, usize>,
}

impl Shown {
    const fn new(show: Show) -> Self {
        Self {
            show,
            events: Vec::new(),
            scheduled: BTreeMap::new(),
        }
    }

    fn take(&mut self, event: HistoryEvent) {
        let mut shown = Map::new();
        let mut set = |member: &str, value: Value| {
            shown.insert(member.to_owned(), value);
        };
        set("Timestamp", instant(event.timestamp));
        let (mut completes, mut result, mut failed) = (None, None, None);
        let (name, input) = match event.kind {
            Kind::OrchestratorStarted | Kind::OrchestratorCompleted => return,
            Kind::ExecutionStarted {
                name,
                input,
                scheduled_start_time,
                ..
            } => {
                set("FunctionName", name.into());
                set("ScheduledStartTime", instant(scheduled_start_time));
                ("ExecutionStarted", Some(input))
            }
            Kind::ExecutionCompleted {
                status,
                result: output,
                failure,
            } => {
                set("OrchestrationStatus", status.as_str().into());
                set("FailureDetails", details(failure.as_ref()));
                result = Some(output);
                ("ExecutionCompleted", None)
            }
            Kind::ExecutionTerminated { output, .. } => ("ExecutionTerminated", Some(output)),
            Kind::ExecutionSuspended { reason } => {
                set("Reason", reason.into());
                ("ExecutionSuspended", None)
            }
            Kind::ExecutionResumed { reason } => {
                set("Reason", reason.into());
                ("ExecutionResumed", None)
            }
            Kind::ExecutionRewound { reason } => {
                set("Reason", reason.into());
                ("ExecutionRewound", None)
            }
            Kind::ContinueAsNew { input } => ("ContinueAsNew", Some(input)),
            Kind::TaskScheduled { name, input, .. } => {
                set("Name", name.into());
                self.scheduled.insert(event.event_id, self.events.len());
                ("TaskScheduled", Some(input))
            }
            Kind::SubOrchestrationCreated {
                instance_id,
                name,
                input,
                ..
            } => {
                set("InstanceId", instance_id.into());
                set("Name", name.into());
                self.scheduled.insert(event.event_id, self.events.len());
                ("SubOrchestrationInstanceCreated", Some(input))
            }
            Kind::TaskCompleted {
                scheduled_id,
                result: output,
            } => {
                (completes, result) = (Some(scheduled_id), Some(output));
                ("TaskCompleted", None)
            }
            Kind::SubOrchestrationCompleted {
                scheduled_id,
                result: output,
            } => {
                (completes, result) = (Some(scheduled_id), Some(output));
                ("SubOrchestrationInstanceCompleted", None)
            }
            Kind::TaskFailed { scheduled_id, failure } => {
                (completes, failed) = (Some(scheduled_id), Some(failure));
                ("TaskFailed", None)
            }
            Kind::SubOrchestrationFailed { scheduled_id, failure } => {
                (completes, failed) = (Some(scheduled_id), Some(failure));
                ("SubOrchestrationInstanceFailed", None)
            }
            Kind::TimerCreated { fire_at } => {
                set("FireAt", instant(fire_at));
                ("TimerCreated", None)
            }
            Kind::TimerFired { fire_at, .. } => {
                set("FireAt", instant(fire_at));
                ("TimerFired", None)
            }
            Kind::EventSent {
                instance_id,
                name,
                input,
            } => {
                set("InstanceId", instance_id.into());
                set("Name", name.into());
                ("EventSent", Some(input))
            }
            Kind::EventRaised { name, input } => {
                set("Name", name.into());
                ("EventRaised", Some(input))
            }
            Kind::Generic { data } => {
                set("Data", data.into());
                ("GenericEvent", None)
            }
            Kind::Other { name } => (name, None),
        };
        if let Some(failure) = failed {
            let message = failure.as_ref().map(|failure| failure.error_message.clone());
            set("Reason", message.into());
            set("FailureDetails", details(failure.as_ref()));
        }
        set("EventType", name.into());
        if let Some(input) = input.filter(|_| self.show.input) {
            set("Input", input.into());
        }
        if let Some(result) = result.filter(|_| self.show.history_output) {
            set("Result", parsed(result));
        }
        let pair = completes
            .and_then(|id| self.scheduled.remove(&id))
            .and_then(|place| self.events[place].take());
        if let Some(mut pair) = pair {
            set("ScheduledTime", pair.remove("Timestamp").unwrap_or_default());
            set("FunctionName", pair.remove("Name").unwrap_or_default());
            if self.show.input {
                set("Input", pair.remove("Input").unwrap_or_default());
            }
        }
        self.events.push(Some(shown));
    }
}

fn instant(time: Option<DateTime<Utc>>) -> Value {
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        .into()
}

fn parsed(text: Option<String>) -> Value {
    let Some(text) = text else { return Value::Null };
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn details(failure: Option<&FailureDetails>) -> Value {
    serde_json::to_value(failure).unwrap_or_default()
}

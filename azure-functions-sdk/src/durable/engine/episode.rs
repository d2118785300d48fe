//! One episode of an instance: takes a batch of messages, asks the worker once, and decides.

use chrono::{DateTime, Utc};

use super::{
    decision::Decision,
    event::{Event, EventKind, write_events, write_string},
    instance::{Instance, RuntimeStatus},
    message::Message,
    settings::Settings,
    time::write_span,
};
use crate::durable::work::WorkResult;

/// What to do with a batch of messages.
#[derive(Debug)]
pub(crate) enum Begin<'a> {
    /// Nothing: no message of the batch concerns the instance. Remove them.
    Discard,
    /// The instance waits for its start message; leave the batch where it is.
    NotStarted,
    /// Ask the worker for an answer to `Episode::payload`, then `Episode::finish`.
    Run(Episode<'a>),
    /// Decided without the worker.
    Decided(Box<Decision>),
}

/// An episode that waits for the worker's answer.
#[derive(Debug)]
pub(crate) struct Episode<'a> {
    instance: &'a Instance,
    settings: &'a Settings,
    /// OrchestratorStarted and the batch.
    new: Vec<Event>,
}

impl<'a> Episode<'a> {
    /// Takes all messages that wait for the instance, oldest first. Drops what does not concern it: duplicates of the
    /// start, messages to other executions, messages to an instance that has ended.
    pub(crate) fn begin(
        instance: &'a Instance,
        settings: &'a Settings,
        batch: Vec<Message>,
        now: DateTime<Utc>,
    ) -> Begin<'a> {
        if instance.status.is_terminal() {
            return Begin::Discard;
        }
        let mut started = !instance.history.is_empty();
        let mut new = Vec::with_capacity(batch.len() + 1);
        let mut rest = Vec::with_capacity(batch.len());
        new.push(Event::new(now, EventKind::OrchestratorStarted));
        for message in batch {
            if let Some(start) = message.as_start() {
                if !started && start.execution_id == instance.execution_id {
                    started = true;
                    new.push(message.event);
                    new.extend(message.carried);
                }
            } else if message
                .execution_id
                .as_ref()
                .is_none_or(|id| *id == instance.execution_id)
            {
                rest.push(message.event);
            }
        }
        if !started {
            let reason = rest.iter().find_map(|event| match &event.kind {
                EventKind::ExecutionTerminated { reason } => Some(reason.clone()),
                _ => None,
            });
            let Some(reason) = reason else {
                return Begin::NotStarted;
            };
            let mut decision = Decision::unchanged(instance);
            decision.end(instance, RuntimeStatus::Terminated, Some(reason), 0, now);
            // It never ran, so it has no history.
            decision.appended.clear();
            return Begin::Decided(Box::new(decision));
        }
        new.append(&mut rest);
        if new.len() == 1 {
            return Begin::Discard;
        }
        Begin::Run(Self {
            instance,
            settings,
            new,
        })
    }

    /// What the orchestration trigger delivers. `played`: the history of earlier episodes as `write_events` wrote it with
    /// `played`, if the caller has it; else it is rendered now.
    pub(crate) fn payload(&self, played: Option<&str>) -> String {
        let instance = self.instance;
        let mut out = String::with_capacity(played.map_or(instance.history.len() * 160, str::len) + 1024);
        out.push_str("{\"history\":[");
        match played {
            Some(text) => out.push_str(text),
            None => write_events(&instance.history, true, &mut out),
        }
        if !instance.history.is_empty() {
            out.push(',');
        }
        write_events(&self.new, false, &mut out);
        out.push_str("],\"input\":");
        match instance.input.as_deref() {
            None => out.push_str("null"),
            // Text that is no JSON is given as a string, as the extension does.
            Some(text) => match serde_json::from_str::<&serde_json::value::RawValue>(text) {
                Ok(value) => out.push_str(value.get()),
                Err(_) => write_string(text, &mut out),
            },
        }
        out.push_str(",\"instanceId\":");
        write_string(&instance.instance_id, &mut out);
        // The flag of ExecutionStarted: false in the first episode only.
        out.push_str(if instance.history.is_empty() {
            ",\"isReplaying\":false"
        } else {
            ",\"isReplaying\":true"
        });
        out.push_str(",\"parentInstanceId\":");
        match &instance.parent {
            None => out.push_str("null"),
            Some(parent) => write_string(&parent.instance_id, &mut out),
        }
        out.push_str(",\"upperSchemaVersion\":1,\"upperSchemaVersionNew\":2,\"longRunningTimerIntervalDuration\":\"");
        write_span(self.settings.long_timer_interval, &mut out);
        out.push_str("\",\"maximumShortTimerDuration\":\"");
        write_span(self.settings.maximum_short_timer, &mut out);
        out.push_str("\",\"defaultHttpAsyncRequestSleepTimeMillseconds\":");
        out.push_str(&self.settings.http_sleep.num_milliseconds().to_string());
        out.push('}');
        out
    }

    /// Decides. `new_id` gives a fresh execution id (a GUID without dashes) whenever it is called.
    pub(crate) fn finish(
        self,
        answer: &WorkResult,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Decision {
        let _ = (answer, new_id);
        Decision::failed(self.instance, "the engine of the local host is being built", now)
    }
}

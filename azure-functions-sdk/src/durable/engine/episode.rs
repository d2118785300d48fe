//! One episode of an instance: takes a batch of messages, asks the worker once, and decides.

use std::collections::BTreeSet;

use azure_functions_durable::protobuf::OrchestratorResponse;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{
    custom_status,
    decision::{Decision, End, reason_as_output},
    ending::Ending,
    event::{Event, EventKind, write_events, write_string},
    failure_details::FailureDetails,
    instance::Instance,
    message::Message,
    mismatch::describe,
    outcome,
    played::Played,
    protobuf,
    runtime_status::RuntimeStatus,
    schedule::Scheduled,
    settings::Settings,
    shim::{Outcome, Shim, State},
    text::compact,
    time::write_span,
};
use crate::durable::work::{Wire, WorkResult};

/// What to do with a batch of messages.
#[derive(Debug)]
pub(crate) enum Begin<'a> {
    /// Nothing: no message of the batch concerns the instance. Remove them.
    Discard,
    /// The instance waits for its start message; leave the batch where it is until that is there.
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
    wire: Wire,
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
        let wire = instance.wire.unwrap_or_default();
        let mut started = !instance.history.is_empty();
        let mut continues = false;
        let mut new = Vec::with_capacity(batch.len() + 1);
        let mut rest = Vec::with_capacity(batch.len());
        new.push(Event::new(now, EventKind::OrchestratorStarted));
        for message in batch {
            if let Some(start) = message.as_start() {
                if !started && start.execution_id == instance.execution_id {
                    started = true;
                    new.push(message.event);
                    new.extend(message.carried);
                    continues = message.continues;
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
                EventKind::ExecutionTerminated { reason, .. } => Some(reason.clone()),
                _ => None,
            });
            let Some(reason) = reason else {
                return Begin::NotStarted;
            };
            let mut decision = Decision::unchanged(instance);
            decision.end(instance, End::Terminated(reason), 0, now);
            // It never ran, so it has no history.
            decision.appended.clear();
            return Begin::Decided(Box::new(decision));
        }
        new.append(&mut rest);
        if continues && wire == Wire::Protobuf {
            // The turn before has ended in this execution.
            new.push(Event::new(now, EventKind::OrchestratorCompleted));
        }
        if new.len() == 1 {
            return Begin::Discard;
        }
        Begin::Run(Self {
            instance,
            settings,
            new,
            wire,
        })
    }

    /// What the orchestration trigger delivers. `played`: the history of earlier episodes as `write_events` wrote it with
    /// `played`, if the caller has it; else it is rendered now.
    ///
    /// `with_history`: on the protobuf wire, a worker may have kept the instance since its last episode; then it need not
    /// have the history.
    pub(crate) fn payload(&self, played: Option<&Played>, with_history: bool) -> String {
        let played = self.usable(played);
        match (self.wire, played) {
            (Wire::Protobuf | Wire::Stream, played) => {
                let past = match with_history {
                    true => protobuf::request::Past::Given(played.and_then(Played::as_protobuf)),
                    false => protobuf::request::Past::Kept,
                };
                protobuf::request::write(&self.as_request(past))
            }
            (Wire::Json, Some(Played::Json(text))) => self.as_json(Some(text)),
            (Wire::Json, _) => self.as_json(None),
        }
    }

    /// The bytes of the request that a worker of a stream gets. `fetches`: it will ask for the history.
    pub(crate) fn request(&self, played: &Played, fetches: bool) -> Vec<u8> {
        let past = match fetches {
            true => protobuf::request::Past::Fetched,
            false => protobuf::request::Past::Given(self.usable(Some(played)).and_then(Played::as_protobuf)),
        };
        protobuf::request::encode(&self.as_request(past), Wire::Stream)
    }

    fn as_request<'r>(&'r self, past: protobuf::request::Past<'r>) -> protobuf::request::Request<'r> {
        protobuf::request::Request {
            instance: self.instance,
            settings: self.settings,
            past,
            new: &self.new,
        }
    }

    fn usable<'p>(&self, played: Option<&'p Played>) -> Option<&'p Played> {
        played.filter(|played| played.is_for(self.wire) && !played.is_empty())
    }

    /// The payload of the JSON wire.
    pub(crate) fn as_json(&self, played: Option<&str>) -> String {
        let instance = self.instance;
        let mut out = String::with_capacity(played.map_or(instance.history.len() * 160, str::len) + 1024);
        out.push_str("{\"history\":[");
        match played {
            Some(text) => out.push_str(text),
            None => write_events(instance.history.iter(), true, &mut out),
        }
        if !instance.history.is_empty() {
            out.push(',');
        }
        write_events(&self.new, false, &mut out);
        out.push(']');
        write_frame(instance, self.settings, &mut out);
        out
    }

    /// Decides. `new_id` gives a fresh id (a GUID without dashes) whenever it is called; `has_entity` knows which entities the
    /// app has, by their lower-cased names.
    pub(crate) fn finish(
        self,
        answer: &WorkResult,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
        has_entity: &dyn Fn(&str) -> bool,
    ) -> Decision {
        match self.wire {
            Wire::Json => self.finish_json(answer, now, new_id, has_entity),
            Wire::Protobuf | Wire::Stream => match protobuf::read(answer) {
                Ok(response) => self.finish_response(response, now, new_id),
                Err(rubbish) => self.unhandled(&rubbish.to_string(), now),
            },
        }
    }

    /// On the protobuf wire: the worker has not kept the instance, and has to have the history.
    pub(crate) fn needs_history(&self, answer: &WorkResult) -> bool {
        self.wire == Wire::Protobuf && protobuf::read(answer).is_ok_and(|response| response.requires_history)
    }

    /// Decides by the message that a worker answers with, on the wires of such messages.
    pub(crate) fn finish_response(
        self,
        response: OrchestratorResponse,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Decision {
        let turn = protobuf::Turn {
            instance: self.instance,
            wire: self.wire,
            new: &self.new,
            now,
            new_id,
        };
        let decided = if response.requires_history {
            Err(protobuf::UnusableAnswer::HistoryAgain)
        } else if response.actions.len() > self.settings.max_actions {
            Err(protobuf::UnusableAnswer::TooMany(self.settings.max_actions))
        } else {
            let mut decision = self.unchanged();
            decision.output = self.output();
            protobuf::decide(turn, response, decision)
        };
        decided.unwrap_or_else(|rubbish| self.unhandled(&rubbish.to_string(), now))
    }

    /// The output of an instance that runs says why it was suspended or resumed.
    fn output(&self) -> Option<String> {
        let reason = self.new.iter().rev().find_map(|event| match &event.kind {
            EventKind::ExecutionSuspended { reason } | EventKind::ExecutionResumed { reason } => {
                Some(reason_as_output(reason))
            }
            _ => None,
        });
        reason.unwrap_or_else(|| self.instance.output.clone())
    }

    fn unchanged(&self) -> Decision {
        Decision {
            wire: Some(self.wire),
            ..Decision::unchanged(self.instance)
        }
    }

    fn finish_json(
        self,
        answer: &WorkResult,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
        has_entity: &dyn Fn(&str) -> bool,
    ) -> Decision {
        let instance = self.instance;
        let reply = match outcome::read(answer, self.settings.max_actions) {
            Ok(reply) => reply,
            Err(text) => return self.broken(&text, now),
        };
        let mut custom_status = reply.custom_status.map(compact);
        if custom_status.is_none() && instance.history.is_empty() {
            // The status of the execution before stays until the orchestrator has had a second turn.
            custom_status.clone_from(&instance.custom_status);
        }
        if let Some(text) = custom_status.as_deref().and_then(custom_status::too_long) {
            return self.broken(&text, now);
        }

        let mut shim = Shim::new(&reply.plan, self.settings);
        for event in instance.history.iter().chain(&self.new) {
            shim.feed(event);
        }
        let Outcome {
            tasks,
            state,
            requests,
            ids,
            awaited_events,
        } = shim.finish();

        let mut decision = Decision {
            custom_status,
            ..self.unchanged()
        };
        decision.status = RuntimeStatus::Running;
        // Set again below, where it is still so.
        decision.ending = None;
        // Of an instance that runs, the output says why it was resumed.
        let resumed = self.new.iter().rev().find_map(|event| match &event.kind {
            EventKind::ExecutionResumed { reason } => Some(reason_as_output(reason)),
            _ => None,
        });
        decision.output = resumed.unwrap_or_else(|| instance.output.clone());
        let mut scheduled = Scheduled {
            instance,
            settings: self.settings,
            plan: &reply.plan,
            requests,
            ids,
            now,
            new_id,
            has_entity,
        };
        let next = i32::try_from(tasks.len()).unwrap_or(i32::MAX);
        let failed = reply.error.is_some();
        let mut ends = false;
        let mut end = match state {
            State::Mismatch(text) => {
                let next = next.max(instance.history.next_id());
                decision.appended = self.new;
                decision.end(instance, End::failed(&text), next, now);
                decision
                    .appended
                    .push(Event::new(now, EventKind::OrchestratorCompleted));
                return decision;
            }
            State::Terminated(reason) => {
                let end = End::Terminated(reason.to_owned());
                decision.appended = self.new;
                decision.end(instance, end, next, now);
                decision
                    .appended
                    .push(Event::new(now, EventKind::OrchestratorCompleted));
                return decision;
            }
            State::Suspended(reason) => {
                decision.status = RuntimeStatus::Suspended;
                decision.ending.clone_from(&instance.ending);
                decision.output = reason_as_output(reason);
                decision.appended = self.new;
                decision
                    .appended
                    .push(Event::new(now, EventKind::OrchestratorCompleted));
                return decision;
            }
            State::Waiting => {
                ends = reply.is_done || reply.error.is_some();
                None
            }
            State::Failed(text) => Some(orchestrator_failed(instance, &text)),
            State::Exhausted { continued } => match (reply.error, reply.is_done, continued) {
                (Some(error), ..) => Some(orchestrator_failed(instance, &error)),
                (None, false, _) => None,
                (None, true, None) => Some(End::Completed(reply.output.map(compact))),
                (None, true, Some((node, carried))) => {
                    let carried = carried.into_iter().cloned().collect();
                    let mut sent = decision.clone();
                    // Whatever is waited for has ended: what is left is signals and releases.
                    let mut left = tasks.iter().zip(0_i32..).filter(|(task, _)| !task.recorded);
                    let scheduled_all = left.try_for_each(|(task, id)| scheduled.schedule(task, id, &mut sent));
                    if let Err(text) = scheduled_all.and_then(|()| scheduled.check_next(node)) {
                        let end = orchestrator_failed(instance, &text);
                        decision.appended = self.new;
                        decision.end(instance, end, next, now);
                        decision
                            .appended
                            .push(Event::new(now, EventKind::OrchestratorCompleted));
                        return decision;
                    }
                    decision.posted = sent.posted;
                    let mut latest = self.new;
                    latest.append(&mut sent.appended);
                    decision.release_locks(instance, &latest);
                    decision.continued = Some(Box::new(scheduled.next_execution(node, carried)));
                    return decision;
                }
            },
        };
        decision.appended = self.new;
        for (task, id) in tasks.iter().zip(0_i32..) {
            if !task.recorded {
                if let Err(text) = scheduled.schedule(task, id, &mut decision) {
                    end = Some(orchestrator_failed(instance, &text));
                    break;
                }
            } else if task.is_cancelled_timer() && end.is_none() {
                decision.cancelled_timers.push(id);
            }
        }
        if let Some(end) = end {
            decision.end(instance, end, next, now);
        } else if ends {
            let idle: BTreeSet<i32> = tasks
                .iter()
                .zip(0_i32..)
                .filter(|(task, _)| task.is_cancelled_timer())
                .map(|(_, id)| id)
                .collect();
            let events = instance.history.iter().chain(&decision.appended);
            decision.ending = Some(Ending::new(failed, events, &idle, &awaited_events));
        }
        decision
            .appended
            .push(Event::new(now, EventKind::OrchestratorCompleted));
        decision
    }

    /// Whether it ends the instance, whatever the worker says.
    pub(crate) fn is_terminated(&self) -> bool {
        let mut new = self.new.iter();
        new.any(|event| matches!(event.kind, EventKind::ExecutionTerminated { .. }))
    }

    /// Ends the instance without an answer: terminated if somebody asked for that, else failed with this text. For the
    /// caller: the app has no such orchestration, or the worker died too often.
    pub(crate) fn fail(self, text: &str, now: DateTime<Utc>) -> Decision {
        self.end_now(End::failed(text), now)
    }

    /// The worker process ended in the episode, on the JSON wire: what the extension makes of that, which replays the history on no actions at
    /// all. The host's words stand for an exception of .NET that has wrapped them.
    pub(crate) fn crashed(self, exited: &str, now: DateTime<Utc>) -> Decision {
        let mismatch = self.instance.history.iter().find_map(|event| describe(event, None));
        match mismatch {
            Some(text) => self.end_now(End::failed(&text), now),
            None => self.broken(&format!("One or more errors occurred. ({exited})"), now),
        }
    }

    /// The answer is none of the protobuf wire's, or there is none: the instance fails in the words of the extension.
    fn unhandled(self, problem: &str, now: DateTime<Utc>) -> Decision {
        let message = format!("Function '{}' failed with an unhandled exception.", self.instance.name);
        let details = FailureDetails {
            error_type: "FunctionInvocationException".to_owned(),
            error_message: format!("{message} {problem}"),
            ..FailureDetails::default()
        };
        let output = serde_json::json!({ "message": message, "details": problem }).to_string();
        let end = End::Failed {
            reason: format!("{message} {problem}"),
            details: problem.to_owned(),
            cause: Some(Box::new(details)),
        };
        let mut decision = self.end_now(end, now);
        if decision.status == RuntimeStatus::Failed {
            decision.output = Some(output);
        }
        decision
    }

    /// The answer has no actions to go by.
    fn broken(self, error: &str, now: DateTime<Utc>) -> Decision {
        let end = orchestrator_failed(self.instance, error);
        self.end_now(end, now)
    }

    fn end_now(self, end: End, now: DateTime<Utc>) -> Decision {
        let terminated = self.new.iter().find_map(|event| match &event.kind {
            EventKind::ExecutionTerminated { reason, .. } => Some(End::Terminated(reason.clone())),
            _ => None,
        });
        let mut decision = self.unchanged();
        decision.appended = self.new;
        decision.end(
            self.instance,
            terminated.unwrap_or(end),
            self.instance.history.next_id(),
            now,
        );
        decision
            .appended
            .push(Event::new(now, EventKind::OrchestratorCompleted));
        decision
    }
}

fn orchestrator_failed(instance: &Instance, error: &str) -> End {
    End::Failed {
        reason: format!("Orchestrator function '{}' failed: {error}", instance.name),
        details: format!("Message: {error}, StackTrace: "),
        cause: None,
    }
}

/// Appends what the payload has behind the history: the members from the comma to the last brace.
pub(crate) fn write_frame(instance: &Instance, settings: &Settings, out: &mut String) {
    out.push_str(",\"input\":");
    match instance.input.as_deref() {
        None => out.push_str("null"),
        // Text that is no JSON is given as a string, as the extension does.
        Some(text) => match serde_json::from_str::<&RawValue>(text) {
            Ok(value) => out.push_str(value.get()),
            Err(_) => write_string(text, out),
        },
    }
    out.push_str(",\"instanceId\":");
    write_string(&instance.instance_id, out);
    // The flag of ExecutionStarted: false in the first episode only.
    out.push_str(if instance.history.is_empty() {
        ",\"isReplaying\":false"
    } else {
        ",\"isReplaying\":true"
    });
    out.push_str(",\"parentInstanceId\":");
    match &instance.parent {
        None => out.push_str("null"),
        Some(parent) => write_string(&parent.instance_id, out),
    }
    out.push_str(",\"upperSchemaVersion\":1,\"upperSchemaVersionNew\":3,\"longRunningTimerIntervalDuration\":\"");
    write_span(settings.long_timer_interval, out);
    out.push_str("\",\"maximumShortTimerDuration\":\"");
    write_span(settings.maximum_short_timer, out);
    out.push_str("\",\"defaultHttpAsyncRequestSleepTimeMillseconds\":");
    out.push_str(&settings.http_sleep.num_milliseconds().to_string());
    out.push('}');
}

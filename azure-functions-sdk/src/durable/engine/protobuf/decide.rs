//! What an `OrchestratorResponse` changes.

use std::collections::BTreeSet;

use azure_functions_durable::{
    TraceContext,
    protobuf::{
        self, CompleteOrchestrationAction, CreateSubOrchestrationAction, HistoryEvent, OrchestrationStatus,
        OrchestrationTraceContext, OrchestratorAction, OrchestratorResponse, ScheduleTaskAction, SendEventAction,
        TerminateOrchestrationAction, history_event::EventType, orchestrator_action::OrchestratorActionType,
    },
};
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{entities, readable::readable, response::UnusableAnswer};
use crate::durable::engine::{
    child::Child,
    custom_status,
    decision::{ActivityTask, Decision, End, TimerTask},
    event::{Event, EventKind, ExecutionStarted, Failure, HTTP_ACTIVITY},
    failure_details::FailureDetails,
    instance::Instance,
    message::{Message, Outgoing},
    runtime_status::RuntimeStatus,
    text::compact,
    time::time_of,
    trace::ExecutionTrace,
};
use crate::durable::work::Wire;

/// The turn that was answered.
pub(in crate::durable::engine) struct Turn<'a> {
    pub(in crate::durable::engine) instance: &'a Instance,
    /// The wire that the answer came by.
    pub(in crate::durable::engine) wire: Wire,
    /// OrchestratorStarted and the messages.
    pub(in crate::durable::engine) new: &'a [Event],
    pub(in crate::durable::engine) now: DateTime<Utc>,
    /// Gives a fresh id whenever it is called.
    pub(in crate::durable::engine) new_id: &'a mut dyn FnMut() -> String,
}

/// Decides what follows from a worker's answer. Of what `decision` has, events are appended behind, and all else is
/// replaced.
pub(in crate::durable::engine) fn decide(
    mut turn: Turn<'_>,
    response: OrchestratorResponse,
    mut decision: Decision,
) -> Result<Decision, UnusableAnswer> {
    // A limit of the extension.
    if turn.wire != Wire::Stream
        && let Some(text) = response.custom_status.as_deref().and_then(custom_status::too_long)
    {
        return Err(UnusableAnswer::CustomStatus(text));
    }
    readable("custom status", response.custom_status.as_deref())?;
    decision.custom_status = response.custom_status;
    decision.ending = None;
    decision.status = turn.status();
    decision.appended = turn.new.to_vec();
    turn.take_span(response.orchestration_trace_context.as_ref(), &mut decision);
    let trace = turn.trace_of_calls(&decision);
    let mut completion = None;
    let mut last_id = -1;
    let mut ids = BTreeSet::new();
    let fails = response.actions.iter().any(fails);
    let used = turn.used_ids(&response.actions, fails);
    for action in response.actions {
        let id = action.id;
        let completes = matches!(
            action.orchestrator_action_type,
            Some(OrchestratorActionType::CompleteOrchestration(_))
        );
        if !completes && used.contains(&id) {
            match (fails, turn.wire) {
                // A worker whose code has changed under an instance says so by ending it, and in the same answer asks for what its
                // new code begins with, under ids that the history has already: only the end counts.
                (true, Wire::Stream) => continue,
                // The extension records it.
                (true, Wire::Json | Wire::Protobuf) => {}
                // One id of two tasks that are open: of two timers one would outlive the instance, of two activities either result would
                // be taken.
                (false, _) => return Err(UnusableAnswer::Id(id)),
            }
        }
        // Locks that end with the instance are given back under the id of its end.
        if !completes && (id < 0 || !(ids.insert(id) || entities::is_unlock(&action))) {
            return Err(UnusableAnswer::Id(id));
        }
        last_id = last_id.max(id);
        let kind = match action
            .orchestrator_action_type
            .ok_or(UnusableAnswer::UnknownAction(id))?
        {
            OrchestratorActionType::ScheduleTask(task) => turn.activity(id, task, trace.as_ref(), &mut decision),
            OrchestratorActionType::CreateSubOrchestration(child) => {
                turn.child(id, child, trace.as_ref(), &mut decision)?
            }
            OrchestratorActionType::CreateTimer(timer) => {
                let fire_at = timer.fire_at;
                let fire_at = fire_at
                    .and_then(|time| time_of(time.seconds, time.nanos))
                    .ok_or(UnusableAnswer::NoTime(id))?;
                decision.timers.push(TimerTask { timer_id: id, fire_at });
                EventKind::TimerCreated { fire_at }
            }
            OrchestratorActionType::SendEvent(event) => turn.send(id, event, trace.as_ref(), &mut decision)?,
            OrchestratorActionType::CompleteOrchestration(action) => {
                completion = Some((id, action));
                continue;
            }
            OrchestratorActionType::TerminateOrchestration(action) if turn.wire == Wire::Stream => {
                // No history event tells of it.
                decision.messages.extend(turn.terminate(action));
                continue;
            }
            OrchestratorActionType::TerminateOrchestration(_) => {
                return Err(UnusableAnswer::UnsupportedAction("TerminateOrchestration"));
            }
            OrchestratorActionType::SendEntityMessage(action) if turn.wire == Wire::Stream => {
                entities::send(turn.instance, id, action, trace.as_ref(), turn.now, &mut decision)?
            }
            // The extension takes it, and an entity that is new drops what comes so: the caller waits for ever.
            OrchestratorActionType::SendEntityMessage(_) => {
                return Err(UnusableAnswer::UnsupportedAction("SendEntityMessage"));
            }
            OrchestratorActionType::RewindOrchestration(_) => {
                return Err(UnusableAnswer::UnsupportedAction("RewindOrchestration"));
            }
        };
        decision.appended.push(Event::scheduled(id, turn.now, kind));
    }
    match completion {
        Some((id, completion)) => turn.complete(id, completion, &mut decision)?,
        // Whatever the worker says to it.
        None => {
            if let Some(reason) = turn.terminated() {
                decision.end(
                    turn.instance,
                    End::Terminated(reason),
                    last_id.saturating_add(1),
                    turn.now,
                );
            }
        }
    }
    // The first turn of an execution that continues another has its end among its messages, and another one only behind what the
    // code has asked for.
    let has_end = decision
        .appended
        .last()
        .is_some_and(|last| last.kind == EventKind::OrchestratorCompleted);
    if decision.continued.is_none() && !has_end {
        decision
            .appended
            .push(Event::new(turn.now, EventKind::OrchestratorCompleted));
    }
    Ok(decision)
}

impl Turn<'_> {
    /// Ids of these actions that the execution has used in an earlier turn, for something that is still open; or for anything at all. A
    /// task that is tried again may have the id of the one that failed: PyPI's `durabletask` asks so.
    fn used_ids(&self, actions: &[OrchestratorAction], for_anything: bool) -> BTreeSet<i32> {
        let asked: BTreeSet<i32> = actions.iter().map(|action| action.id).collect();
        let mut used = BTreeSet::new();
        // As almost always: then no turn goes through those of before.
        let next = self.instance.history.next_id();
        if asked.first().is_none_or(|first| *first >= next && *first != i32::MAX) {
            return used;
        }
        for event in self.instance.history.iter().chain(self.new) {
            if event.kind.is_scheduled() && asked.contains(&event.event_id) {
                used.insert(event.event_id);
            } else if !for_anything && let Some(id) = event.kind.settles() {
                used.remove(&id);
            }
        }
        used
    }

    fn terminate(&self, action: TerminateOrchestrationAction) -> Option<Outgoing> {
        let reason = action.reason.unwrap_or_default();
        let message = match action.recurse {
            true => Message::terminate_recursively(self.now, reason),
            false => Message::terminate(self.now, reason),
        };
        let instance_id = action.instance_id;
        (!instance_id.is_empty()).then_some(Outgoing { instance_id, message })
    }

    /// Suspended or running, by the last event that says so.
    fn status(&self) -> RuntimeStatus {
        match self.suspension() {
            Some(_) => RuntimeStatus::Suspended,
            None => RuntimeStatus::Running,
        }
    }

    /// The event that has suspended the execution, unless that has been resumed.
    fn suspension(&self) -> Option<&Event> {
        let new = self.new.iter().rev().find(|event| event.kind.is_suspension());
        let last = new.or_else(|| self.instance.history.last_suspension());
        last.filter(|event| matches!(event.kind, EventKind::ExecutionSuspended { .. }))
    }

    fn terminated(&self) -> Option<String> {
        self.new.iter().find_map(|event| match &event.kind {
            EventKind::ExecutionTerminated { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }

    /// Keeps what a worker says of the orchestration's span in its first answer, with the event of the start.
    fn take_span(&self, said: Option<&OrchestrationTraceContext>, decision: &mut Decision) {
        let Some(said) = said else { return };
        for event in &mut decision.appended {
            if let EventKind::ExecutionStarted(started) = &mut event.kind
                && let Some(trace) = &mut started.trace
            {
                *trace = trace.with_span(said);
            }
        }
    }

    /// The trace context of what asks for something without naming one.
    fn trace_of_calls(&self, decision: &Decision) -> Option<TraceContext> {
        let started = decision.appended.iter().find_map(|event| match &event.kind {
            EventKind::ExecutionStarted(started) => started.trace.as_ref(),
            _ => None,
        });
        started.or(self.instance.trace.as_ref()).map(ExecutionTrace::context)
    }

    fn activity(
        &self,
        id: i32,
        task: ScheduleTaskAction,
        trace: Option<&TraceContext>,
        decision: &mut Decision,
    ) -> EventKind {
        let trace = named(task.parent_trace_context.as_ref(), trace);
        let is_stream = self.wire == Wire::Stream;
        let input = match is_stream {
            true => task_input(&task),
            false => activity_input(&task),
        };
        match input {
            Ok(input) => decision.activities.push(ActivityTask {
                task_id: id,
                name: task.name.clone(),
                input,
                version: task.version.clone(),
                tags: task.tags.clone().into_iter().collect(),
                trace: trace.clone(),
            }),
            // The worker hears nothing of it.
            Err(details) => {
                let failure = Failure::of_details(details);
                decision.messages.push(Outgoing {
                    instance_id: self.instance.instance_id.clone(),
                    message: Message::task_failed(self.now, &self.instance.execution_id, id, failure),
                });
            }
        }
        EventKind::TaskScheduled {
            name: task.name,
            version: task.version,
            // The extension forgets it; servers of SDKs show it.
            input: task.input.filter(|_| is_stream),
            tags: task.tags.into_iter().collect(),
            trace: trace.map(Box::new),
        }
    }

    fn child(
        &mut self,
        id: i32,
        action: CreateSubOrchestrationAction,
        trace: Option<&TraceContext>,
        decision: &mut Decision,
    ) -> Result<EventKind, UnusableAnswer> {
        readable("input of a sub-orchestration", action.input.as_deref())?;
        let child = Child {
            instance_id: action.instance_id,
            name: action.name,
            version: action.version,
            input: action.input,
            tags: action.tags.into_iter().collect(),
            trace: named(action.parent_trace_context.as_ref(), trace),
        };
        Ok(child.start(self.instance, id, self.now, self.new_id, decision))
    }

    /// An event to another instance, or DurableTask's own message to an entity.
    fn send(
        &self,
        id: i32,
        event: SendEventAction,
        trace: Option<&TraceContext>,
        decision: &mut Decision,
    ) -> Result<EventKind, UnusableAnswer> {
        let target = event.instance.ok_or(UnusableAnswer::NoTarget(id))?.instance_id;
        if target.is_empty() {
            return Err(UnusableAnswer::NoTarget(id));
        }
        if target.starts_with('@') {
            let (name, data) = (&event.name, event.data.as_deref());
            entities::send_by_event(self.instance, &target, name, data, trace, self.now, decision)?;
        } else {
            readable("event", event.data.as_deref())?;
            decision.messages.push(Outgoing {
                instance_id: target.clone(),
                message: Message::event_raised(self.now, event.name.clone(), event.data.clone()),
            });
        }
        Ok(EventKind::EventSent {
            instance_id: target,
            name: event.name,
            input: event.data,
        })
    }

    fn complete(
        &mut self,
        id: i32,
        completion: CompleteOrchestrationAction,
        decision: &mut Decision,
    ) -> Result<(), UnusableAnswer> {
        let status = completion.orchestration_status;
        readable("result", completion.result.as_deref())?;
        let end = match OrchestrationStatus::try_from(status) {
            Ok(OrchestrationStatus::Completed) => End::Completed(completion.result),
            Ok(OrchestrationStatus::Terminated) => {
                let reason = completion.result.or_else(|| self.terminated());
                End::Terminated(reason.unwrap_or_default())
            }
            Ok(OrchestrationStatus::Failed) => self.failed(completion)?,
            // Otherwise an orchestration that goes on for ever could not be stopped.
            Ok(OrchestrationStatus::ContinuedAsNew) if let Some(reason) = self.terminated() => End::Terminated(reason),
            Ok(OrchestrationStatus::ContinuedAsNew) => {
                let next = self.next(completion)?;
                let latest = std::mem::take(&mut decision.appended);
                decision.release_locks(self.instance, &latest);
                decision.continued = Some(Box::new(next));
                return Ok(());
            }
            _ => return Err(UnusableAnswer::Status(status)),
        };
        decision.end(self.instance, end, id, self.now);
        Ok(())
    }

    fn failed(&self, completion: CompleteOrchestrationAction) -> Result<End, UnusableAnswer> {
        let Some(details) = completion.failure_details else {
            return Ok(End::Failed {
                reason: completion.result.unwrap_or_default(),
                details: completion.details.unwrap_or_default(),
                cause: None,
            });
        };
        let details = FailureDetails::from(details);
        if self.wire != Wire::Stream && details.chain().any(|level| level.error_type.is_empty()) {
            return Err(UnusableAnswer::NoErrorType);
        }
        Ok(End::Failed {
            reason: details.in_words(),
            details: String::new(),
            cause: Some(Box::new(details)),
        })
    }

    /// Starts the next execution. What has been suspended stays so: the client was told that it is.
    fn next(&mut self, completion: CompleteOrchestrationAction) -> Result<Message, UnusableAnswer> {
        let own = self.instance;
        let started = ExecutionStarted {
            instance_id: own.instance_id.clone(),
            execution_id: (self.new_id)(),
            name: own.name.clone(),
            version: completion.new_version.or_else(|| own.version.clone()),
            input: completion.result,
            parent: own.parent.clone(),
            scheduled_start: None,
            generation: own.generation.saturating_add(1),
            tags: own.tags.clone(),
            trace: own.trace_of_next(),
        };
        let mut carried: Vec<Event> = self.suspension().cloned().into_iter().collect();
        for event in completion.carryover_events {
            carried.extend(carried_on(event, self.now)?);
        }
        Ok(Message {
            carried,
            continues: true,
            ..Message::start(self.now, started)
        })
    }
}

/// The trace context that an action names, or else this one.
fn named(message: Option<&protobuf::TraceContext>, otherwise: Option<&TraceContext>) -> Option<TraceContext> {
    let named = message.and_then(TraceContext::from_message);
    named.or_else(|| otherwise.cloned())
}

/// Whether this ends the execution with a failure.
fn fails(action: &OrchestratorAction) -> bool {
    matches!(
        &action.orchestrator_action_type,
        Some(OrchestratorActionType::CompleteOrchestration(end))
            if end.orchestration_status == i32::from(OrchestrationStatus::Failed)
    )
}

/// External events only, with a time of the host's.
fn carried_on(event: HistoryEvent, now: DateTime<Utc>) -> Result<Option<Event>, UnusableAnswer> {
    let Some(EventType::EventRaised(raised)) = event.event_type else {
        return Ok(None);
    };
    readable("event carried over", raised.input.as_deref())?;
    let kind = EventKind::EventRaised {
        name: raised.name,
        input: raised.input,
    };
    Ok(Some(Event::new(now, kind)))
}

/// What a worker of a stream gets: the text as it is. One that could not be read back from the store fails the task.
fn task_input(task: &ScheduleTaskAction) -> Result<Option<String>, FailureDetails> {
    match readable("input of an activity", task.input.as_deref()) {
        Ok(()) => Ok(task.input.clone()),
        Err(problem) => Err(FailureDetails {
            error_type: "InvalidInput".to_owned(),
            error_message: problem.to_string(),
            ..FailureDetails::default()
        }),
    }
}

/// What the activity trigger delivers: the JSON as it is, without blanks between its tokens; nothing for null.
fn activity_input(task: &ScheduleTaskAction) -> Result<Option<String>, FailureDetails> {
    let Some(text) = task.input.as_deref() else {
        return Ok(None);
    };
    let refused = |error_type: &str, text: String| FailureDetails {
        error_type: error_type.to_owned(),
        error_message: text,
        ..FailureDetails::default()
    };
    if task.name == HTTP_ACTIVITY {
        // It takes a list of one, whatever the worker.
        return match serde_json::from_str::<[&RawValue; 1]>(text) {
            Ok([request]) => Ok(Some(compact(request))),
            Err(error) => Err(refused(
                "Newtonsoft.Json.JsonSerializationException",
                format!("the input of {HTTP_ACTIVITY} must be a list of one request: {error}"),
            )),
        };
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(value) if value.get() == "null" => Ok(None),
        Ok(value) => Ok(Some(compact(value))),
        Err(error) => Err(refused(
            "Newtonsoft.Json.JsonReaderException",
            format!("the input of activity '{}' is not JSON: {error}", task.name),
        )),
    }
}

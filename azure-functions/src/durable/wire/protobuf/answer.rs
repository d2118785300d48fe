//! An `OrchestratorResponse`: what the code newly asks for, and how it ended.

use super::{
    failure,
    message::{Messages, Newest, Operation, event, request_id},
    request::RequestError,
};
use crate::durable::{
    replay::{
        action::{ActionKind, SubOptions},
        history::{History, Span},
        http_call::HTTP_ACTIVITY,
        outcome::{Asked, NextExecution},
        texts::{Text, Texts},
        trace::Trace,
    },
    wire::json::http_request,
};
use azure_functions_durable::protobuf::{
    CompleteOrchestrationAction, CreateSubOrchestrationAction, CreateTimerAction, EventRaisedEvent, HistoryEvent,
    OrchestrationStatus, OrchestrationTraceContext, OrchestratorAction, OrchestratorResponse, ScheduleTaskAction,
    TaskFailureDetails, TraceContext, history_event::EventType, orchestrator_action::OrchestratorActionType,
};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use std::error::Error;

/// How the answer ends.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The code waits.
    Waiting,
    /// The code returned: JSON text, if it is something.
    Returned(Option<String>),
    /// The code starts over.
    ContinuedAsNew(NextExecution),
    /// The instance was terminated.
    Terminated(Option<Span>),
    /// The code failed. What it asked for stands, unless `broken`.
    Failed {
        details: Box<TaskFailureDetails>,
        broken: bool,
    },
}

impl Ending {
    /// The code returned an error.
    pub(crate) fn error(error: &(dyn Error + 'static), error_type: &str) -> Self {
        Self::Failed {
            details: Box::new(failure::of_error(error, error_type)),
            broken: false,
        }
    }

    /// The code did not come to an end of its own.
    pub(crate) fn broken(error_type: &str, text: &str) -> Self {
        Self::Failed {
            details: Box::new(failure::of_text(error_type, text)),
            broken: true,
        }
    }
}

/// Writes the answer to a request. `now` is the clock of its turn; `lists` says that the host takes lists of one for the inputs of
/// activities.
pub(crate) fn write(
    history: &History,
    default_version: Option<&str>,
    lists: bool,
    asked: &mut Asked,
    newest: &mut Newest,
    now: DateTime<Utc>,
    ending: Ending,
) -> OrchestratorResponse {
    let broken = matches!(ending, Ending::Failed { broken: true, .. });
    let ends = !matches!(ending, Ending::Waiting);
    let actions = std::mem::take(&mut asked.actions);
    let custom_status = asked.custom_status.take();
    let mut writer = Writer {
        history,
        default_version,
        lists,
        messages: Messages::new(history, now, newest),
        texts: &asked.texts,
        actions: Vec::with_capacity(actions.len() + usize::from(ends)),
    };
    if !broken {
        for (number, kind) in actions {
            // Nothing waits for a timer of an execution that ends.
            let is_idle = ends && matches!(kind, ActionKind::CreateTimer { .. }) && !kind.is_patch_marker();
            if !is_idle {
                writer.action(number, kind);
            }
        }
    }
    if let Some(completion) = completion(history, ending) {
        writer.push(asked.next_id, OrchestratorActionType::CompleteOrchestration(completion));
    }
    OrchestratorResponse {
        instance_id: history.instance_id.clone(),
        actions: writer.actions,
        custom_status,
        orchestration_trace_context: history.trace.as_ref().and_then(told),
        ..OrchestratorResponse::default()
    }
}

/// What the host is to keep of the orchestration's own span. What another worker has said stands.
fn told(trace: &Trace) -> Option<OrchestrationTraceContext> {
    match &trace.own {
        Some(own) => Some(OrchestrationTraceContext {
            span_id: Some(own.context.span_id().to_owned()),
            span_start_time: Some(timestamp(own.start)),
        }),
        None => trace.kept.clone(),
    }
}

/// The answer to a request that cannot be read: the invocation itself must not fail, since the extension has no other failure than
/// one for good, and shows a worse text for it.
pub(crate) fn refuse(error: &RequestError) -> OrchestratorResponse {
    failed(String::new(), "unreadable history", &error.to_string())
}

/// The answer to a request with new events only, where the instance has not been kept: it comes again with all.
pub(crate) fn require_history(instance_id: String) -> OrchestratorResponse {
    OrchestratorResponse {
        instance_id,
        requires_history: true,
        ..OrchestratorResponse::default()
    }
}

/// The answer for an episode that came to no end: it blocks its thread, for instance.
pub(crate) fn failed(instance_id: String, error_type: &str, text: &str) -> OrchestratorResponse {
    let completion = CompleteOrchestrationAction {
        orchestration_status: OrchestrationStatus::Failed.into(),
        failure_details: Some(failure::of_text(error_type, text)),
        ..CompleteOrchestrationAction::default()
    };
    OrchestratorResponse {
        instance_id,
        actions: vec![OrchestratorAction {
            id: -1,
            orchestrator_action_type: Some(OrchestratorActionType::CompleteOrchestration(completion)),
        }],
        ..OrchestratorResponse::default()
    }
}

fn completion(history: &History, ending: Ending) -> Option<CompleteOrchestrationAction> {
    let none = CompleteOrchestrationAction::default();
    Some(match ending {
        Ending::Waiting => return None,
        Ending::Returned(output) => CompleteOrchestrationAction {
            orchestration_status: OrchestrationStatus::Completed.into(),
            result: output,
            ..none
        },
        Ending::ContinuedAsNew(next) => CompleteOrchestrationAction {
            orchestration_status: OrchestrationStatus::ContinuedAsNew.into(),
            result: Some(next.input),
            new_version: next.version,
            carryover_events: next.handed_on.into_iter().map(carried).collect(),
            ..none
        },
        Ending::Terminated(reason) => CompleteOrchestrationAction {
            orchestration_status: OrchestrationStatus::Terminated.into(),
            result: reason.and_then(|reason| history.text(reason)).map(Into::into),
            ..none
        },
        Ending::Failed { details, .. } => CompleteOrchestrationAction {
            orchestration_status: OrchestrationStatus::Failed.into(),
            failure_details: Some(*details),
            ..none
        },
    })
}

/// An event for the next execution. The host gives it another time.
fn carried((name, json): (String, String)) -> HistoryEvent {
    HistoryEvent {
        event_id: -1,
        timestamp: Some(Timestamp::default()),
        event_type: Some(EventType::EventRaised(EventRaisedEvent {
            name,
            input: Some(json),
        })),
    }
}

struct Writer<'a> {
    history: &'a History,
    default_version: Option<&'a str>,
    lists: bool,
    messages: Messages<'a>,
    texts: &'a Texts,
    actions: Vec<OrchestratorAction>,
}

impl Writer<'_> {
    fn action(&mut self, number: u32, kind: ActionKind) {
        let action = match kind {
            ActionKind::CallActivity { name, input, tags } => {
                OrchestratorActionType::ScheduleTask(ScheduleTaskAction {
                    name: name.to_string(),
                    input: Some(match self.texts.get(input) {
                        input if self.lists => format!("[{input}]"),
                        input => input.to_owned(),
                    }),
                    tags: tags.map(|tags| tags.into_iter().collect()).unwrap_or_default(),
                    parent_trace_context: self.trace(),
                    ..ScheduleTaskAction::default()
                })
            }
            ActionKind::CallHttp { request } => {
                // This activity takes a list of one, whatever the host is told of the worker.
                let mut input = "[".to_owned();
                http_request::write(&mut input, &request);
                input.push(']');
                OrchestratorActionType::ScheduleTask(ScheduleTaskAction {
                    name: HTTP_ACTIVITY.to_owned(),
                    input: Some(input),
                    parent_trace_context: self.trace(),
                    ..ScheduleTaskAction::default()
                })
            }
            ActionKind::CallSubOrchestration { name, input, options } => {
                let SubOptions {
                    instance_id,
                    version,
                    tags,
                } = options.map(|options| *options).unwrap_or_default();
                OrchestratorActionType::CreateSubOrchestration(CreateSubOrchestrationAction {
                    // An empty one makes a message that no dispatcher can read.
                    instance_id: match instance_id {
                        Some(id) => id.to_string(),
                        None => request_id(self.history, number).simple().to_string(),
                    },
                    name: name.to_string(),
                    version: version.as_deref().or(self.default_version).map(str::to_owned),
                    input: Some(self.texts.get(input).to_owned()),
                    tags: tags.into_iter().collect(),
                    parent_trace_context: self.trace(),
                })
            }
            ActionKind::CreateTimer { fire_at, .. } => OrchestratorActionType::CreateTimer(CreateTimerAction {
                fire_at: Some(timestamp(fire_at)),
            }),
            ActionKind::CallEntity {
                target,
                operation,
                input,
            } => self.operation(number, &target, (operation, input), None, false),
            ActionKind::SignalEntity {
                target,
                operation,
                input,
                at,
            } => self.operation(number, &target, (operation, input), at, true),
            ActionKind::SendEvent {
                instance_id,
                name,
                data,
            } => OrchestratorActionType::SendEvent({
                let data = self.texts.get(data).to_owned();
                event(&instance_id, name.to_string(), Some(data))
            }),
            ActionKind::LockEntities { entities, request } => {
                OrchestratorActionType::SendEvent(self.messages.lock(&entities, request))
            }
            ActionKind::ReleaseEntity { target, lock, .. } => {
                OrchestratorActionType::SendEvent(self.messages.release(&target, lock))
            }
        };
        self.push(number, action);
    }

    fn operation(
        &mut self,
        number: u32,
        target: &str,
        (operation, input): (Text, Text),
        at: Option<DateTime<Utc>>,
        is_signal: bool,
    ) -> OrchestratorActionType {
        let operation = Operation {
            target,
            name: self.texts.get(operation),
            input: self.texts.get(input),
            is_signal,
            at,
        };
        OrchestratorActionType::SendEvent(self.messages.operation(number, &operation))
    }

    /// The context of what is asked for. (The extension takes no notice: it makes the spans itself.)
    fn trace(&self) -> Option<TraceContext> {
        self.history.trace.as_ref().map(|trace| trace.of_calls().into())
    }

    fn push(&mut self, number: u32, action: OrchestratorActionType) {
        self.actions.push(OrchestratorAction {
            // An episode asks for far less.
            id: i32::try_from(number).unwrap_or(i32::MAX),
            orchestrator_action_type: Some(action),
        });
    }
}

pub(super) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        nanos: time.timestamp_subsec_nanos().cast_signed(),
    }
}

//! What the span of an orchestration says of its execution, when that has ended.

use super::replay::{history::History, trace::OwnSpan};
use azure_functions_durable::{
    TraceContext,
    protobuf::{OrchestrationStatus, OrchestratorResponse, orchestrator_action::OrchestratorActionType},
};
use chrono::{DateTime, Utc};

/// An execution that has ended, of which this process makes the span.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "opentelemetry"),
    expect(dead_code, reason = "without the feature no span is made of it")
)]
pub(crate) struct EndedExecution {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) instance_id: String,
    pub(crate) execution_id: String,
    /// What asked for the start.
    pub(crate) parent: TraceContext,
    pub(crate) span: OwnSpan,
    /// When the last turn began, by the host's clock.
    pub(crate) newest_turn: DateTime<Utc>,
    pub(crate) status: &'static str,
    /// What it failed with.
    pub(crate) failure: Option<String>,
}

impl EndedExecution {
    /// The same with another end: a failure.
    pub(crate) fn failed_with(self, reason: String) -> Self {
        Self {
            status: "Failed",
            failure: Some(reason),
            ..self
        }
    }

    /// `None` if the answer does not end the execution, or its span is not this process's.
    pub(super) fn of(history: &History, answer: &OrchestratorResponse, newest_turn: DateTime<Utc>) -> Option<Self> {
        let trace = history.trace.as_ref()?;
        let span = trace.own.clone()?;
        let completion = answer
            .actions
            .iter()
            .find_map(|action| match &action.orchestrator_action_type {
                Some(OrchestratorActionType::CompleteOrchestration(completion)) => Some(completion),
                _ => None,
            })?;
        let text = |span| history.text(span).map(Into::into);
        Some(Self {
            name: text(history.name).unwrap_or_default(),
            version: text(history.version),
            instance_id: history.instance_id.clone(),
            execution_id: history.execution_id.clone(),
            parent: trace.parent.clone(),
            span,
            newest_turn,
            status: match completion.orchestration_status() {
                OrchestrationStatus::Failed => "Failed",
                OrchestrationStatus::Terminated => "Terminated",
                OrchestrationStatus::ContinuedAsNew => "ContinuedAsNew",
                _ => "Completed",
            },
            failure: completion
                .failure_details
                .as_ref()
                .map(|details| details.error_message.clone()),
        })
    }
}

//! The operations on instances.

use super::super::address::Change;
use super::super::error::OrchestrationClientError;
use super::super::query::{StatusPage, StatusQuery};
use super::super::start::StartOrchestration;
use super::super::status::Show;
use super::ask::{Ask, WrongState};
use super::call::Caller;
use super::convert;
use crate::protobuf::{self, purge_instances_request::Request as Purge};
use crate::{OrchestrationRuntimeStatus as Status, OrchestrationStatusQueryResult, PurgeHistoryResult, TraceContext};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// All states in which an instance of the same id may be replaced, in the order of the .NET client. The host leaves alone those that
/// have not ended.
const REPLACEABLE: [Status; 7] = [
    Status::Completed,
    Status::Failed,
    Status::Terminated,
    Status::Canceled,
    Status::Pending,
    Status::Running,
    Status::Suspended,
];

impl<'a> Caller<'a> {
    pub(in super::super) async fn start(
        self,
        operation: &str,
        start: StartOrchestration<'_>,
        input: &[u8],
        trace: Option<&TraceContext>,
    ) -> Result<String, OrchestrationClientError> {
        let instance_id = start.instance_id.unwrap_or_default();
        let message = protobuf::CreateInstanceRequest {
            instance_id: instance_id.clone(),
            name: start.name,
            version: start.version,
            input: convert::payload(input),
            scheduled_start_timestamp: start.start_at.map(convert::timestamp),
            orchestration_id_reuse_policy: start.keep.map(|keep| protobuf::OrchestrationIdReusePolicy {
                replaceable_status: convert::codes(&REPLACEABLE)
                    .into_iter()
                    .filter(|code| !keep.iter().any(|status| status.code() == *code))
                    .collect(),
            }),
            tags: start.tags.into_iter().collect(),
            request_time: Some(convert::timestamp(Utc::now())),
            parent_trace_context: trace.map(Into::into),
            ..protobuf::CreateInstanceRequest::default()
        };
        let ask = Ask {
            instance_id: Some(&instance_id).filter(|id| !id.is_empty()).map(String::as_str),
            ..self.change(operation, WrongState::Conflict(409))
        };
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.start_instance(request).await
        });
        Ok(answer.await?.instance_id)
    }

    pub(in super::super) async fn status(
        self,
        operation: &str,
        instance_id: &str,
        show: Show,
    ) -> Result<Option<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        let Some(mut status) = self
            .look(operation, instance_id, show.payloads || show.input, show.input)
            .await?
        else {
            return Ok(None);
        };
        if !show.payloads {
            status.output = Value::Null;
            status.custom_status = Value::Null;
        }
        if show.history {
            match self.shown_history(operation, instance_id, show).await {
                Ok(events) => status.history_events = Some(events),
                // Purged between the two requests.
                Err(OrchestrationClientError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(status))
    }

    async fn look(
        &self,
        operation: &str,
        instance_id: &str,
        payloads: bool,
        input: bool,
    ) -> Result<Option<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        let message = protobuf::GetInstanceRequest {
            instance_id: instance_id.to_owned(),
            get_inputs_and_outputs: payloads,
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            ..self.read(operation)
        };
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.get_instance(request).await
        });
        found(operation, answer.await?, input)
    }

    pub(in super::super) async fn instances(
        self,
        operation: &str,
        query: &StatusQuery,
    ) -> Result<StatusPage, OrchestrationClientError> {
        let message = protobuf::QueryInstancesRequest {
            query: Some(protobuf::InstanceQuery {
                runtime_status: convert::codes(&query.runtime_statuses),
                created_time_from: query.created_from.map(convert::timestamp),
                created_time_to: query.created_to.map(convert::timestamp),
                // 0 is no page at all.
                max_instance_count: query.top.map_or(100, |top| i32::try_from(top).unwrap_or(i32::MAX)),
                continuation_token: query.continuation_token.clone(),
                instance_id_prefix: query.instance_id_prefix.clone(),
                fetch_inputs_and_outputs: !query.hide_payloads,
                ..protobuf::InstanceQuery::default()
            }),
        };
        let ask = self.read(operation);
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.query_instances(request).await
        });
        let answer = answer.await?;
        let mut statuses = Vec::with_capacity(answer.orchestration_state.len());
        for state in answer.orchestration_state {
            let mut status = convert::status(operation, state, !query.hide_input)?;
            if !query.tags.is_empty() {
                // Lists have no tags.
                let Some(whole) = self.look(operation, &status.instance_id, false, false).await? else {
                    continue;
                };
                if !query
                    .tags
                    .iter()
                    .all(|(name, value)| whole.tags.get(name) == Some(value))
                {
                    continue;
                }
                status.tags = whole.tags;
                status.parent_instance_id = whole.parent_instance_id;
            }
            statuses.push(status);
        }
        Ok(StatusPage {
            statuses,
            continuation_token: answer.continuation_token.filter(|token| !token.is_empty()),
        })
    }

    pub(in super::super) async fn raise_event(
        self,
        operation: &str,
        task_hub: Option<&str>,
        instance_id: &str,
        event_name: &str,
        data: &[u8],
    ) -> Result<(), OrchestrationClientError> {
        let message = protobuf::RaiseEventRequest {
            instance_id: instance_id.to_owned(),
            name: event_name.to_owned(),
            input: convert::payload(data),
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            task_hub,
            ..self.change(operation, WrongState::AlreadyDone)
        };
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.raise_event(request).await
        });
        answer.await.map(drop)
    }

    pub(in super::super) async fn terminate(
        self,
        operation: &str,
        instance_id: &str,
        reason: &[u8],
        recursive: bool,
    ) -> Result<(), OrchestrationClientError> {
        let message = protobuf::TerminateRequest {
            instance_id: instance_id.to_owned(),
            output: convert::payload(reason),
            recursive,
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            ..self.change(operation, WrongState::AlreadyDone)
        };
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.terminate_instance(request).await
        });
        answer.await.map(drop)
    }

    /// Suspend, resume and rewind.
    pub(in super::super) async fn control(
        self,
        instance_id: &str,
        change: Change,
        reason: &str,
    ) -> Result<(), OrchestrationClientError> {
        let operation = format!("{} instance `{instance_id}`", change.segment());
        let wrong_state = match change {
            // Only what has failed is rewound.
            Change::Rewind => WrongState::Conflict(412),
            _ => WrongState::AlreadyDone,
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            ..self.change(&operation, wrong_state)
        };
        let instance_id = instance_id.to_owned();
        let reason = Some(reason).filter(|reason| !reason.is_empty()).map(str::to_owned);
        match change {
            Change::Suspend => {
                let message = protobuf::SuspendRequest { instance_id, reason };
                let answer = self.call(&ask, message, |mut sidecar, request| async move {
                    sidecar.suspend_instance(request).await
                });
                answer.await.map(drop)
            }
            Change::Resume => {
                let message = protobuf::ResumeRequest { instance_id, reason };
                let answer = self.call(&ask, message, |mut sidecar, request| async move {
                    sidecar.resume_instance(request).await
                });
                answer.await.map(drop)
            }
            Change::Rewind => {
                let message = protobuf::RewindInstanceRequest { instance_id, reason };
                let answer = self.call(&ask, message, |mut sidecar, request| async move {
                    sidecar.rewind_instance(request).await
                });
                answer.await.map(drop)
            }
        }
    }

    pub(in super::super) async fn restart(
        self,
        operation: &str,
        instance_id: &str,
        with_new_instance_id: bool,
    ) -> Result<String, OrchestrationClientError> {
        let message = protobuf::RestartInstanceRequest {
            instance_id: instance_id.to_owned(),
            restart_with_new_instance_id: with_new_instance_id,
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            ..self.change(operation, WrongState::Conflict(409))
        };
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.restart_instance(request).await
        });
        Ok(answer.await?.instance_id)
    }

    pub(in super::super) async fn purge(
        self,
        operation: &str,
        instance_id: &str,
        recursive: bool,
    ) -> Result<PurgeHistoryResult, OrchestrationClientError> {
        let message = protobuf::PurgeInstancesRequest {
            request: Some(Purge::InstanceId(instance_id.to_owned())),
            recursive,
            is_orchestration: true,
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            ..self.change(operation, WrongState::Conflict(412))
        };
        self.purge_what(&ask, message).await
    }

    pub(in super::super) async fn purge_many(
        self,
        operation: &str,
        created_from: DateTime<Utc>,
        created_to: Option<DateTime<Utc>>,
        statuses: &[Status],
    ) -> Result<PurgeHistoryResult, OrchestrationClientError> {
        let filter = protobuf::PurgeInstanceFilter {
            created_time_from: Some(convert::timestamp(created_from)),
            created_time_to: created_to.map(convert::timestamp),
            runtime_status: convert::codes(statuses),
            timeout: None,
        };
        let message = protobuf::PurgeInstancesRequest {
            request: Some(Purge::PurgeInstanceFilter(filter)),
            ..protobuf::PurgeInstancesRequest::default()
        };
        let ask = self.change(operation, WrongState::Conflict(412));
        self.purge_what(&ask, message).await
    }

    async fn purge_what(
        &self,
        ask: &Ask<'_>,
        message: protobuf::PurgeInstancesRequest,
    ) -> Result<PurgeHistoryResult, OrchestrationClientError> {
        let answer = self.call(ask, message, |mut sidecar, request| async move {
            sidecar.purge_instances(request).await
        });
        let deleted = answer.await?.deleted_instance_count;
        Ok(PurgeHistoryResult::new(u64::try_from(deleted).unwrap_or_default()))
    }
}

/// An instance that is there, or `None`.
pub(super) fn found(
    operation: &str,
    answer: protobuf::GetInstanceResponse,
    show_input: bool,
) -> Result<Option<OrchestrationStatusQueryResult>, OrchestrationClientError> {
    match answer.orchestration_state {
        Some(state) if answer.exists => convert::status(operation, state, show_input).map(Some),
        _ => Ok(None),
    }
}

//! Calls about one instance.

use super::{
    Call, Caller, Code, Refused, readable,
    state::{Shown, state},
};
use crate::durable::{
    engine::{
        event::{SOURCE_INSTANCE_TAG, parse_events},
        failure_of,
        runtime_status::RuntimeStatus,
        time::time_of,
    },
    hub::{purge::Below, request_error::RequestError, requests::Start, wait::Missing, waits::Until},
    store::InstanceRow,
    work::Wire,
};
use azure_functions_durable::{
    TraceContext,
    protobuf::{
        CreateInstanceRequest, CreateInstanceResponse, GetInstanceRequest, GetInstanceResponse, PurgeInstancesRequest,
        PurgeInstancesResponse, RaiseEventRequest, RaiseEventResponse, RestartInstanceRequest, RestartInstanceResponse,
        ResumeRequest, ResumeResponse, RewindInstanceRequest, RewindInstanceResponse, SuspendRequest, SuspendResponse,
        TaskFailureDetails, TerminateRequest, TerminateResponse, purge_instances_request,
    },
};

impl Call<'_> {
    pub(super) async fn start(&self, request: CreateInstanceRequest) -> Result<CreateInstanceResponse, Refused> {
        if request.tags.contains_key(SOURCE_INSTANCE_TAG) {
            return Err(Refused::new(
                Code::InvalidArgument,
                format!("The tag '{SOURCE_INSTANCE_TAG}' is reserved."),
            ));
        }
        readable("input", request.input.as_deref())?;
        let at = request
            .scheduled_start_timestamp
            .map(|time| {
                time_of(time.seconds, time.nanos)
                    .ok_or_else(|| Refused::new(Code::InvalidArgument, "The start time is out of range."))
            })
            .transpose()?;
        let replaceable: Option<Vec<RuntimeStatus>> = request.orchestration_id_reuse_policy.map(|policy| {
            let statuses = policy.replaceable_status.into_iter();
            statuses.filter_map(RuntimeStatus::from_number).collect()
        });
        if self.caller == Caller::Sdk {
            check_reuse(replaceable.as_deref())?;
        }
        let asked = request.instance_id.clone();
        let start = Start {
            instance_id: Some(request.instance_id).filter(|id| !id.is_empty()),
            input: request.input,
            // One that is given counts, even if it is empty.
            version: request.version,
            tags: request.tags.into_iter().collect(),
            at,
            replaceable,
            replaces_running: self.caller == Caller::Sdk,
            // As with the extension, the instance fails.
            unchecked: true,
            trace: request
                .parent_trace_context
                .as_ref()
                .and_then(TraceContext::from_message),
            ..Start::new(request.name)
        };
        match self.hub.start(start).await {
            Ok(instance_id) => Ok(CreateInstanceResponse { instance_id }),
            Err(RequestError::InUse(_)) => Err(Refused::new(
                Code::AlreadyExists,
                format!("An Orchestration instance with the ID {asked} already exists."),
            )),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn get(&self, request: GetInstanceRequest) -> Result<GetInstanceResponse, Refused> {
        let row = self.hub.find(&request.instance_id).await?;
        self.shown(row.as_ref(), request.get_inputs_and_outputs).await
    }

    /// Blocks; as with the extension, for clients of an app also for an instance that is not there: until the client gives up, if need
    /// be.
    pub(super) async fn wait(&self, request: GetInstanceRequest, until: Until) -> Result<GetInstanceResponse, Refused> {
        let id = &request.instance_id;
        let missing = match self.caller {
            Caller::App => Missing::Waits,
            Caller::Sdk => Missing::Ends,
        };
        let row = match self.hub.wait_for_ever(id, until, missing).await {
            Err(RequestError::NotFound) => return Err(Refused::no_instance(id)),
            row => row?,
        };
        self.shown(Some(&row), request.get_inputs_and_outputs).await
    }

    async fn shown(&self, row: Option<&InstanceRow>, payloads: bool) -> Result<GetInstanceResponse, Refused> {
        let shown = Shown {
            payloads,
            listed: false,
            whole: self.caller == Caller::Sdk,
        };
        let mut shown = row.map(|row| state(row, shown));
        if let (Some(row), Some(shown)) = (row, &mut shown) {
            shown.failure_details = self.failure(row).await;
        }
        Ok(GetInstanceResponse {
            exists: row.is_some(),
            orchestration_state: shown,
        })
    }

    /// Why an instance failed: it stands in its last turn. The extension never says, so callers of an app hear it of what workers of streams
    /// have run only. What cannot be read is left out.
    pub(super) async fn failure(&self, row: &InstanceRow) -> Option<TaskFailureDetails> {
        let is_shown = row.state.wire == Some(Wire::Stream) || self.caller == Caller::Sdk;
        if !is_shown || row.state.status != RuntimeStatus::Failed {
            return None;
        }
        let events = match self.hub.last_turn(row.key).await {
            Ok(last) => parse_events(&last?).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match events {
            Ok(events) => failure_of(&events),
            Err(problem) => {
                log::warn!("why instance '{}' failed is not shown: {problem}", row.id);
                None
            }
        }
    }

    pub(super) async fn raise_event(&self, request: RaiseEventRequest) -> Result<RaiseEventResponse, Refused> {
        readable("payload of the event", request.input.as_deref())?;
        let id = &request.instance_id;
        match self.hub.raise(id, request.name, request.input).await {
            Ok(()) => Ok(RaiseEventResponse {}),
            Err(RequestError::NotFound) => Err(Refused::no_instance(id)),
            Err(RequestError::Ended(_)) if self.caller == Caller::Sdk => Ok(RaiseEventResponse {}),
            Err(RequestError::Ended(_)) => Err(Refused::new(
                Code::FailedPrecondition,
                "The orchestration instance with the provided instance id is not running.",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The extension takes no notice of `recursive`; here it is done.
    pub(super) async fn terminate(&self, request: TerminateRequest) -> Result<TerminateResponse, Refused> {
        let TerminateRequest {
            instance_id,
            output,
            recursive,
        } = request;
        let result = self
            .hub
            .terminate(&instance_id, output.unwrap_or_default(), recursive)
            .await;
        self.changed("terminate", &instance_id, result.map(drop))?;
        Ok(TerminateResponse {})
    }

    pub(super) async fn suspend(&self, request: SuspendRequest) -> Result<SuspendResponse, Refused> {
        let id = &request.instance_id;
        let result = self.hub.suspend(id, request.reason.unwrap_or_default()).await;
        self.changed("suspend", id, result)?;
        Ok(SuspendResponse {})
    }

    pub(super) async fn resume(&self, request: ResumeRequest) -> Result<ResumeResponse, Refused> {
        let id = &request.instance_id;
        let result = self.hub.resume(id, request.reason.unwrap_or_default()).await;
        self.changed("resume", id, result)?;
        Ok(ResumeResponse {})
    }

    /// For clients of SDKs, what an instance is already, or can be no more, is no error: with the servers that they know it comes to
    /// nothing.
    fn changed(&self, operation: &str, id: &str, result: Result<(), RequestError>) -> Result<(), Refused> {
        if self.caller == Caller::Sdk && matches!(result, Err(RequestError::Ended(_) | RequestError::WrongState(_))) {
            return Ok(());
        }
        result.map_err(|error| match error {
            RequestError::NotFound => Refused::no_instance_for_framework(id),
            RequestError::Ended(status) => Refused::wrong_state(operation, id, status),
            RequestError::WrongState(text) => {
                Refused::new(Code::FailedPrecondition, format!("InvalidOperationException: {text}"))
            }
            error => error.into(),
        })
    }

    pub(super) async fn restart(&self, request: RestartInstanceRequest) -> Result<RestartInstanceResponse, Refused> {
        let id = &request.instance_id;
        match self.hub.restart(id, request.restart_with_new_instance_id).await {
            Ok(instance_id) => Ok(RestartInstanceResponse { instance_id }),
            Err(RequestError::NotFound) => Err(Refused::no_instance_for_framework(id)),
            Err(error @ RequestError::InUse(_)) => Err(Refused::new(
                Code::FailedPrecondition,
                format!("InvalidOperationException: {error}"),
            )),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn rewind(&self, request: RewindInstanceRequest) -> Result<RewindInstanceResponse, Refused> {
        let id = &request.instance_id;
        match self.hub.rewind(id, &request.reason.unwrap_or_default()).await {
            Ok(()) => Ok(RewindInstanceResponse {}),
            Err(RequestError::NotFound) => Err(Refused::no_instance(id)),
            Err(RequestError::NotFailed(status)) => {
                let text = "The rewind operation is only supported on failed orchestration instances.";
                let text = match self.caller {
                    Caller::App => text.to_owned(),
                    Caller::Sdk => format!("{text} This one is {}.", status.name()),
                };
                Err(Refused::new(Code::FailedPrecondition, text))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn purge(&self, request: PurgeInstancesRequest) -> Result<PurgeInstancesResponse, Refused> {
        use purge_instances_request::Request;
        let below = match request.recursive {
            true => Below::Purged,
            false => Below::Kept,
        };
        let count = match request.request {
            Some(Request::InstanceId(id)) => self.purge_one(&id, below).await?,
            Some(Request::InstanceBatch(batch)) => {
                let mut count = 0;
                for id in &batch.instance_ids {
                    count += self.purge_one(id, below).await?;
                }
                count
            }
            Some(Request::PurgeInstanceFilter(filter)) => self.purge_many(&filter, below).await?,
            None => {
                return Err(Refused::new(
                    Code::InvalidArgument,
                    "The purge names neither an instance nor a filter.",
                ));
            }
        };
        Ok(PurgeInstancesResponse {
            deleted_instance_count: i32::try_from(count).unwrap_or(i32::MAX),
            is_complete: None,
        })
    }

    async fn purge_one(&self, id: &str, below: Below) -> Result<usize, Refused> {
        let (key, status) = match self.hub.find(id).await {
            Ok(Some(row)) => (row.key, Some(row.state.status)),
            Ok(None) => return Ok(0),
            // What cannot be read does not run, unless it was read before.
            Err(RequestError::Damaged(row)) => (row.key, self.hub.status(id).await.ok()),
            Err(error) => return Err(error.into()),
        };
        match status.filter(|status| !status.is_terminal()) {
            Some(_) if self.caller == Caller::Sdk => Ok(0),
            Some(status) => Err(Refused::new(
                Code::FailedPrecondition,
                format!(
                    "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID {id} has \
                     status {}",
                    status.name()
                ),
            )),
            None => Ok(self.hub.purge_with(&[(id, key)], below).await?),
        }
    }
}

/// One that runs is terminated before it is replaced, and so has to be replaceable when it is terminated.
fn check_reuse(replaceable: Option<&[RuntimeStatus]>) -> Result<(), Refused> {
    let replaceable = replaceable.unwrap_or_default();
    let replaces_running = replaceable.iter().any(|status| !status.is_terminal());
    if !replaces_running || replaceable.contains(&RuntimeStatus::Terminated) {
        return Ok(());
    }
    // In the words of the Durable Task Scheduler.
    Err(Refused::new(
        Code::InvalidArgument,
        "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of running instances",
    ))
}

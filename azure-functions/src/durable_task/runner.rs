//! Runs what the server gives out: each item in a task of its own, from its request to its answer.

use super::{
    activity_input::{result_of, value_of},
    completion::{self, Answer, told},
    entity_messages,
    entity_request::Batch,
    limits::Limits,
    not_found,
    open_items::{OpenItem, OpenItems},
    rewind,
    seats::Seats,
    served::{Served, trigger_name},
    server::{Completion, Kind, Server},
};
use crate::{
    app::startup::Started,
    context::{Context, InvocationSpan, Scope, Sink},
    durable::{EndedExecution, KnownFunctions, details_of_text, failed_response},
    entity_batch::LateAnswer,
    invocation::{Invocation, Outputs},
    registry::{Function, Handler},
    rpc::{Data, TypedData},
    spans::InvocationSpans,
    worker::{
        asker::{Answered, Asker, ServerReply},
        call::Reply,
        logger, run_function,
        threads::Threads,
    },
};
use azure_functions_durable::{
    EntityId, OrchestrationClient,
    protobuf::{
        ActivityRequest, ActivityResponse, EntityBatchResult, ExecutionStartedEvent, OrchestrationTraceContext,
        OrchestratorRequest, OrchestratorResponse, TraceContext, WorkItem, history_event::EventType,
        work_item::Request,
    },
};
use prost::Message as _;
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// The functions of the app at the service of a server.
pub(super) struct Runner {
    pub(super) server: Arc<dyn Server>,
    pub(super) served: Served,
    pub(super) started: Started,
    pub(super) threads: StoppedThreads,
    /// What durable client bindings are.
    pub(super) client: Option<OrchestrationClient>,
    pub(super) open: OpenItems,
    seats: Seats,
    numbers: AtomicU64,
}

/// Threads that stop when this is dropped, which may be anywhere.
pub(super) struct StoppedThreads(Option<Threads>);

impl From<Threads> for StoppedThreads {
    fn from(threads: Threads) -> Self {
        Self(Some(threads))
    }
}

impl Drop for StoppedThreads {
    fn drop(&mut self) {
        if let Some(threads) = self.0.take() {
            threads.stop();
        }
    }
}

/// Why an item is given back.
#[derive(Debug)]
struct GivenBack(String);

impl Runner {
    pub(super) fn new(
        server: Arc<dyn Server>,
        served: Served,
        started: Started,
        threads: StoppedThreads,
        client: Option<OrchestrationClient>,
        limits: Limits,
    ) -> Self {
        Self {
            server,
            served,
            started,
            threads,
            client,
            open: OpenItems::default(),
            seats: Seats::new(limits),
            numbers: AtomicU64::new(0),
        }
    }

    /// Begins an item; never waits for it. `HealthPing`s and what newer servers add are ignored. Where there is no seat for the item, it
    /// waits for one until the worker stops, or `lost` is cancelled: then the stream has ended, and the server gives the item out again.
    pub(super) fn take(self: &Arc<Self>, item: WorkItem, lost: &CancellationToken) {
        let WorkItem {
            request: Some(request),
            completion_token: token,
        } = item
        else {
            return;
        };
        let Some((kind, whose)) = subject(&request) else { return };
        let cancellation = CancellationToken::new();
        let number = self.open.begin(OpenItem {
            kind,
            token: token.clone(),
            whose: whose.clone(),
            cancellation: cancellation.clone(),
        });
        let runner = Arc::clone(self);
        let lost = lost.clone();
        let task = tokio::spawn(async move {
            let (answer, _seat) = tokio::select! {
                biased;
                seat = runner.seats.take(kind) => (runner.answer(request, &token, cancellation).await, Some(seat)),
                () = cancellation.cancelled() => (Err(GivenBack("the worker stops".to_owned())), None),
                () = lost.cancelled() => (Err(GivenBack("its stream ended before it began".to_owned())), None),
            };
            match answer {
                Ok(answer) => completion::send(&*runner.server, kind, &token, answer, &whose).await,
                Err(GivenBack(reason)) => {
                    log::warn!("{whose} is given back to the server: {reason}");
                    completion::abandon(&*runner.server, kind, &token, &whose).await;
                }
            }
            runner.open.end(number);
        });
        self.open.runs_in(number, task.abort_handle());
    }

    /// Gives an item back at once, while the worker stops.
    pub(super) fn refuse(self: &Arc<Self>, item: WorkItem) {
        let Some((kind, whose)) = item.request.as_ref().and_then(subject) else {
            return;
        };
        let runner = Arc::clone(self);
        tokio::spawn(async move {
            completion::abandon(&*runner.server, kind, &item.completion_token, &whose).await;
        });
    }

    async fn answer(
        &self,
        request: Request,
        token: &str,
        cancellation: CancellationToken,
    ) -> Result<Answer, GivenBack> {
        let completion_token = token.to_owned();
        let batch: Batch = match request {
            Request::OrchestratorRequest(request) => {
                let (response, ended) = self.orchestration(request, cancellation).await?;
                let completion = Completion::Orchestration(OrchestratorResponse {
                    completion_token,
                    ..response
                });
                return Ok(Answer {
                    ended,
                    ..completion.into()
                });
            }
            Request::ActivityRequest(request) => {
                let answer = Completion::Activity(ActivityResponse {
                    completion_token,
                    ..self.activity(request, cancellation).await?
                });
                return Ok(answer.into());
            }
            Request::EntityRequest(request) => request.into(),
            Request::EntityRequestV2(request) => request.into(),
            Request::HealthPing(_) => return Err(GivenBack("it is no work".to_owned())),
        };
        let old_state = batch.request.entity_state.clone();
        let completion = Completion::Entity(EntityBatchResult {
            completion_token,
            ..self.entity(batch, cancellation).await?
        });
        Ok(Answer {
            old_state,
            ..completion.into()
        })
    }

    async fn orchestration(
        &self,
        mut request: OrchestratorRequest,
        cancellation: CancellationToken,
    ) -> Result<(OrchestratorResponse, Option<Box<EndedExecution>>), GivenBack> {
        if request.requires_history_streaming {
            let history = self
                .server
                .history(request.instance_id.clone(), request.execution_id.clone());
            request.past_events = history
                .await
                .map_err(|status| GivenBack(format!("its history cannot be had: {}", told(&status))))?;
        }
        // What the server is told of the orchestration's span: what it knows, where this turn says nothing of it.
        let known = request.orchestration_trace_context.clone().unwrap_or_default();
        if let Some(response) = rewind::answer(&request) {
            // The execution that goes on has a span of its own.
            let response = OrchestratorResponse {
                orchestration_trace_context: Some(OrchestrationTraceContext::default()),
                ..response
            };
            return Ok((response, None));
        }
        let instance_id = request.instance_id.clone();
        let Some(started) = started(&request) else {
            let text = "the history of the orchestration has no ExecutionStarted event";
            return Ok((failed_response(instance_id, "unreadable history", text), None));
        };
        let Some(function) = self.served.find(Kind::Orchestration, &started.name) else {
            return Ok((not_found::orchestration(instance_id, &started.name), None));
        };
        let trace = started.parent_trace_context.clone();
        entity_messages::put_into(&mut request);
        let call = Call {
            instance_id: instance_id.clone(),
            trigger: Data::Bytes(request.encode_to_vec().into()),
            trace,
            cancellation,
        };
        let (response, ended) = match self.run(function, call).await? {
            Answered::Turn { mut response, ended } => {
                entity_messages::take_out_of(&mut response);
                (response, ended)
            }
            Answered::Failed { details, .. } => {
                let response = failed_response(instance_id, &details.error_type, &details.error_message);
                (response, None)
            }
            Answered::Outputs(_) => return Err(GivenBack("it has no answer".to_owned())),
        };
        let said = response.orchestration_trace_context.clone();
        let response = OrchestratorResponse {
            orchestration_trace_context: said.or(Some(known)),
            ..response
        };
        Ok((response, ended))
    }

    async fn activity(
        &self,
        request: ActivityRequest,
        cancellation: CancellationToken,
    ) -> Result<ActivityResponse, GivenBack> {
        let instance_id = request.orchestration_instance.map(|instance| instance.instance_id);
        let instance_id = instance_id.unwrap_or_default();
        let response = ActivityResponse {
            instance_id: instance_id.clone(),
            task_id: request.task_id,
            ..ActivityResponse::default()
        };
        let Some(function) = self.served.find(Kind::Activity, &request.name) else {
            return Ok(ActivityResponse {
                failure_details: Some(not_found::activity(&request.name)),
                ..response
            });
        };
        let call = Call {
            instance_id,
            trigger: value_of(request.input).data.unwrap_or(Data::Json("null".to_owned())),
            trace: request.parent_trace_context,
            cancellation,
        };
        match self.run(function, call).await? {
            Answered::Outputs(Outputs { return_value, .. }) => Ok(match result_of(return_value) {
                Ok(result) => ActivityResponse { result, ..response },
                // It would return the same again.
                Err(reason) => ActivityResponse {
                    failure_details: Some(details_of_text("unreadable result", &reason)),
                    ..response
                },
            }),
            // It may run elsewhere.
            Answered::Failed { details, is_late: true } => Err(GivenBack(format!(
                "it failed after it was asked to stop: {}",
                details.error_message
            ))),
            Answered::Failed { details, .. } => Ok(ActivityResponse {
                failure_details: Some(*details),
                ..response
            }),
            Answered::Turn { .. } => Err(GivenBack("it has no answer".to_owned())),
        }
    }

    async fn entity(
        &self,
        Batch { request, infos }: Batch,
        cancellation: CancellationToken,
    ) -> Result<EntityBatchResult, GivenBack> {
        let id: EntityId = match request.instance_id.parse() {
            Ok(id) => id,
            Err(error) => return Err(GivenBack(format!("its id is no entity's: {error}"))),
        };
        let result = match self.served.find(Kind::Entity, id.name()) {
            None => not_found::entity(request, id.name()),
            Some(function) => {
                let call = Call {
                    instance_id: request.instance_id.clone(),
                    trigger: Data::Bytes(request.encode_to_vec().into()),
                    trace: None,
                    cancellation,
                };
                match self.run(function, call).await? {
                    Answered::Outputs(outputs) => entity_result(outputs)?,
                    // The state stays.
                    Answered::Failed { details, .. } => EntityBatchResult {
                        entity_state: request.entity_state,
                        failure_details: Some(*details),
                        ..EntityBatchResult::default()
                    },
                    Answered::Turn { .. } => return Err(GivenBack("it has no answer".to_owned())),
                }
            }
        };
        Ok(EntityBatchResult {
            operation_infos: infos,
            ..result
        })
    }

    async fn run(&self, function: &'static Function, call: Call) -> Result<Answered, GivenBack> {
        let Some(threads) = &self.threads.0 else {
            return Err(GivenBack("the worker has stopped".to_owned()));
        };
        let Call {
            instance_id,
            trigger,
            trace,
            cancellation,
        } = call;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let id = format!("{instance_id}/{number}");
        let trace = trace.unwrap_or_default();
        let trace_state = trace.trace_state.unwrap_or_default();
        let data = |data| TypedData { data: Some(data) };
        let trigger_metadata = HashMap::from([("instanceId".to_owned(), data(Data::String(instance_id)))]);
        let scope = Scope {
            invocation_id: id.clone(),
            function,
            trace_parent: trace.trace_parent.clone(),
            trace_state: trace_state.clone(),
            cancellation: cancellation.clone(),
            retry: None,
            level: logger::LEVEL_ALONE,
            // No thread reads a stream and runs functions between.
            pace: Arc::default(),
            records: Sink::Console,
            span: InvocationSpan::default(),
            spans: InvocationSpans::new(function, &trigger_metadata, true),
            answered: AtomicBool::new(false),
        };
        let invocation = Invocation {
            id,
            function: function.name,
            inputs: vec![(trigger_name(function), data(trigger))],
            trigger_metadata,
            trace_parent: trace.trace_parent,
            trace_state,
            cancellation,
            client_transport: None,
            client: self.client.clone(),
            states: self.started.states.clone(),
            makes_spans: true,
        };
        let (reply, answered) = ServerReply::new();
        let reply = Reply {
            context: Context(Arc::new(scope)),
            asker: Asker::Server(reply),
            late_answer: match function.handler {
                Handler::Entity { trigger, .. } => LateAnswer::of(trigger, &invocation),
                _ => None,
            },
        };
        // Workers of other apps, in other languages, have functions too.
        let known = KnownFunctions::any();
        run_function::start(function, invocation, reply, threads, self.started.clone(), &known);
        answered
            .await
            .map_err(|_| GivenBack("the function was dropped before its end".to_owned()))
    }
}

/// What one run is given.
struct Call {
    instance_id: String,
    trigger: Data,
    trace: Option<TraceContext>,
    cancellation: CancellationToken,
}

/// The kind of an item, and whose it is.
fn subject(request: &Request) -> Option<(Kind, String)> {
    Some(match request {
        Request::OrchestratorRequest(request) => (Kind::Orchestration, format!("instance `{}`", request.instance_id)),
        Request::ActivityRequest(request) => {
            let instance = request.orchestration_instance.as_ref();
            let id = instance.map_or("", |instance| instance.instance_id.as_str());
            (
                Kind::Activity,
                format!("activity `{}` of instance `{id}`", request.name),
            )
        }
        Request::EntityRequest(request) => (Kind::Entity, format!("entity `{}`", request.instance_id)),
        Request::EntityRequestV2(request) => (Kind::Entity, format!("entity `{}`", request.instance_id)),
        Request::HealthPing(_) => return None,
    })
}

/// The beginning of an execution, which names its orchestration.
fn started(request: &OrchestratorRequest) -> Option<&ExecutionStartedEvent> {
    let mut events = request.past_events.iter().chain(&request.new_events);
    events.find_map(|event| match &event.event_type {
        Some(EventType::ExecutionStarted(started)) => Some(started),
        _ => None,
    })
}

/// What a batch gave back.
fn entity_result(outputs: Outputs) -> Result<EntityBatchResult, GivenBack> {
    match outputs.return_value.and_then(|value| value.data) {
        Some(Data::Bytes(message)) => {
            EntityBatchResult::decode(message).map_err(|error| GivenBack(format!("its answer cannot be read: {error}")))
        }
        _ => Err(GivenBack("it has no answer".to_owned())),
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("served", &self.served)
            .finish_non_exhaustive()
    }
}

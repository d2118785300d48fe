//! Calls of workers that take their work from a stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use azure_functions_durable::protobuf::{
    AbandonActivityTaskRequest, AbandonActivityTaskResponse, AbandonEntityTaskRequest, AbandonEntityTaskResponse,
    AbandonOrchestrationTaskRequest, AbandonOrchestrationTaskResponse, ActivityResponse, CompleteTaskResponse,
    CreateTaskHubRequest, CreateTaskHubResponse, EntityBatchResult, OrchestratorResponse,
};
use bytes::Bytes;
use futures_util::Stream;

use super::{
    Call, Caller, Code, Refused,
    entries::{self, TooMany},
    read,
};
use crate::durable::{
    hub::TaskHub,
    streams::{self, Unconnected},
    work::WorkKind,
};

/// The `WorkItem` messages of a worker, which is connected until this is dropped. Ends when the hub closes.
#[derive(Debug)]
pub struct WorkItems {
    items: streams::WorkItems,
    /// For people.
    worker: String,
    hub: String,
}

impl Stream for WorkItems {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Pin::new(&mut self.items).poll_next(context)
    }
}

impl Drop for WorkItems {
    fn drop(&mut self) {
        let Self { items, worker, hub } = self;
        match items.open() {
            0 => log::info!("{worker} has disconnected from task hub '{hub}'"),
            open => {
                log::info!("{worker} has disconnected from task hub '{hub}'; {open} of its work items had no answer");
            }
        }
    }
}

impl TaskHub {
    /// Answers `GetWorkItems`: connects a worker. `program`: what it says of itself, for people; empty: nothing.
    ///
    /// # Errors
    /// The caller is of an app, whose worker does not ask for work, or the hub is closing or has too many workers, or the message is
    /// none, or has too many filters.
    pub fn work_items(&self, caller: Caller, program: &str, message: Bytes) -> Result<WorkItems, Refused> {
        if caller == Caller::App {
            return Err(Refused::new(
                Code::Unimplemented,
                "Only the app works here. `cargo func host` and `cargo func run --grpc-port` have a port for other workers.",
            ));
        }
        entries::check_filters(&message).map_err(|problem| Refused::new(Code::InvalidArgument, problem))?;
        let items = self
            .inner
            .streams
            .connect(read(message)?)
            .map_err(|unconnected| match unconnected {
                Unconnected::Closed => Refused::new(Code::Unavailable, "The task hub is closing."),
                Unconnected::TooMany => Refused::new(
                    Code::ResourceExhausted,
                    "The task hub has as many workers as it takes: disconnect some.",
                ),
            })?;
        let number = items.worker();
        let worker = match program {
            "" => format!("worker {number}"),
            program => format!("worker {number} ({program})"),
        };
        let hub = self.name().to_string();
        log::info!("{worker} has connected to task hub '{hub}': it takes {}", items.takes());
        Ok(WorkItems { items, worker, hub })
    }
}

impl Call<'_> {
    pub(super) fn complete_orchestrator(&self, message: Bytes) -> Result<CompleteTaskResponse, Refused> {
        let entries = match entries::check(&message, &entries::ORCHESTRATOR_RESPONSE) {
            Ok(entries) => entries,
            Err(TooMany { token, reason }) => {
                self.hub.streams.refuse(&token, WorkKind::Orchestration, reason);
                return Ok(CompleteTaskResponse {});
            }
        };
        let response: OrchestratorResponse = read(message)?;
        has_token("episode", &response.completion_token)?;
        match self.hub.streams.complete_orchestrator(response, entries) {
            Ok(()) => Ok(CompleteTaskResponse {}),
            // Workers of .NET then abandon the item.
            Err(error) => Err(Refused::new(Code::FailedPrecondition, error.to_string())),
        }
    }

    pub(super) fn complete_activity(&self, response: ActivityResponse) -> Result<CompleteTaskResponse, Refused> {
        has_token("activity", &response.completion_token)?;
        self.hub.streams.complete_activity(response);
        Ok(CompleteTaskResponse {})
    }

    pub(super) fn complete_entity(&self, message: Bytes) -> Result<CompleteTaskResponse, Refused> {
        if let Err(TooMany { token, reason }) = entries::check(&message, &entries::ENTITY_BATCH_RESULT) {
            self.hub.streams.refuse(&token, WorkKind::Entity, reason);
            return Ok(CompleteTaskResponse {});
        }
        let result: EntityBatchResult = read(message)?;
        has_token("operations of an entity", &result.completion_token)?;
        self.hub.streams.complete_entity(result);
        Ok(CompleteTaskResponse {})
    }

    pub(super) fn abandon_entity(&self, request: AbandonEntityTaskRequest) -> AbandonEntityTaskResponse {
        let AbandonEntityTaskRequest { completion_token } = request;
        self.hub.streams.abandon(&completion_token);
        AbandonEntityTaskResponse {}
    }

    pub(super) fn abandon_orchestrator(
        &self,
        request: AbandonOrchestrationTaskRequest,
    ) -> AbandonOrchestrationTaskResponse {
        let AbandonOrchestrationTaskRequest { completion_token } = request;
        self.hub.streams.abandon(&completion_token);
        AbandonOrchestrationTaskResponse {}
    }

    pub(super) fn abandon_activity(&self, request: AbandonActivityTaskRequest) -> AbandonActivityTaskResponse {
        let AbandonActivityTaskRequest { completion_token } = request;
        self.hub.streams.abandon(&completion_token);
        AbandonActivityTaskResponse {}
    }

    /// The hub is there already.
    pub(super) fn create_hub(&self, request: CreateTaskHubRequest) -> Result<CreateTaskHubResponse, Refused> {
        if request.recreate_if_exists {
            return Err(self.in_use("made anew"));
        }
        Ok(CreateTaskHubResponse {})
    }

    pub(super) fn in_use(&self, what: &str) -> Refused {
        let name = &self.hub.options.name;
        Refused::new(
            Code::FailedPrecondition,
            format!(
                "The task hub '{name}' is open, so it cannot be {what}: stop the host, and delete the file {}.",
                self.hub.options.database().display()
            ),
        )
    }
}

/// Without its token, an answer could be taken for that to a later item of the same name.
fn has_token(what: &str, token: &str) -> Result<(), Refused> {
    if token.is_empty() {
        return Err(Refused::new(
            Code::InvalidArgument,
            format!(
                "The answer to this work item ({what}) has no completionToken: give back the one of the work item."
            ),
        ));
    }
    Ok(())
}

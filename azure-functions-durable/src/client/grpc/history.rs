//! The history of an instance, as it comes in.

use super::super::OrchestrationClient;
use super::super::error::OrchestrationClientError;
use super::super::history::{Chunk, HistoryStream};
use super::ask::Ask;
use super::call::Caller;
use super::convert::{runtime_status, time};
use crate::protobuf::{self, history_event::EventType};
use crate::{FailureDetails, HistoryEvent, HistoryEventKind as Kind};
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::Streaming;

impl Caller<'_> {
    pub(in super::super) async fn stream_history(
        self,
        operation: &str,
        instance_id: &str,
    ) -> Result<HistoryStream, OrchestrationClientError> {
        let message = protobuf::StreamInstanceHistoryRequest {
            instance_id: instance_id.to_owned(),
            ..protobuf::StreamInstanceHistoryRequest::default()
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            ..self.read(operation)
        };
        // The first events belong to the call, so that a host that is not there, and an instance, are noticed here.
        let (first, chunks) = self
            .call(&ask, message, |mut sidecar, request| async move {
                let mut chunks = sidecar.stream_instance_history(request).await?.into_inner();
                let first = chunks.message().await?;
                Ok(tonic::Response::new((first, chunks)))
            })
            .await?;
        let Some(first) = first else {
            return Ok(HistoryStream::new(Vec::new(), None));
        };
        let rest = Chunks {
            client: self.client.clone(),
            operation: operation.to_owned(),
            instance_id: instance_id.to_owned(),
            chunks,
            limit: None,
        };
        Ok(HistoryStream::new(events(first), Some(Box::pin(rest))))
    }
}

/// What comes after the first events, each within the time that a request may take.
struct Chunks {
    client: OrchestrationClient,
    operation: String,
    instance_id: String,
    chunks: Streaming<protobuf::HistoryChunk>,
    limit: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Chunks {
    fn error(&self, status: Option<tonic::Status>) -> OrchestrationClientError {
        let after = self.client.request_timeout;
        match (self.client.grpc(), status) {
            (Some(caller), Some(status)) => {
                let ask = Ask {
                    instance_id: Some(&self.instance_id),
                    ..caller.read(&self.operation)
                };
                caller.error(&ask, status)
            }
            _ => OrchestrationClientError::Timeout {
                operation: self.operation.clone(),
                after,
            },
        }
    }
}

impl Stream for Chunks {
    type Item = Chunk;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        match Pin::new(&mut self.chunks).poll_next(cx) {
            Poll::Ready(chunk) => {
                self.limit = None;
                Poll::Ready(chunk.map(|chunk| match chunk {
                    Ok(chunk) => Ok(events(chunk)),
                    Err(status) => Err(self.error(Some(status))),
                }))
            }
            Poll::Pending => {
                let limit: Duration = self.client.request_timeout;
                let limit = self.limit.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                match limit.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(self.error(None)))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

fn events(chunk: protobuf::HistoryChunk) -> Vec<HistoryEvent> {
    chunk.events.into_iter().map(event).collect()
}

fn event(event: protobuf::HistoryEvent) -> HistoryEvent {
    HistoryEvent {
        event_id: event.event_id,
        timestamp: time(event.timestamp),
        kind: event.event_type.map_or(Kind::Other { name: "" }, kind),
    }
}

fn kind(event: EventType) -> Kind {
    match event {
        EventType::OrchestratorStarted(_) => Kind::OrchestratorStarted,
        EventType::OrchestratorCompleted(_) => Kind::OrchestratorCompleted,
        EventType::ExecutionStarted(e) => {
            let instance = e.orchestration_instance.unwrap_or_default();
            Kind::ExecutionStarted {
                name: e.name,
                version: e.version,
                input: e.input,
                instance_id: instance.instance_id,
                execution_id: instance.execution_id,
                parent_instance_id: e
                    .parent_instance
                    .and_then(|parent| parent.orchestration_instance)
                    .map(|instance| instance.instance_id),
                scheduled_start_time: time(e.scheduled_start_timestamp),
                tags: e.tags.into_iter().collect(),
            }
        }
        EventType::ExecutionCompleted(e) => Kind::ExecutionCompleted {
            status: runtime_status(e.orchestration_status),
            result: e.result,
            failure: e.failure_details.map(FailureDetails::from),
        },
        EventType::ExecutionTerminated(e) => Kind::ExecutionTerminated {
            output: e.input,
            recursive: e.recurse,
        },
        EventType::ExecutionSuspended(e) => Kind::ExecutionSuspended { reason: e.input },
        EventType::ExecutionResumed(e) => Kind::ExecutionResumed { reason: e.input },
        EventType::ExecutionRewound(e) => Kind::ExecutionRewound { reason: e.reason },
        EventType::ContinueAsNew(e) => Kind::ContinueAsNew { input: e.input },
        EventType::TaskScheduled(e) => Kind::TaskScheduled {
            name: e.name,
            version: e.version,
            input: e.input,
            tags: e.tags.into_iter().collect(),
        },
        EventType::TaskCompleted(e) => Kind::TaskCompleted {
            scheduled_id: e.task_scheduled_id,
            result: e.result,
        },
        EventType::TaskFailed(e) => Kind::TaskFailed {
            scheduled_id: e.task_scheduled_id,
            failure: e.failure_details.map(FailureDetails::from),
        },
        EventType::SubOrchestrationInstanceCreated(e) => Kind::SubOrchestrationCreated {
            instance_id: e.instance_id,
            name: e.name,
            version: e.version,
            input: e.input,
            tags: e.tags.into_iter().collect(),
        },
        EventType::SubOrchestrationInstanceCompleted(e) => Kind::SubOrchestrationCompleted {
            scheduled_id: e.task_scheduled_id,
            result: e.result,
        },
        EventType::SubOrchestrationInstanceFailed(e) => Kind::SubOrchestrationFailed {
            scheduled_id: e.task_scheduled_id,
            failure: e.failure_details.map(FailureDetails::from),
        },
        EventType::TimerCreated(e) => Kind::TimerCreated {
            fire_at: time(e.fire_at),
        },
        EventType::TimerFired(e) => Kind::TimerFired {
            timer_id: e.timer_id,
            fire_at: time(e.fire_at),
        },
        EventType::EventSent(e) => Kind::EventSent {
            instance_id: e.instance_id,
            name: e.name,
            input: e.input,
        },
        EventType::EventRaised(e) => Kind::EventRaised {
            name: e.name,
            input: e.input,
        },
        EventType::GenericEvent(e) => Kind::Generic { data: e.data },
        EventType::HistoryState(_) => Kind::Other { name: "historyState" },
        EventType::EntityOperationSignaled(_) => Kind::Other {
            name: "entityOperationSignaled",
        },
        EventType::EntityOperationCalled(_) => Kind::Other {
            name: "entityOperationCalled",
        },
        EventType::EntityOperationCompleted(_) => Kind::Other {
            name: "entityOperationCompleted",
        },
        EventType::EntityOperationFailed(_) => Kind::Other {
            name: "entityOperationFailed",
        },
        EventType::EntityLockRequested(_) => Kind::Other {
            name: "entityLockRequested",
        },
        EventType::EntityLockGranted(_) => Kind::Other {
            name: "entityLockGranted",
        },
        EventType::EntityUnlockSent(_) => Kind::Other {
            name: "entityUnlockSent",
        },
    }
}

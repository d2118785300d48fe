//! A server at the other end of a connection.

use super::server::{Call, Completion, Kind, Server, WorkItems};
use azure_functions_durable::{
    ServerAddress, ServerAddressError,
    protobuf::{
        AbandonActivityTaskRequest, AbandonEntityTaskRequest, AbandonOrchestrationTaskRequest, GetWorkItemsRequest,
        HistoryEvent, StreamInstanceHistoryRequest,
    },
    server::Sidecar,
};
use futures_util::{FutureExt, StreamExt};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tonic::{Request, Status};

/// How long a server may take to say hello.
const HELLO: Duration = Duration::from_secs(30);
/// How long it may take for an answer: then the connection is half open, or the server hangs.
const CALL: Duration = Duration::from_secs(60);
/// Bytes of the largest message that is taken. Servers keep below 4 MiB, but for a single event that is larger.
const LARGEST_MESSAGE: usize = 128 << 20;

/// The server at an address.
pub(super) struct GrpcServer {
    address: ServerAddress,
    sidecar: Mutex<Sidecar>,
}

impl GrpcServer {
    pub(super) fn new(address: ServerAddress) -> Result<Self, ServerAddressError> {
        Ok(Self {
            sidecar: Mutex::new(connect(&address)?),
            address,
        })
    }

    fn sidecar(&self) -> Sidecar {
        // Nothing panics while it holds the lock.
        self.sidecar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn connect(address: &ServerAddress) -> Result<Sidecar, ServerAddressError> {
    let sidecar = address.channel()?.sidecar();
    Ok(sidecar
        .max_decoding_message_size(LARGEST_MESSAGE)
        .max_encoding_message_size(LARGEST_MESSAGE))
}

/// A call with a limit, which the server is told as well.
async fn within<T, F>(limit: Duration, call: F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {limit:?}"))),
    }
}

impl Server for GrpcServer {
    fn hello(&self) -> Call<'_, ()> {
        let mut sidecar = self.sidecar();
        async move {
            let mut request = Request::new(());
            request.set_timeout(HELLO);
            within(HELLO, sidecar.hello(request)).await?;
            Ok(())
        }
        .boxed()
    }

    fn work_items(&self, request: GetWorkItemsRequest) -> Call<'_, WorkItems> {
        let mut sidecar = self.sidecar();
        async move { Ok(sidecar.get_work_items(request).await?.into_inner().boxed()) }.boxed()
    }

    fn complete(&self, completion: Completion) -> Call<'_, ()> {
        let mut sidecar = self.sidecar();
        async move {
            let call = async {
                match completion {
                    Completion::Orchestration(response) => sidecar.complete_orchestrator_task(response).await,
                    Completion::Activity(response) => sidecar.complete_activity_task(response).await,
                    Completion::Entity(result) => sidecar.complete_entity_task(result).await,
                }
            };
            within(CALL, call).await?;
            Ok(())
        }
        .boxed()
    }

    fn abandon(&self, kind: Kind, token: String) -> Call<'_, ()> {
        let mut sidecar = self.sidecar();
        async move {
            let call = async {
                let completion_token = token;
                match kind {
                    Kind::Orchestration => {
                        let request = AbandonOrchestrationTaskRequest { completion_token };
                        sidecar.abandon_task_orchestrator_work_item(request).await?;
                    }
                    Kind::Activity => {
                        let request = AbandonActivityTaskRequest { completion_token };
                        sidecar.abandon_task_activity_work_item(request).await?;
                    }
                    Kind::Entity => {
                        let request = AbandonEntityTaskRequest { completion_token };
                        sidecar.abandon_task_entity_work_item(request).await?;
                    }
                }
                Ok(())
            };
            within(CALL, call).await
        }
        .boxed()
    }

    fn history(&self, instance_id: String, execution_id: Option<String>) -> Call<'_, Vec<HistoryEvent>> {
        let mut sidecar = self.sidecar();
        async move {
            let request = StreamInstanceHistoryRequest {
                instance_id,
                execution_id,
                for_work_item_processing: true,
            };
            let mut chunks = within(CALL, sidecar.stream_instance_history(request))
                .await?
                .into_inner();
            let mut events = Vec::new();
            while let Some(chunk) = within(CALL, chunks.message()).await? {
                events.extend(chunk.events);
            }
            Ok(events)
        }
        .boxed()
    }

    fn reconnect(&self) {
        // What was right once is right again.
        if let Ok(sidecar) = connect(&self.address) {
            *self.sidecar.lock().unwrap_or_else(PoisonError::into_inner) = sidecar;
        }
    }
}

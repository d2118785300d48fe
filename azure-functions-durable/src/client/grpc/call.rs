//! How a call is made, more than once if need be.

use super::super::OrchestrationClient;
use super::super::error::OrchestrationClientError;
use super::address::{Address, Sidecar};
use super::ask::{Ask, Effect, WrongState};
use super::refusal;
use std::future::Future;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

/// A client and its address, for one operation.
#[derive(Clone, Copy)]
pub(in super::super) struct Caller<'a> {
    pub(super) client: &'a OrchestrationClient,
    pub(super) address: &'a Address,
}

impl OrchestrationClient {
    /// The way over gRPC, if it is this client's.
    pub(in super::super) fn grpc(&self) -> Option<Caller<'_>> {
        self.grpc.as_ref().map(|address| Caller { client: self, address })
    }
}

impl<'a> Caller<'a> {
    /// A call that reads.
    pub(super) fn read(&self, operation: &'a str) -> Ask<'a> {
        Ask {
            operation,
            instance_id: None,
            task_hub: None,
            effect: Effect::Reads,
            wrong_state: WrongState::Conflict(409),
            limit: self.client.request_timeout,
        }
    }

    /// A call that changes something.
    pub(super) fn change(&self, operation: &'a str, wrong_state: WrongState) -> Ask<'a> {
        Ask {
            effect: Effect::Changes,
            wrong_state,
            ..self.read(operation)
        }
    }

    /// Makes a call, more than once if that can do no harm.
    pub(super) async fn call<Q: Clone, A, F>(
        &self,
        ask: &Ask<'_>,
        message: Q,
        send: impl Fn(Sidecar, Request<Q>) -> F,
    ) -> Result<A, OrchestrationClientError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        if !self.address.is_reachable() {
            return Err(OrchestrationClientError::TlsUnavailable {
                operation: ask.operation.to_owned(),
                origin: self.address.origin.to_string(),
            });
        }
        let attempts = async {
            let mut failed = 0;
            loop {
                let request = self.request(ask, message.clone())?;
                let status = match send(self.address.sidecar.clone(), request).await {
                    Ok(answer) => return Ok(answer.into_inner()),
                    Err(status) => status,
                };
                failed += 1;
                if failed >= self.client.retries.attempts || !refusal::may_be_repeated(&status, ask.effect) {
                    return Err(self.error(ask, status));
                }
                self.client.transport.sleep(self.client.retries.delay(failed)).await;
            }
        };
        match tokio::time::timeout(ask.limit, attempts).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.timeout(ask)),
        }
    }

    fn request<Q>(&self, ask: &Ask<'_>, message: Q) -> Result<Request<Q>, OrchestrationClientError> {
        let mut request = Request::new(message);
        let headers = request.metadata_mut();
        let task_hub = match ask.task_hub {
            Some(hub) => Some(MetadataValue::try_from(hub).map_err(|_| {
                OrchestrationClientError::input(
                    ask.operation,
                    "the name of the task hub has a character that no header can carry",
                )
            })?),
            None => self.address.task_hub.clone(),
        };
        if let Some(task_hub) = task_hub {
            headers.insert(self.address.task_hub_header, task_hub);
        }
        if let Some(connection) = &self.address.connection {
            headers.insert("durable-connectionname", connection.clone());
        }
        Ok(request)
    }

    /// What a failed call means.
    pub(super) fn error(&self, ask: &Ask<'_>, status: Status) -> OrchestrationClientError {
        refusal::error(ask, status, &self.address.origin, self.client.task_hub())
    }

    fn timeout(&self, ask: &Ask<'_>) -> OrchestrationClientError {
        OrchestrationClientError::Timeout {
            operation: ask.operation.to_owned(),
            after: ask.limit,
        }
    }
}

//! The operations on a single entity: signal, read, delete. A client cannot call one and wait for its answer.

use super::address::Route;
use super::answer::Answer;
use super::error::OrchestrationClientError;
use super::start::to_json;
use super::wire::ClientWire;
use super::{Call, OrchestrationClient, names};
use crate::{EntityId, EntityStateResponse, EntityStatus};
use chrono::{DateTime, Utc};
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

impl OrchestrationClient {
    /// Asks an entity to run an operation, and does not wait until it has: there is no answer, not even an error of the
    /// operation. An entity that does not exist is created. Operations run one after the other, in the order in which
    /// they reach the entity.
    ///
    /// `input` may be `()` or `None` for an operation without one.
    ///
    /// ```no_run
    /// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use azure_functions_durable::EntityId;
    ///
    /// client.signal_entity(&EntityId::new("counter", "visits")?, "add", 1).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BadRequest`](OrchestrationClientError::BadRequest) if the app has no such entity function.
    pub async fn signal_entity(
        &self,
        entity: &EntityId,
        operation: &str,
        input: impl Serialize,
    ) -> Result<(), OrchestrationClientError> {
        let doing = format!("signal `{operation}` to entity `{entity}`");
        names::check_entity_key(&doing, entity)?;
        let input = to_json(&doing, "input", &input)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.signal_entity(&doing, entity, operation, &input, None).await;
        }
        let route = Route::SignalEntity { entity, operation };
        let mut call = Call::new(&doing, Method::POST, route);
        // Without a body the operation has no input.
        call.body = Some(input).filter(|json| json.as_ref() != b"null");
        call.trace = self.trace();
        let answer = self.send(call).await?;
        match answer.status {
            200..=202 => Ok(()),
            _ => Err(answer.unexpected(&doing)),
        }
    }

    /// Asks an entity to run an operation at a later time. The HTTP API has no way to say so, and nothing is sent there: let an
    /// orchestration send the signal, which can.
    ///
    /// # Errors
    /// As [`signal_entity`](Self::signal_entity); [`Unsupported`](OrchestrationClientError::Unsupported) over HTTP.
    pub async fn signal_entity_at(
        &self,
        entity: &EntityId,
        operation: &str,
        time: DateTime<Utc>,
        input: impl Serialize,
    ) -> Result<(), OrchestrationClientError> {
        let doing = format!(
            "signal `{operation}` to entity `{entity}` at {}",
            names::wire_time(time)
        );
        names::check_entity_key(&doing, entity)?;
        let input = to_json(&doing, "input", &input)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.signal_entity(&doing, entity, operation, &input, Some(time)).await;
        }
        drop(input);
        Err(OrchestrationClientError::unsupported(
            &doing,
            ClientWire::Http,
            "the durable HTTP API sends signals at once only; start an orchestration that sends it at that time",
        ))
    }

    /// The state of an entity, as it was when the host looked; operations may be under way.
    ///
    /// ```no_run
    /// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use azure_functions_durable::EntityId;
    ///
    /// let visits = client.read_entity_state::<u64>(&EntityId::new("counter", "visits")?).await?;
    /// println!("{} visits", visits.state.unwrap_or_default());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidResponse`](OrchestrationClientError::InvalidResponse) if the state has another shape;
    /// over HTTP, [`InvalidInput`](OrchestrationClientError::InvalidInput) for the key `$`, which there means the empty one.
    pub async fn read_entity_state<T: DeserializeOwned>(
        &self,
        entity: &EntityId,
    ) -> Result<EntityStateResponse<T>, OrchestrationClientError> {
        let doing = format!("read the state of entity `{entity}`");
        names::check_entity_key(&doing, entity)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.read_entity_state(&doing, entity).await;
        }
        let answer = self.read_entity(&doing, entity).await?;
        match answer.status {
            200 if answer.body.is_empty() => Ok(EntityStateResponse {
                exists: true,
                state: None,
            }),
            200 => Ok(EntityStateResponse {
                exists: true,
                state: answer.json(&doing)?,
            }),
            404 => Ok(EntityStateResponse::missing()),
            _ => Err(answer.unexpected(&doing)),
        }
    }

    /// An entity, with its state if `fetch_state` says so, and what the host tells of it; `None` if it does not exist. Over HTTP that is the
    /// state alone.
    ///
    /// # Errors
    /// As [`read_entity_state`](Self::read_entity_state).
    pub async fn get_entity(
        &self,
        entity: &EntityId,
        fetch_state: bool,
    ) -> Result<Option<EntityStatus>, OrchestrationClientError> {
        let doing = format!("look at entity `{entity}`");
        names::check_entity_key(&doing, entity)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.entity(&doing, entity, fetch_state).await;
        }
        let answer = self.read_entity(&doing, entity).await?;
        let mut status = EntityStatus::new(entity.clone());
        match answer.status {
            200 if answer.body.is_empty() || !fetch_state => {}
            200 => status.state = answer.json(&doing)?,
            404 => return Ok(None),
            _ => return Err(answer.unexpected(&doing)),
        }
        Ok(Some(status))
    }

    async fn read_entity(&self, doing: &str, entity: &EntityId) -> Result<Answer, OrchestrationClientError> {
        if entity.key() == "$" {
            return Err(OrchestrationClientError::input(
                doing,
                "the HTTP API takes the key `$` for the empty key; give the entity another key",
            ));
        }
        self.send(Call::new(doing, Method::GET, Route::ReadEntity(entity)))
            .await
    }

    /// Signals `delete` to an entity. An entity written with `#[entity]` then has no state any more; in one written as a
    /// function it is an operation like others.
    ///
    /// # Errors
    /// As [`signal_entity`](Self::signal_entity).
    pub async fn delete_entity(&self, entity: &EntityId) -> Result<(), OrchestrationClientError> {
        let doing = format!("delete entity `{entity}`");
        names::check_entity_key(&doing, entity)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.signal_entity(&doing, entity, "delete", b"null", None).await;
        }
        let answer = self
            .send(Call::new(&doing, Method::DELETE, Route::DeleteEntity(entity)))
            .await?;
        match answer.status {
            200..=202 => Ok(()),
            _ => Err(answer.unexpected(&doing)),
        }
    }
}

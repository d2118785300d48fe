//! The operations on a single entity: signal, read, delete. The HTTP API cannot call one and wait for its answer.

use super::address::Route;
use super::error::OrchestrationClientError;
use super::instance::to_json;
use super::{Call, OrchestrationClient, names};
use crate::{EntityId, EntityStateResponse};
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
        let route = Route::SignalEntity { entity, operation };
        let mut call = Call::new(&doing, Method::POST, route);
        // Without a body the operation has no input.
        call.body = Some(to_json(&doing, "input", &input)?).filter(|json| json.as_ref() != b"null");
        let answer = self.send(call).await?;
        match answer.status {
            200..=202 => Ok(()),
            _ => Err(answer.unexpected(&doing)),
        }
    }

    /// Asks an entity to run an operation at a later time. The HTTP API has no way to say so, hence this is always an
    /// error, and nothing is sent: let an orchestration send the signal, which can.
    ///
    /// # Errors
    /// [`Unsupported`](OrchestrationClientError::Unsupported).
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
        to_json(&doing, "input", &input)?;
        Err(OrchestrationClientError::Unsupported {
            operation: doing,
            message: "the HTTP API sends signals at once only; start an orchestration that sends it at that time"
                .to_owned(),
        })
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
    /// [`InvalidInput`](OrchestrationClientError::InvalidInput) for the key `$`, which here means the empty one.
    pub async fn read_entity_state<T: DeserializeOwned>(
        &self,
        entity: &EntityId,
    ) -> Result<EntityStateResponse<T>, OrchestrationClientError> {
        let doing = format!("read the state of entity `{entity}`");
        names::check_entity_key(&doing, entity)?;
        if entity.key() == "$" {
            return Err(OrchestrationClientError::input(
                &doing,
                "the HTTP API takes the key `$` for the empty key; give the entity another key",
            ));
        }
        let answer = self
            .send(Call::new(&doing, Method::GET, Route::ReadEntity(entity)))
            .await?;
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

    /// Signals `delete` to an entity. An entity written with `#[entity]` then has no state any more; in one written as a
    /// function it is an operation like others.
    ///
    /// # Errors
    /// As [`signal_entity`](Self::signal_entity).
    pub async fn delete_entity(&self, entity: &EntityId) -> Result<(), OrchestrationClientError> {
        let doing = format!("delete entity `{entity}`");
        names::check_entity_key(&doing, entity)?;
        let answer = self
            .send(Call::new(&doing, Method::DELETE, Route::DeleteEntity(entity)))
            .await?;
        match answer.status {
            200..=202 => Ok(()),
            _ => Err(answer.unexpected(&doing)),
        }
    }
}

//! What a client does by type.

use super::{Event, Orchestration, ReadJson};
use crate::{
    durable::expected::{a, at},
    entities::{ClientSignals, Entity, EntityRef},
};
use azure_functions_durable::{
    ClientFuture, OrchestrationClient, OrchestrationClientError, OrchestrationRuntimeStatus,
    OrchestrationStatusQueryResult, StartOrchestration,
};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::Value;
use std::{any::type_name, fmt, time::Duration};

/// How often [`output`](TypedClient::output) looks.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Starts orchestrations by type, raises typed events, and signals entities by type: what [`OrchestrationClient`] and with it
/// [`DurableOrchestrationClient`](crate::bindings::DurableOrchestrationClient) can do besides.
///
/// ```
/// use azure_functions::prelude::*;
/// # type BoxError = Box<dyn std::error::Error + Send + Sync>;
///
/// #[func]
/// async fn greet(context: DurableOrchestrationContext<String>) -> OrchestrationOutput<String> {
///     format!("Hello {}!", context.input()).into()
/// }
///
/// #[func]
/// async fn start(name: Json<String>, client: DurableOrchestrationClient) -> Result<HttpResponse, BoxError> {
///     let id = client.start::<greet>(name.0).await?;
///     Ok(client.create_check_status_response(None, &id).into())
/// }
/// ```
pub trait TypedClient {
    /// Starts an orchestration; awaiting it gives the id of the new instance, and does not wait for the first step. It takes
    /// [options](StartOrchestration), such as an [instance id](StartOrchestration::instance_id):
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// # type BoxError = Box<dyn std::error::Error + Send + Sync>;
    /// # #[func]
    /// # async fn greet(context: DurableOrchestrationContext<String>) -> OrchestrationOutput<String> {
    /// #     format!("Hello {}!", context.input()).into()
    /// # }
    /// #[func]
    /// async fn greet_once(name: Json<String>, client: DurableOrchestrationClient) -> Result<HttpResponse, BoxError> {
    ///     let id = client.start::<greet>(name.0).instance_id("the-one").await?;
    ///     Ok(client.create_check_status_response(None, &id).into())
    /// }
    /// ```
    fn start<F: Orchestration>(&self, input: F::Input) -> StartOrchestration<'_>
    where
        F::Input: Serialize;

    /// The output of an instance of this orchestration; `None` if it has not ended when `timeout` has passed.
    ///
    /// # Errors
    /// The host cannot be reached or has no such instance; the instance has ended without an output, is one of another
    /// orchestration, or has an output of another shape.
    fn output<F: Orchestration>(
        &self,
        instance_id: impl AsRef<str>,
        timeout: Duration,
    ) -> ClientFuture<'_, Result<Option<F::Output>, OutputError>>
    where
        F::Output: ReadJson;

    /// Sends an external event to an instance, which may not be waiting for it yet.
    ///
    /// # Errors
    /// As [`OrchestrationClient::raise_event`].
    fn raise<E: Event + Serialize>(
        &self,
        instance_id: impl AsRef<str>,
        event: &E,
    ) -> ClientFuture<'_, Result<(), OrchestrationClientError>>;

    /// The operations of an entity as methods, to signal them: each gives a future that is ready once the host has taken the
    /// signal. The entity runs it later, and its answer goes nowhere. `state` reads what the entity holds.
    ///
    /// ```
    /// use azure_functions::prelude::*;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Visits(u64);
    ///
    /// #[entity]
    /// impl Visits {
    ///     fn add(&mut self, count: u64) {
    ///         self.0 += count;
    ///     }
    /// }
    ///
    /// #[func]
    /// async fn visit(_request: HttpRequest, client: DurableOrchestrationClient) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     client.entity::<Visits>("home").add(1).await?;
    ///     Ok(())
    /// }
    ///
    /// #[func]
    /// async fn visits(_request: HttpRequest, client: DurableOrchestrationClient) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
    ///     let Visits(count) = client.entity::<Visits>("home").state().await?.unwrap_or_default();
    ///     Ok(format!("{count} visits").into())
    /// }
    /// ```
    fn entity<E: Entity>(&self, key: impl Into<String>) -> E::Proxy<ClientSignals>;
}

impl TypedClient for OrchestrationClient {
    fn entity<E: Entity>(&self, key: impl Into<String>) -> E::Proxy<ClientSignals> {
        EntityRef::proxy::<E>(ClientSignals::new(self.clone()), key)
    }

    fn start<F: Orchestration>(&self, input: F::Input) -> StartOrchestration<'_>
    where
        F::Input: Serialize,
    {
        self.start_orchestration(F::NAME, input)
    }

    fn output<F: Orchestration>(
        &self,
        instance_id: impl AsRef<str>,
        timeout: Duration,
    ) -> ClientFuture<'_, Result<Option<F::Output>, OutputError>>
    where
        F::Output: ReadJson,
    {
        let instance_id = instance_id.as_ref().to_owned();
        Box::pin(async move {
            let outcome = self.wait_for_completion(&instance_id, timeout, POLL_INTERVAL).await?;
            if !outcome.status().name.eq_ignore_ascii_case(F::NAME) {
                return Err(OutputError::OtherOrchestration {
                    instance_id,
                    name: outcome.status().name.clone(),
                    expected: F::NAME,
                });
            }
            match outcome.finished() {
                Some(status) => read_output::<F>(status).map(Some),
                None => Ok(None),
            }
        })
    }

    fn raise<E: Event + Serialize>(
        &self,
        instance_id: impl AsRef<str>,
        event: &E,
    ) -> ClientFuture<'_, Result<(), OrchestrationClientError>> {
        let (instance_id, payload) = (instance_id.as_ref().to_owned(), Written::new(event));
        Box::pin(async move { self.raise_event(&instance_id, E::NAME, payload).await })
    }
}

fn read_output<F: Orchestration>(status: OrchestrationStatusQueryResult) -> Result<F::Output, OutputError>
where
    F::Output: ReadJson,
{
    if status.runtime_status != OrchestrationRuntimeStatus::Completed {
        return Err(OutputError::NotCompleted(Box::new(status)));
    }
    F::Output::read_json(status.output).map_err(|error| OutputError::Output {
        instance_id: status.instance_id,
        expected: type_name::<F::Output>(),
        path: error.path().to_string(),
        source: error.into_inner(),
    })
}

/// A value that is written before the future is made, so that the future is `Send` whatever the value is. A mistake is
/// kept until the client asks, who has the words for it.
#[derive(Debug)]
struct Written(Result<Value, serde_json::Error>);

impl Written {
    fn new(value: &impl Serialize) -> Self {
        Self(serde_json::to_value(value))
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(value) => value.serialize(serializer),
            Err(error) => Err(S::Error::custom(error)),
        }
    }
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The client could not ask.
    #[error(transparent)]
    Client(#[from] OrchestrationClientError),
    /// The instance failed, or was terminated or cancelled.
    #[error("instance '{}' of orchestration '{}' is {}: {}", .0.instance_id, .0.name, .0.runtime_status, Text(&.0.output))]
    NotCompleted(Box<OrchestrationStatusQueryResult>),
    /// The instance runs another orchestration.
    #[error("instance '{instance_id}' runs orchestration '{name}', not '{expected}'")]
    OtherOrchestration {
        /// The instance.
        instance_id: String,
        /// What it runs.
        name: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// The output has another shape.
    #[error("the output of instance '{instance_id}' is not {}{}", a(expected), at(path))]
    Output {
        /// The instance.
        instance_id: String,
        /// Type that was asked for.
        expected: &'static str,
        /// Where in the output it differs, as in `items[2].price`; `.` is the whole of it.
        path: String,
        /// What serde says.
        source: serde_json::Error,
    },
}

/// What an instance that did not complete has for an output: a message, without the quotes.
struct Text<'a>(&'a Value);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => f.write_str(text),
            other => other.fmt(f),
        }
    }
}

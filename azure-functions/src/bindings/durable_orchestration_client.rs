//! The input that starts and manages orchestrations.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input, table},
};
use std::ops::Deref;

/// Starts, watches and manages orchestrations, with the methods of
/// [`OrchestrationClient`](azure_functions_durable::OrchestrationClient). It talks to the host over HTTP or gRPC, as the host says in the
/// data of the binding.
///
/// Arguments of its binding: `task_hub` and `connection` (the name of a setting), for another hub than the app's own;
/// `type`, which is `"durableClient"` or, for the Durable Task extension 1.x, `"orchestrationClient"`.
///
/// ```
/// use azure_functions::{bindings::{DurableOrchestrationClient, HttpRequest, HttpResponse}, func};
/// use serde_json::Value;
///
/// #[func]
/// pub async fn start(_req: HttpRequest, client: DurableOrchestrationClient) -> HttpResponse {
///     match client.start_new("hello_world", None, Value::Null).await {
///         Ok(_) => "Orchestration started.".into(),
///         Err(e) => format!("Failed to start orchestration: {e}").into(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct DurableOrchestrationClient {
    client: azure_functions_durable::OrchestrationClient,
}

/// Another name of [`DurableOrchestrationClient`].
pub type DurableClient = DurableOrchestrationClient;

/// Another name of [`DurableOrchestrationClient`].
pub type OrchestrationClient = DurableOrchestrationClient;

impl DurableOrchestrationClient {
    /// The client itself, to keep or to hand on.
    pub fn into_inner(self) -> azure_functions_durable::OrchestrationClient {
        self.client
    }
}

/// For a test that calls a function itself, with a client that it made.
impl From<azure_functions_durable::OrchestrationClient> for DurableOrchestrationClient {
    fn from(client: azure_functions_durable::OrchestrationClient) -> Self {
        Self { client }
    }
}

impl Deref for DurableOrchestrationClient {
    type Target = azure_functions_durable::OrchestrationClient;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl FromBinding for DurableOrchestrationClient {
    const SPEC: BindingSpec = BindingSpec::of(&table::DURABLE_CLIENT);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let trace = input.trace();
        let in_trace = |client: azure_functions_durable::OrchestrationClient| match trace {
            Some(trace) => client.with_trace_context(trace),
            None => client,
        };
        if let Some(client) = input.client() {
            return Ok(Self::from(in_trace(client)));
        }
        let data = input.take_data();
        let text = data.as_text().ok_or_else(|| {
            BindingError::new("the host sent no data for the durable client: is the Durable Task extension loaded?")
        })?;
        let client = azure_functions_durable::OrchestrationClient::from_binding(&text)
            .map_err(|error| BindingError::with_source(error.to_string(), error))?;
        let client = match input.client_transport() {
            Some(transport) => client.with_transport(transport),
            None => client,
        };
        Ok(Self::from(in_trace(client)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binding::recorded::Recorded, bindings::shown::shows, rpc::Data};
    use azure_functions_durable::ClientWire;

    #[test]
    fn a_client_is_read_from_what_the_extension_sends() {
        let recorded = include_str!("../../tests/func/recorded_grpc_binding.json");
        let take = |data: Data| Recorded::by_hand("client", data, &[]).take::<DurableOrchestrationClient>();
        for data in [Data::String(recorded.to_owned()), Data::Json(recorded.to_owned())] {
            assert_eq!(take(data).unwrap().wire(), ClientWire::Grpc);
        }
        let error = take(Data::Json("{}".to_owned())).unwrap_err();
        assert!(!error.to_string().contains("realextkey"), "{error}");
    }

    shows!(DURABLE_CLIENT, Decoding: a_client_is_read_from_what_the_extension_sends);
}

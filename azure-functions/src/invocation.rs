//! One call of one function: what the host sent, and what goes back.

use crate::{
    app::States,
    rpc::{Data, TypedData},
};
use azure_functions_durable::{OrchestrationClient, Transport};
use std::{collections::HashMap, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What the host sent for one call.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Id of this call.
    pub id: String,
    /// Name of the function.
    pub function: &'static str,
    /// Values of the trigger and of the input bindings, by binding name.
    pub inputs: Vec<(String, TypedData)>,
    /// Trigger metadata.
    pub trigger_metadata: HashMap<String, TypedData>,
    /// W3C trace parent of the call, empty if there is none.
    pub trace_parent: String,
    /// W3C trace state of the call, empty if there is none.
    pub trace_state: String,
    /// Cancelled when the host asks for it.
    pub cancellation: CancellationToken,
    /// How durable clients reach their task hub, if not over TCP.
    pub client_transport: Option<Arc<dyn Transport>>,
    /// What durable clients are, where no host describes them.
    pub client: Option<OrchestrationClient>,
    /// What the functions of the app share.
    pub states: States,
    /// Whether nothing but this process makes the spans of durable functions.
    pub makes_spans: bool,
}

/// What a call gives back.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Value of `$return`, or what a durable trigger consumes.
    pub return_value: Option<TypedData>,
    /// Values of the other output bindings, by binding name.
    pub outputs: Vec<(String, TypedData)>,
}

impl Outputs {
    /// Only a value of `$return`.
    pub(crate) fn returned(data: Data) -> Self {
        Self {
            return_value: Some(TypedData { data: Some(data) }),
            outputs: Vec::new(),
        }
    }
}

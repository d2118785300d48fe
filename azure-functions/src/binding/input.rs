//! Parameters of functions.

use super::{
    BindingData, BindingSpec, metadata_value,
    signature::{Literal, Parameter},
};
use crate::{
    BindingError,
    app::States,
    bindings::DurableEntityContext,
    durable::DurableOrchestrationContext,
    error::BoxError,
    http::{Exchange, HttpRequest},
    invocation::Invocation,
    rpc::Data,
};
use ::http::Method;
use azure_functions_durable::{OrchestrationClient, TraceContext, Transport};
use serde::de::DeserializeOwned;
use std::{collections::HashMap, sync::Arc};

/// A type that a function can take as a parameter.
///
/// See the [module](super) for an example. The parameter's name is the binding's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of an Azure function",
    label = "not a trigger, not an input binding",
    note = "parameters are triggers (`HttpRequest`, `Json<T>`, `TimerInfo`, `QueueTrigger`, `DurableActivityContext`, ...), inputs \
            (`DurableOrchestrationClient`, ...), `Route<T>`, `State<T>`, `Config<T>`, and your own types that implement \
            `azure_functions::binding::FromBinding`: all are listed in `azure_functions::guide::bindings`",
    note = "to make it the input of an activity, return `ActivityOutput` or write `#[func(activity)]`"
)]
pub trait FromBinding: Sized {
    /// What the type binds to.
    const SPEC: BindingSpec;

    /// Makes the parameter from what the host sent.
    ///
    /// # Errors
    /// If the data does not fit. The invocation fails with the error, and function and parameter named before it.
    fn from_binding(input: Input<'_>) -> Result<Self, BindingError>;

    /// The context of an orchestration, whose parameter does not come from the host directly.
    #[doc(hidden)]
    fn from_orchestration(_context: &DurableOrchestrationContext) -> Result<Self, BoxError> {
        Err("an orchestration takes nothing but its context".into())
    }
}

/// What the host sent for one parameter of one call.
#[derive(Debug)]
pub struct Input<'a> {
    pub(crate) source: &'a mut Source,
    pub(crate) parameter: &'a Parameter,
}

/// What parameters of one call are made from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) invocation: Invocation,
    /// The request of an HTTP trigger, once a parameter has asked for it: several may read it.
    request: Option<HttpRequest>,
    /// The operation of an entity.
    pub(crate) entity: Option<DurableEntityContext>,
    /// Turns an error's text into the answer for the trigger's caller, if the caller is told of errors.
    pub(crate) error_answer: Option<ErrorAnswer>,
}

/// Turns the text of an error into an answer.
pub(crate) type ErrorAnswer = fn(&str) -> BindingData;

impl Source {
    pub(crate) fn new(invocation: Invocation) -> Self {
        Self {
            invocation,
            request: None,
            entity: None,
            error_answer: None,
        }
    }

    fn request(&mut self) -> Option<&HttpRequest> {
        if self.request.is_none() {
            let http = self.invocation.inputs.iter_mut().find_map(|(_, data)| {
                if matches!(data.data, Some(Data::Http(_))) {
                    data.data.take()
                } else {
                    None
                }
            });
            if let Some(Data::Http(http)) = http {
                let request = HttpRequest::from_rpc(*http);
                request.warn_of_lost_body(self.invocation.function);
                self.request = Some(request);
            }
        }
        self.request.as_ref()
    }
}

impl Source {
    /// The exchange that the outputs of this call end.
    pub(crate) fn exchange(&self) -> Exchange {
        Exchange {
            function: self.invocation.function,
            is_head: self
                .request
                .as_ref()
                .is_some_and(|request| request.method() == Method::HEAD),
        }
    }
}

impl Input<'_> {
    /// Name of the parameter.
    pub fn parameter(&self) -> &'static str {
        self.parameter.name
    }

    /// Name of the binding: the parameter's in camel case.
    pub fn binding(&self) -> &'static str {
        self.parameter.binding
    }

    /// Name of the function.
    pub fn function(&self) -> &'static str {
        self.source.invocation.function
    }

    /// Id of this invocation.
    pub fn invocation_id(&self) -> &str {
        &self.source.invocation.id
    }

    /// The value that the host sent for this binding; [`BindingData::None`] if it sent none, and the second time.
    pub fn take_data(&mut self) -> BindingData {
        let name = self.parameter.binding;
        let inputs = &mut self.source.invocation.inputs;
        match inputs.iter_mut().find(|(key, _)| key == name) {
            Some((_, data)) => std::mem::take(data).into(),
            None => BindingData::None,
        }
    }

    /// Answers the trigger's caller so if the function returns an error, or the caller's data is refused.
    pub(crate) fn answer_errors(&mut self, answer: ErrorAnswer) {
        self.source.error_answer = Some(answer);
    }

    /// What the app shares.
    pub(crate) fn states(&self) -> &States {
        &self.source.invocation.states
    }

    /// What durable clients are, where no host describes them.
    pub(crate) fn client(&self) -> Option<OrchestrationClient> {
        self.source.invocation.client.clone()
    }

    /// The trace of the invocation.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        let invocation = &self.source.invocation;
        TraceContext::parse(&invocation.trace_parent, Some(&invocation.trace_state))
    }

    /// How a durable client reaches its task hub, if not over TCP.
    pub(crate) fn client_transport(&self) -> Option<Arc<dyn Transport>> {
        self.source.invocation.client_transport.clone()
    }

    /// What the host says about the trigger under this name, in any case: `DequeueCount`, a route parameter, ….
    pub fn take_metadata(&mut self, name: &str) -> BindingData {
        let metadata = &mut self.source.invocation.trigger_metadata;
        if let Some(data) = metadata.get_mut(name) {
            return std::mem::take(data).into();
        }
        match metadata.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some((_, data)) => std::mem::take(data).into(),
            None => BindingData::None,
        }
    }

    /// As [`take_metadata`](Self::take_metadata), read as this type: JSON parsed, a text as the type's text or parsed, since a host
    /// writes some numbers as text. Nothing if there is none, or if it is of another type: extensions drop and rename members from one
    /// version to the next, and what a function does not use must not fail it.
    pub fn take_metadata_as<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        metadata_value::read(metadata_value::value(self.take_metadata(name))?)
    }

    /// All that the host says about the trigger.
    pub(crate) fn take_all_metadata(&mut self) -> HashMap<String, BindingData> {
        let metadata = std::mem::take(&mut self.source.invocation.trigger_metadata);
        metadata.into_iter().map(|(name, data)| (name, data.into())).collect()
    }

    /// The text that `#[binding(...)]` gives for this argument.
    pub(crate) fn argument(&self, name: &str) -> Option<&'static str> {
        let given = self.parameter.arguments.iter().find(|given| given.name == name)?;
        match given.value {
            Literal::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The request that started the function, whichever parameter asks.
    ///
    /// # Errors
    /// If the host sent none: the function's trigger is not an HTTP trigger.
    pub fn request(&mut self) -> Result<HttpRequest, BindingError> {
        self.source
            .request()
            .cloned()
            .ok_or_else(|| BindingError::new("the host sent no HTTP request"))
    }
}

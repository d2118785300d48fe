//! What most functions name: `use azure_functions::prelude::*;`.

pub use crate::{
    bindings::{
        DurableActivityContext, DurableOrchestrationClient, DurableOrchestrationContext, HttpRequest, HttpResponse,
        TimerInfo,
    },
    durable::{ActivityError, ActivityOutput, CallError, OrchestrationOutput, RetryOptions, TypedClient},
    event, func,
    http::{Json, Route},
};

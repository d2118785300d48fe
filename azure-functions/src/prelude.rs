//! What most functions name: `use azure_functions::prelude::*;`.

pub use crate::{
    bindings::{
        DurableActivityContext, DurableOrchestrationClient, DurableOrchestrationContext, HttpRequest, HttpResponse,
        TimerInfo,
    },
    durable::{ActivityOutput, CallError, OrchestrationOutput, RetryOptions},
    func,
    http::{Json, Route},
};

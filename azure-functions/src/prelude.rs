//! What most functions name: `use azure_functions::prelude::*;`.

pub use crate::{
    bindings::{
        DurableActivityContext, DurableOrchestrationClient, DurableOrchestrationContext, HttpRequest, HttpResponse,
        TimerInfo,
    },
    durable::{ActivityOutput, OrchestrationOutput},
    func,
    http::{Json, Route},
};

//! What most functions name: `use azure_functions::prelude::*;`.

pub use crate::{
    bindings::{
        DurableActivityContext, DurableEntityContext, DurableOrchestrationClient, DurableOrchestrationContext,
        HttpRequest, HttpResponse, TimerInfo,
    },
    durable::{ActivityOutput, CallError, OrchestrationOutput, RetryOptions},
    entities::{Entity, EntityError, EntityId, EntityOutput},
    entity, func,
    http::{Json, Route},
};

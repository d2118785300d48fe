//! What most functions name: `use azure_functions::prelude::*;`.

pub use crate::{
    Outputs,
    app::{Config, State},
    bindings::{
        DurableActivityContext, DurableEntityContext, DurableOrchestrationClient, DurableOrchestrationContext,
        HttpRequest, HttpResponse, TimerInfo,
    },
    durable::{Activity, ActivityOutput, CallError, Orchestration, OrchestrationOutput, RetryOptions, TypedClient},
    entities::{Entity, EntityError, EntityId, EntityOutput},
    entity, event, func,
    http::{Form, HttpError, Json, Route},
};

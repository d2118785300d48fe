//! The binding types: what functions take and return.

mod durable_activity_context;
mod durable_entity_context;
mod durable_orchestration_client;
mod durable_orchestration_context;
mod http;
#[cfg(test)]
mod page;
mod queue;
mod shared;
mod timer_info;

pub use crate::{
    durable::DurableOrchestrationContext,
    http::{HttpRequest, HttpResponse},
};
pub use durable_activity_context::DurableActivityContext;
pub(crate) use durable_activity_context::read_input;
pub use durable_entity_context::DurableEntityContext;
pub use durable_orchestration_client::{DurableClient, DurableOrchestrationClient, OrchestrationClient};
pub use queue::{QueueMessage, QueueTrigger};
pub use timer_info::{ScheduleStatus, TimerInfo};

#[doc(hidden)]
pub mod returned;

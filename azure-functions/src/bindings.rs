//! The binding types: what functions take and return.

mod blob;
mod blob_content;
mod blob_pattern;
mod cosmos_db;
mod durable_activity_context;
mod durable_entity_context;
mod durable_orchestration_client;
mod durable_orchestration_context;
mod event_grid;
mod event_hubs;
#[cfg(test)]
mod function_json;
mod generic;
mod http;
mod kafka;
pub(crate) mod mcp;
#[cfg(test)]
mod page;
mod queue;
mod service_bus;
mod shared;
#[cfg(test)]
pub(crate) mod shown;
mod signal_r;
mod sql;
mod table_entity;
mod timer_info;
mod warmup;

pub use crate::{
    durable::DurableOrchestrationContext,
    http::{HttpRequest, HttpResponse},
};
pub use blob::{Blob, BlobProperties, BlobTrigger};
pub use blob_content::{BlobContent, BlobReference, IntoBlobContent};
pub use cosmos_db::{CosmosDbDocument, CosmosDbTrigger};
pub use durable_activity_context::DurableActivityContext;
pub(crate) use durable_activity_context::read_input;
pub use durable_entity_context::DurableEntityContext;
pub use durable_orchestration_client::{DurableClient, DurableOrchestrationClient, OrchestrationClient};
pub use event_grid::{CloudEvent, EventGridEvent};
pub use event_hubs::{EventHubMessage, EventHubTrigger, Partition};
pub use generic::{GenericInput, GenericOutput, GenericTrigger};
pub use kafka::{KafkaHeader, KafkaMessage, KafkaTrigger};
#[cfg(feature = "schemars")]
pub use mcp::McpJson;
pub use mcp::{
    McpArguments, McpCaller, McpClient, McpContent, McpPromptMessage, McpPromptResult, McpPromptTrigger,
    McpResourceContents, McpResourceTrigger, McpRole, McpToolResult, McpToolTrigger,
};
pub use queue::{QueueMessage, QueueTrigger};
pub use service_bus::{ServiceBusMessage, ServiceBusTrigger};
pub use signal_r::{SignalRConnectionInfo, SignalRGroupAction, SignalRGroupChange, SignalRMessage, SignalRTrigger};
pub use sql::{SqlChange, SqlOperation, SqlRow, SqlTrigger};
pub use table_entity::TableEntity;
pub use timer_info::{ScheduleStatus, TimerInfo};
pub use warmup::WarmupTrigger;

#[doc(hidden)]
pub mod returned;

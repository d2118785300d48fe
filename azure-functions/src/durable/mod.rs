//! Durable orchestrations: contexts, outputs and replay.

mod context;
mod output;

pub use context::DurableOrchestrationContext;
pub use output::{ActivityOutput, OrchestrationOutput};

use crate::error::BoxError;
use std::{future::Future, pin::Pin};

/// An orchestration as `#[func]` registers it. Its future is not `Send`: an episode runs on one thread.
pub type Orchestrator = fn(DurableOrchestrationContext) -> OrchestratorFuture;

/// One run of an orchestration's code.
pub type OrchestratorFuture = Pin<Box<dyn Future<Output = Result<OrchestrationOutput, BoxError>>>>;

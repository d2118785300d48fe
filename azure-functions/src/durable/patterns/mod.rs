//! Patterns of orchestrations, built from what the context gives out.
//!
//! * [`monitor`] checks repeatedly until something has happened, or a time has passed;
//! * [`saga`] runs steps and, when one fails, undoes those before it, the newest first.
//!
//! Other patterns are methods of the context, such as a limit on how many run at a time, and a time limit around any future. The
//! [guide](crate::guide::patterns) shows all patterns.
//!
//! ```
//! # use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};
//! # use std::time::Duration;
//! #[func]
//! pub async fn resize_all(context: DurableOrchestrationContext) -> OrchestrationOutput {
//!     let images: Vec<String> = context.input_as().unwrap_or_default();
//!     // Three are under way at any time.
//!     let work = context.for_each_concurrent(3, images, |image| context.call_activity("resize", image));
//!     match context.timeout(Duration::from_secs(3600), work).await {
//!         Ok(results) => format!("{} done", results.iter().filter(|r| r.is_ok()).count()).into(),
//!         Err(_) => "not done within an hour".into(),
//!     }
//! }
//! ```

mod monitor;
mod saga;

pub use monitor::{MonitorOptions, monitor};
pub use saga::{Saga, SagaError, saga};

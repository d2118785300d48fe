//! The local Functions host: plays the real host's side of the worker protocol, so that what runs here runs there.
//!
//! A [`LocalHost`] starts the app's worker process and keeps it running, serves HTTP functions and the durable HTTP API on
//! one port, fires timers, and runs durable functions through the task hub.

mod app_timers;
mod backend;
mod bundle;
mod capabilities;
mod channel;
mod crash_limit;
mod durable_worker;
mod follower;
mod function;
mod gate;
pub mod http;
mod http_cookie;
mod http_delivery;
mod http_request;
mod http_response;
mod hub_host;
mod hubs;
mod in_flight;
mod indexing;
mod invocation;
mod listing;
mod local_host;
mod mcp;
mod mcp_names;
mod mcp_rules;
mod metadata;
mod once;
mod options;
mod output;
mod output_table;
mod process;
mod recorder;
mod rpc;
mod rpc_listener;
mod runner;
mod running_work;
mod sdk_listener;
mod secret;
mod seldom;
mod startup;
mod supervisor;
#[cfg(test)]
mod tests;
pub mod timers;

pub use function::{Binding, Direction, Function, FunctionTable};
pub use http_request::HttpInvocation;
pub use hub_host::{HubHost, HubHostError, HubHostOptions};
pub use invocation::{Failure, InvokeError, TriggerInput};
pub use local_host::{LocalHost, LocalHostError};
pub use options::{DEFAULT_PORT, LocalHostOptions};
pub use output::{HostOutput, LogRecord};
pub use process::WorkerCommand;
pub use runner::FunctionRunner;
pub use running_work::RunningWork;
pub use sdk_listener::SdkListenerError;

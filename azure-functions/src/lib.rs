//! Azure Functions in Rust, with Durable Functions.
//!
//! Put [`#[func]`](func) on a function and it is one that the host can call; its signature says what starts it and what it
//! gives back. There is no list to keep: every function that is linked into the binary is found.
//!
//! ```no_run
//! use azure_functions::prelude::*;
//!
//! #[func]
//! async fn greet(#[binding(auth_level = "anonymous", route = "greet/{name}")] _req: HttpRequest, name: Route<String>) -> HttpResponse {
//!     format!("Hello {name}!").into()
//! }
//!
//! #[func]
//! async fn start(_req: HttpRequest, client: DurableOrchestrationClient) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
//!     let id = client.start_new("hello_world", None, "Tokyo").await?;
//!     Ok(client.create_check_status_response(None, &id).into())
//! }
//!
//! #[func]
//! async fn hello_world(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Box<dyn std::error::Error + Send + Sync>> {
//!     Ok(context.call_activity("say_hello", context.input()).await?.into())
//! }
//!
//! #[func]
//! fn say_hello(name: String) -> ActivityOutput {
//!     format!("Hello {name}!").into()
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     azure_functions::worker_main()
//! }
//! ```
//!
//! `cargo func run`, of the crate `azure-functions-sdk`, builds the app and runs it on a local host. The same crate, as a
//! dev-dependency with the feature `testing`, has a test host: the whole app inside a test, in virtual time. The guide to
//! it is [the documentation of `azure_functions_sdk::testing`](https://docs.rs/azure-functions-sdk/latest/azure_functions_sdk/testing/).
//!
//! * [`bindings`] and [`http`] have the types that functions take and return; [`binding`] says how to write one.
//! * [`durable`] has orchestrations and what they can do; [`histories`] keeps changes of their code from breaking instances in flight.
//! * [`entities`] has things with a state of their own, as functions or as types.
//! * [`Context`] tells running code about its invocation; `log` records go to the host with it.

#[cfg(all(panic = "abort", not(doc)))]
compile_error!(
    "a panic of one function must not end the process, and with it every other invocation: \
     remove `panic = \"abort\"` from the profile in Cargo.toml"
);

extern crate self as azure_functions;

#[doc(hidden)]
pub mod __private;
pub mod binding;
pub mod bindings;
mod commands;
pub mod durable;
pub mod entities;
mod error;
mod error_type;
mod exception_text;
pub mod histories;
pub mod http;
#[doc(hidden)]
pub mod in_process;
mod instead;
mod invocation;
mod json_text;
mod once;
mod panics;
pub mod prelude;
mod registry;
#[doc(hidden)]
pub mod rpc;
mod similar;
mod worker;

pub use azure_functions_codegen::{entity, event, func};
pub use error::{BindingError, FunctionError};
pub use worker::{Context, RetryContext, worker_main};

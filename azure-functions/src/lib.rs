//! Azure Functions in Rust, with Durable Functions.
//!
//! Put [`#[func]`](macro@func) on a function to make it a function of the app. Its signature says what starts it and what it returns.
//!
//! ```no_run
//! use azure_functions::prelude::*;
//!
//! /// Answers `POST /api/greetings/NAME`: starts the orchestration, and says where its status is.
//! #[func]
//! async fn begin(
//!     #[binding(methods = "post", route = "greetings/{name}")] request: HttpRequest,
//!     name: Route<String>,
//!     client: DurableOrchestrationClient,
//! ) -> Result<HttpResponse, HttpError> {
//!     let id = client.start::<greet>(name.0).await?;
//!     Ok(client.create_check_status_response(Some(request.url()), &id).into())
//! }
//!
//! /// Survives crashes and restarts: what it did is in its history.
//! #[func(orchestration)]
//! async fn greet(context: DurableOrchestrationContext<String>) -> Result<String, CallError> {
//!     context.call::<say_hello>(context.input()).await
//! }
//!
//! #[func(activity)]
//! fn say_hello(name: String) -> String {
//!     format!("Hello {name}!")
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     azure_functions::worker_main()
//! }
//! ```
//!
//! `cargo func run`, of the crate `azure-functions-sdk`, builds the app and runs it on a local host. `cargo func new-app` makes a
//! new one. The [`guide`] explains the concepts, chapter by chapter.
//!
//! # I want to …
//!
//! | I want to … | Use |
//! |---|---|
//! | answer an HTTP request | [`HttpRequest`](http::HttpRequest), [`HttpResponse`](http::HttpResponse), [`Route`](http::Route), [`Json`](http::Json), [`Form`](http::Form) |
//! | answer with an error | [`HttpError`](http::HttpError) |
//! | know what of a request and of an answer gets through a host | [`guide::http`] |
//! | run a function on a schedule | [`TimerInfo`](bindings::TimerInfo) |
//! | take messages, events, blobs, documents, rows, and send them | [`guide::bindings`] |
//! | use a trigger or binding that the crate does not have | [`binding`] |
//! | write log records, set their levels | [`guide::logs`] |
//! | know the invocation that runs, notice that it is cancelled | [`Context`] |
//!
//! | In an orchestration, I want to … | Use |
//! |---|---|
//! | call an activity | [`context.call::<name>(input)`](bindings::DurableOrchestrationContext::call) |
//! | run another orchestration | [`context.call_sub::<name>(input)`](bindings::DurableOrchestrationContext::call_sub) |
//! | try a failed call again | [`RetryOptions`](durable::RetryOptions) |
//! | tell an activity's own errors apart | [`.returned()`](durable::ActivityCall::returned) |
//! | run many at once | [`join_all`](bindings::DurableOrchestrationContext::join_all), [`try_join_all`](bindings::DurableOrchestrationContext::try_join_all), [`for_each_concurrent`](bindings::DurableOrchestrationContext::for_each_concurrent) |
//! | take the first of several | [`select`](bindings::DurableOrchestrationContext::select), [`race`](bindings::DurableOrchestrationContext::race), [`select_all`](bindings::DurableOrchestrationContext::select_all) |
//! | wait for a time | [`create_timer_after`](bindings::DurableOrchestrationContext::create_timer_after), [`create_timer`](bindings::DurableOrchestrationContext::create_timer) |
//! | limit a wait | [`timeout`](bindings::DurableOrchestrationContext::timeout) |
//! | wait for a message from outside | [`#[event]`](macro@event), [`wait_for`](bindings::DurableOrchestrationContext::wait_for) |
//! | call an entity, lock several | [`entity`](bindings::DurableOrchestrationContext::entity), [`lock`](bindings::DurableOrchestrationContext::lock) |
//! | call a web API | [`call_http`](bindings::DurableOrchestrationContext::call_http), or an activity |
//! | poll until something is in a state; undo steps | [`monitor`](durable::patterns::monitor), [`saga`](durable::patterns::saga) |
//! | show progress | [`set_custom_status`](bindings::DurableOrchestrationContext::set_custom_status) |
//! | run for ever | [`start_over`](bindings::DurableOrchestrationContext::start_over) |
//! | know why an instance that has returned is still `Running` | [`guide::orchestrations`](guide::orchestrations#an-orchestration-that-has-ended-may-stay-running) |
//!
//! | From other functions, I want to … | Use |
//! |---|---|
//! | start an orchestration | [`client.start::<name>(input)`](durable::TypedClient::start) |
//! | answer at once, and let the caller ask for the result | [`create_check_status_response`](azure_functions_durable::OrchestrationClient::create_check_status_response) |
//! | get the output of an instance | [`client.output::<name>(id, timeout)`](durable::TypedClient::output) |
//! | send an event | [`client.raise(id, &event)`](durable::TypedClient::raise) |
//! | look at, list, end, hold, rewind or purge instances | [`guide::instances`](guide::instances#managing) |
//! | keep a small state that many change | [`guide::entities`] |
//!
//! | For the app, I want to … | Use |
//! |---|---|
//! | share a value between functions; do something before the first or after the last | [`app`](mod@app), [`State`](app::State) |
//! | read settings as a type | [`Config`](app::Config) |
//! | limit the time of functions, or how many run; see every invocation | [`App::layer`](app::App::layer) |
//! | make a router of `axum` one function | [`http::serve`] |
//! | test it without a host, and without waiting | [`guide::testing`] |
//! | change an orchestration while instances are in flight | [`patched`](bindings::DurableOrchestrationContext::patched), [`guide::changing_code`] |
//! | be sure that new code fits old instances | [`histories`] |
//! | know what a crash does | [`guide::crashes`] |
//! | know what an orchestration must not do | [`durable::misuse`] |
//! | know what the local host reads, and where it keeps state | [`guide::local_host`] |
//! | put it under a Functions host | [`guide::deployment`] |
//! | share its task hub with workers in Python | [`guide::python`] |
//! | find the names of C#, JavaScript, Python or Temporal | [`guide::coming_from`] |

#[cfg(all(panic = "abort", not(doc)))]
compile_error!(
    "a panic of one function must not end the process, and with it every other invocation: \
     remove `panic = \"abort\"` from the profile in Cargo.toml"
);

extern crate self as azure_functions;

#[doc(hidden)]
pub mod __private;
mod action_limit;
pub mod app;
pub mod binding;
mod binding_json;
pub mod bindings;
mod call;
mod causes;
mod commands;
mod config;
mod context;
pub mod durable;
pub mod durable_task;
mod durable_wire;
pub mod entities;
mod entity_batch;
mod entry;
mod error;
mod error_type;
mod exception_text;
mod functions;
pub mod guide;
pub mod histories;
pub mod http;
#[doc(hidden)]
pub mod in_process;
mod instead;
mod invocation;
mod json_text;
mod once;
mod only_process;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
mod outgoing;
mod pace;
mod panics;
pub mod prelude;
mod protected;
mod registry;
mod retry_policy;
#[doc(hidden)]
pub mod rpc;
mod runtime;
mod similar;
#[cfg(feature = "opentelemetry")]
mod spans;
#[cfg(not(feature = "opentelemetry"))]
#[path = "no_spans.rs"]
mod spans;
mod state;
#[cfg(feature = "tracing")]
pub mod trace;
mod worker;

pub use app::{App, app};
pub use azure_functions_codegen::{Outputs, entity, event, func};
pub use context::{Context, RetryContext};
pub use entry::worker_main;
pub use error::{BindingError, FunctionError};
/// The crate of the JSON schemas, as this crate uses it.
#[cfg(feature = "schemars")]
pub use schemars;

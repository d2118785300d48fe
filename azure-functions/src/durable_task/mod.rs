//! A worker of a Durable Task server, without a Functions host: the Durable Task Scheduler, its emulator, `cargo func host`, or any other
//! that serves the Durable Task gRPC API.
//!
//! The binary of an app is such a worker when it is started with `--durable-task ADDRESS`; see the
//! [guide](crate::guide::self_hosted). A program with a `main` of its own, such as a web service, uses [`Worker`].

mod activity_input;
pub(crate) mod arguments;
mod back_off;
mod completion;
mod entity_messages;
mod entity_request;
mod grpc;
mod limits;
mod not_found;
mod open_items;
pub(crate) mod process;
mod refusal;
mod rewind;
mod runner;
mod seats;
mod served;
mod server;
mod stream;
#[cfg(test)]
mod tests;
mod worker;

pub use azure_functions_durable::{AccessToken, ServerAddress, ServerAddressError, TokenError, TokenSource};
pub use limits::Limits;
pub use worker::{Worker, WorkerError};

//! Azure Functions in Rust.

#[cfg(all(panic = "abort", not(doc)))]
compile_error!(
    "a panic of one function must not end the process, and with it every other invocation: \
     remove `panic = \"abort\"` from the profile in Cargo.toml"
);

extern crate self as azure_functions;

#[doc(hidden)]
pub mod __private;
mod commands;
mod error;
mod invocation;
mod registry;
#[doc(hidden)]
pub mod rpc;
mod worker;

pub use error::FunctionError;
pub use worker::{Context, RetryContext, worker_main};

//! Azure Functions in Rust.

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
mod error;
pub mod http;
mod invocation;
mod panics;
pub mod prelude;
mod registry;
#[doc(hidden)]
pub mod rpc;
mod worker;

pub use azure_functions_codegen::func;
pub use error::{BindingError, FunctionError};
pub use worker::{Context, RetryContext, worker_main};

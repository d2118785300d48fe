//! Azure Functions in Rust.

extern crate self as azure_functions;

#[doc(hidden)]
pub mod __private;
mod error;
mod invocation;
mod registry;
#[doc(hidden)]
pub mod rpc;

pub use error::FunctionError;

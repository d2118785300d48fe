//! Azure Functions in Rust.

extern crate self as azure_functions;

#[doc(hidden)]
pub mod __private;
pub mod binding;
pub mod bindings;
pub mod durable;
mod error;
pub mod http;
mod invocation;
mod registry;
#[doc(hidden)]
pub mod rpc;

pub use azure_functions_codegen::func;
pub use error::{BindingError, FunctionError};

//! The functions linked into this binary, as `#[func]` submits them.

use crate::{
    FunctionError,
    invocation::{Invocation, Outputs},
};
use serde_json::{Map, Value};
use std::{future::Future, pin::Pin};

/// A function of the app.
#[derive(Debug)]
pub struct Function {
    /// Name that the host knows it by.
    pub name: &'static str,
    /// Module that holds it.
    pub module: &'static str,
    /// Source file of the attribute.
    pub file: &'static str,
    /// Line of the attribute.
    pub line: u32,
    /// Its bindings, each one JSON object as in `function.json`.
    pub bindings: fn() -> Vec<Map<String, Value>>,
    /// How to call it.
    pub handler: Handler,
}

/// How a function is called.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// A plain function: runs on a thread that may block.
    Blocking(fn(Invocation) -> Result<Outputs, FunctionError>),
    /// An `async fn`: runs on the worker's runtime.
    Async(fn(Invocation) -> Pin<Box<dyn Future<Output = Result<Outputs, FunctionError>> + Send>>),
}

inventory::collect!(Function);

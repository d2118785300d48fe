//! The functions linked into this binary, as `#[func]` submits them.

use crate::{
    FunctionError,
    durable::Orchestrator,
    invocation::{Invocation, Outputs},
};
use serde_json::{Map, Value};
use std::{collections::HashMap, future::Future, pin::Pin};

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
    /// Whether it is registered but not started.
    pub disabled: bool,
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
    Async(fn(Invocation) -> InvocationFuture),
    /// An orchestration: run by the replay core.
    Orchestration(Orchestrator),
}

/// The run of an `async fn`.
pub type InvocationFuture = Pin<Box<dyn Future<Output = Result<Outputs, FunctionError>> + Send>>;

inventory::collect!(Function);

/// What the durable task hub knows a function as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurableKind {
    /// An orchestration.
    Orchestration,
    /// An activity.
    Activity,
    /// An entity.
    Entity,
}

impl Function {
    /// The kind of durable function it is, if it is one, and its name in the task hub: usually the function's.
    pub fn durable(&self) -> Option<(DurableKind, String)> {
        (self.bindings)().iter().find_map(|binding| {
            let (kind, key) = match binding.get("type")?.as_str()? {
                "orchestrationTrigger" => (DurableKind::Orchestration, "orchestration"),
                "activityTrigger" => (DurableKind::Activity, "activity"),
                "entityTrigger" => (DurableKind::Entity, "entityName"),
                _ => return None,
            };
            let name = binding.get(key).and_then(Value::as_str).unwrap_or(self.name);
            Some((kind, name.to_owned()))
        })
    }
}

/// Why the app's functions cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RegistryError {
    /// There is nothing to serve.
    #[error(
        "this binary holds no function: put `#[func]` on one, and make sure that `main.rs` reaches its module with `mod` \
         lines (a library crate must also be used somewhere, or the linker drops it)"
    )]
    Empty,
    /// The host would take only one of the two.
    #[error(
        "two functions are named `{name}`: one at {first}, one at {second} (case does not matter to the host); rename one, \
         or write `#[func(name = \"...\")]`"
    )]
    Duplicate {
        /// The name.
        name: String,
        /// File and line of the first.
        first: String,
        /// File and line of the second.
        second: String,
    },
}

/// All functions of the app, by name.
///
/// # Errors
/// If there is none, or if two have the same name.
pub(crate) fn functions() -> Result<Vec<&'static Function>, RegistryError> {
    sorted(inventory::iter::<Function>.into_iter().collect())
}

fn sorted(mut functions: Vec<&Function>) -> Result<Vec<&Function>, RegistryError> {
    // Link order is arbitrary: sort first, so that messages are always the same.
    functions.sort_by_key(|function| (function.name.to_ascii_lowercase(), function.file, function.line));
    let mut seen: HashMap<String, &Function> = HashMap::new();
    for function in &functions {
        if let Some(first) = seen.insert(function.name.to_ascii_lowercase(), function) {
            return Err(RegistryError::Duplicate {
                name: function.name.to_owned(),
                first: format!("{}:{}", first.file, first.line),
                second: format!("{}:{}", function.file, function.line),
            });
        }
    }
    if functions.is_empty() {
        return Err(RegistryError::Empty);
    }
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn function(name: &'static str, line: u32) -> Function {
        Function {
            name,
            module: "app",
            file: "src/main.rs",
            line,
            disabled: false,
            bindings: Vec::new,
            handler: Handler::Blocking(|_| Ok(Outputs::default())),
        }
    }

    #[test]
    fn two_functions_of_one_name_are_refused_with_both_places() {
        let (first, second, other) = (function("flow", 3), function("Flow", 9), function("a", 1));
        let error = sorted(vec![&second, &other, &first]).unwrap_err().to_string();
        assert!(
            error.contains("`Flow`: one at src/main.rs:3, one at src/main.rs:9"),
            "{error}"
        );
    }

    #[test]
    fn functions_are_sorted_by_name() {
        let (b, a) = (function("b", 3), function("a", 9));
        let names: Vec<_> = sorted(vec![&b, &a]).unwrap().iter().map(|f| f.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn an_app_without_functions_is_told_why() {
        assert!(sorted(Vec::new()).unwrap_err().to_string().contains("#[func]"));
    }
}

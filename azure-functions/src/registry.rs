//! The functions linked into this binary, as `#[func]` submits them.

use crate::{
    FunctionError,
    binding::signature::Parameter,
    call::Call,
    durable::Orchestrator,
    invocation::{Invocation, Outputs},
    retry_policy::RetryPolicy,
    state::Need,
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
    /// How a host runs it again when it has failed.
    pub retry: Option<RetryPolicy>,
    /// Its parameters.
    pub parameters: &'static [Parameter],
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
    /// An entity: run once for each operation of a batch.
    Entity {
        /// Name of the trigger's binding, where the batch is.
        trigger: &'static str,
        /// Runs one operation.
        run: EntityHandler,
    },
}

/// How an entity function is called for one operation.
#[derive(Clone, Copy, Debug)]
pub enum EntityHandler {
    /// A plain function: runs on a thread that may block.
    Blocking(fn(Call) -> Result<Outputs, FunctionError>),
    /// An `async fn`: runs on the worker's runtime.
    Async(fn(Call) -> InvocationFuture),
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
    /// What its parameters need of the app.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &'static Need> + use<> {
        self.parameters.iter().filter_map(|parameter| parameter.spec.need)
    }

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

/// `file:line` of a function.
pub(crate) fn place(function: &Function) -> String {
    format!("{}:{}", function.file, function.line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durable_function_is_known_by_the_name_in_its_binding_or_else_by_its_own() {
        let function = |bindings| Function {
            name: "Flow",
            module: "app",
            file: "src/main.rs",
            line: 3,
            bindings,
            parameters: &[],
            retry: None,
            handler: Handler::Blocking(|_| Ok(Outputs::default())),
        };
        let own = function(|| vec![Map::from_iter([("type".to_owned(), "activityTrigger".into())])]);
        assert_eq!(own.durable(), Some((DurableKind::Activity, "Flow".to_owned())));
        let renamed = function(|| {
            vec![Map::from_iter([
                ("type".to_owned(), "orchestrationTrigger".into()),
                ("orchestration".to_owned(), "Other".into()),
            ])]
        });
        assert_eq!(
            renamed.durable(),
            Some((DurableKind::Orchestration, "Other".to_owned()))
        );
        assert_eq!(function(Vec::new).durable(), None);
    }
}

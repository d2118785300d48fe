//! An invocation of a function, as a service sees it.

use crate::{
    Context, FunctionError,
    error::BoxError,
    panics::Panic,
    protected::Outcome,
    registry::{DurableKind, Function, Handler},
};
use serde_json::Value;
use std::{fmt, future::Future, pin::Pin};
use tokio_util::sync::CancellationToken;

/// One run of a function, on its way through the [layers](super::App::layer) of the app.
pub struct Invocation {
    context: Context,
    run: Run,
}

/// Runs the function.
pub(crate) type Run = Box<dyn FnOnce() -> Running + Send>;
pub(crate) type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What kind of function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FunctionKind {
    /// An activity, which an orchestration calls.
    Activity,
    /// An orchestration. Each of its episodes is an invocation, which layers observe and cannot change.
    Orchestration,
    /// An entity, with a batch of its operations.
    Entity,
    /// A function that another trigger starts: [`Invocation::trigger_type`] says which.
    Triggered,
}

impl Invocation {
    pub(crate) fn new(context: Context, run: Run) -> Self {
        Self { context, run }
    }

    /// Name of the function, as the host knows it.
    pub fn function_name(&self) -> &'static str {
        self.context.function_name()
    }

    /// Id of the invocation, unique for each call.
    pub fn id(&self) -> &str {
        self.context.invocation_id()
    }

    /// The kind of the function.
    pub fn kind(&self) -> FunctionKind {
        let function = self.function();
        match function.handler {
            Handler::Orchestration(_) => FunctionKind::Orchestration,
            Handler::Entity { .. } => FunctionKind::Entity,
            Handler::Async(_) | Handler::Blocking(_) => match function.durable() {
                Some((DurableKind::Activity, _)) => FunctionKind::Activity,
                _ => FunctionKind::Triggered,
            },
        }
    }

    /// The type of the function's trigger in `function.json`, such as `httpTrigger`.
    pub fn trigger_type(&self) -> String {
        let bindings = (self.function().bindings)();
        let mut types = bindings
            .iter()
            .filter_map(|binding| binding.get("type").and_then(Value::as_str));
        let trigger = types.find(|name| name.to_ascii_lowercase().ends_with("trigger"));
        trigger.unwrap_or_default().to_owned()
    }

    /// W3C `traceparent` of the call; empty if the host has no trace.
    pub fn trace_parent(&self) -> &str {
        self.context.trace_parent()
    }

    /// W3C `tracestate` of the call; empty if there is none.
    pub fn trace_state(&self) -> &str {
        self.context.trace_state()
    }

    /// Cancelled when the host cancels this invocation, or starts to stop the worker.
    pub fn cancellation(&self) -> &CancellationToken {
        self.context.cancellation()
    }

    fn function(&self) -> &'static Function {
        self.context.0.function
    }

    pub(super) fn context(&self) -> Context {
        self.context.clone()
    }

    /// Runs the function.
    pub(super) fn run(self) -> Running {
        (self.run)()
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("function_name", &self.function_name())
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// A function that has succeeded, with what it gave back.
///
/// It answers the invocation that it came from: a layer that gives it to another one fails that one.
#[derive(Debug)]
pub struct Completed {
    outputs: crate::invocation::Outputs,
    /// Id of the invocation.
    id: String,
}

/// A function that panicked: the error that layers see.
#[derive(Debug)]
pub(super) struct Panicked {
    panic: Panic,
    message: String,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Panicked {}

/// What layers see of how a function ended.
pub(super) fn seen(context: &Context, outcome: Outcome) -> Result<Completed, BoxError> {
    match outcome {
        Ok(Ok(outputs)) => Ok(Completed {
            outputs,
            id: context.invocation_id().to_owned(),
        }),
        Ok(Err(error)) => Err(Box::new(error)),
        Err(panic) => Err(Box::new(Panicked {
            message: panic.told_of(context.function_name()),
            panic,
        })),
    }
}

/// How a function ended, after layers have seen it: what is not the function's own error is one of a layer.
pub(super) fn unseen(context: &Context, ended: Result<Completed, BoxError>) -> Outcome {
    let error = match ended {
        Ok(Completed { outputs, id }) if id == context.invocation_id() => return Ok(Ok(outputs)),
        Ok(Completed { .. }) => {
            let text = format!(
                "a layer answered function `{}` with what another invocation gave back: a layer must pass on the `Completed` of the \
                 invocation that it was given",
                context.function_name()
            );
            return Ok(Err(FunctionError::new(text)));
        }
        Err(error) => error,
    };
    match error.downcast::<FunctionError>() {
        Ok(error) => Ok(Err(*error)),
        Err(error) => match error.downcast::<Panicked>() {
            Ok(panicked) => Err(panicked.panic),
            Err(error) => Ok(Err(FunctionError::from_error(error))),
        },
    }
}

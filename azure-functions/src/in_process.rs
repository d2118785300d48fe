//! Runs the functions of this binary in this process, without a host: for the test host of `azure-functions-sdk` in the same
//! version, and free to change in any release.
//!
//! It is the worker without the stream: the code that makes parameters, runs a function, and words its failure is the same.

mod http;

pub use crate::instead::instead;
pub use crate::{
    invocation::Outputs,
    registry::{DurableKind, EntityHandler, Function, Handler},
    rpc::{Data, TypedData},
};
pub use http::http_response;

use crate::{
    durable::{Activity, Episode, own_error},
    entities::{run_batch, run_batch_blocking},
    invocation::Invocation,
    panics,
    registry::InvocationFuture,
    worker::{
        self, Context,
        context::{Scope, Sink},
        execution::{Outcome, RunningFunction, exception, failed, panicked, run_blocking, run_orchestration},
        logger,
    },
};
use azure_functions_durable::Transport;
use log::LevelFilter;
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Arc, atomic::AtomicBool},
};
use tokio_util::sync::CancellationToken;

/// The message of an activity that returned this error.
pub fn message_of<F: Activity>(error: &F::Error) -> String
where
    F::Error: fmt::Display,
{
    let mut message = exception(error.to_string()).message;
    if let Some(json) = F::write_error(error) {
        own_error::append(&mut message, &json);
    }
    message
}

/// The message of a failed activity as people read it: without the error that travels with it.
pub fn readable(mut message: String) -> String {
    own_error::take(&mut message);
    message
}

/// The functions linked into this binary.
#[derive(Debug)]
pub struct App(worker::App);

/// What the trigger and the input bindings give a function.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Values of the trigger and of the input bindings, by binding name.
    pub inputs: Vec<(String, TypedData)>,
    /// What is known about the trigger.
    pub trigger_metadata: HashMap<String, TypedData>,
}

/// What an invocation has around it.
#[derive(Clone)]
pub struct Surroundings {
    /// Id of the invocation.
    pub invocation_id: String,
    /// How durable clients reach their task hub; over TCP if nothing is given.
    pub client_transport: Option<Arc<dyn Transport>>,
    /// Where the records of the `log` facade go. Must not panic, nor log.
    pub log: LogSink,
    /// The least important records that go there.
    pub level: LevelFilter,
    /// Asks the function to stop.
    pub cancellation: CancellationToken,
    /// W3C trace parent, empty if there is none.
    pub trace_parent: String,
    /// W3C trace state, empty if there is none.
    pub trace_state: String,
}

/// Takes the log records of an invocation, on whatever thread they are made.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

/// A log record of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Id of the invocation.
    pub invocation_id: String,
    /// Name of the function.
    pub function: &'static str,
    /// How important it is.
    pub level: log::Level,
    /// Where it was made, usually a module.
    pub target: String,
    /// What it says.
    pub message: String,
}

/// An episode that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpisodeFailure {
    /// Message of the exception, as the host gets it: the answer of the orchestration is in it.
    pub message: String,
    /// The report, if the history contradicts the code.
    pub nondeterminism: Option<String>,
}

impl App {
    /// Collects the functions that `#[func]` registered.
    ///
    /// # Errors
    /// If there are none, or two of the same name: what the worker would say at its start.
    pub fn linked() -> Result<Self, String> {
        // For the place of a panic in its message, and its record.
        panics::install_hook();
        panics::tell(logger::panicked);
        worker::App::linked().map(Self).map_err(|error| error.to_string())
    }

    /// All functions, sorted by name.
    pub fn functions(&self) -> impl Iterator<Item = &'static Function> + use<'_> {
        self.0.functions().iter().copied()
    }

    /// A function by its name, ignoring case.
    pub fn find(&self, name: &str) -> Option<&'static Function> {
        self.0.find(name)
    }

    /// Runs one episode of an orchestration on this thread: trigger payload in, answer out. Never panics; blocks while the
    /// orchestration does.
    ///
    /// # Errors
    /// If it ends with an exception.
    pub fn run_episode(
        &self,
        function: &'static Function,
        payload: String,
        surroundings: &Surroundings,
    ) -> Result<String, EpisodeFailure> {
        let Handler::Orchestration(orchestrator) = function.handler else {
            return Err(failure(format!("function `{}` is not an orchestration", function.name)));
        };
        let context = surroundings.context(function);
        match run_orchestration(function, orchestrator, payload, self.0.known_functions(), &context) {
            Ok(Episode::Answer(answer) | Episode::Protobuf { answer, .. }) => Ok(answer),
            Ok(Episode::Failed { message, failure }) => Err(EpisodeFailure {
                message,
                nondeterminism: failure.nondeterminism,
            }),
            Err(panic) => Err(failure(panicked(function, panic).message)),
        }
    }

    /// Runs an episode that has run before once more, to compare the answers. Nothing of it is logged, no panic shown.
    ///
    /// # Errors
    /// As [`run_episode`](Self::run_episode).
    pub fn run_episode_again(
        &self,
        function: &'static Function,
        payload: String,
        surroundings: &Surroundings,
    ) -> Result<String, EpisodeFailure> {
        let silent = Surroundings {
            level: LevelFilter::Off,
            log: Arc::new(|_| {}),
            ..surroundings.clone()
        };
        panics::quietly(|| self.run_episode(function, payload, &silent))
    }

    /// What an orchestration with this trigger payload waits for, in words, each with the `file:line` that asked for it. The
    /// payload has the whole history; the code is run on it once more.
    pub fn waits_for(&self, function: &'static Function, payload: String) -> Vec<String> {
        match function.handler {
            Handler::Orchestration(run) => crate::durable::waits_for(payload, run, self.0.known_functions()),
            Handler::Blocking(_) | Handler::Async(_) | Handler::Entity { .. } => Vec::new(),
        }
    }

    /// Runs any other function: a plain one on a thread of the current tokio runtime that may block, an async one inside the
    /// returned future. Never panics. A plain function goes on if the future is dropped.
    ///
    /// # Errors
    /// The message of the exception, as the host gets it, if the function fails or panics.
    pub fn invoke(
        &self,
        function: &'static Function,
        call: Call,
        surroundings: &Surroundings,
    ) -> impl Future<Output = Result<Outputs, String>> + Send + 'static + use<> {
        invoke(function, call, surroundings)
    }
}

/// As [`App::invoke`].
pub(crate) fn invoke(
    function: &'static Function,
    call: Call,
    surroundings: &Surroundings,
) -> impl Future<Output = Result<Outputs, String>> + Send + 'static + use<> {
    let invocation = surroundings.invocation(function, call);
    let context = surroundings.context(function);
    async move {
        let outcome = match function.handler {
            Handler::Blocking(run) => on_a_thread(function, move || run_blocking(run, invocation, &context)).await?,
            Handler::Async(run) => RunningFunction::new(run, invocation, context).await,
            Handler::Entity { trigger, run } => match run {
                EntityHandler::Blocking(run) => {
                    let batch = move |invocation| run_batch_blocking(run, trigger, invocation);
                    on_a_thread(function, move || run_blocking(batch, invocation, &context)).await?
                }
                EntityHandler::Async(run) => {
                    let batch = move |invocation| -> InvocationFuture { Box::pin(run_batch(run, trigger, invocation)) };
                    RunningFunction::new(batch, invocation, context).await
                }
            },
            Handler::Orchestration(_) => {
                let text = format!("`{}` is an orchestration, which runs in episodes", function.name);
                return Err(exception(text).message);
            }
        };
        worded(function, outcome)
    }
}

/// Runs a plain function where it may block.
async fn on_a_thread(function: &Function, run: impl FnOnce() -> Outcome + Send + 'static) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Handle::try_current()
        .map_err(|error| format!("function `{}` cannot run: {error}", function.name))?;
    let ran = runtime.spawn_blocking(run).await;
    ran.map_err(|_| format!("function `{}` cannot run: the runtime stops", function.name))
}

fn worded(function: &'static Function, outcome: Outcome) -> Result<Outputs, String> {
    match outcome {
        Ok(Ok(outputs)) => Ok(outputs),
        Ok(Err(error)) => Err(failed(function, &error).message),
        Err(panic) => Err(panicked(function, panic).message),
    }
}

fn failure(message: String) -> EpisodeFailure {
    EpisodeFailure {
        message,
        nondeterminism: None,
    }
}

impl Surroundings {
    fn context(&self, function: &'static Function) -> Context {
        logger::install_in_process(self.level);
        Context(Arc::new(Scope {
            invocation_id: self.invocation_id.clone(),
            function,
            trace_parent: self.trace_parent.clone(),
            trace_state: self.trace_state.clone(),
            cancellation: self.cancellation.clone(),
            retry: None,
            level: self.level,
            records: Sink::InProcess(Arc::clone(&self.log)),
            answered: AtomicBool::new(false),
        }))
    }

    fn invocation(&self, function: &'static Function, call: Call) -> Invocation {
        Invocation {
            id: self.invocation_id.clone(),
            function: function.name,
            inputs: call.inputs,
            trigger_metadata: call.trigger_metadata,
            trace_parent: self.trace_parent.clone(),
            trace_state: self.trace_state.clone(),
            cancellation: self.cancellation.clone(),
            client_transport: self.client_transport.clone(),
        }
    }
}

/// No id, no logs, and clients that use TCP.
impl Default for Surroundings {
    fn default() -> Self {
        Self {
            invocation_id: String::new(),
            client_transport: None,
            log: Arc::new(|_| {}),
            level: LevelFilter::Info,
            cancellation: CancellationToken::new(),
            trace_parent: String::new(),
            trace_state: String::new(),
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("invocation_id", &self.invocation_id)
            .field("client_transport", &self.client_transport)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

//! Runs the functions of this binary in this process, without a host: for the test host of `azure-functions-sdk` in the same
//! version, and free to change in any release.
//!
//! It is the worker without the stream: the code that makes parameters, runs a function, and words its failure is the same.

mod http;

pub use crate::context::{LogLine, LogSink};
pub use crate::instead::instead;
use crate::{
    FunctionError,
    app::{
        Shutdown, States,
        invocation::{Run, Running},
        layer::Layers,
        startup::Started,
    },
    context::{Context, InvocationSpan, Scope, Sink},
    durable::{
        Activity, EndedExecution, Episode, MAX_BYTES, MAX_COUNT, ParkedInstances, Wire, activity_failure,
        encode_message, own_error,
    },
    entities::{run_batch, run_batch_blocking},
    entity_batch::LateAnswer,
    invocation::Invocation,
    panics,
    protected::Outcome,
    registry::InvocationFuture,
    spans::{self, InvocationSpans},
    worker::{
        execution::{end_span, exception, failed, panicked, run_async, run_blocking, run_orchestration},
        logger,
    },
};
pub use crate::{
    invocation::Outputs,
    registry::{DurableKind, EntityHandler, Function, Handler},
    rpc::{CollectionBytes, CollectionString, Data, ModelBindingData, TypedData},
};
pub use http::http_response;

use azure_functions_durable::Transport;
use futures_util::FutureExt;
use log::LevelFilter;
use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// The message of an activity that returned this error, as a host is told that speaks this wire.
pub fn message_of<F: Activity>(error: &F::Error, wire: Wire) -> String
where
    F::Error: fmt::Display,
{
    let own = F::write_error(error);
    if wire == Wire::Protobuf {
        let error_type = std::any::type_name::<F::Error>();
        return activity_failure::of_own_error(&error.to_string(), error_type, own.as_deref());
    }
    let mut message = exception(error.to_string()).message;
    if let Some(json) = own {
        own_error::append(&mut message, &json);
    }
    message
}

/// The message of a failed activity as people read it: without the error that travels with it.
pub fn readable(mut message: String) -> String {
    own_error::take(&mut message);
    message
}

/// An app: the functions linked into this binary, with what they share.
#[derive(Debug)]
pub struct App {
    functions: crate::functions::Functions,
    wire: Wire,
    /// No other app of this process has it.
    number: u64,
    started: Started,
    shutdowns: Mutex<Vec<Shutdown>>,
}

/// The number of the next app.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The orchestrations that wait on this thread, by app.
    static PARKED: RefCell<HashMap<u64, ParkedInstances>> = RefCell::default();
}

impl Drop for App {
    fn drop(&mut self) {
        // What another thread keeps goes with that thread, and so does what this one keeps if it ends now.
        let parked = PARKED.try_with(|apps| apps.try_borrow_mut().ok()?.remove(&self.number));
        drop(parked);
    }
}

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
    /// What the host speaks that is played: the failures of activities are worded for it.
    pub wire: Wire,
    /// Asks the function to stop.
    pub cancellation: CancellationToken,
    /// W3C trace parent, empty if there is none.
    pub trace_parent: String,
    /// W3C trace state, empty if there is none.
    pub trace_state: String,
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
    /// Starts an app: collects the functions that `#[func]` registered, and runs its set-ups.
    ///
    /// # Errors
    /// What the worker would say at its start: there are no functions, two have the same name, one takes a state that the app does not
    /// have, a set-up fails, or the environment names a wire that there is not.
    pub async fn start(mut options: crate::App) -> Result<Self, String> {
        // For the place of a panic in its message, and its record.
        panics::install_hook();
        panics::tell(logger::panicked);
        let functions =
            crate::functions::Functions::linked_with(&options.startup).map_err(|error| error.to_string())?;
        let wire = Wire::announced(options.wire).map_err(|error| error.to_string())?;
        let needs = functions.needs();
        if let Some(name) = options.startup.useless(&needs) {
            return Err(format!(
                "the state `{name}` that the test gives replaces none of the app's, and no function takes `State<{name}>`: name the type \
                 that the functions take, as in `.state::<Arc<dyn Gateway>>(fake)`"
            ));
        }
        let started = options.startup.start(&needs).await;
        Ok(Self {
            functions,
            wire,
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            started: started.map_err(|error| error.to_string())?,
            shutdowns: Mutex::new(options.shutdowns),
        })
    }

    /// Starts an app that has no options, and so nothing to wait for.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn linked() -> Result<Self, String> {
        Self::start(crate::app())
            .now_or_never()
            .unwrap_or_else(|| Err("the start of an app without options has to wait".to_owned()))
    }

    /// What the app does after its last function, if anything; nothing the second time.
    pub fn end(&self) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        let shutdowns = std::mem::take(&mut *self.shutdowns.lock().unwrap_or_else(PoisonError::into_inner));
        (!shutdowns.is_empty()).then(|| Shutdown::run_all(shutdowns, self.started.states.clone()))
    }

    /// The wire that hosts are asked for.
    pub const fn wire(&self) -> Wire {
        self.wire
    }

    /// All functions, sorted by name.
    pub fn functions(&self) -> impl Iterator<Item = &'static Function> + use<'_> {
        self.functions.functions().iter().copied()
    }

    /// A function by its name, ignoring case.
    pub fn find(&self, name: &str) -> Option<&'static Function> {
        self.functions.find(name)
    }

    /// Runs one episode of an orchestration on this thread: trigger payload in, answer out. Never panics; blocks while the
    /// orchestration does. Where the payload offers a session, an orchestration that waits is kept for the next one that comes on this
    /// thread with new events only.
    ///
    /// # Errors
    /// If it ends with an exception.
    pub fn run_episode(
        &self,
        function: &'static Function,
        payload: String,
        surroundings: &Surroundings,
    ) -> Result<String, EpisodeFailure> {
        let mut parked = PARKED
            .with_borrow_mut(|apps| apps.remove(&self.number))
            .unwrap_or_else(|| ParkedInstances::with_room_for(MAX_COUNT, MAX_BYTES));
        let layers = self.started.layers.as_deref();
        let answer = self.episode(function, payload, surroundings, layers, Some(&mut parked));
        parked.drop_aside();
        PARKED.with_borrow_mut(|apps| apps.insert(self.number, parked));
        let (answer, ended) = answer?;
        ended.into_iter().for_each(|ended| spans::orchestration(*ended));
        Ok(answer)
    }

    fn episode(
        &self,
        function: &'static Function,
        payload: String,
        surroundings: &Surroundings,
        layers: Option<&Layers>,
        parking: Option<&mut ParkedInstances>,
    ) -> Result<(String, Option<Box<EndedExecution>>), EpisodeFailure> {
        let Handler::Orchestration(orchestrator) = function.handler else {
            return Err(failure(format!("function `{}` is not an orchestration", function.name)));
        };
        let context = surroundings.context(function, &HashMap::new());
        match run_orchestration(
            function,
            orchestrator,
            payload.into(),
            self.functions.known_functions(),
            &context,
            layers,
            parking,
        ) {
            Ok(Episode::Answer(answer)) => Ok((answer, None)),
            Ok(Episode::Protobuf { answer, ended, .. }) => Ok((encode_message(answer.as_ref()), ended)),
            Ok(Episode::Failed { message, failure }) => Err(EpisodeFailure {
                message,
                nondeterminism: failure.nondeterminism,
            }),
            Err(panic) => Err(failure(panicked(function, panic, surroundings.wire).message)),
        }
    }

    /// Runs an episode that has run before once more, from its whole history, to compare the answers. Nothing of it is logged, no panic shown, no span made; layers do not see it.
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
        let again = panics::quietly(|| self.episode(function, payload, &silent, None, None));
        // Its span has been made.
        again.map(|(answer, _)| answer)
    }

    /// What an orchestration with this trigger payload waits for, in words, each with the `file:line` that asked for it. The
    /// payload has the whole history; the code is run on it once more.
    pub fn waits_for(&self, function: &'static Function, payload: String) -> Vec<String> {
        match function.handler {
            Handler::Orchestration(run) => crate::durable::waits_for(payload, run, self.functions.known_functions()),
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
        invoke(function, call, surroundings, self.started.clone())
    }
}

/// As [`App::invoke`], of an app that has started so.
pub(crate) fn invoke(
    function: &'static Function,
    call: Call,
    surroundings: &Surroundings,
    started: Started,
) -> impl Future<Output = Result<Outputs, String>> + Send + 'static + use<> {
    let Started { states, layers, parked } = started;
    let context = surroundings.context(function, &call.trigger_metadata);
    let (invocation, wire) = (surroundings.invocation(function, call, states), surroundings.wire);
    let late_answer = match function.handler {
        Handler::Entity { trigger, .. } => LateAnswer::of(trigger, &invocation),
        _ => None,
    };
    async move {
        let run: Run = match function.handler {
            Handler::Blocking(run) => on_a_thread(function, run, invocation, context.clone())?,
            Handler::Async(run) => Box::new(run_boxed(run, invocation, context.clone())),
            Handler::Entity { trigger, run } => match run {
                EntityHandler::Blocking(run) => {
                    let batch = move |invocation| run_batch_blocking(run, trigger, invocation, &parked);
                    on_a_thread(function, batch, invocation, context.clone())?
                }
                EntityHandler::Async(run) => {
                    let batch =
                        move |invocation| -> InvocationFuture { Box::pin(run_batch(run, trigger, invocation, parked)) };
                    Box::new(run_boxed(batch, invocation, context.clone()))
                }
            },
            Handler::Orchestration(_) => {
                let text = format!("`{}` is an orchestration, which runs in episodes", function.name);
                return Err(exception(text).message);
            }
        };
        let outcome = match layers {
            None => run().await,
            Some(layers) => layers.run(context.clone(), run).await,
        };
        end_span(&context, &outcome);
        worded(function, outcome, wire, late_answer.as_ref())
    }
}

fn run_boxed(
    run: impl FnOnce(Invocation) -> InvocationFuture + Send + 'static,
    invocation: Invocation,
    context: Context,
) -> impl FnOnce() -> Running + Send {
    let function = run_async(run, invocation, context);
    move || Box::pin(function)
}

/// Runs a plain function where it may block.
fn on_a_thread(
    function: &'static Function,
    run: impl FnOnce(Invocation) -> Result<Outputs, FunctionError> + Send + 'static,
    invocation: Invocation,
    context: Context,
) -> Result<Run, String> {
    let runtime = tokio::runtime::Handle::try_current()
        .map_err(|error| format!("function `{}` cannot run: {error}", function.name))?;
    Ok(Box::new(move || {
        let ran = runtime.spawn_blocking(move || run_blocking(run, invocation, &context));
        Box::pin(async move {
            ran.await.unwrap_or_else(|_| {
                let text = format!("function `{}` cannot run: the runtime stops", function.name);
                Ok(Err(FunctionError::new(text)))
            })
        })
    }))
}

fn worded(
    function: &'static Function,
    outcome: Outcome,
    wire: Wire,
    late_answer: Option<&LateAnswer>,
) -> Result<Outputs, String> {
    let exception = match outcome {
        Ok(Ok(outputs)) => return Ok(outputs),
        Ok(Err(error)) => failed(function, &error, wire),
        Err(panic) => panicked(function, panic, wire),
    };
    let answer = late_answer.and_then(|late| late.failed(&exception.r#type, &exception.message));
    answer.ok_or(exception.message)
}

fn failure(message: String) -> EpisodeFailure {
    EpisodeFailure {
        message,
        nondeterminism: None,
    }
}

impl Surroundings {
    fn context(&self, function: &'static Function, metadata: &HashMap<String, TypedData>) -> Context {
        #[cfg(feature = "tracing")]
        crate::trace::install();
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
            pace: Arc::default(),
            span: InvocationSpan::default(),
            spans: InvocationSpans::new(function, metadata, true),
            answered: AtomicBool::new(false),
        }))
    }

    fn invocation(&self, function: &'static Function, call: Call, states: States) -> Invocation {
        Invocation {
            id: self.invocation_id.clone(),
            function: function.name,
            inputs: call.inputs,
            trigger_metadata: call.trigger_metadata,
            trace_parent: self.trace_parent.clone(),
            trace_state: self.trace_state.clone(),
            cancellation: self.cancellation.clone(),
            client_transport: self.client_transport.clone(),
            client: None,
            states,
            makes_spans: true,
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
            wire: Wire::Json,
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

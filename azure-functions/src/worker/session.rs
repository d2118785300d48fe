//! The conversation with the host, from the first message to the last.
//!
//! One thread at a time reads and writes, and only that while it does: every message is answered at once, handed to the functions' threads,
//! or left to run where it was [read](super::reader).
//! Content that we do not know is ignored.

use super::{
    arguments::HostArguments,
    asker::Asker,
    call::{Reply, result},
    environment,
    execution::exception,
    exit::Serving,
    levels::Levels,
    logger::{self, Console},
    pool::Pool,
    run_function,
    running::Running,
    start::{Begun, Start},
    threads::Threads,
};
use crate::{
    app::{
        Shutdown,
        startup::{StartError, Started},
    },
    context::{Context, InvocationSpan, RetryContext, Scope, Sink},
    durable::{Wire, wire_of},
    durable_wire::Spoken,
    entity_batch::LateAnswer,
    functions::{self, Functions},
    instead::instead,
    invocation::Invocation,
    outgoing::{self, Outgoing},
    pace::Pace,
    registry::{Function, Handler},
    rpc::{
        Data, FunctionEnvironmentReloadRequest, FunctionEnvironmentReloadResponse, FunctionLoadRequest,
        FunctionLoadResponse, FunctionLoadResponseCollection, FunctionMetadataResponse, InvocationRequest,
        InvocationResponse, StartStream, StatusResult, StreamingMessage, WorkerInitRequest, WorkerInitResponse,
        WorkerStatusResponse, WorkerWarmupResponse, function_rpc_client::FunctionRpcClient, parameter_binding::RpcData,
        status_result::Status, streaming_message::Content,
    },
    runtime,
};
use futures_util::FutureExt as _;
use log::LevelFilter;
use std::{
    collections::HashMap,
    error::Error,
    io, mem,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{Streaming, transport::Endpoint};

/// What the host may send ahead, in bytes.
const WINDOW: u32 = 16 << 20;

/// Where the local host looks for the secret that it gave to the worker.
const SECRET_METADATA: &str = "azure-functions-worker-secret";

/// What the worker can do, as the host must know it: a key switches a behaviour on, whatever its value.
const CAPABILITIES: [&str; 12] = [
    "TypedDataCollection",
    "IncludeEmptyEntriesInMessagePayload",
    "RpcHttpBodyOnly",
    "RawHttpBodyBytes",
    "RpcHttpTriggerMetadataRemoved",
    "UseNullableValueDictionaryForHttp",
    "WorkerStatus",
    "HandlesWorkerTerminateMessage",
    "HandlesInvocationCancelMessage",
    "HandlesWorkerWarmupMessage",
    "SupportsLoadResponseCollection",
    "EnableUserCodeException",
];

/// Announced by a host whose users see system records: what they say need not stand on the console as well. The real host does
/// not show them, and announces no such thing.
const SHOWS_SYSTEM_LOGS: &str = "ShowsSystemLogs";

/// The protocol's bound on the size of a message, in both directions.
const MAX_MESSAGE: usize = i32::MAX as usize;

/// What hosts give a worker that is told to stop, when they do not say.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// Messages that are read before what they ask for runs.
const MOST_TOGETHER: usize = 64;

/// How long the host may take to end the stream after we ended our half.
const GOODBYE: Duration = Duration::from_secs(1);

/// The conversation could not begin or broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SessionError {
    /// Not an address.
    #[error("`{uri}` is not the address of a host: expected http://HOST:PORT/")]
    Address { uri: String },
    /// No host answers.
    #[error(
        "cannot reach the host at {uri}: {reason}; the app is meant to be started by a running host, for instance by `cargo func run`"
    )]
    Unreachable { uri: String, reason: String },
    /// The stream broke.
    #[error("the connection to the host broke: {reason}")]
    Broken { reason: String },
    /// No runtime for the connection.
    #[error("cannot start the worker: {0}")]
    Runtime(#[source] io::Error),
    /// No threads.
    #[error("cannot start the threads for functions: {0}")]
    Threads(#[source] io::Error),
    /// What the app does before its first function did not succeed.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Opens the stream to the host.
///
/// `secret` proves to the host that this is the process it started. The real host gives none.
pub(super) async fn open(
    app: Functions,
    options: crate::App,
    host: HostArguments,
    serving: Serving,
    secret: Option<String>,
) -> Result<Session, SessionError> {
    let (out, outgoing) = outgoing::channel();
    out.send(
        host.request_id,
        Content::StartStream(StartStream {
            worker_id: host.worker_id,
        }),
    );
    let endpoint =
        Endpoint::from_shared(host.uri.clone()).map_err(|_| SessionError::Address { uri: host.uri.clone() })?;
    // The history of a long orchestration is megabytes: the default of 64 KiB would stop the host every few messages.
    let endpoint = endpoint
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .tcp_nodelay(true);
    let unreachable = |reason: String| SessionError::Unreachable {
        uri: host.uri.clone(),
        reason,
    };
    let channel = endpoint.connect().await.map_err(|e| unreachable(root_cause(&e)))?;
    let mut request = tonic::Request::new(outgoing);
    // What cannot be sent is not what a host gave.
    if let Some(secret) = secret.and_then(|secret| secret.parse().ok()) {
        request.metadata_mut().insert(SECRET_METADATA, secret);
    }
    let incoming = FunctionRpcClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
        .event_stream(request)
        .await
        .map_err(|status| unreachable(root_cause(&status)))?
        .into_inner();
    Ok(Session {
        incoming,
        wire: options.wire,
        spoken: Arc::new(Spoken::new(options.wire, false)),
        start: Start::new(options.startup, &app),
        shutdowns: options.shutdowns,
        app,
        running: Arc::new(Running::new(out.clone())),
        out,
        levels: Levels::default(),
        app_directory: String::new(),
        console: Console::Written,
        loaded: HashMap::new(),
        threads: None,
        has_run: false,
        serving: Some(serving),
    })
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// One stream. It is read in [steps](Self::step), by whatever thread does so at the time.
pub(super) struct Session {
    incoming: Streaming<StreamingMessage>,
    app: Functions,
    out: Outgoing,
    levels: Levels,
    app_directory: String,
    console: Console,
    /// By function id. Hosts may load again, under the same or other ids; ids once loaded stay good.
    loaded: HashMap<String, Loaded>,
    running: Arc<Running>,
    /// Started by the first invocation: see `environment` for what that makes possible.
    threads: Option<Threads>,
    /// Whether functions have run on the thread that reads since something was read.
    has_run: bool,
    /// Until the host tells us to end.
    serving: Option<Serving>,
    /// What the app asks for, and what the host speaks.
    wire: Option<Wire>,
    spoken: Arc<Spoken>,
    /// What is done before the first function.
    start: Start,
    /// What is done after the last; taken when it begins.
    shutdowns: Vec<Shutdown>,
}

struct Loaded {
    function: &'static Function,
    level: LevelFilter,
    pace: Arc<Pace>,
}

/// Why a step ends.
pub(super) enum Step {
    /// Functions run from now on: the threads for them were started.
    Began(Pool),
    /// There is something to run on the thread that made the step, before it makes the next.
    Run,
    /// The stream has ended.
    Ended,
}

/// What can happen.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once: a box would be allocated for nothing"
)]
enum Event {
    Message(StreamingMessage),
    /// The set-ups have ended.
    Started(Started),
    /// The host has ended the stream.
    Ended,
}

/// Whether the host wants to go on.
enum Next {
    Read,
    Stop { grace: Duration },
}

impl Session {
    /// Reads until there is something to do that has no place in here; once the stream has ended, there is no next step.
    pub(super) async fn step(&mut self) -> Result<Step, SessionError> {
        let had_threads = self.threads.is_some();
        let mut read = 0;
        loop {
            let event = match self.has_work_here() {
                false => self.wait().await?,
                // It does not wait for more to come, but for what has come already: all of it is answered together.
                true if read < MOST_TOGETHER => match self.event().now_or_never() {
                    Some(event) => event?,
                    None => return Ok(self.run()),
                },
                true => return Ok(self.run()),
            };
            read += 1;
            match event {
                Event::Message(message) => {
                    if let Next::Stop { grace } = self.handle(message)? {
                        self.stop(grace).await?;
                        return Ok(Step::Ended);
                    }
                }
                Event::Started(started) => {
                    for message in self.start.complete(started) {
                        self.handle(message)?;
                    }
                }
                Event::Ended => return Ok(Step::Ended),
            }
            if let (false, Some(threads)) = (had_threads, &self.threads) {
                return Ok(Step::Began(threads.pool().clone()));
            }
        }
    }

    fn run(&mut self) -> Step {
        self.has_run = true;
        Step::Run
    }

    /// Waits for the next of what can happen. The answers of what has run leave first, even where there is always another message.
    async fn wait(&mut self) -> Result<Event, SessionError> {
        if mem::take(&mut self.has_run)
            && let Some(event) = self.event().now_or_never()
        {
            yield_now().await;
            return event;
        }
        self.event().await
    }

    /// The next of what can happen.
    async fn event(&mut self) -> Result<Event, SessionError> {
        tokio::select! {
            message = next(&mut self.incoming) => Ok(message?.map_or(Event::Ended, Event::Message)),
            ended = self.start.ended() => Ok(Event::Started(ended?)),
        }
    }

    fn has_work_here(&self) -> bool {
        self.threads
            .as_ref()
            .is_some_and(|threads| threads.pool().has_work_here())
    }

    /// The end of the conversation, whichever side made it.
    pub(super) async fn close(&mut self) {
        self.serving = None;
        // There is no caller to answer.
        self.running.cancel_all();
        self.shut_down(Instant::now() + DEFAULT_GRACE).await;
        if let Some(threads) = self.threads.take() {
            threads.stop();
        }
    }

    /// Lets running invocations finish, answers for those that do not in time, and says goodbye.
    async fn stop(&mut self, grace: Duration) -> Result<(), SessionError> {
        self.serving = None;
        // From here on, what is read does not leave this step.
        if let Some(threads) = &self.threads {
            threads.pool().read_no_more();
        }
        // The host kills us when the grace is over: keep a little of it for what must still be sent.
        let drain = grace - (grace / 5).min(Duration::from_millis(500));
        let end = Instant::now() + drain.min(Duration::from_secs(86_400));
        let deadline = match self.shutdowns.is_empty() {
            true => end,
            false => end - (grace / 4).min(end.duration_since(Instant::now())),
        };
        self.refuse_held();
        self.running.cancel_all();
        let running = Arc::clone(&self.running);
        let mut drained = Box::pin(timeout_at(deadline, running.drained()));
        loop {
            tokio::select! {
                _ = &mut drained => break,
                message = next(&mut self.incoming) => match message? {
                    // A second request to stop changes nothing.
                    Some(message) => {
                        self.handle(message)?;
                        self.refuse_held();
                    }
                    None => return Ok(()),
                },
            }
        }
        for id in self.running.ids() {
            let status = stopped();
            self.running.answer(&id, || InvocationResponse {
                invocation_id: id.clone(),
                result: Some(status),
                ..InvocationResponse::default()
            });
        }
        self.shut_down(end).await;
        log::logger().flush();
        self.out.end();
        // The host ends its half when it has read ours to the end.
        let _ = timeout(GOODBYE, async {
            while let Ok(Some(_)) = next(&mut self.incoming).await {}
        })
        .await;
        Ok(())
    }

    /// Runs the app's shutdowns, unless the app never started; what has not ended by then is given up.
    async fn shut_down(&mut self, end: Instant) {
        let shutdowns = mem::take(&mut self.shutdowns);
        let (Some(started), Some(threads), false) = (self.start.started(), &self.threads, shutdowns.is_empty()) else {
            return;
        };
        let ran = threads
            .handle()
            .spawn(Shutdown::run_all(shutdowns, started.states.clone()));
        if timeout_at(end, ran).await.is_err() {
            log::warn!("the shutdown of the app did not end in the time that the host gives, and was given up");
        }
    }

    /// Answers the invocations that wait for the start of an app which the host stops.
    fn refuse_held(&mut self) {
        for message in self.start.give_up() {
            if let Some(Content::InvocationRequest(request)) = message.content {
                let response = InvocationResponse {
                    invocation_id: request.invocation_id,
                    result: Some(stopped()),
                    ..InvocationResponse::default()
                };
                self.out.send(message.request_id, Content::InvocationResponse(response));
            }
        }
    }

    /// Begins the start of the app, if that has not been done; gives the message back if it can be handled now.
    fn after_the_start(&mut self, message: StreamingMessage) -> Result<Option<StreamingMessage>, SessionError> {
        if self.start.needs_threads() && self.threads.is_none() {
            self.threads = Some(Threads::start().map_err(SessionError::Threads)?);
        }
        match self.start.begin(self.threads.as_ref())? {
            Begun::Ready => Ok(Some(message)),
            Begun::Later => {
                self.start.hold(message);
                Ok(None)
            }
        }
    }

    fn handle(&mut self, message: StreamingMessage) -> Result<Next, SessionError> {
        // The first of them says that the environment is final: a host replaces it before it loads the functions of an app.
        let waits = matches!(
            message.content,
            Some(
                Content::FunctionLoadRequest(_)
                    | Content::FunctionLoadRequestCollection(_)
                    | Content::InvocationRequest(_)
                    | Content::InvocationCancel(_)
            )
        );
        let message = match waits {
            true => match self.after_the_start(message)? {
                Some(message) => message,
                None => return Ok(Next::Read),
            },
            false => message,
        };
        let StreamingMessage { request_id, content } = message;
        let answer = match content {
            Some(Content::InvocationRequest(request)) => {
                self.invoke(request_id, request)?;
                return Ok(Next::Read);
            }
            Some(Content::InvocationCancel(cancel)) => {
                self.running.cancel(&cancel.invocation_id);
                return Ok(Next::Read);
            }
            Some(Content::WorkerTerminate(terminate)) => {
                let grace = terminate.grace_period.and_then(|g| Duration::try_from(g).ok());
                return Ok(Next::Stop {
                    grace: grace.unwrap_or(DEFAULT_GRACE),
                });
            }
            Some(Content::WorkerStatusRequest(_)) => Content::WorkerStatusResponse(WorkerStatusResponse {}),
            Some(Content::WorkerInitRequest(request)) => self.initialise(&request),
            Some(Content::FunctionsMetadataRequest(request)) => {
                let directory = &request.function_app_directory;
                let functions = self.app.functions().iter();
                let (functions, result) = match Wire::announced(self.wire) {
                    Ok(wire) => (
                        functions.map(|f| functions::metadata(f, directory, wire)).collect(),
                        success(),
                    ),
                    Err(error) => (Vec::new(), result(Status::Failure, Some(exception(error.to_string())))),
                };
                Content::FunctionMetadataResponse(FunctionMetadataResponse {
                    function_metadata_results: functions,
                    result: Some(result),
                    use_default_metadata_indexing: false,
                })
            }
            Some(Content::FunctionLoadRequest(request)) => Content::FunctionLoadResponse(self.load(request)),
            Some(Content::FunctionLoadRequestCollection(requests)) => {
                let requests = requests.function_load_requests.into_iter();
                Content::FunctionLoadResponseCollection(FunctionLoadResponseCollection {
                    function_load_responses: requests.map(|r| self.load(r)).collect(),
                })
            }
            Some(Content::WorkerWarmupRequest(_)) => Content::WorkerWarmupResponse(WorkerWarmupResponse {
                result: Some(success()),
            }),
            Some(Content::FunctionEnvironmentReloadRequest(request)) => self.reload(&request),
            _ => return Ok(Next::Read),
        };
        self.out.send(request_id, answer);
        Ok(Next::Read)
    }

    fn initialise(&mut self, request: &WorkerInitRequest) -> Content {
        self.app_directory.clone_from(&request.function_app_directory);
        self.read_levels();
        self.levels.add_categories(request.log_categories.iter());
        self.console = match request.capabilities.contains_key(SHOWS_SYSTEM_LOGS) {
            true => Console::Silent,
            false => Console::Written,
        };
        logger::connect(&self.out, &self.levels, self.console);
        self.listen();
        Content::WorkerInitResponse(WorkerInitResponse {
            worker_version: runtime::WORKER_VERSION.to_owned(),
            capabilities: capabilities(),
            result: Some(success()),
            worker_metadata: Some(runtime::metadata()),
            ..WorkerInitResponse::default()
        })
    }

    /// Begins to find out what the host speaks. The environment has a say in what it is asked for.
    fn listen(&mut self) {
        let is_local = matches!(self.console, Console::Silent);
        self.spoken = Arc::new(Spoken::new(self.wire, is_local));
    }

    fn read_levels(&mut self) {
        let directory = match self.app_directory.as_str() {
            "" => ".",
            directory => directory,
        };
        self.levels = Levels::default();
        self.levels.add_host_json(Path::new(directory));
        let readable = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        self.levels.add_variables(readable);
    }

    fn reload(&mut self, request: &FunctionEnvironmentReloadRequest) -> Content {
        let outcome = environment::reload(&request.environment_variables, &request.function_app_directory);
        if outcome.is_ok() {
            self.app_directory.clone_from(&request.function_app_directory);
            self.read_levels();
            logger::connect(&self.out, &self.levels, self.console);
            self.listen();
            self.start.again();
        }
        let result = match outcome {
            Ok(()) => success(),
            Err(error) => result(Status::Failure, Some(exception(error.to_string()))),
        };
        Content::FunctionEnvironmentReloadResponse(FunctionEnvironmentReloadResponse {
            worker_metadata: Some(runtime::metadata()),
            capabilities: capabilities(),
            result: Some(result),
            ..FunctionEnvironmentReloadResponse::default()
        })
    }

    fn load(&mut self, request: FunctionLoadRequest) -> FunctionLoadResponse {
        let name = request.metadata.map(|m| m.name).unwrap_or_default();
        let result = match self.app.find(&name) {
            Some(function) => {
                let level = self.levels.of_function(function.name);
                let loaded = Loaded {
                    function,
                    level,
                    pace: Arc::default(),
                };
                self.loaded.insert(request.function_id.clone(), loaded);
                success()
            }
            None => {
                let instead = instead(&name, &self.app.names());
                let message = format!("this app has no function named '{name}'; {instead}");
                result(Status::Failure, Some(exception(message)))
            }
        };
        FunctionLoadResponse {
            function_id: request.function_id,
            result: Some(result),
            ..FunctionLoadResponse::default()
        }
    }

    fn invoke(&mut self, request_id: String, request: InvocationRequest) -> Result<(), SessionError> {
        let Some(Loaded { function, level, pace }) = self.loaded.get(&request.function_id) else {
            let message = format!("no function was loaded under the id `{}`", request.function_id);
            let response = InvocationResponse {
                invocation_id: request.invocation_id,
                result: Some(result(Status::Failure, Some(exception(message)))),
                ..InvocationResponse::default()
            };
            self.out.send(request_id, Content::InvocationResponse(response));
            return Ok(());
        };
        let (function, level, pace) = (*function, *level, Arc::clone(pace));
        let cancellation = CancellationToken::new();
        if !self.running.begin(&request.invocation_id, request_id, &cancellation) {
            log::warn!(
                "ignored a second request for the running invocation {}",
                request.invocation_id
            );
            return Ok(());
        }
        let threads = match &self.threads {
            Some(threads) => threads,
            None => self.threads.insert(Threads::start().map_err(SessionError::Threads)?),
        };
        let started = self.start.started().cloned().unwrap_or_default();
        let trace = request.trace_context.unwrap_or_default();
        let scope = Scope {
            invocation_id: request.invocation_id.clone(),
            function,
            trace_parent: trace.trace_parent.clone(),
            trace_state: trace.trace_state.clone(),
            cancellation: cancellation.clone(),
            retry: request.retry_context.map(|r| RetryContext {
                retry_count: r.retry_count,
                max_retry_count: r.max_retry_count,
                last_failure: r.exception.map(|e| e.message),
            }),
            level,
            pace,
            records: Sink::Host(self.out.clone()),
            span: InvocationSpan::default(),
            answered: AtomicBool::new(false),
        };
        let inputs = request.input_data.into_iter().map(|input| match input.rpc_data {
            Some(RpcData::Data(data)) => (input.name, data),
            // Shared memory is never announced; null comes without data.
            _ => (input.name, Default::default()),
        });
        let invocation = Invocation {
            id: request.invocation_id,
            function: function.name,
            inputs: inputs.collect(),
            trigger_metadata: request.trigger_metadata,
            trace_parent: trace.trace_parent,
            trace_state: trace.trace_state,
            cancellation,
            client_transport: None,
            client: None,
            states: started.states.clone(),
        };
        let reply = Reply {
            context: Context(Arc::new(scope)),
            asker: Asker::Host {
                running: Arc::clone(&self.running),
                spoken: Arc::clone(&self.spoken),
            },
            late_answer: match function.handler {
                Handler::Entity { trigger, .. } => LateAnswer::of(trigger, &invocation),
                _ => None,
            },
        };
        if let Some(warning) = shown_wire(function, &invocation).and_then(|wire| self.spoken.show(wire)) {
            // Where the users of a real host see it.
            reply.context.enter(|| log::warn!("{warning}"));
        }
        run_function::start(
            function,
            invocation,
            reply,
            threads,
            started,
            self.app.known_functions(),
        );
        Ok(())
    }
}

/// The wire that an invocation came on, if it shows one.
fn shown_wire(function: &Function, invocation: &Invocation) -> Option<Wire> {
    let (_, trigger) = match function.handler {
        Handler::Orchestration(_) => invocation.inputs.first(),
        Handler::Entity { trigger, .. } => invocation.inputs.iter().find(|(name, _)| name == trigger),
        Handler::Blocking(_) | Handler::Async(_) => None,
    }?;
    match &trigger.data {
        Some(Data::String(text) | Data::Json(text)) => Some(wire_of(text)),
        _ => None,
    }
}

async fn next(incoming: &mut Streaming<StreamingMessage>) -> Result<Option<StreamingMessage>, SessionError> {
    incoming.message().await.map_err(|status| SessionError::Broken {
        reason: match status.message() {
            "" => root_cause(&status),
            message => message.to_owned(),
        },
    })
}

fn stopped() -> StatusResult {
    let text = "the host stopped the worker before the function completed";
    result(Status::Cancelled, Some(exception(text)))
}

fn success() -> StatusResult {
    result(Status::Success, None)
}

fn capabilities() -> HashMap<String, String> {
    CAPABILITIES
        .iter()
        .map(|c| ((*c).to_owned(), "true".to_owned()))
        .collect()
}

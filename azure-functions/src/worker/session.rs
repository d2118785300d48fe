//! The conversation with the host, from the first message to the last.
//!
//! One thread at a time reads and writes, and only that while it does: every message is answered at once, handed to the functions' threads,
//! or left to run where it was [read](super::reader).
//! Content that we do not know is ignored.

mod ending;
pub(super) mod error;
mod incoming;
mod introduction;
mod invoking;
pub(super) mod opening;

use self::{error::SessionError, incoming::next};
use super::{
    call::{result, success},
    execution::exception,
    exit::Serving,
    levels::Levels,
    logger::Console,
    pool::Pool,
    running::Running,
    start::{Begun, Start},
    threads::Threads,
};
use crate::{
    app::{Shutdown, startup::Started},
    durable::Wire,
    durable_wire::Spoken,
    functions::{self, Functions},
    instead::instead,
    outgoing::Outgoing,
    pace::Pace,
    registry::Function,
    rpc::{
        FunctionLoadRequest, FunctionLoadResponse, FunctionLoadResponseCollection, FunctionMetadataResponse,
        StreamingMessage, WorkerStatusResponse, WorkerWarmupResponse, status_result::Status,
        streaming_message::Content,
    },
};
use futures_util::FutureExt as _;
use log::LevelFilter;
use std::{collections::HashMap, mem, sync::Arc, time::Duration};
use tokio::task::yield_now;
use tonic::Streaming;

/// What hosts give a worker that is told to stop, when they do not say.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// Messages that are read before what they ask for runs. All that run together are answered together, and the host has nothing to do until
/// then: with all of 64 at once, host and worker take turns on two cores. Few at a time cost more system calls, but both work
/// (the benchmark `worker`: 66,000 invocations a second with 64, 117,000 with 8).
const MOST_TOGETHER: usize = 8;

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
    /// Reads until there is something to do that has no place in here; once the stream has ended, there is no next step. Between steps
    /// nothing drives the stream: answers leave with the next one.
    pub(super) async fn step(&mut self) -> Result<Step, SessionError> {
        self.out.release();
        let step = self.read().await;
        self.out.hold();
        step
    }

    async fn read(&mut self) -> Result<Step, SessionError> {
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
}

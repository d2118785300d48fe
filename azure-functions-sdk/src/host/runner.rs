//! Runs functions on the worker there is: what the HTTP front door, the timers, the admin API and the task hub call.

use super::{
    bundle,
    channel::{Admitted, Call, WorkerChannel},
    function::{Direction, Function, FunctionTable},
    gate::{Closed, Gate},
    http::Why,
    http_request::{self, HttpInvocation},
    http_response::{self, Asked},
    invocation::{InvokeError, Prepared, TriggerInput, input},
    once::Once,
    output::Log,
    output_table,
    rpc::messages::{Data, InvocationResponse, ParameterBinding, TypedData},
    supervisor::WorkerState,
};
use crate::{
    durable::work::Begun,
    project::LogLevel,
    services::{self, written::Outputs},
};
use azure_functions_durable::TraceContext;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How long a caller over HTTP waits for a worker that takes its call.
const HTTP_WAIT: Duration = Duration::from_secs(30);

/// Separates the text for people from the answer of a failed orchestration.
const OUT_OF_PROCESS_DATA: &str = "\n\n$OutOfProcData$:";

/// Makes the text of a durable client binding: `taskHub` and `connectionName` of the binding in, JSON out.
pub(crate) type ClientBinding = Box<dyn Fn(Option<&str>, Option<&str>) -> String + Send + Sync>;

/// How an invocation gets to the worker.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Past the gate: work of the task hub.
    TaskHub,
    /// Through the gate. `until`: a call that has not begun by then is given up.
    Gate { until: Option<Instant> },
}

/// Runs functions; cheap to clone.
#[derive(Clone)]
pub struct FunctionRunner {
    shared: Arc<Shared>,
}

struct Shared {
    state: watch::Receiver<WorkerState>,
    functions: watch::Receiver<Arc<FunctionTable>>,
    client_binding: OnceLock<ClientBinding>,
    warned: Once,
    /// Work of the task hub passes by it.
    gate: Gate,
    log: Log,
}

impl fmt::Debug for FunctionRunner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FunctionRunner").finish_non_exhaustive()
    }
}

impl FunctionRunner {
    pub(crate) fn new(
        state: watch::Receiver<WorkerState>,
        functions: watch::Receiver<Arc<FunctionTable>>,
        log: Log,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                state,
                functions,
                client_binding: OnceLock::new(),
                warned: Once::default(),
                gate: Gate::default(),
                log,
            }),
        }
    }

    /// Says what durable client bindings hold; only the first call counts.
    pub(crate) fn set_client_binding(&self, binding: ClientBinding) {
        let _ = self.shared.client_binding.set(binding);
    }

    /// The functions of the app, as of the newest worker. Empty until the first worker is ready.
    #[must_use]
    pub fn functions(&self) -> Arc<FunctionTable> {
        Arc::clone(&self.shared.functions.borrow())
    }

    /// Tells when the functions change, which a new worker process may bring.
    #[must_use]
    pub fn function_changes(&self) -> watch::Receiver<Arc<FunctionTable>> {
        self.shared.functions.clone()
    }

    /// Whether a worker is ready now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(*self.shared.state.borrow(), WorkerState::Ready(_))
    }

    /// How many invocations the worker has not answered.
    pub(crate) fn in_flight(&self) -> usize {
        match &*self.shared.state.borrow() {
            WorkerState::Ready(channel) => channel.in_flight(),
            _ => 0,
        }
    }

    /// Keeps HTTP functions, timers, and whatever else is not of the task hub away from the worker; they wait.
    pub(crate) async fn keep_away(&self) -> Closed {
        self.shared.gate.close().await
    }

    /// Returns when the worker has answered everything.
    pub(crate) async fn until_idle(&self) {
        while self.in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns when there is no worker and will be none.
    pub(crate) async fn until_stopped(&self) {
        let mut state = self.shared.state.clone();
        // A supervisor that is gone starts no worker either.
        let _ = state.wait_for(|state| matches!(state, WorkerState::Stopped)).await;
    }

    /// The function of that name, when there is a worker that knows.
    pub(crate) async fn find(&self, name: &str) -> Result<Arc<Function>, InvokeError> {
        let channel = self.channel(None).await?;
        channel
            .functions
            .get(name)
            .cloned()
            .ok_or_else(|| InvokeError::FunctionInError {
                function: name.to_owned(),
                reason: "the app has no function of that name".to_owned(),
            })
    }

    /// Runs an HTTP function and gives what its caller shall see: 500 if it fails, which says why to a caller on this machine,
    /// 503 if no worker takes it within 30 seconds.
    pub async fn invoke_http(&self, function: &Arc<Function>, request: HttpInvocation) -> Response<Bytes> {
        let reason = "This function was programmatically called via the host APIs.";
        let prepare =
            |channel: &WorkerChannel, function: &Function| http_request::call(function, &request, channel.capabilities);
        if request.is_chunked() && !request.body.is_empty() {
            self.warn(
                function,
                "a request came with `transfer-encoding: chunked`: the Functions host would not pass its body on; callers must \
                 send a `content-length`",
            );
        }
        let way = Way::Gate {
            until: Some(Instant::now() + HTTP_WAIT),
        };
        let why = match self.run(function, reason, way, prepare).await {
            Ok(response) => {
                let asked = Asked {
                    method: &request.method,
                    headers: &request.headers,
                };
                match http_response::from_invocation(function, response, asked) {
                    Ok(answer) => {
                        for warning in answer.warnings {
                            self.warn(function, &warning.0);
                        }
                        return answer.response;
                    }
                    Err(error) => {
                        let text = error.to_string();
                        let log = &self.shared.log;
                        log.function(LogLevel::Error, &function.category, &function.name, &text);
                        text
                    }
                }
            }
            Err(error @ (InvokeError::NoWorker(_) | InvokeError::ShuttingDown)) => {
                let mut response = Response::new(Bytes::from_static(b"Function host is not running."));
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                let why = format!(
                    "the function '{}' was not run: {}",
                    function.name,
                    for_people(&error.to_string())
                );
                response.extensions_mut().insert(Why(why));
                return response;
            }
            Err(error) => for_people(&error.to_string()).to_owned(),
        };
        failed(function, &request, &why)
    }

    /// Warns of something about a function once.
    fn warn(&self, function: &Function, what: &str) {
        if self.shared.warned.first_time(&function.name, what) {
            let text = format!("{what} (said once)");
            let log = &self.shared.log;
            log.function(LogLevel::Warning, &function.category, &function.name, &text);
        }
    }

    /// Runs a function that is not an HTTP function: a timer's, or any by hand. What it returns is of no interest.
    ///
    /// # Errors
    /// The function failed or could not be run.
    pub async fn fire(&self, function: &Arc<Function>, trigger: TriggerInput, reason: &str) -> Result<(), InvokeError> {
        let way = Way::Gate { until: None };
        let prepare = |_: &WorkerChannel, _: &Function| Prepared::plain(trigger, Begun::default());
        self.run(function, reason, way, prepare).await.map(drop)
    }

    /// [`fire`](Self::fire), for a caller that wants to know what the function wrote and returned.
    pub(crate) async fn fire_for_outputs(
        &self,
        function: &Arc<Function>,
        trigger: &TriggerInput,
        reason: &str,
    ) -> Result<(Outputs, InvocationResponse), InvokeError> {
        let way = Way::Gate { until: None };
        let trigger = trigger.clone();
        let prepare = |_: &WorkerChannel, _: &Function| Prepared::plain(trigger, Begun::default());
        let response = self.run(function, reason, way, prepare).await?;
        Ok((output_table::read(function, &response)?, response))
    }

    /// Runs a function for a caller who waits for what it returns.
    ///
    /// # Errors
    /// The function failed or could not be run; no worker took it within 30 seconds.
    pub(crate) async fn call(
        &self,
        function: &Arc<Function>,
        trigger: TriggerInput,
        hung_up: CancellationToken,
    ) -> Result<InvocationResponse, InvokeError> {
        let way = Way::Gate {
            until: Some(Instant::now() + HTTP_WAIT),
        };
        let prepare = |_: &WorkerChannel, _: &Function| Prepared {
            hung_up: Some(hung_up),
            ..Prepared::plain(trigger, Begun::default())
        };
        let reason = "This function was programmatically called via the host APIs.";
        self.run(function, reason, way, prepare).await
    }

    /// Says on the console what is wrong with what a function returned.
    pub(crate) fn tell_error(&self, function: &Function, what: &str) {
        let log = &self.shared.log;
        log.function(LogLevel::Error, &function.category, &function.name, what);
    }

    /// Runs a function for the task hub, waiting for a worker as long as it takes.
    pub(crate) async fn invoke(
        &self,
        function: &Arc<Function>,
        reason: &str,
        trigger: TriggerInput,
        trace: Option<&TraceContext>,
        begun: Begun,
    ) -> Result<InvocationResponse, InvokeError> {
        let prepare = |_: &WorkerChannel, _: &Function| Prepared {
            trace_context: trace.map(Into::into),
            ..Prepared::plain(trigger, begun)
        };
        self.run(function, reason, Way::TaskHub, prepare).await
    }

    /// Prepares the call once a worker has a place for it.
    async fn run(
        &self,
        function: &Arc<Function>,
        reason: &str,
        way: Way,
        prepare: impl FnOnce(&WorkerChannel, &Function) -> Prepared,
    ) -> Result<InvocationResponse, InvokeError> {
        let (channel, function, admitted) = loop {
            let channel = self.reach(way).await?;
            let function = channel.functions.same_as(function).unwrap_or(function);
            if let Some(reason) = &function.error {
                return Err(InvokeError::FunctionInError {
                    function: function.name.clone(),
                    reason: reason.clone(),
                });
            }
            if let Some(admitted) = channel.admit(function) {
                let function = Arc::clone(function);
                break (channel, function, admitted);
            }
        };
        let Prepared {
            trigger,
            trace_context,
            hung_up,
            begun,
        } = prepare(&channel, &function);
        let call = Call {
            inputs: self.inputs(&function, trigger.data, &trigger.metadata),
            metadata: trigger.metadata,
            trace_context,
            hung_up,
            begun,
        };
        self.run_admitted(admitted, &function, reason, call).await
    }

    async fn run_admitted(
        &self,
        admitted: Admitted,
        function: &Function,
        reason: &str,
        call: Call,
    ) -> Result<InvocationResponse, InvokeError> {
        let log = &self.shared.log;
        let id = admitted.id;
        let shown = log.shows(LogLevel::Information, &function.category);
        if shown {
            let text = format!("Executing 'Functions.{}' (Reason='{reason}', Id={id})", function.name);
            log.function(LogLevel::Information, &function.category, &function.name, &text);
        }
        let started = Instant::now();
        let outcome = admitted.invoke(function, call).await.and_then(|response| {
            self.show_outputs(function, &response)?;
            Ok(response)
        });
        let duration = started.elapsed().as_millis();
        match &outcome {
            Ok(_) if shown => {
                let text = format!(
                    "Executed 'Functions.{}' (Succeeded, Id={id}, Duration={duration}ms)",
                    function.name
                );
                log.function(LogLevel::Information, &function.category, &function.name, &text);
            }
            Ok(_) => {}
            Err(error) => {
                let text = format!(
                    "Executed 'Functions.{}' (Failed, Id={id}, Duration={duration}ms)\n{}",
                    function.name,
                    for_people(&error.to_string())
                );
                log.function(LogLevel::Error, &function.category, &function.name, &text);
            }
        }
        outcome
    }

    /// Says what the function wrote: nothing is there to take it.
    fn show_outputs(&self, function: &Function, response: &InvocationResponse) -> Result<(), InvokeError> {
        let outputs = output_table::read(function, response)?;
        for name in &outputs.unknown {
            self.warn(
                function,
                &format!(
                    "the worker wrote to the output '{name}', which the function does not have: the Functions host drops it silently"
                ),
            );
        }
        let log = &self.shared.log;
        if log.shows(LogLevel::Information, &function.category)
            && let Some(table) = outputs.table()
        {
            let text = format!(
                "Outputs of 'Functions.{}'; this host has no such services, so nothing was sent:\n{table}",
                function.name
            );
            log.function(LogLevel::Information, &function.category, &function.name, &text);
        }
        Ok(())
    }

    /// The worker, when there is one and the way is free.
    async fn reach(&self, way: Way) -> Result<Arc<WorkerChannel>, InvokeError> {
        let until = match way {
            Way::TaskHub => return self.channel(None).await,
            Way::Gate { until } => until,
        };
        loop {
            self.channel(until).await?;
            let pass = self.shared.gate.pass();
            match until {
                None => pass.await,
                Some(until) => timeout_at(until, pass).await.map_err(|_| {
                    InvokeError::NoWorker("it runs work that may end it, which keeps other calls away".to_owned())
                })?,
            }
            // That work may have ended it: the next one is waited for.
            if let WorkerState::Ready(channel) = &*self.shared.state.borrow() {
                return Ok(Arc::clone(channel));
            }
        }
    }

    /// The worker, when there is one.
    async fn channel(&self, until: Option<Instant>) -> Result<Arc<WorkerChannel>, InvokeError> {
        match &*self.shared.state.borrow() {
            WorkerState::Ready(channel) => return Ok(Arc::clone(channel)),
            WorkerState::Stopped => return Err(InvokeError::ShuttingDown),
            WorkerState::Starting(_) => {}
        }
        let mut state = self.shared.state.clone();
        let settled = async {
            match state
                .wait_for(|state| !matches!(state, WorkerState::Starting(_)))
                .await
                .as_deref()
            {
                Ok(WorkerState::Ready(channel)) => Ok(Arc::clone(channel)),
                _ => Err(InvokeError::ShuttingDown),
            }
        };
        let Some(until) = until else { return settled.await };
        match timeout_at(until, settled).await {
            Ok(settled) => settled,
            Err(_) => Err(InvokeError::NoWorker(match &*self.shared.state.borrow() {
                WorkerState::Starting(why) if !why.is_empty() => why.clone(),
                _ => "it is still starting".to_owned(),
            })),
        }
    }

    /// The trigger's value first, then what the other input bindings hold.
    fn inputs(
        &self,
        function: &Function,
        trigger: Option<Data>,
        metadata: &HashMap<String, TypedData>,
    ) -> Vec<ParameterBinding> {
        let mut inputs = Vec::with_capacity(function.bindings.len());
        if let Some(binding) = function.trigger() {
            inputs.push(input(&binding.name, trigger));
        }
        for binding in &function.bindings {
            if binding.is_trigger() || binding.direction == Direction::Out {
                continue;
            }
            let data = if bundle::is_durable_client(&binding.kind) {
                self.shared.client_binding.get().map(|make| {
                    let connection = binding.text("connectionName").or_else(|| binding.text("connection"));
                    Data::String(make(binding.text("taskHub"), connection))
                })
            } else {
                let metadata = |name: &str| match metadata.get(name)?.data.as_ref()? {
                    Data::String(text) => Some(text.clone()),
                    Data::Json(text) if services::mcp_arguments::is_metadata(name) => Some(text.clone()),
                    _ => None,
                };
                // Nothing is given, so nothing can be wrong with it.
                let data = services::input::input(binding, None, metadata).ok().flatten();
                let is_known = bundle::is_mcp_argument(&binding.kind)
                    || matches!(data, Some(services::data::Data::Reference { .. }));
                if !is_known {
                    self.warn(
                        function,
                        &format!(
                            "the input '{}' ({}) is empty here: the local host has no such service to read from",
                            binding.name, binding.kind
                        ),
                    );
                }
                data.and_then(|data| TypedData::from(data).data)
            };
            inputs.push(input(&binding.name, data));
        }
        inputs
    }
}

/// What follows the label is for the task hub, and holds the whole history of what was asked for.
fn for_people(error: &str) -> &str {
    error.split(OUT_OF_PROCESS_DATA).next().unwrap_or(error)
}

/// 500; the real host never says more.
fn failed(function: &Function, request: &HttpInvocation, why: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    if request.tells_failures {
        let text = format!(
            "The function '{}' failed: {why}\n\n(The local host says this to callers on this machine. On Azure, the answer 500 has no \
             body.)\n",
            function.name
        );
        *response.body_mut() = text.into();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
    }
    response
}

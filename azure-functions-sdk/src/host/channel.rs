//! A worker that has started: the open stream to it, and the invocations on it.
//!
//! One task reads (logs are written and answers handed over in the order of arrival); whatever anybody sends goes
//! through one queue into the stream.

use super::{
    capabilities::Capabilities,
    function::{Function, FunctionTable},
    in_flight::{InFlight, InvocationId, Outcome},
    invocation::{Failure, InvokeError},
    output::Log,
    rpc::{
        messages::{
            InvocationCancel, InvocationRequest, InvocationResponse, ParameterBinding, RpcLog, StatusResult,
            StreamingMessage, TypedData, WorkerTerminate, rpc_log::RpcLogCategory, status_result,
            streaming_message::Content,
        },
        server::{Inbound, Outbound},
    },
};
use crate::{
    durable::work::{Begun, WorkerDeath},
    project::LogLevel,
};
use futures_util::StreamExt;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// How long a worker may take to end after `WorkerTerminate`.
pub(crate) const TERMINATE_GRACE: Duration = Duration::from_secs(5);

/// The open stream to a worker that has loaded its functions.
#[derive(Debug)]
pub(crate) struct WorkerChannel {
    /// No other channel of this process has it.
    number: u64,
    pub(crate) capabilities: Capabilities,
    pub(crate) functions: Arc<FunctionTable>,
    outbound: Outbound,
    in_flight: InFlight,
    function_timeout: Option<Duration>,
    answered: AtomicU64,
    /// Cancelled when the worker has ended its side of the stream, and everything it sent was dealt with.
    ended: CancellationToken,
    /// Cancelled when a function ran over its time, which only a new process can mend.
    overdue: CancellationToken,
}

/// What one invocation carries.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) inputs: Vec<ParameterBinding>,
    pub(crate) metadata: HashMap<String, TypedData>,
    pub(crate) trace_context: Option<super::rpc::messages::RpcTraceContext>,
    /// Cancelled when the caller has gone, it seems: the worker is told, and its answer is still awaited. `None`: it does not go.
    pub(crate) hung_up: Option<CancellationToken>,
    pub(crate) begun: Begun,
}

impl WorkerChannel {
    /// Takes over the stream of a worker that is ready, and starts to read it.
    pub(crate) fn open(
        inbound: Inbound,
        outbound: Outbound,
        capabilities: Capabilities,
        functions: Arc<FunctionTable>,
        function_timeout: Option<Duration>,
        log: Log,
    ) -> Arc<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let channel = Arc::new(Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            capabilities,
            functions,
            outbound,
            in_flight: InFlight::default(),
            function_timeout,
            answered: AtomicU64::new(0),
            ended: CancellationToken::new(),
            overdue: CancellationToken::new(),
        });
        tokio::spawn(Arc::clone(&channel).read(inbound, log));
        if let Some(limit) = function_timeout {
            tokio::spawn(Arc::clone(&channel).watch_deadlines(limit));
        }
        channel
    }

    /// A place for an invocation, which may be sent then. `None`: the worker is gone, so another one may be tried.
    pub(crate) fn admit(self: &Arc<Self>, function: &Arc<Function>) -> Option<Admitted> {
        let id = InvocationId::next();
        let deadline = self.function_timeout.map(|limit| Instant::now() + limit);
        let answer = self.in_flight.add(id, function, deadline)?;
        Some(Admitted {
            channel: Arc::clone(self),
            id,
            answer,
            stage: Stage::Admitted,
        })
    }

    fn send(&self, content: Content) {
        let _ = self.outbound.send(Ok(message(content)));
    }

    /// Asks the worker to end, if it can be asked.
    pub(crate) fn terminate(&self) -> bool {
        if self.capabilities.terminate {
            self.send(Content::WorkerTerminate(WorkerTerminate {
                grace_period: prost_types::Duration::try_from(TERMINATE_GRACE).ok(),
            }));
        }
        self.capabilities.terminate
    }

    /// The worker ends: what it was sent may still be answered, but it is sent nothing more.
    pub(crate) fn freeze(&self) {
        self.in_flight.freeze();
    }

    /// Fails all invocations in flight, and every later one before it is sent.
    pub(crate) fn close(&self, error: &InvokeError) {
        self.in_flight.close(error);
    }

    /// How many invocations are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether any invocation was answered: such a worker counts as healthy.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed) > 0
    }

    /// Waits until the worker has ended its side of the stream.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Waits until a function has run longer than it may.
    pub(crate) async fn overdue(&self) {
        self.overdue.cancelled().await;
    }

    async fn read(self: Arc<Self>, mut inbound: Inbound, log: Log) {
        let _ended = self.ended.clone().drop_guard();
        while let Some(received) = inbound.next().await {
            match received {
                Ok(message) => match message.content {
                    Some(Content::InvocationResponse(response)) => self.answer(response),
                    Some(Content::RpcLog(record)) => self.write_log(&record, &log),
                    // Anything else needs no answer, and content of later protocols has none that we know.
                    _ => {}
                },
                Err(status) => {
                    log.host(
                        LogLevel::Debug,
                        &format!("The worker's stream broke: {}", status.message()),
                    );
                    break;
                }
            }
        }
        // The worker waits for our end of the stream before it exits.
        let _ = self.outbound.send(Err(Status::ok("")));
    }

    async fn watch_deadlines(self: Arc<Self>, limit: Duration) {
        let mut ticks = tokio::time::interval((limit / 20).clamp(Duration::from_millis(10), Duration::from_secs(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.ended.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if !self
                .in_flight
                .fail_overdue(Instant::now(), &InvokeError::TimedOut(limit))
                .is_empty()
            {
                self.overdue.cancel();
                return;
            }
        }
    }

    fn answer(&self, response: InvocationResponse) {
        let Some(id) = InvocationId::parse(&response.invocation_id) else {
            return;
        };
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.in_flight.finish(id, outcome(response));
    }

    fn write_log(&self, record: &RpcLog, log: &Log) {
        let function = InvocationId::parse(&record.invocation_id).and_then(|id| self.in_flight.function(id));
        write_log(record, function.as_deref(), log);
    }
}

/// An invocation that has a place on a worker. Dropped before it is sent, it gives the place back; dropped before it is answered,
/// it is cancelled if the worker can be told, and what it still does is not awaited.
#[derive(Debug)]
pub(crate) struct Admitted {
    channel: Arc<WorkerChannel>,
    pub(crate) id: InvocationId,
    answer: oneshot::Receiver<Outcome>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Admitted,
    Sent,
    /// Answered, or cancelled.
    Over,
}

impl Admitted {
    /// Runs the function.
    pub(crate) async fn invoke(mut self, function: &Function, call: Call) -> Outcome {
        call.begun.reached(self.channel.number);
        let request = InvocationRequest {
            invocation_id: self.id.to_string(),
            function_id: function.id.clone(),
            input_data: call.inputs,
            trigger_metadata: call.metadata,
            trace_context: Some(call.trace_context.unwrap_or_default()),
            retry_context: None,
        };
        // If the stream is closed, the task that notices it closes `in_flight` too, and the answer is its error.
        self.channel.send(Content::InvocationRequest(request));
        self.stage = Stage::Sent;
        let outcome = match call.hung_up {
            None => (&mut self.answer).await,
            Some(hung_up) => tokio::select! {
                biased;
                outcome = &mut self.answer => outcome,
                () = hung_up.cancelled() => {
                    self.cancel();
                    (&mut self.answer).await
                }
            },
        };
        self.stage = Stage::Over;
        outcome.unwrap_or_else(|_| Err(InvokeError::WorkerDied(WorkerDeath::new("its answer was lost", ""))))
    }

    fn cancel(&mut self) {
        self.stage = Stage::Over;
        if self.channel.capabilities.cancel {
            self.channel.send(Content::InvocationCancel(InvocationCancel {
                grace_period: None,
                invocation_id: self.id.to_string(),
            }));
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        match self.stage {
            Stage::Admitted => self.channel.in_flight.forget(self.id),
            Stage::Sent => self.cancel(),
            Stage::Over => {}
        }
    }
}

pub(crate) fn message(content: Content) -> StreamingMessage {
    StreamingMessage {
        request_id: String::new(),
        content: Some(content),
    }
}

/// `Err` is what the worker says went wrong; a status that was not set counts as failed.
pub(crate) fn status(result: Option<StatusResult>) -> Result<(), Failure> {
    let Some(result) = result else {
        return Err(Failure {
            message: "the worker answered without a result".to_owned(),
            stack: String::new(),
        });
    };
    if result.status == status_result::Status::Success as i32 {
        return Ok(());
    }
    let cancelled = result.status == status_result::Status::Cancelled as i32;
    let exception = result.exception.unwrap_or_default();
    let message = match (exception.message.is_empty(), cancelled) {
        (false, _) => exception.message,
        (true, true) => "the invocation was cancelled".to_owned(),
        (true, false) => "the worker reported a failure without a message".to_owned(),
    };
    Err(Failure {
        message,
        stack: exception.stack_trace,
    })
}

fn outcome(mut response: InvocationResponse) -> Outcome {
    status(response.result.take()).map_err(InvokeError::Failed)?;
    if response.output_data.len() > 1 {
        let mut names = BTreeSet::new();
        if let Some(twice) = response
            .output_data
            .iter()
            .find(|output| !names.insert(output.name.as_str()))
        {
            return Err(InvokeError::Failed(Failure {
                message: format!("the worker sent the output `{}` twice", twice.name),
                stack: String::new(),
            }));
        }
    }
    Ok(response)
}

/// Writes a worker's log record where it belongs: user logs only while their invocation runs.
pub(crate) fn write_log(record: &RpcLog, function: Option<&Function>, log: &Log) {
    let level = level(record.level);
    let invocation = Some(record.invocation_id.as_str()).filter(|id| !id.is_empty());
    let (level, category, name) = match (RpcLogCategory::try_from(record.log_category), function) {
        (Ok(RpcLogCategory::User), Some(function)) => {
            (level, function.user_category.as_str(), Some(function.name.as_str()))
        }
        (Ok(RpcLogCategory::System), function) => {
            let level = match level {
                LogLevel::Warning | LogLevel::Error => level,
                _ => LogLevel::Information,
            };
            (level, "Worker", function.map(|function| function.name.as_str()))
        }
        _ => return,
    };
    match &record.exception {
        Some(exception) if !exception.message.is_empty() => {
            let message = format!("{}\n{}", record.message, exception.message);
            log.app(level, category, name, invocation, message.trim_start());
        }
        _ => log.app(level, category, name, invocation, &record.message),
    }
}

/// The level of a record; unknown numbers are `Information`.
fn level(wire: i32) -> LogLevel {
    match wire {
        0 => LogLevel::Trace,
        1 => LogLevel::Debug,
        3 => LogLevel::Warning,
        4 => LogLevel::Error,
        5 => LogLevel::Critical,
        6 => LogLevel::None,
        _ => LogLevel::Information,
    }
}

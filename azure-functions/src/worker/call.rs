//! One invocation from request to answer.

use super::{context::Context, running::Running, threads::Threads};
use crate::{
    FunctionError,
    invocation::{Invocation, Outputs},
    panics::{Panic, catch},
    registry::InvocationFuture,
    rpc::{
        InvocationResponse, ParameterBinding, RpcException, StatusResult, parameter_binding::RpcData,
        status_result::Status, streaming_message::Content,
    },
};
use std::{
    error::Error,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

/// The right and duty to answer one invocation.
pub(super) struct Reply {
    pub context: Context,
    pub running: Arc<Running>,
}

/// How a function ended.
pub(super) type Outcome = Result<Result<Outputs, FunctionError>, Panic>;

/// Starts a plain function; never waits for it.
pub(super) fn start_blocking(
    run: fn(Invocation) -> Result<Outputs, FunctionError>,
    invocation: Invocation,
    reply: Reply,
    threads: &Threads,
) {
    threads.block(move || {
        let outcome = reply.context.enter(|| catch(|| run(invocation)));
        reply.answer(outcome);
    });
}

/// Starts an async function; never waits for it.
pub(super) fn start_async(
    run: fn(Invocation) -> InvocationFuture,
    invocation: Invocation,
    reply: Reply,
    threads: &Threads,
) {
    threads.handle().spawn(async move {
        let running = RunningFunction {
            state: State::Start(run, Box::new(invocation)),
            context: reply.context.clone(),
        };
        let outcome = running.await;
        reply.answer(outcome);
    });
}

impl Reply {
    /// Answers, unless the invocation has been answered otherwise (the worker stopped, or gave up on an episode).
    ///
    /// A function that fails after it was cancelled is reported as cancelled; one that completes all the same has succeeded.
    pub(super) fn answer(self, outcome: Outcome) {
        match outcome {
            Ok(Ok(outputs)) => self.succeed(outputs),
            Ok(Err(error)) => {
                let status = match self.context.cancellation().is_cancelled() {
                    true => Status::Cancelled,
                    false => Status::Failure,
                };
                self.fail(status, failed(&error));
            }
            Err(panic) => {
                let exception = panicked(self.context.function_name(), panic);
                self.fail(Status::Failure, exception);
            }
        }
    }

    pub(super) fn succeed(self, outputs: Outputs) {
        self.send(Status::Success, outputs, None);
    }

    /// Answers with an exception.
    pub(super) fn fail(self, status: Status, exception: RpcException) {
        self.send(status, Outputs::default(), Some(exception));
    }

    fn send(self, status: Status, outputs: Outputs, exception: Option<RpcException>) {
        let id = self.context.invocation_id();
        self.running.answer(id, |request_id| {
            let response = InvocationResponse {
                invocation_id: id.to_owned(),
                output_data: outputs.outputs.into_iter().map(parameter).collect(),
                result: Some(result(status, exception)),
                return_value: outputs.return_value,
                ..InvocationResponse::default()
            };
            self.context
                .0
                .out
                .send(request_id, Content::InvocationResponse(response));
        });
    }
}

/// The result that every answer must carry.
pub(super) fn result(status: Status, exception: Option<RpcException>) -> StatusResult {
    StatusResult {
        status: status.into(),
        exception,
        ..StatusResult::default()
    }
}

/// A failure that only has something to say.
pub(super) fn exception(message: impl Into<String>) -> RpcException {
    RpcException {
        // Hosts take what is between `Exception:` and the first `Stack:` at the beginning of a line for the message.
        message: message.into().replace("\nStack:", "\n Stack:"),
        ..RpcException::default()
    }
}

fn failed(error: &FunctionError) -> RpcException {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Many errors already end with the text of their cause.
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    RpcException {
        is_user_exception: true,
        ..exception(message)
    }
}

fn panicked(function: &str, panic: Panic) -> RpcException {
    let Panic {
        message,
        location,
        backtrace,
    } = panic;
    let place = location.map(|l| format!(" at {l}")).unwrap_or_default();
    RpcException {
        stack_trace: backtrace.unwrap_or_default(),
        is_user_exception: true,
        r#type: "panic".to_owned(),
        ..exception(format!("function `{function}` panicked{place}: {message}"))
    }
}

fn parameter((name, data): (String, crate::rpc::TypedData)) -> ParameterBinding {
    ParameterBinding {
        name,
        rpc_data: Some(RpcData::Data(data)),
    }
}

/// An async function: its conversion, every poll and its end run inside the invocation's context, and may panic.
struct RunningFunction {
    state: State,
    context: Context,
}

enum State {
    Start(fn(Invocation) -> InvocationFuture, Box<Invocation>),
    Polled(InvocationFuture),
    Over,
}

impl Future for RunningFunction {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let state = &mut this.state;
        this.context.enter(|| {
            let polled = catch(|| {
                if let State::Start(..) = state
                    && let State::Start(call, invocation) = mem::replace(state, State::Over)
                {
                    *state = State::Polled(call(*invocation));
                }
                match state {
                    State::Polled(future) => future.as_mut().poll(cx),
                    // Only after a panic, and then the future is over.
                    State::Start(..) | State::Over => Poll::Pending,
                }
            });
            let outcome = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => Ok(result),
                Err(panic) => Err(panic),
            };
            let ended = catch(|| *state = State::Over);
            Poll::Ready(outcome.and_then(|result| ended.map(|()| result)))
        })
    }
}

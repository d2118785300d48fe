//! One invocation from request to answer.

use super::{
    asker::{Answered, Asker},
    execution::{
        end_span, exception, failed, failure_details, panic_details, panicked, run_async, run_blocking, user_exception,
    },
    threads::Threads,
};
use crate::{
    FunctionError,
    app::{invocation::Run, layer::Layers},
    context::Context,
    durable::{EndedExecution, details_of_text, encode_message},
    entity_batch::LateAnswer,
    invocation::{Invocation, Outputs},
    protected::Outcome,
    registry::InvocationFuture,
    rpc::{
        Data, InvocationResponse, ParameterBinding, RpcException, StatusResult, parameter_binding::RpcData,
        status_result::Status,
    },
    spans,
};
use azure_functions_durable::protobuf::{OrchestratorResponse, TaskFailureDetails};
use std::{
    future::{pending, poll_fn},
    mem,
    pin::pin,
    sync::atomic::Ordering,
};
use tokio::sync::oneshot;

/// The right and duty to answer one invocation.
pub(crate) struct Reply {
    pub context: Context,
    pub asker: Asker,
    /// How a batch of an entity is answered that does not answer itself, where the invocation must not fail.
    pub late_answer: Option<LateAnswer>,
}

/// Starts a plain function, inside the layers of the app if it has some; never waits for it.
pub(super) fn start_blocking(
    run: impl FnOnce(Invocation) -> Result<Outputs, FunctionError> + Send + 'static,
    invocation: Invocation,
    reply: Reply,
    threads: &Threads,
    layers: Option<&Layers>,
) {
    let context = reply.context.clone();
    let Some(layers) = layers else {
        threads.pool().block(context.clone(), move || {
            let outcome = context.0.pace.measure(|| run_blocking(run, invocation, &context));
            reply.answer(outcome);
        });
        return;
    };
    let blocking = threads.blocking().clone();
    let of_function = context.clone();
    let run: Run = Box::new(move || {
        Box::pin(async move {
            let (sender, outcome) = oneshot::channel();
            blocking.run(move || {
                // If a layer has given up on the function, nothing waits for it.
                let _ = sender.send(run_blocking(run, invocation, &of_function));
            });
            match outcome.await {
                Ok(outcome) => outcome,
                // The worker stops, and has answered.
                Err(_) => pending().await,
            }
        })
    });
    spawn(threads, reply, layers.run(context, run));
}

/// Starts an async function, inside the layers of the app if it has some; never waits for it.
pub(super) fn start_async(
    run: impl FnOnce(Invocation) -> InvocationFuture + Send + 'static,
    invocation: Invocation,
    reply: Reply,
    threads: &Threads,
    layers: Option<&Layers>,
) {
    let context = reply.context.clone();
    let function = run_async(run, invocation, context.clone());
    match layers {
        None => spawn(threads, reply, function),
        Some(layers) => spawn(
            threads,
            reply,
            layers.run(context, Box::new(move || Box::pin(function))),
        ),
    }
}

fn spawn(threads: &Threads, reply: Reply, function: impl Future<Output = Outcome> + Send + 'static) {
    let context = reply.context.clone();
    threads.pool().spawn(context.clone(), async move {
        let reply = Unwakeable(Some(reply));
        let mut function = pin!(function);
        let mut is_first = true;
        let outcome = poll_fn(|cx| match mem::take(&mut is_first) {
            true => context.0.pace.measure(|| function.as_mut().poll(cx)),
            false => function.as_mut().poll(cx),
        });
        let outcome = outcome.await;
        reply.answer(outcome);
    });
}

/// Answers for a function that is dropped before its end: all that could wake it is gone, so it would never answer itself. (A worker that
/// stops has answered for the functions that it drops.)
struct Unwakeable(Option<Reply>);

impl Unwakeable {
    fn answer(mut self, outcome: Outcome) {
        if let Some(reply) = self.0.take() {
            reply.answer(outcome);
        }
    }
}

impl Drop for Unwakeable {
    fn drop(&mut self) {
        if let Some(reply) = self.0.take() {
            let message = format!(
                "function `{}` was dropped: it waits for something that can no longer happen, since all that could wake it is gone \
                 (a future that is never ready, or one that keeps no waker)",
                reply.context.function_name()
            );
            let function = reply.context.0.function;
            reply.context.0.spans.end(function, || Some(message.clone()));
            let exception = user_exception(function, "dropped", exception(message));
            reply.fail(Status::Failure, exception);
        }
    }
}

impl Reply {
    /// Answers, unless the invocation has been answered otherwise (the worker stopped, or gave up on an episode).
    ///
    /// A function that fails after it was cancelled is reported as cancelled; one that completes all the same has succeeded.
    pub(super) fn answer(self, outcome: Outcome) {
        end_span(&self.context, &outcome);
        let function = self.context.0.function;
        let is_activity = matches!(self.asker, Asker::Server(_)) && self.late_answer.is_none();
        match outcome {
            Ok(Ok(outputs)) => self.succeed(outputs),
            // The details as they are, rather than a text that is made of them.
            Ok(Err(error)) if is_activity => self.fail_with(failure_details(function, &error)),
            Err(panic) if is_activity => self.fail_with(panic_details(function, &panic)),
            Ok(Err(error)) => {
                let status = match self.context.cancellation().is_cancelled() {
                    true => Status::Cancelled,
                    false => Status::Failure,
                };
                let exception = failed(function, &error, self.asker.wire());
                self.fail(status, exception);
            }
            Err(panic) => {
                let exception = panicked(function, panic, self.asker.wire());
                self.fail(Status::Failure, exception);
            }
        }
    }

    pub(super) fn succeed(self, outputs: Outputs) {
        self.send(Status::Success, outputs, None);
    }

    /// Answers with an exception.
    pub(super) fn fail(self, status: Status, exception: RpcException) {
        let answer = self
            .late_answer
            .as_ref()
            .and_then(|late| late.failed(&exception.r#type, &exception.message));
        if let Some(outputs) = answer {
            // The host sees an invocation that succeeds.
            self.context.enter(|| log::error!("{}", exception.message));
            return self.succeed(outputs);
        }
        self.send(status, Outputs::default(), Some(exception));
    }

    /// Answers a task hub with a failure.
    fn fail_with(self, details: TaskFailureDetails) {
        let is_late = self.context.cancellation().is_cancelled();
        self.context.0.answered.store(true, Ordering::Relaxed);
        if let Asker::Server(reply) = &self.asker {
            let details = Box::new(details);
            reply.send(Answered::Failed { details, is_late });
        }
    }

    /// Answers with a turn of an orchestration. Where that has ended, its span is made when the answer counts: not after another one has
    /// been given for it.
    pub(super) fn turn(self, response: OrchestratorResponse, ended: Option<Box<EndedExecution>>) {
        match &self.asker {
            // It counts when the server has it.
            Asker::Server(reply) => {
                self.context.0.answered.store(true, Ordering::Relaxed);
                reply.send(Answered::Turn { response, ended });
            }
            Asker::Host { running, .. } => {
                let id = self.context.invocation_id();
                self.context.0.answered.store(true, Ordering::Relaxed);
                running.answer(id, || {
                    // Before it is sent: an app that is to end may export its spans once all has been answered.
                    if let Some(ended) = ended {
                        spans::orchestration(*ended);
                    }
                    // As the text of a trigger's result.
                    let outputs = Outputs::returned(Data::String(encode_message(&response)));
                    invocation_response(id, Status::Success, outputs, None)
                });
            }
        }
    }

    fn send(self, status: Status, outputs: Outputs, exception: Option<RpcException>) {
        let (running, exception) = match (&self.asker, exception) {
            (Asker::Server(_), Some(exception)) => {
                return self.fail_with(details_of_text(&exception.r#type, &exception.message));
            }
            (Asker::Server(reply), None) => {
                self.context.0.answered.store(true, Ordering::Relaxed);
                return reply.send(Answered::Outputs(outputs));
            }
            (Asker::Host { running, .. }, exception) => (running, exception),
        };
        let id = self.context.invocation_id();
        self.context.0.answered.store(true, Ordering::Relaxed);
        running.answer(id, || invocation_response(id, status, outputs, exception));
    }
}

fn invocation_response(
    id: &str,
    status: Status,
    outputs: Outputs,
    exception: Option<RpcException>,
) -> InvocationResponse {
    InvocationResponse {
        invocation_id: id.to_owned(),
        output_data: outputs.outputs.into_iter().map(parameter).collect(),
        result: Some(result(status, exception)),
        return_value: outputs.return_value,
        ..InvocationResponse::default()
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

pub(super) fn success() -> StatusResult {
    result(Status::Success, None)
}

fn parameter((name, data): (String, crate::rpc::TypedData)) -> ParameterBinding {
    ParameterBinding {
        name,
        rpc_data: Some(RpcData::Data(data)),
    }
}

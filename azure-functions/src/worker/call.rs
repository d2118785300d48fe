//! One invocation from request to answer.

use super::{
    execution::{exception, failed, panicked, run_async, run_blocking, user_exception},
    running::Running,
    threads::Threads,
};
use crate::{
    FunctionError,
    app::{invocation::Run, layer::Layers},
    context::Context,
    durable_wire::Spoken,
    entity_batch::LateAnswer,
    invocation::{Invocation, Outputs},
    protected::Outcome,
    registry::InvocationFuture,
    rpc::{
        InvocationResponse, ParameterBinding, RpcException, StatusResult, parameter_binding::RpcData,
        status_result::Status,
    },
};
use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
};
use tokio::sync::oneshot;

/// The right and duty to answer one invocation.
pub(super) struct Reply {
    pub context: Context,
    pub running: Arc<Running>,
    /// How a batch of an entity is answered that does not answer itself, where the invocation must not fail.
    pub late_answer: Option<LateAnswer>,
    /// What the host speaks.
    pub spoken: Arc<Spoken>,
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
        let first = poll_fn(|cx| Poll::Ready(context.0.pace.measure(|| function.as_mut().poll(cx)))).await;
        let outcome = match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => function.await,
        };
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
            let exception = user_exception(reply.context.0.function, "dropped", exception(message));
            reply.fail(Status::Failure, exception);
        }
    }
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
                let exception = failed(self.context.0.function, &error, self.spoken.wire());
                self.fail(status, exception);
            }
            Err(panic) => {
                let exception = panicked(self.context.0.function, panic, self.spoken.wire());
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

    fn send(self, status: Status, outputs: Outputs, exception: Option<RpcException>) {
        let id = self.context.invocation_id();
        self.context.0.answered.store(true, Ordering::Relaxed);
        self.running.answer(id, || InvocationResponse {
            invocation_id: id.to_owned(),
            output_data: outputs.outputs.into_iter().map(parameter).collect(),
            result: Some(result(status, exception)),
            return_value: outputs.return_value,
            ..InvocationResponse::default()
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

fn parameter((name, data): (String, crate::rpc::TypedData)) -> ParameterBinding {
    ParameterBinding {
        name,
        rpc_data: Some(RpcData::Data(data)),
    }
}

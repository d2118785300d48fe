//! Starts the function of an invocation, where its kind runs.

use super::{
    call::{self, Reply},
    episode,
    threads::Threads,
};
use crate::{
    app::startup::Started,
    durable::KnownFunctions,
    entities::{run_batch, run_batch_blocking},
    invocation::Invocation,
    registry::{EntityHandler, Function, Handler, InvocationFuture},
};

/// Starts a function; never waits for it. `known`: what an orchestration may call.
pub(crate) fn start(
    function: &'static Function,
    invocation: Invocation,
    reply: Reply,
    threads: &Threads,
    started: Started,
    known: &KnownFunctions,
) {
    let Started { layers, parked, .. } = started;
    match function.handler {
        Handler::Blocking(run) => call::start_blocking(run, invocation, reply, threads, layers.as_deref()),
        Handler::Async(run) => call::start_async(run, invocation, reply, threads, layers.as_deref()),
        Handler::Entity { trigger, run } => match run {
            EntityHandler::Blocking(run) => {
                let batch = move |invocation| run_batch_blocking(run, trigger, invocation, &parked);
                call::start_blocking(batch, invocation, reply, threads, layers.as_deref());
            }
            EntityHandler::Async(run) => {
                let batch =
                    move |invocation| -> InvocationFuture { Box::pin(run_batch(run, trigger, invocation, parked)) };
                call::start_async(batch, invocation, reply, threads, layers.as_deref());
            }
        },
        Handler::Orchestration(orchestrator) => {
            let known = known.clone();
            episode::start(function, orchestrator, invocation, reply, threads, known, layers);
        }
    }
}

//! Starts the functions that the host calls.

use super::{Loaded, Session, error::SessionError};
use crate::{
    context::{Context, InvocationSpan, RetryContext, Scope, Sink},
    durable::{Wire, wire_of},
    entity_batch::LateAnswer,
    invocation::Invocation,
    registry::{Function, Handler},
    rpc::{
        Data, InvocationRequest, InvocationResponse, parameter_binding::RpcData, status_result::Status,
        streaming_message::Content,
    },
    spans::InvocationSpans,
    worker::{
        asker::Asker,
        call::{Reply, result},
        execution::exception,
        run_function,
        threads::Threads,
    },
};
use std::sync::{Arc, atomic::AtomicBool};
use tokio_util::sync::CancellationToken;

impl Session {
    pub(super) fn invoke(&mut self, request_id: String, request: InvocationRequest) -> Result<(), SessionError> {
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
        // A real host's extension makes those of durable functions.
        let makes_spans = self.spoken.is_local();
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
            spans: InvocationSpans::new(function, &request.trigger_metadata, makes_spans),
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
            makes_spans,
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

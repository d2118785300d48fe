//! Runs one function in the context of its invocation, and words its failure. All that this leaves to its callers is where it
//! runs, and who gets the outcome: the host of the worker, or a test host in the same process.

use crate::{
    FunctionError,
    app::layer::Layers,
    context::Context,
    durable::{
        Episode, KnownFunctions, Orchestrator, ParkedInstances, Trigger, Wire, activity_failure, details_of_function,
        details_of_text, own_error, run_turn,
    },
    exception_text,
    invocation::{Invocation, Outputs},
    panics::{Panic, catch},
    protected::{Outcome, Protected},
    registry::{DurableKind, Function, InvocationFuture, place},
    rpc::RpcException,
};
use azure_functions_durable::protobuf::TaskFailureDetails;
use std::future::Future;

/// Runs a plain function on this thread.
pub(crate) fn run_blocking(
    run: impl FnOnce(Invocation) -> Result<Outputs, FunctionError>,
    invocation: Invocation,
    context: &Context,
) -> Outcome {
    context.enter(|| catch(|| run(invocation)))
}

/// Runs an async function; it begins with the first poll.
pub(crate) fn run_async(
    run: impl FnOnce(Invocation) -> InvocationFuture + Send,
    invocation: Invocation,
    context: Context,
) -> impl Future<Output = Outcome> + Send {
    let invocation = Box::new(invocation);
    Protected::new(move || run(*invocation), context)
}

/// Ends the span of a function that has ended, or that the layers around it have answered for.
pub(crate) fn end_span(context: &Context, outcome: &Outcome) {
    let function = context.0.function;
    context.0.spans.end(function, || match outcome {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.with_causes()),
        Err(panic) => Some(panic.told_of(function.name)),
    });
}

/// Runs an episode on this thread; with `parking`, of an instance that may be kept there between its turns. A panic is a mistake of ours: what the orchestration does itself is in the [`Episode`].
pub(crate) fn run_orchestration(
    function: &'static Function,
    orchestrator: Orchestrator,
    trigger: Trigger,
    known: &KnownFunctions,
    context: &Context,
    layers: Option<&Layers>,
    parking: Option<&mut ParkedInstances>,
) -> Result<Episode, Panic> {
    let place = place(function);
    let observed = layers.map(|layers| layers.observe(context));
    let makes_span = context.0.spans.include_orchestrations();
    let ended =
        context.enter(|| catch(|| run_turn(trigger, function.name, &place, orchestrator, known, parking, makes_span)));
    if let Some(observed) = observed {
        observed.end(match &ended {
            Ok(Episode::Answer(_)) => None,
            Ok(Episode::Failed { message, .. }) => Some(text_of(message).to_owned()),
            Ok(Episode::Protobuf { failure, .. }) => failure.as_ref().map(|(text, _)| text.clone()),
            Err(panic) => Some(panic.told_of(function.name)),
        });
    }
    ended
}

/// The failure of an orchestration without the answer behind it.
fn text_of(message: &str) -> &str {
    exception_text::split_answer(message).map_or(message, |(text, _)| text)
}

/// A failure that only has something to say.
pub(crate) fn exception(message: impl Into<String>) -> RpcException {
    RpcException {
        message: exception_text::of_text(&message.into()).into_owned(),
        ..RpcException::default()
    }
}

/// What is said of a function that returned an error, to a host that speaks this wire.
pub(crate) fn failed(function: &Function, error: &FunctionError, wire: Wire) -> RpcException {
    if has_details(function, wire) {
        let message = activity_failure::of_function(error, &stack(function));
        return user_exception(function, error.error_type(), details(message));
    }
    let mut exception = exception(error.with_causes());
    if let Some(json) = error.own_error() {
        own_error::append(&mut exception.message, json);
    }
    user_exception(function, error.error_type(), exception)
}

/// What is said of a function that panicked, to a host that speaks this wire.
pub(crate) fn panicked(function: &Function, panic: Panic, wire: Wire) -> RpcException {
    let text = panic.told_of(function.name);
    let exception = match has_details(function, wire) {
        true => details(activity_failure::of_panic(&text, &stack(function))),
        false => exception(text),
    };
    let exception = user_exception(function, "panic", exception);
    RpcException {
        stack_trace: panic.backtrace.unwrap_or(exception.stack_trace),
        ..exception
    }
}

/// What is said of an activity that returned an error, to a Durable Task server.
pub(crate) fn failure_details(function: &Function, error: &FunctionError) -> TaskFailureDetails {
    TaskFailureDetails {
        stack_trace: Some(stack(function)),
        ..details_of_function(error)
    }
}

/// What is said of an activity that panicked, to a Durable Task server.
pub(crate) fn panic_details(function: &Function, panic: &Panic) -> TaskFailureDetails {
    TaskFailureDetails {
        stack_trace: Some(stack(function)),
        ..details_of_text("panic", &panic.told_of(function.name))
    }
}

/// Whether the host makes the details of a failure out of the text of the exception.
fn has_details(function: &Function, wire: Wire) -> bool {
    wire == Wire::Protobuf && matches!(function.durable(), Some((DurableKind::Activity, _)))
}

/// One line that nothing may be done to.
fn details(message: String) -> RpcException {
    RpcException {
        message,
        ..RpcException::default()
    }
}

/// Where the function stands.
fn stack(function: &Function) -> String {
    format!(
        "   at {}::{} in {}:line {}",
        function.module, function.name, function.file, function.line
    )
}

/// What telemetry needs beside the message: the type groups failures, and the stack leads to the function. Nothing that the error
/// says stands in the stack, because hosts blank secrets in messages only.
///
/// Source: `StatusResultExtensions.GetRpcException` and `ScriptTelemetryProcessor` of Azure/azure-functions-host, which read `type`
/// and `is_user_exception` from workers that have the capability `EnableUserCodeException`; they ignore `source`.
pub(super) fn user_exception(function: &Function, error_type: &str, exception: RpcException) -> RpcException {
    RpcException {
        stack_trace: stack(function),
        source: function.module.split("::").next().unwrap_or_default().to_owned(),
        is_user_exception: true,
        r#type: error_type.to_owned(),
        ..exception
    }
}

//! What a running function can ask about its own invocation, wherever it is in the code.

use crate::{outgoing::Outgoing, pace::Pace, registry::Function, spans::InvocationSpans};
use log::LevelFilter;
use std::{
    cell::RefCell,
    fmt,
    sync::{Arc, atomic::AtomicBool},
};
use tokio_util::sync::CancellationToken;

/// The invocation that the current code runs in.
///
/// Set while a function runs: for its whole length on the thread of a plain function, and whenever the function's own
/// future is polled. Tasks and threads that a function starts are outside; take it with you through
/// [`Context::enter`].
///
/// ```
/// fn remaining_work() {
///     if let Some(context) = azure_functions::Context::current() {
///         if context.cancellation().is_cancelled() {
///             log::warn!("{} was asked to stop", context.function_name());
///         }
///     }
/// }
/// # remaining_work();
/// ```
#[derive(Clone)]
pub struct Context(pub(crate) Arc<Scope>);

/// Contents of a [`Context`], and what the logger needs to know about the invocation.
pub(crate) struct Scope {
    pub invocation_id: String,
    pub function: &'static Function,
    pub trace_parent: String,
    pub trace_state: String,
    pub cancellation: CancellationToken,
    pub retry: Option<RetryContext>,
    pub level: LevelFilter,
    /// How long the function runs.
    pub pace: Arc<Pace>,
    pub records: Sink,
    /// The span of the crate `tracing`, where that is a feature.
    #[cfg_attr(
        not(feature = "tracing"),
        expect(dead_code, reason = "without the feature there is nothing to enter")
    )]
    pub span: InvocationSpan,
    /// What is traced of it.
    pub spans: InvocationSpans,
    /// The host has its answer, and drops what is still said in the invocation's name.
    pub answered: AtomicBool,
}

/// The span around all that an invocation does; made when it is first entered.
#[derive(Default)]
pub(crate) struct InvocationSpan {
    #[cfg(feature = "tracing")]
    span: std::sync::OnceLock<tracing::Span>,
}

impl InvocationSpan {
    /// Enters it, until what this gives is dropped.
    #[cfg(feature = "tracing")]
    fn enter<'a>(&'a self, scope: &Scope) -> tracing::span::Entered<'a> {
        let span = self.span.get_or_init(|| {
            tracing::info_span!(
                target: INVOCATION,
                "invocation",
                function = scope.function.name,
                invocation_id = scope.invocation_id,
                trace_parent = scope.trace_parent,
            )
        });
        span.enter()
    }
}

/// Where the log records of an invocation go.
pub(crate) enum Sink {
    /// To the host, over the stream.
    Host(Outgoing),
    /// To what runs the function in this process.
    InProcess(LogSink),
    /// To the console: there is no Functions host.
    Console,
}

/// Which attempt of a function's retry policy this is. All attempts have the same invocation id.
///
/// Source: `InvocationRequest.retry_context`, which hosts send if the function has a policy, with the first attempt too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryContext {
    /// How many times the function has been retried, this attempt included; 0 on the first one.
    pub retry_count: i32,
    /// How many retries the policy allows; -1 for no limit.
    pub max_retry_count: i32,
    /// Why the previous attempt failed, if the host says so.
    pub last_failure: Option<String>,
}

/// Target of the span of an invocation.
#[cfg(feature = "tracing")]
pub(crate) const INVOCATION: &str = "azure_functions::invocation";

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

impl Context {
    /// The invocation that the calling code runs in; `None` outside any.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|c| c.borrow().clone()).ok().flatten()
    }

    /// Id of the invocation, unique for each call.
    pub fn invocation_id(&self) -> &str {
        &self.0.invocation_id
    }

    /// Name of the function, as the host knows it.
    pub fn function_name(&self) -> &'static str {
        self.0.function.name
    }

    /// W3C `traceparent` of the call; empty if the host has no trace.
    pub fn trace_parent(&self) -> &str {
        &self.0.trace_parent
    }

    /// W3C `tracestate` of the call; empty if there is none.
    pub fn trace_state(&self) -> &str {
        &self.0.trace_state
    }

    /// Cancelled when the host cancels this invocation, or starts to stop the worker.
    ///
    /// The function is never interrupted: it may finish its work (and succeed) or return early with an error.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.0.cancellation
    }

    /// Which attempt this is, if the function has a retry policy (`#[func(retry(...))]`).
    pub fn retry(&self) -> Option<&RetryContext> {
        self.0.retry.as_ref()
    }

    /// Runs a closure inside this invocation, for instance on a thread that the function started: log records are
    /// attributed to the invocation as long as it has not been answered.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        // A thread that ends may have dropped its own already, and still drop functions.
        let _restore = Entered(CURRENT.try_with(|c| c.replace(Some(self.clone()))).ok().flatten());
        // First: the span of the crate `tracing` is made inside it.
        let Scope {
            spans,
            function,
            invocation_id,
            trace_parent,
            trace_state,
            ..
        } = &*self.0;
        let _trace = spans.enter(function, invocation_id, (trace_parent, trace_state));
        #[cfg(feature = "tracing")]
        let _span = self.0.span.enter(&self.0);
        work()
    }

    /// What the logger needs, without cloning.
    pub(crate) fn with_current<R>(look: impl FnOnce(Option<&Self>) -> R) -> Option<R> {
        CURRENT
            .try_with(|c| c.try_borrow().ok().map(|c| look(c.as_ref())))
            .ok()
            .flatten()
    }
}

/// Puts the former context back, panic or not.
struct Entered(Option<Context>);

impl Drop for Entered {
    fn drop(&mut self) {
        let former = self.0.take();
        let _ = CURRENT.try_with(|c| c.replace(former));
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("invocation_id", &self.0.invocation_id)
            .field("function_name", &self.0.function.name)
            .finish_non_exhaustive()
    }
}

/// Takes the log records of an invocation, on whatever thread they are made.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

/// A log record of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Id of the invocation.
    pub invocation_id: String,
    /// Name of the function.
    pub function: &'static str,
    /// How important it is.
    pub level: log::Level,
    /// Where it was made, usually a module.
    pub target: String,
    /// What it says.
    pub message: String,
}

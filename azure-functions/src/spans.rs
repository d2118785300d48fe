//! Spans around what the worker runs: one for each real run, none for replays.
//!
//! A Functions host with the Durable Task extension makes the spans of orchestrations, activities and operations itself: there the worker makes
//! one of each invocation that is no orchestration and no entity, as the .NET worker does. Where nothing else makes them (the local
//! host, the test host, a Durable Task server), they are the worker's, under the names that DurableTask has for them.
//!
//! Sources: `TraceHelper.cs` of microsoft/durabletask-dotnet and Azure/durabletask; `TelemetryProviderV1_37_0.cs` of
//! Azure/azure-functions-dotnet-worker.

use crate::{
    durable::EndedExecution,
    opentelemetry::SpanIds,
    panics,
    registry::{DurableKind, Function, Handler},
    rpc::{Data, TypedData},
};
use azure_functions_durable::TraceContext;
use opentelemetry::{
    Context, ContextGuard, InstrumentationScope, KeyValue, global,
    trace::{Span as _, SpanBuilder, SpanId, SpanKind, Status, TraceContextExt, Tracer, TracerProvider as _},
};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

const TYPE: &str = "durabletask.type";
const NAME: &str = "durabletask.task.name";
const VERSION: &str = "durabletask.task.version";
const INSTANCE_ID: &str = "durabletask.task.instance_id";
const EXECUTION_ID: &str = "durabletask.task.execution_id";
const STATUS: &str = "durabletask.task.status";
const OPERATION: &str = "durabletask.entity.operation";

thread_local! {
    /// There as long as the API can be asked on this thread for what is current: it panics where its own thread-local value is gone. The
    /// one that is made last goes first, so this makes that one before.
    static API: ApiIsThere = {
        Context::map_current(|_| ());
        ApiIsThere
    };
}

struct ApiIsThere;

impl Drop for ApiIsThere {
    // What has no drop is never gone.
    fn drop(&mut self) {}
}

/// What the span of an activity says.
#[derive(Debug)]
struct Activity {
    name: String,
    instance_id: String,
}

/// What an invocation has of traces.
#[derive(Debug, Default)]
pub(crate) struct InvocationSpans {
    /// Whether nothing but the worker makes the spans of durable functions.
    are_ours: bool,
    activity: Option<Activity>,
    /// What is current while the function runs; made when it is first entered.
    context: OnceLock<Context>,
}

impl InvocationSpans {
    /// `are_ours`: nothing but the worker makes the spans of durable functions.
    pub(crate) fn new(function: &Function, metadata: &HashMap<String, TypedData>, are_ours: bool) -> Self {
        // The bindings are looked at for activities only.
        let instance_id = metadata.get("instanceId").filter(|_| are_ours);
        let activity = instance_id.and_then(|id| match (&id.data, function.durable()) {
            (Some(Data::String(id)), Some((DurableKind::Activity, name))) => Some(Activity {
                name,
                instance_id: id.clone(),
            }),
            _ => None,
        });
        Self {
            are_ours,
            activity,
            context: OnceLock::new(),
        }
    }

    /// Whether the worker makes the spans of orchestrations.
    pub(crate) fn include_orchestrations(&self) -> bool {
        self.are_ours && SpanIds::are_in_use()
    }

    /// Makes the invocation's span current, until what this gives is dropped.
    pub(crate) fn enter(
        &self,
        function: &Function,
        invocation_id: &str,
        (trace_parent, trace_state): (&str, &str),
    ) -> Option<ContextGuard> {
        // A thread that ends may still drop functions.
        API.try_with(|_| ()).ok()?;
        let make = || {
            let trace = TraceContext::parse(trace_parent, Some(trace_state));
            let parent = Context::new();
            let parent = match trace {
                Some(trace) => parent.with_remote_span_context(trace.to_span_context()),
                None => parent,
            };
            match function.handler {
                // Of the first there is one span for all turns, of the second one for each operation.
                Handler::Orchestration(_) | Handler::Entity { .. } => parent,
                Handler::Blocking(_) | Handler::Async(_) => begin(self.builder(function, invocation_id), &parent),
            }
        };
        Some(self.context.get_or_init(make).clone().attach())
    }

    fn builder(&self, function: &Function, invocation_id: &str) -> SpanBuilder {
        let mut attributes = vec![
            KeyValue::new("faas.name", function.name),
            KeyValue::new("faas.invocation_id", invocation_id.to_owned()),
        ];
        match &self.activity {
            Some(Activity { name, instance_id }) => {
                attributes.push(KeyValue::new(TYPE, "activity"));
                attributes.push(KeyValue::new(NAME, name.clone()));
                attributes.push(KeyValue::new(INSTANCE_ID, instance_id.clone()));
                builder(format!("activity:{name}"), SpanKind::Server, attributes)
            }
            None => builder(format!("function {}", function.name), SpanKind::Internal, attributes),
        }
    }

    /// Ends the span: the function has, with this failure.
    pub(crate) fn end(&self, function: &Function, failure: impl FnOnce() -> Option<String>) {
        let has_span = matches!(function.handler, Handler::Blocking(_) | Handler::Async(_));
        if let Some(context) = self.context.get().filter(|_| has_span) {
            end(context, failure());
        }
    }
}

/// The span of one operation of an entity.
#[derive(Debug)]
pub(crate) struct OperationSpan(Option<Context>);

impl OperationSpan {
    /// Begins it. Without `are_ours` it is none: then what is current in the operation is what has asked for it.
    pub(crate) fn begin(
        entity: &azure_functions_durable::EntityId,
        operation: &str,
        trace: &mut Option<TraceContext>,
        are_ours: bool,
    ) -> Self {
        let parent = trace
            .as_ref()
            .map(|trace| Context::new().with_remote_span_context(trace.to_span_context()));
        if !are_ours {
            return Self(parent);
        }
        let attributes = vec![
            KeyValue::new(TYPE, "entity"),
            KeyValue::new(NAME, entity.name().to_owned()),
            KeyValue::new(INSTANCE_ID, entity.to_string()),
            KeyValue::new(OPERATION, operation.to_owned()),
        ];
        let name = format!("entity:{}:{operation}", entity.name());
        let context = begin(builder(name, SpanKind::Server, attributes), &parent.unwrap_or_default());
        if let Some(own) = TraceContext::of_span_context(context.span().span_context()) {
            *trace = Some(own);
        }
        Self(Some(context))
    }

    /// Makes it current, until what this gives is dropped.
    pub(crate) fn enter(&self) -> Option<ContextGuard> {
        let context = self.0.as_ref()?;
        API.try_with(|_| ()).ok()?;
        Some(context.clone().attach())
    }

    /// Ends it.
    pub(crate) fn end(self, failure: Option<String>) {
        if let Some(context) = self.0 {
            end(&context, failure);
        }
    }
}

/// Whether the app exports spans: it has made what they need.
pub(crate) fn are_announced() -> bool {
    SpanIds::are_in_use()
}

/// Makes the span of an orchestration, whose execution has ended. What takes spans is of the app: a panic there takes no answer away.
pub(crate) fn orchestration(ended: EndedExecution) {
    let _ = panics::catch(|| make(ended));
}

fn make(ended: EndedExecution) {
    let EndedExecution {
        name,
        version,
        instance_id,
        execution_id,
        parent,
        span,
        newest_turn,
        status,
        failure,
    } = ended;
    let mut attributes = vec![
        KeyValue::new(TYPE, "orchestration"),
        KeyValue::new(NAME, name.clone()),
        KeyValue::new(INSTANCE_ID, instance_id),
        KeyValue::new(EXECUTION_ID, execution_id),
        KeyValue::new(STATUS, status),
    ];
    let title = match version.filter(|version| !version.is_empty()) {
        Some(version) => {
            let title = format!("orchestration:{name}@({version})");
            attributes.push(KeyValue::new(VERSION, version));
            title
        }
        None => format!("orchestration:{name}"),
    };
    let start = SystemTime::from(span.start);
    let parent = Context::new().with_remote_span_context(parent.to_span_context());
    let builder = builder(title, SpanKind::Server, attributes).with_start_time(start);
    let id = SpanId::from_hex(span.context.span_id()).unwrap_or(SpanId::INVALID);
    let mut made = SpanIds::with_next(id, || tracer().build_with_context(builder, &parent));
    let is_known = made.span_context().span_id() == id;
    if !is_known && !IS_TOLD.swap(true, Ordering::Relaxed) {
        log::warn!(
            "orchestrations have no spans, and what they call has a parent that no one makes: set the tracer provider that has \
             azure_functions::opentelemetry::SpanIds as its generator of ids with opentelemetry::global::set_tracer_provider"
        );
    }
    if let Some(failure) = failure {
        made.set_status(Status::error(failure));
    }
    // A test's clock may be ahead of this one.
    let end = SystemTime::now().max(start).max(newest_turn.into());
    made.end_with_timestamp(end);
}

/// Whether the app has been told that the generator of ids is not that of the global provider.
static IS_TOLD: AtomicBool = AtomicBool::new(false);

fn tracer() -> global::BoxedTracer {
    let scope = InstrumentationScope::builder("azure-functions").with_version(env!("CARGO_PKG_VERSION"));
    global::tracer_provider().tracer_with_scope(scope.build())
}

fn builder(name: impl Into<Cow<'static, str>>, kind: SpanKind, attributes: Vec<KeyValue>) -> SpanBuilder {
    SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes)
}

/// A context with a new span in it; the parent's, if the app makes no spans.
fn begin(builder: SpanBuilder, parent: &Context) -> Context {
    let span = tracer().build_with_context(builder, parent);
    match span.span_context().is_valid() {
        true => parent.with_span(span),
        false => parent.clone(),
    }
}

/// Ends the span of a context.
fn end(context: &Context, failure: Option<String>) {
    let span = context.span();
    if let Some(failure) = failure {
        span.set_status(Status::error(failure));
    }
    span.end();
}

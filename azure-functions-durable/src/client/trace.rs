//! The trace context that goes with starts and signals.
//!
//! Source: the extension takes it from the headers `traceparent` and `tracestate` (version 3), and from `parentTraceContext` of
//! `CreateInstanceRequest` and `SignalEntityRequest`.

use crate::TraceContext;
use http::{HeaderMap, HeaderName, HeaderValue};
pub(super) use span::{StartSpan, current};

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Made as the .NET client makes it (`TraceHelper.cs` of microsoft/durabletask-dotnet).
#[cfg(feature = "opentelemetry")]
mod span {
    use crate::{OrchestrationClientError, TraceContext};
    use opentelemetry::{
        Context, InstrumentationScope, KeyValue, global,
        trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider as _},
    };

    /// The span of a start.
    pub(in super::super) struct StartSpan {
        span: global::BoxedSpan,
        /// Where no spans are made, what would be its parent.
        parent: Option<TraceContext>,
        /// Whether it has the id of the instance.
        has_id: bool,
    }

    pub(in super::super) fn current() -> Option<TraceContext> {
        TraceContext::of_span_context(Context::current().span().span_context())
    }

    impl StartSpan {
        pub(in super::super) fn begin(
            parent: Option<TraceContext>,
            name: &str,
            version: Option<&str>,
            instance_id: Option<&str>,
        ) -> Self {
            let mut attributes = vec![
                KeyValue::new("durabletask.type", "orchestration"),
                KeyValue::new("durabletask.task.name", name.to_owned()),
            ];
            let mut title = format!("create_orchestration:{name}");
            if let Some(version) = version.filter(|version| !version.is_empty()) {
                attributes.push(KeyValue::new("durabletask.task.version", version.to_owned()));
                title.push_str(&format!("@({version})"));
            }
            if let Some(id) = instance_id {
                attributes.push(KeyValue::new("durabletask.task.instance_id", id.to_owned()));
            }
            let builder = SpanBuilder::from_name(title)
                .with_kind(SpanKind::Producer)
                .with_attributes(attributes);
            let current = Context::current();
            let context = match &parent {
                Some(parent) if !current.has_active_span() => {
                    current.with_remote_span_context(parent.to_span_context())
                }
                _ => current,
            };
            let scope =
                InstrumentationScope::builder("azure-functions-durable").with_version(env!("CARGO_PKG_VERSION"));
            let tracer = global::tracer_provider().tracer_with_scope(scope.build());
            Self {
                span: tracer.build_with_context(builder, &context),
                parent,
                has_id: instance_id.is_some(),
            }
        }

        /// What the start is asked for by.
        pub(in super::super) fn trace(&self) -> Option<TraceContext> {
            TraceContext::of_span_context(self.span.span_context()).or_else(|| self.parent.clone())
        }

        /// Ends it with the id of the new instance, or what came instead.
        pub(in super::super) fn end(mut self, started: &Result<String, OrchestrationClientError>) {
            match started {
                Ok(_) if self.has_id => {}
                Ok(id) => {
                    let id = KeyValue::new("durabletask.task.instance_id", id.clone());
                    self.span.set_attribute(id);
                }
                Err(error) => self.span.set_status(Status::error(error.to_string())),
            }
            self.span.end();
        }
    }
}

/// Without the feature there are no spans: a start has its parent.
#[cfg(not(feature = "opentelemetry"))]
mod span {
    use crate::{OrchestrationClientError, TraceContext};

    pub(in super::super) struct StartSpan(Option<TraceContext>);

    pub(in super::super) fn current() -> Option<TraceContext> {
        None
    }

    impl StartSpan {
        pub(in super::super) fn begin(parent: Option<TraceContext>, _: &str, _: Option<&str>, _: Option<&str>) -> Self {
            Self(parent)
        }

        pub(in super::super) fn trace(&self) -> Option<TraceContext> {
            self.0.clone()
        }

        pub(in super::super) fn end(self, _: &Result<String, OrchestrationClientError>) {}
    }
}

/// Adds the headers.
pub(super) fn insert(trace: &TraceContext, headers: &mut HeaderMap) {
    // Both have been checked: they are visible ASCII.
    if let Ok(parent) = HeaderValue::from_str(trace.trace_parent()) {
        headers.insert(TRACE_PARENT, parent);
    }
    if let Some(Ok(state)) = trace.trace_state().map(HeaderValue::from_str) {
        headers.insert(TRACE_STATE, state);
    }
}

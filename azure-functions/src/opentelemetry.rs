//! Traces: a span for each execution, of which those that started it are the parents. Needs the feature `opentelemetry`.
//!
//! The crate makes spans with the API of the crate `opentelemetry`; the app says where they go, with a tracer provider of its own that has
//! [`SpanIds`]:
//!
//! ```
//! use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
//!
//! // Of the crate `opentelemetry-stdout` or `opentelemetry-otlp`, for example: `SpanExporter::builder().with_http().build()?`.
//! let exporter = InMemorySpanExporter::default();
//! let provider = SdkTracerProvider::builder()
//!     .with_id_generator(azure_functions::opentelemetry::SpanIds::default())
//!     .with_batch_exporter(exporter)
//!     .build();
//! opentelemetry::global::set_tracer_provider(provider.clone());
//!
//! // Then the app runs: `azure_functions::app().shutdown(…).run()`, or a `Worker` of a Durable Task server. At the end:
//! provider.shutdown()?;
//! # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
//! ```
//!
//! The provider has to be the global one: a program that makes [`SpanIds`] and sets no global provider gives its calls the ids of spans that no
//! one makes.
//!
//! The version of `opentelemetry` is 0.33. [The guide](crate::guide::logs#traces) says which spans there are, and under which hosts.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};

/// Whether the app has one.
static IN_USE: AtomicBool = AtomicBool::new(false);

thread_local! {
    static NEXT: Cell<Option<SpanId>> = const { Cell::new(None) };
}

/// Gives spans their ids: by chance, except for those of orchestrations.
///
/// What an orchestration starts has the orchestration's span as its parent, long before that ends; only then the span is made, perhaps in
/// another process. So its id has to be known before. The API has no other way to say it than the generator of ids of the provider
/// (`SdkTracerProvider::builder().with_id_generator(SpanIds::default())`).
///
/// Without this, orchestrations have no spans. What they start then has the span as its parent that the start of the orchestration was
/// asked for by.
#[derive(Debug)]
pub struct SpanIds {
    chance: RandomIdGenerator,
}

impl Default for SpanIds {
    fn default() -> Self {
        IN_USE.store(true, Ordering::Relaxed);
        Self {
            chance: RandomIdGenerator::default(),
        }
    }
}

impl SpanIds {
    /// Whether the app has such a generator.
    pub(crate) fn are_in_use() -> bool {
        IN_USE.load(Ordering::Relaxed)
    }

    /// Makes a span, which gets this id.
    pub(crate) fn with_next<S>(id: SpanId, make: impl FnOnce() -> S) -> S {
        NEXT.set(Some(id));
        let span = make();
        // If the provider has another generator.
        NEXT.set(None);
        span
    }
}

impl IdGenerator for SpanIds {
    fn new_trace_id(&self) -> TraceId {
        self.chance.new_trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.take().unwrap_or_else(|| self.chance.new_span_id())
    }
}

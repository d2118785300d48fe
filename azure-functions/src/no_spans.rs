//! Without the feature `opentelemetry` there are no spans: what `spans.rs` has, doing nothing.

use crate::{durable::EndedExecution, registry::Function, rpc::TypedData};
use azure_functions_durable::{EntityId, TraceContext};
use std::collections::HashMap;

/// What is current ends with this.
pub(crate) struct Entered;

#[derive(Debug, Default)]
pub(crate) struct InvocationSpans;

impl InvocationSpans {
    pub(crate) fn new(_: &Function, _: &HashMap<String, TypedData>, _: bool) -> Self {
        Self
    }

    pub(crate) fn include_orchestrations(&self) -> bool {
        false
    }

    pub(crate) fn enter(&self, _: &Function, _: &str, _: (&str, &str)) -> Entered {
        Entered
    }

    pub(crate) fn end(&self, _: &Function, _: impl FnOnce() -> Option<String>) {}
}

#[derive(Debug)]
pub(crate) struct OperationSpan;

impl OperationSpan {
    pub(crate) fn begin(_: &EntityId, _: &str, _: &mut Option<TraceContext>, _: bool) -> Self {
        Self
    }

    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    pub(crate) fn end(self, _: Option<String>) {}
}

pub(crate) fn are_announced() -> bool {
    false
}

pub(crate) fn orchestration(_: EndedExecution) {}

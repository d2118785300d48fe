//! The trace that an execution belongs to. Nothing is drawn by chance here: a replay finds the same ids.

use azure_functions_durable::{TraceContext, protobuf::OrchestrationTraceContext};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Namespace of the ids of orchestrations' spans.
const NAMESPACE: Uuid = Uuid::from_u128(0x51d6_02a4_7c3f_4e8b_b1a9_0e64_d8f2_37c5);

/// The trace of an execution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    /// What asked for the start.
    pub(crate) parent: TraceContext,
    /// What the host has been told of the orchestration's own span, by whichever worker had the first turn. `None`: it does not keep that.
    pub(crate) kept: Option<OrchestrationTraceContext>,
    /// The orchestration's own span, where this worker makes it.
    pub(crate) own: Option<OwnSpan>,
}

/// The span of an execution. It is made when the execution ends, and known from its first turn on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnSpan {
    pub(crate) context: TraceContext,
    pub(crate) start: DateTime<Utc>,
}

impl Trace {
    /// Names the execution's own span: as the host has been told, or else by what is the same in each turn. `began` is when the first turn
    /// began.
    pub(crate) fn name_own_span(&mut self, instance_id: &str, execution_id: &str, began: DateTime<Utc>) {
        let kept = self.kept.as_ref();
        let context = kept
            .and_then(|kept| self.parent.with_span_id(kept.span_id.as_deref()?))
            .or_else(|| {
                // Not every host says which execution it is; then the time says it.
                let began = began.timestamp_micros();
                let name = format!("{}_{instance_id}_{execution_id}_{began}", self.parent.trace_id());
                let (id, _) = Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_u64_pair();
                self.parent.with_span_id(&format!("{id:016x}"))
            });
        let start = kept.and_then(|kept| {
            let start = kept.span_start_time.as_ref()?;
            DateTime::from_timestamp(start.seconds, u32::try_from(start.nanos).ok()?)
        });
        // An id of zeros is none; of all ids one is.
        self.own = context.map(|context| OwnSpan {
            context,
            start: start.unwrap_or(began),
        });
    }

    /// The context of what the orchestration asks for.
    pub(crate) fn of_calls(&self) -> &TraceContext {
        self.own.as_ref().map_or(&self.parent, |own| &own.context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(kept: Option<OrchestrationTraceContext>) -> Trace {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut trace = Trace {
            parent: TraceContext::parse(parent, Some("v=1")).unwrap(),
            kept,
            own: None,
        };
        trace.name_own_span("order-7", "e0", DateTime::UNIX_EPOCH);
        trace
    }

    #[test]
    fn the_span_of_an_execution_has_the_same_id_in_every_turn_and_another_in_the_next_execution() {
        let first = trace(None);
        assert_eq!(first, trace(Some(OrchestrationTraceContext::default())).kept_as(None));
        assert_eq!(first.of_calls().trace_id(), first.parent.trace_id());
        assert_eq!(first.of_calls().trace_state(), Some("v=1"));
        assert_ne!(first.of_calls().span_id(), first.parent.span_id());
        let mut next = first.clone();
        next.name_own_span("order-7", "e1", DateTime::UNIX_EPOCH);
        assert_ne!(first.of_calls(), next.of_calls());
        let mut later = first.clone();
        later.name_own_span("order-7", "e0", DateTime::from_timestamp(1, 0).unwrap());
        assert_ne!(first.of_calls(), later.of_calls());
    }

    #[test]
    fn what_the_host_has_kept_of_the_span_counts_if_it_can_be_one() {
        let kept = |id: &str| {
            trace(Some(OrchestrationTraceContext {
                span_id: Some(id.to_owned()),
                span_start_time: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
            }))
        };
        let taken = kept("0123456789abcdef").own.unwrap();
        assert_eq!(taken.context.span_id(), "0123456789abcdef");
        assert_eq!(taken.start.timestamp(), 5);
        assert_eq!(kept("no id").of_calls(), trace(None).of_calls());
    }

    impl Trace {
        fn kept_as(mut self, kept: Option<OrchestrationTraceContext>) -> Self {
            self.kept = kept;
            self
        }
    }
}

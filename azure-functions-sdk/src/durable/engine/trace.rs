//! The W3C trace that an execution belongs to. It is kept as DurableTask keeps it: beside what it belongs to, under the same names.

use azure_functions_durable::{TraceContext, protobuf::OrchestrationTraceContext};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::time::{parse_time, time_of, whole_ticks, write_time};

/// The trace of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExecutionTrace {
    /// What asked for the start.
    pub(crate) parent: TraceContext,
    /// The id of the orchestration's own span, as its worker has said in its first answer.
    pub(crate) span_id: Option<String>,
    /// When that span began.
    pub(crate) span_start: Option<DateTime<Utc>>,
}

impl From<TraceContext> for ExecutionTrace {
    fn from(parent: TraceContext) -> Self {
        Self {
            parent,
            span_id: None,
            span_start: None,
        }
    }
}

impl ExecutionTrace {
    /// What is asked for by the orchestration: by its own span, if its worker has named one.
    pub(crate) fn context(&self) -> TraceContext {
        let own = self.span_id.as_deref().and_then(|id| self.parent.with_span_id(id));
        own.unwrap_or_else(|| self.parent.clone())
    }

    /// The same, with what a worker says of the span. An id that is none is not taken.
    pub(super) fn with_span(&self, said: &OrchestrationTraceContext) -> Self {
        let id = said.span_id.as_deref();
        let start = said.span_start_time.as_ref();
        Self {
            parent: self.parent.clone(),
            span_id: id
                .filter(|id| self.parent.with_span_id(id).is_some())
                .map(str::to_owned),
            span_start: start
                .and_then(|start| time_of(start.seconds, start.nanos))
                .map(whole_ticks),
        }
    }

    /// The trace of an execution that goes on after it had failed, where its worker names spans: its first span has ended, and been
    /// exported.
    pub(super) fn rewound(&self, now: DateTime<Utc>) -> Self {
        /// Namespace of the ids of the spans after a rewind.
        const NAMESPACE: Uuid = Uuid::from_u128(0x9c1d_7e52_40b6_4f0a_8a37_6b05_e2c8_11d4);
        let Some(before) = &self.span_id else {
            return self.clone();
        };
        let name = format!("{before}_{}", now.timestamp_micros());
        let (id, _) = Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_u64_pair();
        Self {
            parent: self.parent.clone(),
            span_id: Some(format!("{id:016x}")),
            span_start: Some(whole_ticks(now)),
        }
    }

    /// What workers are told of the span in later turns; in the first, that there may be one.
    pub(super) fn told(&self) -> OrchestrationTraceContext {
        OrchestrationTraceContext {
            span_id: self.span_id.clone(),
            span_start_time: self.span_start.map(|start| Timestamp {
                seconds: start.timestamp(),
                nanos: start.timestamp_subsec_nanos().cast_signed(),
            }),
        }
    }

    /// The kept form.
    pub(super) fn to_json(&self) -> String {
        let own = self.span_id.as_ref().map(|_| self.context());
        let members = Members {
            id: own.as_ref().map(TraceContext::trace_parent),
            span_id: self.span_id.as_deref(),
            activity_start_time: self.span_start.map(|start| {
                let mut text = String::new();
                write_time(start, &mut text);
                text
            }),
            ..Members::of(&self.parent)
        };
        members.to_json()
    }

    /// Reads the kept form; `None` if it is malformed.
    pub(super) fn of_json(json: &Value) -> Option<Self> {
        let text = |name| json.get(name).and_then(Value::as_str);
        let trace = Self::from(context_of_json(json)?);
        let id = text("SpanId").filter(|id| trace.parent.with_span_id(id).is_some());
        Some(Self {
            span_id: id.map(str::to_owned),
            span_start: text("ActivityStartTime").and_then(parse_time),
            ..trace
        })
    }
}

/// The kept form of a context.
pub(crate) fn context_to_json(context: &TraceContext) -> String {
    Members::of(context).to_json()
}

/// Reads the kept form of a context; `None` if it is malformed.
pub(crate) fn context_of_json(json: &Value) -> Option<TraceContext> {
    let text = |name| json.get(name).and_then(Value::as_str);
    TraceContext::parse(text("TraceParent")?, text("TraceState"))
}

/// All members, in the order in which the extension has them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Members<'a> {
    trace_parent: &'a str,
    trace_state: Option<&'a str>,
    id: Option<&'a str>,
    span_id: Option<&'a str>,
    activity_start_time: Option<String>,
}

impl<'a> Members<'a> {
    fn of(context: &'a TraceContext) -> Self {
        Self {
            trace_parent: context.trace_parent(),
            trace_state: context.trace_state(),
            id: None,
            span_id: None,
            activity_start_time: None,
        }
    }

    fn to_json(&self) -> String {
        // Strings have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A context in a message to an entity. What is malformed is not there: the operation is run without.
pub(crate) mod kept {
    use super::{Deserialize, Deserializer, Serialize, Serializer, TraceContext, Value, context_of_json};

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Kept<'a> {
        trace_parent: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_state: Option<&'a str>,
    }

    pub(crate) fn serialize<S: Serializer>(trace: &Option<TraceContext>, serializer: S) -> Result<S::Ok, S::Error> {
        let kept = trace.as_ref().map(|trace| Kept {
            trace_parent: trace.trace_parent(),
            trace_state: trace.trace_state(),
        });
        kept.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TraceContext>, D::Error> {
        Ok(context_of_json(&Value::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> ExecutionTrace {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        TraceContext::parse(parent, Some("vendor=\"1\"")).unwrap().into()
    }

    #[test]
    fn a_trace_is_kept_as_the_extension_keeps_it() {
        let said = OrchestrationTraceContext {
            span_id: Some("0123456789abcdef".to_owned()),
            span_start_time: Some(Timestamp {
                seconds: 1_900_000_000,
                nanos: 123_456_789,
            }),
        };
        let known = trace().with_span(&said);
        assert_eq!(
            known.to_json(),
            concat!(
                r#"{"TraceParent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","TraceState":"vendor=\"1\"","#,
                r#""Id":"00-4bf92f3577b34da6a3ce929d0e0e4736-0123456789abcdef-01","SpanId":"0123456789abcdef","#,
                r#""ActivityStartTime":"2030-03-17T17:46:40.1234567Z"}"#
            )
        );
        assert_eq!(
            trace().to_json(),
            concat!(
                r#"{"TraceParent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","TraceState":"vendor=\"1\"","#,
                r#""Id":null,"SpanId":null,"ActivityStartTime":null}"#
            )
        );
        for trace in [known, trace()] {
            let json = serde_json::from_str(&trace.to_json()).unwrap();
            assert_eq!(ExecutionTrace::of_json(&json), Some(trace));
        }
    }

    #[test]
    fn after_a_rewind_the_span_is_another_if_there_was_one() {
        let now = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
        assert_eq!(trace().rewound(now), trace());
        let said = OrchestrationTraceContext {
            span_id: Some("0123456789abcdef".to_owned()),
            span_start_time: Some(Timestamp { seconds: 1, nanos: 0 }),
        };
        let first = trace().with_span(&said);
        let next = first.rewound(now);
        assert_eq!((&next.parent, next.span_start), (&first.parent, Some(now)));
        assert_ne!(next.span_id, first.span_id);
        assert_ne!(next.context(), next.parent);
        assert_ne!(next.rewound(now).span_id, next.span_id);
    }

    #[test]
    fn what_is_malformed_is_not_kept_and_not_read() {
        let said = OrchestrationTraceContext {
            span_id: Some("no id".to_owned()),
            span_start_time: Some(Timestamp {
                seconds: i64::MAX,
                nanos: -1,
            }),
        };
        assert_eq!(trace().with_span(&said), trace());
        for malformed in [
            "null",
            "5",
            "[]",
            "{}",
            r#"{"TraceParent":5}"#,
            r#"{"TraceParent":"00-a-b-01"}"#,
        ] {
            let json = serde_json::from_str(malformed).unwrap();
            assert_eq!(ExecutionTrace::of_json(&json), None, "{malformed}");
        }
    }
}

//! The W3C trace context of a call: which trace it belongs to, and which span made it.
//!
//! Source: <https://www.w3.org/TR/trace-context/>.

#[cfg(feature = "http")]
use http::{HeaderMap, HeaderValue};
use std::fmt;

/// The longest `tracestate` that is passed on. The standard asks for 512 characters; the durable extension drops what is longer.
const MAX_STATE: usize = 512;

/// The beginning of every `traceparent`: version, trace id, span id, flags.
const LENGTH: usize = 55;

/// The trace that something belongs to, and the span that asked for it: a `traceparent`, and perhaps a `tracestate`.
///
/// What is malformed is no trace context. A caller who sends such a thing has its request served without a trace.
///
/// ```
/// use azure_functions_durable::TraceContext;
///
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::parse(parent, None).ok_or("malformed")?;
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(trace.span_id(), "00f067aa0ba902b7");
/// assert!(TraceContext::parse("a-b-c", None).is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Of version 00, as all that follow are read.
    parent: String,
    state: Option<String>,
}

impl TraceContext {
    /// Reads the headers of a request, as [`parse`](Self::parse) does. A list of states that comes in several headers is one list,
    /// which is left out as a whole if it is too long.
    ///
    /// Source: W3C Trace Context, 3.3.1.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let parent = headers.get("traceparent")?.to_str().ok()?;
        let states: Vec<_> = headers
            .get_all("tracestate")
            .iter()
            .flat_map(HeaderValue::to_str)
            .collect();
        Self::parse(parent, Some(&states.join(",")))
    }

    /// Reads the headers `traceparent` and `tracestate`; `None` if the first is malformed. A `tracestate` is left out if it has other
    /// characters than printable ASCII, or more than 512 of them; its list is not read.
    ///
    /// Of later versions than 00 that part is read which 00 has, as the standard asks.
    pub fn parse(trace_parent: &str, trace_state: Option<&str>) -> Option<Self> {
        let (parent, rest) = trace_parent.trim_ascii().split_at_checked(LENGTH)?;
        let mut parts = parent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lengths = [version, trace, span, flags].map(str::len);
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        let ends = rest.is_empty() || (version != "00" && rest.starts_with('-'));
        let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
        if lengths != [2, 32, 16, 2]
            || parts.next().is_some()
            || !parent.bytes().all(is_hex)
            || version == "ff"
            || is_zero(trace)
            || is_zero(span)
            || !ends
        {
            return None;
        }
        let is_state = |state: &&str| {
            (1..=MAX_STATE).contains(&state.len()) && state.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        Some(Self {
            parent: format!("00{}", &parent[2..]),
            state: trace_state.map(str::trim_ascii).filter(is_state).map(str::to_owned),
        })
    }

    /// The `traceparent`, of version 00.
    pub fn trace_parent(&self) -> &str {
        &self.parent
    }

    /// The `tracestate`, if there is one.
    pub fn trace_state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The id of the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.parent[3..35]
    }

    /// The id of the span: 16 hexadecimal digits.
    pub fn span_id(&self) -> &str {
        &self.parent[36..52]
    }

    /// Whether the caller may have recorded the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags().is_some_and(|flags| flags & 1 == 1)
    }

    fn flags(&self) -> Option<u8> {
        u8::from_str_radix(&self.parent[53..], 16).ok()
    }

    /// The same trace with another span; `None` if the id is not 16 hexadecimal digits in lower case, or all zeros.
    #[must_use]
    pub fn with_span_id(&self, span_id: &str) -> Option<Self> {
        let parent = format!("{}{span_id}{}", &self.parent[..36], &self.parent[52..]);
        Self::parse(&parent, self.trace_state())
    }
}

impl fmt::Debug for TraceContext {
    // Without the state, in which vendors keep what they like.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceContext").field(&self.parent).finish()
    }
}

#[cfg(feature = "protobuf")]
impl TraceContext {
    /// Reads a message; `None` if it is malformed.
    pub fn from_message(message: &crate::protobuf::TraceContext) -> Option<Self> {
        Self::parse(&message.trace_parent, message.trace_state.as_deref())
    }
}

/// Without `spanID`, which says nothing that `traceParent` does not: neither the extension nor the .NET client sends it.
#[cfg(feature = "protobuf")]
impl From<&TraceContext> for crate::protobuf::TraceContext {
    fn from(trace: &TraceContext) -> Self {
        Self {
            trace_parent: trace.parent.clone(),
            trace_state: trace.state.clone(),
            ..Self::default()
        }
    }
}

/// With the crate `opentelemetry`. Hidden, since its versions change often.
#[cfg(feature = "opentelemetry")]
#[doc(hidden)]
impl TraceContext {
    /// As the context of a span elsewhere.
    pub fn to_span_context(&self) -> opentelemetry::trace::SpanContext {
        use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
        SpanContext::new(
            // Both are digits.
            TraceId::from_hex(self.trace_id()).unwrap_or(TraceId::INVALID),
            SpanId::from_hex(self.span_id()).unwrap_or(SpanId::INVALID),
            TraceFlags::new(self.flags().unwrap_or_default()),
            true,
            self.trace_state()
                .and_then(|state| state.parse::<TraceState>().ok())
                .unwrap_or_default(),
        )
    }

    /// The context of a span; `None` if it is none.
    pub fn of_span_context(span: &opentelemetry::trace::SpanContext) -> Option<Self> {
        let (trace_id, span_id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
        let parent = format!("00-{trace_id}-{span_id}-{flags:02x}");
        Self::parse(&parent, Some(&span.trace_state().header()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_parent_is_taken_apart() {
        let trace = TraceContext::parse(PARENT, Some("vendor=1, other=2")).unwrap();
        assert_eq!(trace.trace_parent(), PARENT);
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.span_id(), "00f067aa0ba902b7");
        assert_eq!(trace.trace_state(), Some("vendor=1, other=2"));
        assert!(trace.is_sampled());
        let unsampled = TraceContext::parse(&PARENT.replace("-01", "-00"), None).unwrap();
        assert!(!unsampled.is_sampled());
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_state_in_several_headers_is_one() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::from_headers(&headers), None);
        headers.insert("traceparent", HeaderValue::from_static(PARENT));
        assert_eq!(TraceContext::from_headers(&headers), TraceContext::parse(PARENT, None));
        headers.append("tracestate", HeaderValue::from_static("vendor=1"));
        headers.append("tracestate", HeaderValue::from_static("other=2"));
        let states = Some("vendor=1,other=2");
        assert_eq!(
            TraceContext::from_headers(&headers),
            TraceContext::parse(PARENT, states)
        );
    }

    #[test]
    fn what_is_malformed_is_no_trace_context() {
        for malformed in [
            "",
            "00-a-b-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0101",
            "0-04bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473ä00f067aa0ba902b7-01xxx",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
        ] {
            assert_eq!(TraceContext::parse(malformed, None), None, "{malformed}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_version_00() {
        let later = format!("{}-more", PARENT.replacen("00", "cc", 1));
        assert_eq!(TraceContext::parse(&later, None).unwrap().trace_parent(), PARENT);
    }

    #[test]
    fn a_trace_state_that_no_header_carries_is_left_out() {
        for state in ["", "a=\nb=1", "a=ä", &"x".repeat(513)] {
            let trace = TraceContext::parse(PARENT, Some(state)).unwrap();
            assert_eq!(trace.trace_state(), None, "{state}");
        }
    }

    #[test]
    fn another_span_of_the_same_trace_keeps_flags_and_state() {
        let trace = TraceContext::parse(PARENT, Some("v=1")).unwrap();
        let other = trace.with_span_id("0123456789abcdef").unwrap();
        assert_eq!(
            other.trace_parent(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0123456789abcdef-01"
        );
        assert_eq!(other.trace_state(), Some("v=1"));
        for no_id in ["", "0", "0000000000000000", "0123456789abcdeF", "0123456789abcdef0"] {
            assert_eq!(trace.with_span_id(no_id), None, "{no_id}");
        }
    }
}

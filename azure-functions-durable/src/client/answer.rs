//! What came back from the host, and how its messages are read.

use super::error::{OrchestrationClientError, excerpt};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The header that carries the place to go on from, in both directions.
pub(crate) const CONTINUATION_HEADER: &str = "x-ms-continuation-token";

/// A complete answer that was neither 401 nor 403.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) continuation_token: Option<String>,
}

/// Members that the host's error objects have; any may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorObject {
    exception_message: Option<String>,
    message: Option<String>,
}

impl Answer {
    /// The body as a `T`.
    pub(crate) fn json<T: DeserializeOwned>(&self, operation: &str) -> Result<T, OrchestrationClientError> {
        serde_json::from_slice(&self.body).map_err(|e| OrchestrationClientError::InvalidResponse {
            operation: operation.to_owned(),
            source: Box::new(e),
        })
    }

    /// What the host says about a failure: `ExceptionMessage`, else `Message`, else a bare JSON string, else the
    /// beginning of the body.
    pub(crate) fn message(&self) -> String {
        let said = match serde_json::from_slice::<Value>(&self.body) {
            Ok(Value::String(text)) => Some(text),
            Ok(value) => ErrorObject::deserialize(value).ok().and_then(|error| {
                [error.exception_message, error.message]
                    .into_iter()
                    .flatten()
                    .find(|text| !text.trim().is_empty())
            }),
            Err(_) => None,
        };
        match said {
            Some(text) => excerpt(&text),
            None => excerpt(&String::from_utf8_lossy(&self.body)),
        }
    }

    /// The error for a status code that the operation gives no meaning of its own.
    pub(crate) fn unexpected(&self, operation: &str) -> OrchestrationClientError {
        let operation = operation.to_owned();
        match self.status {
            400 => OrchestrationClientError::BadRequest {
                operation,
                message: self.message(),
            },
            status => OrchestrationClientError::Unexpected {
                operation,
                status,
                body: self.message(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &'static str) -> String {
        Answer {
            status: 400,
            body: Bytes::from_static(body.as_bytes()),
            continuation_token: None,
        }
        .message()
    }

    #[test]
    fn the_exception_message_comes_before_the_message_and_any_text_before_none() {
        assert_eq!(message(r#"{"Message":"generic","ExceptionMessage":"exact"}"#), "exact");
        assert_eq!(message(r#"{"Message":"generic","ExceptionMessage":null}"#), "generic");
        assert_eq!(message(r#""a bare string""#), "a bare string");
        assert_eq!(message("<html>?code=k</html>"), "<html>?code=***</html>");
        assert_eq!(message(r#"{"Message":7}"#), r#"{"Message":7}"#);
        assert_eq!(message(""), "(empty)");
    }
}

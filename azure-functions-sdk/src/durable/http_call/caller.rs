//! What is called, what comes back, and the trait of who calls.

use std::{fmt, future::Future, pin::Pin, time::Duration};

/// A request that an orchestration makes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCallRequest {
    /// The method, in upper case.
    pub method: String,
    /// The absolute address.
    pub uri: String,
    /// Names and values, in the order in which they were given.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub content: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCallResponse {
    /// The status code.
    pub status: u16,
    /// Names and values, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub content: String,
}

impl HttpCallResponse {
    /// A response without headers.
    #[must_use]
    pub fn new(status: u16, content: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: content.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// There is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpCallError {
    /// The time of the request is over.
    #[error("the request has timed out")]
    TimedOut,
    /// The text says, for the user, what was called and why it failed.
    #[error("{0}")]
    Failed(String),
}

/// Makes the HTTP calls of orchestrations.
pub trait HttpCaller: fmt::Debug + Send + Sync + 'static {
    /// Makes one request, within its time.
    fn call(
        &self,
        request: HttpCallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpCallResponse, HttpCallError>> + Send>>;
}

/// Queries may hold secrets.
pub(super) fn without_query(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default()
}

/// Sends no request: for hosts in tests, which are not to depend on a network.
#[cfg(not(feature = "host"))]
#[derive(Debug)]
pub(super) struct Nobody;

#[cfg(not(feature = "host"))]
impl HttpCaller for Nobody {
    fn call(
        &self,
        request: HttpCallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpCallResponse, HttpCallError>> + Send>> {
        let text = format!(
            "{} {} is not sent: this host makes no HTTP calls",
            request.method, request.uri
        );
        Box::pin(std::future::ready(Err(HttpCallError::Failed(text))))
    }
}

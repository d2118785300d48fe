//! What stands behind the front door.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http::{Request, Response, request::Parts};

use super::AuthLevel;
pub use crate::services::data::{GivenTrigger, Payload};

/// A response that is on its way. Dropping it means that its connection was broken or cut, or that the host ends. A client that
/// seems to have gone is no reason to drop it: the token in the request's extensions is cancelled, and the answer runs on.
pub type Answer = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// What stands behind the front door.
pub trait Backend: Send + Sync + 'static {
    /// Runs an HTTP function.
    fn invoke(&self, call: HttpCall) -> Answer;

    /// Runs a function that is not started by HTTP, now and by hand. It runs whether its answer is awaited or not: what it
    /// wrote, or 500 and why it failed.
    ///
    /// # Errors
    /// The function cannot be run by hand; the text says why and is shown to the user.
    fn fire(&self, function: usize, given: GivenTrigger) -> Result<Answer, String>;

    /// Serves the durable HTTP API. The URI has only path and query, the path without the webhook base, and begins with
    /// `/`; headers are those of the client.
    fn durable(&self, request: Request<Bytes>) -> Answer;

    /// Answers a POST to the MCP server of the app.
    fn mcp(&self, request: Request<Bytes>) -> Answer;

    /// Gives the whole history of an orchestration instance, as the text of a history file.
    fn history(&self, instance_id: String) -> Answer;
}

/// An HTTP request for a function.
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpCall {
    /// Number of the function.
    pub function: usize,
    /// Method, headers and URI as received.
    pub parts: Parts,
    /// `scheme://host/path?query`.
    pub url: String,
    /// Decoded route values, those that are absent left out.
    pub route_values: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// The level that the caller has proved, or has because keys are not enforced.
    pub level: AuthLevel,
    /// Whether only callers on this machine can reach the host.
    pub is_local: bool,
}

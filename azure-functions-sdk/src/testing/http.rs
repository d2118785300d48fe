//! HTTP calls of orchestrations in tests: nothing leaves the process.

use super::TestHost;
use crate::durable::{HttpCallRequest, HttpCallResponse};

impl TestHost {
    /// Answers the HTTP calls that orchestrations make with `call_http`, whatever they call; without it, all of them fail.
    /// Functions that make requests of their own are not concerned. If the closure panics, in an assertion say, the call fails, and
    /// so does the test, in the next method of the host.
    ///
    /// ```
    /// use azure_functions_sdk::{durable::HttpCallResponse, testing::TestHost};
    /// # use azure_functions::prelude::*;
    /// # #[func]
    /// # async fn ask_the_weather(context: DurableOrchestrationContext) -> OrchestrationOutput { context.input().clone().into() }
    ///
    /// let host = TestHost::new();
    /// host.fake_http(|request| match request.method.as_str() {
    ///     "GET" => HttpCallResponse::new(200, "fine").header("X-Answered-By", "a test"),
    ///     _ => HttpCallResponse::new(405, ""),
    /// });
    /// ```
    pub fn fake_http(&self, answer: impl FnMut(&HttpCallRequest) -> HttpCallResponse + Send + 'static) {
        self.servers.inner().answer = Some(Box::new(answer));
    }

    /// The HTTP calls that orchestrations have made so far, in order.
    #[must_use]
    pub fn http_calls(&self) -> Vec<HttpCallRequest> {
        self.servers.inner().requests.clone()
    }
}

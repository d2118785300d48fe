//! HTTP calls of orchestrations in tests: nothing leaves the process.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{TestHost, fake::message_of};
use crate::durable::{HttpCallError, HttpCallRequest, HttpCallResponse, HttpCaller};

type Answer = Box<dyn FnMut(&HttpCallRequest) -> HttpCallResponse + Send>;

/// Answers in place of all servers.
#[derive(Clone, Default)]
pub(super) struct FakeServers(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    answer: Option<Answer>,
    requests: Vec<HttpCallRequest>,
    /// The first panic that the test has not been told of.
    panic: Option<String>,
}

impl FakeServers {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What panics in here is caught.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &HttpCallRequest) -> Result<HttpCallResponse, HttpCallError> {
        let failed = |text: &str| {
            let HttpCallRequest { method, uri, .. } = request;
            Err(HttpCallError::Failed(format!(
                "The HTTP request {method} {uri} failed: {text}"
            )))
        };
        let mut inner = self.inner();
        inner.requests.push(request.clone());
        let Some(answer) = &mut inner.answer else {
            return failed("nobody answers in a test; say who does with fake_http");
        };
        // A panic, of an assertion perhaps, fails the call; the world must not end by it.
        match catch_unwind(AssertUnwindSafe(|| answer(request))) {
            Ok(response) => Ok(response),
            Err(panic) => {
                let text = format!("the closure of fake_http panicked: {}", message_of(&*panic));
                let answer = failed(&text);
                inner.panic.get_or_insert(text);
                answer
            }
        }
    }

    /// What a closure said that panicked since the last call.
    pub(super) fn take_panic(&self) -> Option<String> {
        self.inner().panic.take()
    }
}

impl HttpCaller for FakeServers {
    fn call(
        &self,
        request: HttpCallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpCallResponse, HttpCallError>> + Send>> {
        Box::pin(std::future::ready(self.answer(&request)))
    }
}

impl fmt::Debug for FakeServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeServers").finish_non_exhaustive()
    }
}

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

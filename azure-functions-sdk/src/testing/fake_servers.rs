//! What answers the HTTP calls of orchestrations in tests, in place of all servers.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::fake::message_of;
use crate::durable::{HttpCallError, HttpCallRequest, HttpCallResponse, HttpCaller};

pub(super) type Answer = Box<dyn FnMut(&HttpCallRequest) -> HttpCallResponse + Send>;

/// Answers in place of all servers.
#[derive(Clone, Default)]
pub(super) struct FakeServers(Arc<Mutex<Inner>>);

#[derive(Default)]
pub(super) struct Inner {
    pub(super) answer: Option<Answer>,
    pub(super) requests: Vec<HttpCallRequest>,
    /// The first panic that the test has not been told of.
    panic: Option<String>,
}

impl FakeServers {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
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
            return failed("there is no server in a test: answer the request with fake_http");
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

//! A layer around all functions: one record for each invocation, with how long it took.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use azure_functions::app::{Completed, FunctionKind, Invocation, InvocationService};
use tower::Service;

/// Logs how each function ends. Orchestrations are left out: their invocations are episodes, which a host repeats as it needs.
#[derive(Clone)]
pub struct AccessLog(pub InvocationService);

type Ended = Result<Completed, Box<dyn Error + Send + Sync>>;

impl Service<Invocation> for AccessLog {
    type Response = Completed;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Ended> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, invocation: Invocation) -> Self::Future {
        if invocation.kind() == FunctionKind::Orchestration {
            return self.0.call(invocation);
        }
        let name = invocation.function_name();
        let begun = Instant::now();
        let running = self.0.call(invocation);
        Box::pin(async move {
            let ended = running.await;
            let took = begun.elapsed().as_millis();
            match &ended {
                Ok(_) => log::info!("{name} completed after {took} ms"),
                Err(error) => log::warn!("{name} failed after {took} ms: {error}"),
            }
            ended
        })
    }
}

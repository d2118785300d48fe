//! A layer that is one function.

use super::{
    invocation::{Completed, Invocation},
    layer::InvocationService,
};
use crate::error::BoxError;
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{self, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Makes a [layer](super::App::layer) of an async function: it gets each invocation, and [`Next`] to run it.
///
/// ```no_run
/// use azure_functions::app::from_fn;
/// use std::time::Instant;
///
/// fn main() -> std::process::ExitCode {
///     azure_functions::app()
///         .layer(from_fn(async |invocation, next| {
///             let (name, begun) = (invocation.function_name(), Instant::now());
///             let ended = next.run(invocation).await;
///             log::info!("{name} took {:?}", begun.elapsed());
///             ended
///         }))
///         .run()
/// }
/// ```
///
/// An error in place of the invocation's own fails it, as does a panic.
pub fn from_fn<F, R>(function: F) -> FromFn<F>
where
    F: Fn(Invocation, Next) -> R + Clone + Send + 'static,
    R: Future<Output = Result<Completed, BoxError>> + Send + 'static,
{
    FromFn { function }
}

/// The layer that [`from_fn`] makes.
#[derive(Clone)]
pub struct FromFn<F> {
    function: F,
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

impl<F: Clone> Layer<InvocationService> for FromFn<F> {
    type Service = FromFnService<F>;

    fn layer(&self, inner: InvocationService) -> FromFnService<F> {
        FromFnService {
            function: self.function.clone(),
            inner,
        }
    }
}

/// The service of a layer that [`from_fn`] makes.
#[derive(Clone)]
pub struct FromFnService<F> {
    function: F,
    inner: InvocationService,
}

impl<F> fmt::Debug for FromFnService<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnService").finish_non_exhaustive()
    }
}

impl<F, R> Service<Invocation> for FromFnService<F>
where
    F: Fn(Invocation, Next) -> R,
    R: Future<Output = Result<Completed, BoxError>> + Send + 'static,
{
    type Response = Completed;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Completed, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        // What is within is asked by `Next`, once the function calls it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: Invocation) -> Self::Future {
        let next = Next {
            inner: self.inner.clone(),
        };
        Box::pin((self.function)(invocation, next))
    }
}

/// The layers within, and the function.
#[derive(Debug)]
pub struct Next {
    inner: InvocationService,
}

impl Next {
    /// Runs the invocation.
    ///
    /// # Errors
    /// The error of the function, or of a layer within.
    pub async fn run(mut self, invocation: Invocation) -> Result<Completed, BoxError> {
        poll_fn(|cx| self.inner.poll_ready(cx)).await?;
        self.inner.call(invocation).await
    }
}

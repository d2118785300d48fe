//! The layers of an app: what stands around every invocation.

use super::invocation::{Completed, Invocation, Run, Running, seen, unseen};
use crate::{
    Context, FunctionError,
    error::BoxError,
    invocation::Outputs,
    panics,
    protected::{Outcome, Protected},
    state::States,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{self, Poll, Waker},
};
use tokio::sync::oneshot;
use tower_layer::Layer;
use tower_service::Service;

type Responding = Pin<Box<dyn Future<Output = Result<Completed, BoxError>> + Send>>;

/// Runs functions: what a [layer](super::App::layer) is put around. It is always ready.
///
/// Its response says that the function has succeeded; its error is the function's own, or that of a layer.
pub struct InvocationService(Box<dyn Erased>);

/// A service whose type is forgotten.
trait Erased: Send {
    fn clone_box(&self) -> Box<dyn Erased>;
    fn poll_ready_erased(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), BoxError>>;
    fn call_erased(&mut self, invocation: Invocation) -> Responding;
}

impl<S> Erased for S
where
    S: Service<Invocation, Response = Completed, Error: Into<BoxError>, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    fn clone_box(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }

    fn poll_ready_erased(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::poll_ready(self, cx).map_err(Into::into)
    }

    fn call_erased(&mut self, invocation: Invocation) -> Responding {
        let responding = Service::call(self, invocation);
        Box::pin(async move { responding.await.map_err(Into::into) })
    }
}

impl Clone for InvocationService {
    fn clone(&self) -> Self {
        Self(self.0.clone_box())
    }
}

impl Service<Invocation> for InvocationService {
    type Response = Completed;
    type Error = BoxError;
    type Future = Responding;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready_erased(cx)
    }

    fn call(&mut self, invocation: Invocation) -> Responding {
        self.0.call_erased(invocation)
    }
}

impl fmt::Debug for InvocationService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvocationService").finish_non_exhaustive()
    }
}

/// What all layers are around.
#[derive(Clone)]
struct Function;

impl Service<Invocation> for Function {
    type Response = Completed;
    type Error = BoxError;
    type Future = Responding;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: Invocation) -> Responding {
        let context = invocation.context();
        let running = invocation.run();
        Box::pin(async move { seen(&context, running.await) })
    }
}

/// A layer that has been given, before it is put around anything.
pub(crate) struct Given(Box<PutAround>);

/// Makes the layer, and puts it around a service.
type PutAround = dyn FnOnce(&States, InvocationService) -> InvocationService + Send;

impl Given {
    pub(super) fn new<L>(make: impl FnOnce(&States) -> L + Send + 'static) -> Self
    where
        L: Layer<InvocationService> + 'static,
        L::Service: Service<Invocation, Response = Completed, Error: Into<BoxError>, Future: Send + 'static>
            + Clone
            + Send
            + 'static,
    {
        Self(Box::new(move |states, inner| {
            InvocationService(Box::new(make(states).layer(inner)))
        }))
    }
}

/// The layers of an app around its functions.
pub(crate) struct Layers(Arc<Mutex<InvocationService>>);

impl Layers {
    /// Puts each layer around those before it; nothing if there is none.
    pub(crate) fn stack(given: Vec<Given>, states: &States) -> Option<Self> {
        if given.is_empty() {
            return None;
        }
        let innermost = InvocationService(Box::new(Function));
        let service = given
            .into_iter()
            .fold(innermost, |inner, Given(put_around)| put_around(states, inner));
        Some(Self(Arc::new(Mutex::new(service))))
    }

    /// Runs a function in the layers. They run in the context of the invocation, and may panic.
    pub(crate) fn run(&self, context: Context, run: Run) -> impl Future<Output = Outcome> + Send + use<> {
        let shared = Arc::clone(&self.0);
        let invocation = Invocation::new(context.clone(), run);
        let of_this = context.clone();
        let begin = move || -> Running {
            // For one invocation: what a limit counts is shared by all clones.
            let mut service = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Box::pin(async move {
                if let Err(error) = poll_fn(|cx| service.poll_ready(cx)).await {
                    return unseen(&of_this, Err(error));
                }
                unseen(&of_this, service.call(invocation).await)
            })
        };
        let protected = Protected::new(begin, context);
        async move { protected.await.flatten() }
    }

    /// Shows an episode of an orchestration to the layers.
    pub(crate) fn observe(&self, context: &Context) -> Observed {
        let (tell, told) = oneshot::channel();
        let run: Run = Box::new(|| Box::pin(async { told.await.unwrap_or_else(|_| Ok(Ok(Outputs::default()))) }));
        let layered = self.run(context.clone(), run);
        let mut observed = Observed {
            layered: Some(Box::pin(layered)),
            tell,
        };
        observed.look();
        observed
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers").finish_non_exhaustive()
    }
}

/// An episode that layers observe. They are polled once before it and once after it: what waits longer is dropped, so that no layer can
/// delay an episode, skip it, or change its answer.
pub(crate) struct Observed {
    layered: Option<Running>,
    tell: oneshot::Sender<Outcome>,
}

impl Observed {
    /// Shows how the episode ended: the message of its failure, if it failed.
    pub(crate) fn end(mut self, failure: Option<String>) {
        let outcome = match failure {
            Some(message) => Err(FunctionError::new(message)),
            None => Ok(Outputs::default()),
        };
        if self.layered.is_some() {
            let (unused, _) = oneshot::channel();
            let tell = std::mem::replace(&mut self.tell, unused);
            let _ = tell.send(Ok(outcome));
            self.look();
        }
    }

    fn look(&mut self) {
        let Some(layered) = &mut self.layered else { return };
        let mut cx = task::Context::from_waker(Waker::noop());
        // What the layers make of it is nothing to the orchestration.
        if let Ok(Poll::Ready(_)) | Err(_) = panics::catch(|| layered.as_mut().poll(&mut cx)) {
            // Dropping it runs code of the layers.
            let layered = self.layered.take();
            let _ = panics::catch(|| drop(layered));
        }
    }
}

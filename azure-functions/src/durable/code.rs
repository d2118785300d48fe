//! The code of an orchestration while it runs: begun, polled, dropped. Panics stay in here.

use super::{
    DurableOrchestrationContext, OrchestrationOutput, Orchestrator, OrchestratorFuture, entered_spans::EnteredSpans,
    replay::core::Core,
};
use crate::{error::BoxError, json_text, panics};
use std::{rc::Rc, task::Poll};

/// Code that has begun.
pub(super) struct Code {
    core: Rc<Core>,
    future: Option<OrchestratorFuture>,
    spans: EnteredSpans,
}

/// How a poll ended.
pub(super) enum Ended {
    Waiting,
    Returned(Result<OrchestrationOutput, BoxError>),
    /// Of a panic: what it said and where. Of a refusal: nothing that matters.
    Panicked(String),
}

impl Code {
    /// Calls the function, and polls once what it gives. Nothing is left of code that panicked when it was called.
    pub(super) fn begin(core: &Rc<Core>, orchestrator: Orchestrator, input: Option<String>) -> (Option<Self>, Ended) {
        panics::install_hook();
        let context = DurableOrchestrationContext::new(Rc::clone(core), input);
        match panics::catch(|| orchestrator(context)) {
            Ok(future) => {
                let mut code = Self {
                    core: Rc::clone(core),
                    future: Some(future),
                    spans: EnteredSpans::default(),
                };
                let ended = code.poll();
                (Some(code), ended)
            }
            Err(panic) => (None, Ended::Panicked(panicked(&panic))),
        }
    }

    /// Polls it once more: it waited, and more of its history has come.
    pub(super) fn poll(&mut self) -> Ended {
        let Self { core, future, spans } = self;
        // Only what has been dropped is without one.
        let Some(future) = future else { return Ended::Waiting };
        spans.enter();
        match panics::catch(|| core.poll(|cx| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(result)) => readable(Ended::Returned(result)),
            Ok(Poll::Pending) => Ended::Waiting,
            Err(panic) => Ended::Panicked(panicked(&panic)),
        }
    }

    /// It waits, and other code comes to run on this thread.
    pub(super) fn park(&mut self) {
        self.spans.leave();
    }

    /// Drops it. A panic meanwhile is how it ended, unless it had panicked before.
    pub(super) fn end(mut self, ended: Ended) -> Ended {
        match (self.drop_inert(), ended) {
            (Err(panic), Ended::Waiting | Ended::Returned(_)) => Ended::Panicked(panicked(&panic)),
            (_, ended) => ended,
        }
    }

    /// Bytes of its state that can be counted.
    pub(super) fn bytes(&self) -> usize {
        self.future.as_ref().map_or(0, |future| size_of_val(&**future))
    }

    /// What the future leaves behind is dropped inert: the end of an episode cancels nothing.
    fn drop_inert(&mut self) -> Result<(), panics::Panic> {
        self.core.seal();
        let future = self.future.take();
        panics::catch(|| drop(future))
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if self.future.is_some() {
            // The hook has told of the panic, and there is no answer to put it into.
            let _ = self.drop_inert();
        }
    }
}

/// Runs the code on a history once, and drops it.
pub(super) fn run_once(core: &Rc<Core>, orchestrator: Orchestrator, input: Option<String>) -> Ended {
    match Code::begin(core, orchestrator, input) {
        (Some(code), ended) => code.end(ended),
        (None, ended) => ended,
    }
}

/// An output that nothing could read back is an error.
fn readable(ended: Ended) -> Ended {
    match ended {
        Ended::Returned(Ok(output)) if json_text::is_too_deep(output.as_value()) => {
            json_text::dismantle(output.into_value());
            let levels = json_text::LEVELS;
            let error = format!("the output is nested more than {levels} levels deep, and could not be read back");
            Ended::Returned(Err(error.into()))
        }
        Ended::Returned(Ok(output)) if json_text::has_raw_value(output.as_value()) => {
            match json_text::write(output.as_value()) {
                Err(error) => Ended::Returned(Err(format!("the output could not be read back: {error}").into())),
                Ok(_) => Ended::Returned(Ok(output)),
            }
        }
        ended => ended,
    }
}

fn panicked(panic: &panics::Panic) -> String {
    match &panic.location {
        Some(location) => format!("panicked at {location}: {}", panic.message),
        None => format!("panicked: {}", panic.message),
    }
}

//! What runs after the last function.

use crate::{panics, state::States};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs after the last function.
pub(crate) struct Shutdown(Box<dyn FnOnce(States) -> Running + Send>);

impl Shutdown {
    pub(super) fn new(run: impl FnOnce(States) -> Running + Send + 'static) -> Self {
        Self(Box::new(run))
    }

    /// Runs all, the last first. A panic ends only the one that panics, and is logged.
    pub(crate) async fn run_all(shutdowns: Vec<Self>, states: States) {
        for shutdown in shutdowns.into_iter().rev() {
            shutdown.run(states.clone()).await;
        }
    }

    async fn run(self, states: States) {
        let ended = match panics::catch(|| (self.0)(states)) {
            Ok(mut running) => {
                poll_fn(|cx| match panics::catch(|| running.as_mut().poll(cx)) {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
                    Err(panic) => Poll::Ready(Err(panic)),
                })
                .await
            }
            Err(panic) => Err(panic),
        };
        if let Err(panic) = ended {
            log::error!("the shutdown of the app {}", panic.with_place());
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").finish_non_exhaustive()
    }
}

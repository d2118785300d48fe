//! What runs after the last function.

use crate::{panics, state::States};
use std::{fmt, future::Future, pin::Pin};

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
        if let Err(panic) = panics::caught(|| (self.0)(states)).await {
            log::error!("the shutdown of the app {}", panic.with_place());
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").finish_non_exhaustive()
    }
}

//! Where plain functions run that may block for as long as they like.

use std::sync::Arc;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Plain functions that run at a time; more wait in line. Each holds a thread, which it may block as long as it likes.
const MOST_BLOCKING_FUNCTIONS: usize = 1_000;

/// Runs plain functions. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Blocking {
    handle: Handle,
    places: Arc<Semaphore>,
}

impl Blocking {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            handle,
            places: Arc::new(Semaphore::new(MOST_BLOCKING_FUNCTIONS)),
        }
    }

    /// Runs a plain function once it is its turn.
    pub(super) fn run(&self, work: impl FnOnce() + Send + 'static) {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => spawn_blocking(&self.handle, place, work),
            Err(_) => {
                let (turn, handle) = (Arc::clone(&self.places), self.handle.clone());
                self.handle.spawn(async move {
                    // The semaphore is never closed.
                    if let Ok(place) = turn.acquire_owned().await {
                        spawn_blocking(&handle, place, work);
                    }
                });
            }
        }
    }
}

fn spawn_blocking(handle: &Handle, place: OwnedSemaphorePermit, work: impl FnOnce() + Send + 'static) {
    handle.spawn_blocking(move || {
        work();
        drop(place);
    });
}

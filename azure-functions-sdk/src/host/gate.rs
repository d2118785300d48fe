//! Keeps callers away from the worker for a while, so that a work item that may have ended a worker process runs alone in
//! the next one.

use tokio::sync::watch;

/// Open, unless a [`Closed`] is there.
#[derive(Debug)]
pub(crate) struct Gate(watch::Sender<usize>);

/// Keeps the gate closed, until this is dropped.
#[derive(Debug)]
pub(crate) struct Closed(watch::Sender<usize>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Gate {
    pub(crate) fn close(&self) -> Closed {
        self.0.send_modify(|closed| *closed += 1);
        Closed(self.0.clone())
    }

    /// Waits until it is open.
    pub(crate) async fn pass(&self) {
        if *self.0.borrow() > 0 {
            // The sender is here, so it cannot fail.
            let _ = self.0.subscribe().wait_for(|closed| *closed == 0).await;
        }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.send_modify(|closed| *closed -= 1);
    }
}

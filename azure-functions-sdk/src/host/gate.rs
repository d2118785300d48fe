//! Keeps callers away from the worker for a while, so that a work item that may have ended a worker process runs alone in
//! the next one.

use std::sync::Arc;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

/// Open, unless a [`Closed`] is there. It is fair: callers that wait when it opens pass before it closes again.
#[derive(Debug, Default)]
pub(crate) struct Gate(Arc<RwLock<()>>);

/// Keeps the gate closed, until this is dropped.
#[derive(Debug)]
pub(crate) struct Closed {
    _guard: OwnedRwLockWriteGuard<()>,
}

impl Gate {
    /// Closes it when it is open and those who waited before have passed.
    pub(crate) async fn close(&self) -> Closed {
        Closed {
            _guard: Arc::clone(&self.0).write_owned().await,
        }
    }

    /// Waits until it is open.
    pub(crate) async fn pass(&self) {
        drop(self.0.read().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn callers_that_wait_pass_before_the_gate_closes_again() {
        let gate = Arc::new(Gate::default());
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = gate.close().await;
        let mut tasks = Vec::new();
        for (number, closes) in [false, false, true, false].into_iter().enumerate() {
            let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let closed = match closes {
                    true => Some(gate.close().await),
                    false => {
                        gate.pass().await;
                        None
                    }
                };
                order.lock().unwrap().push(number);
                // Others have their turn while it is closed.
                tokio::task::yield_now().await;
                drop(closed);
            }));
            tokio::task::yield_now().await;
        }
        assert!(order.lock().unwrap().is_empty());
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
    }
}

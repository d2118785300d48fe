//! What is on disk, on its way from the writer's thread to the hub: the writer goes on at once, and a task of the hub's runtime
//! hears of a whole batch with one wake-up. What it starts then begins on the threads that run it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use super::committed::Committed;
use crate::durable::store::writer::Outcome;

/// See the module.
pub(super) struct News {
    written: Mutex<Vec<Committed>>,
    /// Held while the hub is told, so that nothing overtakes.
    telling: Mutex<()>,
    some: Notify,
    closed: AtomicBool,
    tell: Box<dyn Fn(Outcome<Committed>) + Send + Sync>,
}

impl News {
    pub(super) fn new(tell: impl Fn(Outcome<Committed>) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            written: Mutex::default(),
            telling: Mutex::default(),
            some: Notify::new(),
            closed: AtomicBool::new(false),
            tell: Box::new(tell),
        })
    }

    /// Called by the writer. What is not written is told before the writer goes on, as it relies on.
    pub(super) fn add(&self, outcome: Outcome<Committed>) {
        match outcome {
            Outcome::Written(tokens) => {
                lock(&self.written).extend(tokens);
                self.some.notify_one();
            }
            other => {
                self.tell_all();
                (self.tell)(other);
            }
        }
    }

    /// Tells the hub, until [`close`](Self::close).
    pub(super) async fn run(self: Arc<Self>) {
        while !self.closed.load(Ordering::Acquire) {
            self.some.notified().await;
            self.tell_all();
        }
    }

    /// Tells what is left; the writer has ended.
    pub(super) fn close(&self) {
        self.tell_all();
        self.closed.store(true, Ordering::Release);
        self.some.notify_one();
    }

    fn tell_all(&self) {
        let _one = lock(&self.telling);
        let written = std::mem::take(&mut *lock(&self.written));
        if written.is_empty() {
            return;
        }
        // A bug that one of these meets must not keep the hub from hearing of all that follows.
        if catch_unwind(AssertUnwindSafe(|| (self.tell)(Outcome::Written(written)))).is_err() {
            log::error!(
                "the host panicked when it heard of what is on disk; this is a bug of the host: instances that stand still go on after it \
                 is started again"
            );
        }
    }
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn a_panic_over_one_batch_does_not_keep_the_hub_from_hearing_of_the_next() {
        let told = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&told);
        let news = News::new(move |_| {
            let before = heard.fetch_add(1, Ordering::SeqCst);
            assert!(before > 0, "the first one");
        });
        let task = tokio::spawn(Arc::clone(&news).run());
        for batch in 1..=2 {
            news.add(Outcome::Written(vec![Committed::Nothing]));
            while told.load(Ordering::SeqCst) < batch {
                tokio::task::yield_now().await;
            }
        }
        news.close();
        task.await.unwrap();
    }
}

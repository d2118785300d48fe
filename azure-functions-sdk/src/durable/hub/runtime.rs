//! Where the hub's tasks run: on tokio, with threads for what blocks; or all of them, one after another, on one executor, so
//! that the same requests always give the same order of events.

#[cfg(feature = "testing")]
use std::sync::Weak;
use std::{future::Future, sync::Arc};

use tokio::runtime::Handle;

use super::{committed::Committed, news::News};
use crate::durable::store::{
    Store,
    writer::{Outcome, Writer},
};

/// Runs a hub's tasks.
#[derive(Clone, Debug)]
pub(crate) enum HubRuntime {
    /// Tasks run beside each other; what blocks has threads of its own.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(dead_code, reason = "a test host alone has no use for it")
    )]
    Tokio(Handle),
    /// Tasks run one at a time and block it where they must. Once the executor is gone, no task begins.
    #[cfg(feature = "testing")]
    OneByOne(Weak<async_executor::Executor<'static>>),
}

impl HubRuntime {
    /// Level of what is said of an instance that waits for something, or has failed: news to the operator of a host, and none to a
    /// test, which asks for it.
    pub(super) fn level_of_news(&self, level: log::Level) -> log::Level {
        match self {
            Self::Tokio(_) => level,
            #[cfg(feature = "testing")]
            Self::OneByOne(_) => log::Level::Debug,
        }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::Tokio(handle) => drop(handle.spawn(task)),
            #[cfg(feature = "testing")]
            Self::OneByOne(executor) => {
                if let Some(executor) = executor.upgrade() {
                    executor.spawn(task).detach();
                }
            }
        }
    }

    /// Runs what blocks; the error says that it panicked.
    pub(super) async fn block<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        match self {
            Self::Tokio(_) => tokio::task::spawn_blocking(work)
                .await
                .map_err(|error| error.to_string()),
            #[cfg(feature = "testing")]
            Self::OneByOne(_) => Ok(work()),
        }
    }

    /// Starts the one who writes, and what brings its news to the hub, if that is not the same.
    pub(super) fn start_writer(
        &self,
        store: Arc<dyn Store>,
        tell: impl Fn(Outcome<Committed>) + Send + Sync + 'static,
    ) -> std::io::Result<(Writer<Committed>, Option<Arc<News>>)> {
        match self {
            Self::Tokio(_) => {
                let news = News::new(tell);
                let writer = Writer::start(store, {
                    let news = Arc::clone(&news);
                    move |outcome| news.add(outcome)
                })?;
                self.spawn(Arc::clone(&news).run());
                Ok((writer, Some(news)))
            }
            #[cfg(feature = "testing")]
            Self::OneByOne(_) => {
                let (writer, task) = Writer::as_task(store, tell);
                self.spawn(task);
                Ok((writer, None))
            }
        }
    }
}

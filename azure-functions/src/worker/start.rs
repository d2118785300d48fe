//! The start of the app inside a session: set-ups run while the stream goes on, and what needs their states waits in line.

use super::threads::Threads;
use crate::{
    app::startup::{RunningSetUp, StartError, Started, Startup},
    functions::Functions,
    rpc::StreamingMessage,
    state::Need,
};
use futures_util::FutureExt;
use std::{collections::VecDeque, future::pending, mem, time::Duration};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

/// How long set-ups run before the log names the one that has not ended.
const FIRST_NOTICE: Duration = Duration::from_secs(10);
/// The pauses between notices double up to this.
const LAST_PAUSE: Duration = Duration::from_secs(600);

/// How far the start is.
pub(crate) struct Start {
    stage: Stage,
    needs: Vec<&'static Need>,
}

enum Stage {
    /// Nothing has asked for a function yet. Without set-ups the start can be made again.
    Waiting(Startup),
    /// The set-ups run; these messages wait for them.
    Running {
        done: oneshot::Receiver<Result<Started, StartError>>,
        held: VecDeque<StreamingMessage>,
        patience: Patience,
    },
    /// Functions may run.
    Ready { started: Started, again: Option<Startup> },
}

/// Tells of a set-up that does not end, now and then.
struct Patience {
    running: RunningSetUp,
    begun: Instant,
    notice: Instant,
}

impl Patience {
    fn new(running: RunningSetUp) -> Self {
        let begun = Instant::now();
        Self {
            running,
            begun,
            notice: begun + FIRST_NOTICE,
        }
    }

    /// What is to be said, when it is time to say it again.
    async fn ended(&mut self) -> Option<String> {
        sleep_until(self.notice).await;
        let waited = self.begun.elapsed();
        self.notice += waited.min(LAST_PAUSE);
        let name = self.running.name()?;
        Some(format!(
            "the app has not started: the set-up of `{name}` has not ended after {} seconds, and no function runs before it has; look \
             there for what it waits for, and give it a time limit",
            waited.as_secs()
        ))
    }
}

/// Whether functions may run.
pub(crate) enum Begun {
    Ready,
    /// When the set-ups have ended.
    Later,
}

impl Start {
    pub(crate) fn new(startup: Startup, app: &Functions) -> Self {
        Self {
            stage: Stage::Waiting(startup),
            needs: app.needs(),
        }
    }

    /// Whether the start has yet to begin, and cannot without threads.
    pub(crate) fn needs_threads(&self) -> bool {
        matches!(&self.stage, Stage::Waiting(startup) if startup.needs_runtime())
    }

    /// Begins, unless that has been done.
    pub(crate) fn begin(&mut self, threads: Option<&Threads>) -> Result<Begun, StartError> {
        let Stage::Waiting(startup) = &mut self.stage else {
            return Ok(match self.stage {
                Stage::Ready { .. } => Begun::Ready,
                Stage::Waiting(_) | Stage::Running { .. } => Begun::Later,
            });
        };
        let mut startup = mem::take(startup);
        let needs = self.needs.clone();
        let (Some(threads), true) = (threads, startup.needs_runtime()) else {
            // The session makes threads first where something waits.
            if let Some(started) = startup.start(&needs).now_or_never() {
                self.stage = Stage::Ready {
                    started: started?,
                    again: Some(startup),
                };
            }
            return Ok(Begun::Ready);
        };
        let patience = Patience::new(startup.running());
        let (sender, done) = oneshot::channel();
        threads.handle().spawn(async move {
            let _ = sender.send(startup.start(&needs).await);
        });
        self.stage = Stage::Running {
            done,
            held: VecDeque::new(),
            patience,
        };
        Ok(Begun::Later)
    }

    /// Keeps a message until the set-ups have ended.
    pub(super) fn hold(&mut self, message: StreamingMessage) {
        if let Stage::Running { held, .. } = &mut self.stage {
            held.push_back(message);
        }
    }

    /// Waits for the end of the set-ups; for ever while none runs.
    pub(crate) async fn ended(&mut self) -> Result<Started, StartError> {
        match &mut self.stage {
            Stage::Running { done, patience, .. } => loop {
                let ended = tokio::select! {
                    ended = &mut *done => ended,
                    notice = patience.ended() => {
                        if let Some(notice) = notice {
                            log::warn!("{notice}");
                        }
                        continue;
                    }
                };
                // An error is code of the app that no set-up runs in, such as a layer or the text of an error. The hook has told of it.
                return ended.unwrap_or(Err(StartError::Died));
            },
            Stage::Waiting(_) | Stage::Ready { .. } => pending().await,
        }
    }

    /// The set-ups have ended: gives the messages that waited.
    pub(crate) fn complete(&mut self, started: Started) -> VecDeque<StreamingMessage> {
        let stage = mem::replace(&mut self.stage, Stage::Ready { started, again: None });
        match stage {
            Stage::Running { held, .. } => held,
            Stage::Waiting(_) | Stage::Ready { .. } => VecDeque::new(),
        }
    }

    /// Takes the messages that wait for set-ups which the session no longer waits for.
    pub(super) fn give_up(&mut self) -> VecDeque<StreamingMessage> {
        match &mut self.stage {
            Stage::Running { held, .. } => mem::take(held),
            Stage::Waiting(_) | Stage::Ready { .. } => VecDeque::new(),
        }
    }

    /// The environment is another one: what was read from it is read again. After set-ups it is never replaced.
    pub(super) fn again(&mut self) {
        if let Stage::Ready { again, .. } = &mut self.stage
            && let Some(startup) = again.take()
        {
            self.stage = Stage::Waiting(startup);
        }
    }

    /// What the functions run with, once they may run.
    pub(crate) fn started(&self) -> Option<&Started> {
        match &self.stage {
            Stage::Ready { started, .. } => Some(started),
            Stage::Waiting(_) | Stage::Running { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::States;

    #[tokio::test(start_paused = true)]
    async fn a_set_up_that_does_not_end_is_named_after_seconds_and_then_seldom() {
        let mut startup = crate::app()
            .setup(async |_: States| pending::<Result<u8, String>>().await)
            .startup;
        let mut patience = Patience::new(startup.running());
        let begun = Instant::now();
        let start = tokio::spawn(async move { startup.start(&[]).await.map(|_| ()) });
        let mut told = Vec::new();
        for _ in 0..10 {
            let notice = patience.ended().await.unwrap();
            assert!(notice.contains("the set-up of `u8` has not ended"), "{notice}");
            told.push(begun.elapsed().as_secs());
        }
        assert_eq!(told, [10, 20, 40, 80, 160, 320, 640, 1240, 1840, 2440]);
        start.abort();
    }
}

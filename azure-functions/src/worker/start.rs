//! The start of the app inside a session: set-ups run while the stream goes on, and what needs their states waits in line.

use super::threads::Threads;
use crate::{
    app::startup::{StartError, Started, Startup},
    functions::Functions,
    rpc::StreamingMessage,
    state::Need,
};
use futures_util::FutureExt;
use std::{collections::VecDeque, future::pending, mem};
use tokio::sync::oneshot;

/// How far the start is.
pub(super) struct Start {
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
    },
    /// Functions may run.
    Ready { started: Started, again: Option<Startup> },
}

/// Whether functions may run.
pub(super) enum Begun {
    Ready,
    /// When the set-ups have ended.
    Later,
}

impl Start {
    pub(super) fn new(startup: Startup, app: &Functions) -> Self {
        Self {
            stage: Stage::Waiting(startup),
            needs: app.needs(),
        }
    }

    /// Whether the start has yet to begin, and cannot without threads.
    pub(super) fn needs_threads(&self) -> bool {
        matches!(&self.stage, Stage::Waiting(startup) if startup.needs_runtime())
    }

    /// Begins, unless that has been done.
    pub(super) fn begin(&mut self, threads: Option<&Threads>) -> Result<Begun, StartError> {
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
        let (sender, done) = oneshot::channel();
        threads.handle().spawn(async move {
            let _ = sender.send(startup.start(&needs).await);
        });
        self.stage = Stage::Running {
            done,
            held: VecDeque::new(),
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
    pub(super) async fn ended(&mut self) -> Result<Started, StartError> {
        match &mut self.stage {
            Stage::Running { done, .. } => match done.await {
                Ok(ended) => ended,
                // Code of the app that no set-up runs in, such as a layer or the text of an error. The hook has told of it.
                Err(_) => Err(StartError::Died),
            },
            Stage::Waiting(_) | Stage::Ready { .. } => pending().await,
        }
    }

    /// The set-ups have ended: gives the messages that waited.
    pub(super) fn complete(&mut self, started: Started) -> VecDeque<StreamingMessage> {
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
    pub(super) fn started(&self) -> Option<&Started> {
        match &self.stage {
            Stage::Ready { started, .. } => Some(started),
            Stage::Waiting(_) | Stage::Running { .. } => None,
        }
    }
}

//! Who asked for an invocation, and gets its answer.

use super::running::Running;
use crate::{
    durable::EndedExecution,
    durable_wire::{Spoken, Wire},
    invocation::Outputs,
};
use azure_functions_durable::protobuf::{OrchestratorResponse, TaskFailureDetails};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// The other side of an invocation.
#[derive(Clone)]
pub(crate) enum Asker {
    /// A Functions host, at the other end of the stream.
    Host {
        running: Arc<Running>,
        /// What the host speaks.
        spoken: Arc<Spoken>,
    },
    /// A Durable Task server, which gave out a work item.
    Server(ServerReply),
}

/// What comes of a work item.
#[derive(Debug)]
pub(crate) enum Answered {
    /// A turn of an orchestration.
    Turn {
        /// Without the token of its item.
        response: OrchestratorResponse,
        /// The execution, if it has ended and its span is to be made here.
        ended: Option<Box<EndedExecution>>,
    },
    /// What the function gave back.
    Outputs(Outputs),
    /// The function, or what stands around it, failed. `is_late`: after it was asked to stop.
    Failed {
        details: Box<TaskFailureDetails>,
        is_late: bool,
    },
}

/// Where the answer of a work item goes. The first answer counts.
#[derive(Clone)]
pub(crate) struct ServerReply(Arc<Mutex<Option<oneshot::Sender<Answered>>>>);

impl ServerReply {
    /// The reply, and where the answer comes out. Nothing comes out where all that could answer is gone.
    pub(crate) fn new() -> (Self, oneshot::Receiver<Answered>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    pub(super) fn send(&self, answered: Answered) {
        // Nothing panics while it holds the lock.
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // The item may have been given up.
            let _ = sender.send(answered);
        }
    }
}

impl fmt::Debug for ServerReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerReply").finish_non_exhaustive()
    }
}

impl Asker {
    /// For which wire failures are worded.
    pub(super) fn wire(&self) -> Wire {
        match self {
            Self::Host { spoken, .. } => spoken.wire(),
            Self::Server(_) => Wire::Protobuf,
        }
    }

    /// Whether it is a host that sends a history as soon as it is asked for it.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Host { spoken, .. } => spoken.is_local(),
            Self::Server(_) => false,
        }
    }
}

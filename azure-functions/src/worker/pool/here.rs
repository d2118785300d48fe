//! What is to run on the thread that reads.

use crate::context::Context;
use async_task::Runnable;
use std::{io, sync::Arc};

/// Starts a thread that reads the stream, with the number that it has among the threads.
pub(super) type StartReader = Arc<dyn Fn(usize) -> io::Result<()> + Send + Sync>;

/// What is to run on the thread that reads.
pub(super) enum Here {
    Async(Runnable<Context>),
    Plain(Context, Box<dyn FnOnce() + Send>),
}

impl Here {
    pub(super) fn is_short(&self) -> bool {
        match self {
            Self::Async(runnable) => runnable.metadata().0.pace.is_short(),
            Self::Plain(context, _) => context.0.pace.is_short(),
        }
    }
}

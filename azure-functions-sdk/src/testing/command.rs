//! What the world of a test host can be asked.

use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::oneshot;

use crate::durable::{TaskHub, store::Store};

/// What the world is asked.
pub(super) enum Command {
    /// A request of the durable HTTP API.
    Exchange(Box<Exchanged>),
    /// Something to run beside the hub; what it returns is called when everything has settled.
    Run(BoxFuture<'static, Settled>),
    /// Let time pass.
    Drive(Drive),
    /// Look at the hub and what it has kept, between two turns.
    Inspect(Inspection),
    /// The process ends, and another goes on from what it has written; says when that is done.
    Restart(SyncSender<()>),
    /// A sleep began, or was given up.
    Look,
    /// The test host is gone.
    End,
}

/// Reads the hub and its store.
pub(super) type Inspection = Box<dyn FnOnce(&TaskHub, &dyn Store) + Send>;

/// Called when everything has settled.
pub(super) type Settled = Box<dyn FnOnce() + Send>;

/// A request, and who wants the answer.
pub(super) struct Exchanged {
    pub(super) request: Request<Bytes>,
    pub(super) reply: oneshot::Sender<Response<Bytes>>,
    /// The answer waits until everything that can happen now has happened.
    pub(super) settled: bool,
}

/// A wish for time to pass.
pub(super) struct Drive {
    pub(super) until: Until,
    pub(super) reply: SyncSender<Result<(), Stuck>>,
    pub(super) jumps: u32,
    /// More are an orchestration that never ends.
    pub(super) most_jumps: u32,
}

/// How long time passes.
pub(super) enum Until {
    /// Until nothing is due any more.
    Idle,
    /// Until this moment, and everything that is due then.
    Moment(DateTime<Utc>),
    /// Until this instance has ended.
    Ended(String),
}

/// Why time cannot pass as it was wished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stuck {
    #[error("there is no instance '{0}'")]
    Unknown(String),
    #[error("{0}")]
    Store(String),
    #[error(
        "something was still due after the clock had jumped {jumps} times (it is {} now): is this an orchestration that never \
         ends? Then let a certain time pass: advance(..).", now.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    Endless { jumps: u32, now: DateTime<Utc> },
    /// The whole report.
    #[error("{0}")]
    Waiting(String),
}

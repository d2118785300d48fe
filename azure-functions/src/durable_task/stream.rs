//! The stream of work items: opened again whenever it ends, until the worker is told to stop.

use super::{
    back_off::BackOff,
    completion::{self, told},
    runner::Runner,
    server::WorkItems,
};
use azure_functions_durable::protobuf::{GetWorkItemsRequest, WorkItem};
use futures_util::{StreamExt, future::join_all};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// A server sends a `HealthPing` more often than that, or it is gone: what workers of .NET take for silence.
const SILENCE: Duration = Duration::from_secs(120);

/// A stream that lasted so long was a good one.
const LASTING: Duration = Duration::from_secs(5);

/// Streams in a row that do not last: from then on the pauses grow.
const SHORT_STREAMS: u32 = 5;

/// How long the last calls may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// How a stream ended.
enum Ended {
    Stopped(WorkItems),
    Silent,
    By(Option<Status>),
}

/// Why a stream did not begin.
enum Unopened {
    Silent,
    Refused(Status),
}

impl From<Status> for Unopened {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// Takes work until `stop` is cancelled, then lets it end for `drain`, and gives back what has not ended then.
pub(super) async fn run(
    runner: &Arc<Runner>,
    request: GetWorkItemsRequest,
    name: &str,
    stop: &CancellationToken,
    drain: Duration,
) {
    let mut back_off = BackOff::new();
    let mut short_streams = 0;
    let open = loop {
        let opened = tokio::select! {
            opened = open(runner, &request) => opened,
            () = stop.cancelled() => break None,
        };
        let (pause, anew) = match opened {
            Ok(items) => {
                log::info!("connected to the Durable Task server at {name}");
                let begun = Instant::now();
                let ended = read(runner, items, stop).await;
                let is_silent = matches!(ended, Ended::Silent);
                short_streams = if begun.elapsed() >= LASTING {
                    0
                } else {
                    short_streams + 1
                };
                if short_streams < SHORT_STREAMS {
                    back_off.reset();
                }
                match ended {
                    Ended::Stopped(items) => break Some(items),
                    Ended::Silent => log::warn!("nothing came from the server at {name} for {SILENCE:?}"),
                    Ended::By(None) => log::info!("the server at {name} ended the stream of work"),
                    Ended::By(Some(status)) => log::warn!("the stream of work from {name} ended: {}", told(&status)),
                }
                let (pause, anew) = back_off.next();
                // The other end may be gone without a word.
                (pause, anew || is_silent)
            }
            Err(Unopened::Silent) => {
                // The server said hello a while ago.
                back_off.reset();
                log::warn!("the server at {name} did not open the stream of work within {SILENCE:?}");
                (back_off.next().0, true)
            }
            Err(Unopened::Refused(status)) => {
                let (pause, anew) = back_off.next();
                log::warn!(
                    "cannot take work from the Durable Task server at {name}, trying again in {:.1} s: {}",
                    pause.as_secs_f32(),
                    told(&status)
                );
                (pause, anew)
            }
        };
        if anew {
            runner.server.reconnect();
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => break None,
        }
    };
    end(runner, open, drain).await;
}

/// Opens a stream, or says why there is none.
async fn open(runner: &Runner, request: &GetWorkItemsRequest) -> Result<WorkItems, Unopened> {
    runner.server.hello().await?;
    // Some servers say nothing before the first item, or the first ping.
    timeout(SILENCE, runner.server.work_items(request.clone()))
        .await
        .map_err(|_| Unopened::Silent)?
        .map_err(Unopened::from)
}

async fn next(items: &mut WorkItems) -> Result<WorkItem, Ended> {
    match timeout(SILENCE, items.next()).await {
        Ok(Some(Ok(item))) => Ok(item),
        Ok(Some(Err(status))) => Err(Ended::By(Some(status))),
        Ok(None) => Err(Ended::By(None)),
        Err(_) => Err(Ended::Silent),
    }
}

/// Takes what a stream brings until it ends. Then what runs goes on: a server that still knows it takes the answer. What waits does not
/// begin.
async fn read(runner: &Arc<Runner>, mut items: WorkItems, stop: &CancellationToken) -> Ended {
    let lost = CancellationToken::new();
    loop {
        tokio::select! {
            item = next(&mut items) => match item {
                Ok(item) => runner.take(item, &lost),
                Err(ended) => {
                    lost.cancel();
                    return ended;
                }
            },
            () = stop.cancelled() => return Ended::Stopped(items),
        }
    }
}

/// Begins nothing new. The stream stays open meanwhile: a server gives out again what a worker has whose stream has ended.
async fn end(runner: &Arc<Runner>, mut items: Option<WorkItems>, drain: Duration) {
    runner.open.cancel_all();
    let count = runner.open.count();
    if count > 0 {
        log::info!("stopping: {count} work items still run, and have {drain:?} to end");
    }
    let deadline = Instant::now() + drain;
    let drained = timeout_at(deadline, runner.open.drained());
    tokio::pin!(drained);
    loop {
        let item = async {
            match &mut items {
                Some(items) => items.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = &mut drained => break,
            item = item => match item {
                Some(Ok(item)) => runner.refuse(item),
                Some(Err(_)) | None => items = None,
            },
        }
    }
    let given_up = runner.open.give_up();
    for item in &given_up {
        log::warn!(
            "{} did not end within {drain:?}, and is given back to the server",
            item.whose
        );
    }
    let server = &*runner.server;
    let abandoned = given_up
        .iter()
        .map(|item| completion::abandon(server, item.kind, &item.token, &item.whose));
    let _ = timeout(GOODBYE, join_all(abandoned)).await;
}

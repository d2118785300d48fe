//! A server that does what a script says, and notes what it is asked and when.

use super::super::{
    limits::Limits,
    runner::{Runner, StoppedThreads},
    served::Served,
    server::{Call, Completion, Kind, Server, WorkItems},
    stream,
};
use crate::{app::startup::Started, worker::threads::Threads};
use azure_functions_durable::protobuf::{
    ActivityRequest, GetWorkItemsRequest, HealthPing, HistoryEvent, OrchestrationInstance, WorkItem, work_item::Request,
};
use futures_util::{FutureExt, StreamExt, stream as streams};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// What a stream brings, each after a time.
pub(super) enum Step {
    Item(Duration, Box<WorkItem>),
    /// Ends the stream; with `Ok` without an error.
    End(Duration, Code),
    /// Nothing more comes.
    Silence,
}

/// What the server was asked.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Hello,
    WorkItems(GetWorkItemsRequest),
    Complete(Completion),
    Abandon(Kind, String),
    History,
    Reconnect,
    /// The stream was let go of.
    StreamDropped,
}

/// A script, and what has been asked.
pub(super) struct Script {
    begun: Instant,
    /// Of hellos; `Ok` when they are used up.
    pub(super) hellos: Mutex<VecDeque<Code>>,
    /// How long it takes to open each of the streams; no time when they are used up.
    pub(super) openings: Mutex<VecDeque<Duration>>,
    /// Of the streams that are opened one after another; the last one is silent.
    pub(super) streams: Mutex<VecDeque<Vec<Step>>>,
    /// Of the answers of the worker, each with how long it takes.
    pub(super) completions: Mutex<VecDeque<(Duration, Code)>>,
    pub(super) histories: Mutex<VecDeque<Vec<HistoryEvent>>>,
    asked: Arc<Mutex<Vec<(Duration, Asked)>>>,
}

impl Script {
    pub(super) fn new(streams: Vec<Vec<Step>>) -> Self {
        Self {
            begun: Instant::now(),
            hellos: Mutex::default(),
            openings: Mutex::default(),
            streams: Mutex::new(streams.into()),
            completions: Mutex::default(),
            histories: Mutex::default(),
            asked: Arc::default(),
        }
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap().push((self.begun.elapsed(), asked));
    }

    /// What was asked so far, and when.
    pub(super) fn asked(&self) -> Vec<(Duration, Asked)> {
        self.asked.lock().unwrap().clone()
    }

    /// When the worker said hello.
    pub(super) fn hellos_at(&self) -> Vec<Duration> {
        let asked = self.asked().into_iter();
        asked
            .filter(|(_, asked)| matches!(asked, Asked::Hello))
            .map(|(at, _)| at)
            .collect()
    }

    pub(super) fn count(&self, is: impl Fn(&Asked) -> bool) -> usize {
        self.asked().iter().filter(|(_, asked)| is(asked)).count()
    }

    /// When something was asked first.
    pub(super) fn at(&self, is: impl Fn(&Asked) -> bool) -> Option<Duration> {
        self.asked().into_iter().find(|(_, asked)| is(asked)).map(|(at, _)| at)
    }
}

/// Notes that the worker lets go of a stream.
struct Watched(Arc<Mutex<Vec<(Duration, Asked)>>>, Instant);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.lock().unwrap().push((self.1.elapsed(), Asked::StreamDropped));
    }
}

fn said(code: Code) -> Result<(), Status> {
    match code {
        Code::Ok => Ok(()),
        code => Err(Status::new(code, "as the script says")),
    }
}

impl Server for Script {
    fn hello(&self) -> Call<'_, ()> {
        self.note(Asked::Hello);
        let code = self.hellos.lock().unwrap().pop_front().unwrap_or(Code::Ok);
        async move { said(code) }.boxed()
    }

    fn work_items(&self, request: GetWorkItemsRequest) -> Call<'_, WorkItems> {
        self.note(Asked::WorkItems(request));
        let steps = self.streams.lock().unwrap().pop_front();
        let steps = VecDeque::from(steps.unwrap_or_else(|| vec![Step::Silence]));
        let watched = Watched(Arc::clone(&self.asked), self.begun);
        let items = streams::unfold((steps, watched), async |(mut steps, watched)| match steps.pop_front() {
            Some(Step::Item(after, item)) => {
                sleep(after).await;
                Some((Ok(*item), (steps, watched)))
            }
            Some(Step::End(after, code)) => {
                sleep(after).await;
                let error = said(code).err()?;
                Some((Err(error), (steps, watched)))
            }
            Some(Step::Silence) => std::future::pending().await,
            None => None,
        });
        let items = items.boxed();
        let opening = self.openings.lock().unwrap().pop_front().unwrap_or_default();
        async move {
            sleep(opening).await;
            Ok(items)
        }
        .boxed()
    }

    fn complete(&self, completion: Completion) -> Call<'_, ()> {
        self.note(Asked::Complete(completion));
        let next = self.completions.lock().unwrap().pop_front();
        let (after, code) = next.unwrap_or((Duration::ZERO, Code::Ok));
        async move {
            sleep(after).await;
            said(code)
        }
        .boxed()
    }

    fn abandon(&self, kind: Kind, token: String) -> Call<'_, ()> {
        self.note(Asked::Abandon(kind, token));
        async { Ok(()) }.boxed()
    }

    fn history(&self, _: String, _: Option<String>) -> Call<'_, Vec<HistoryEvent>> {
        self.note(Asked::History);
        let events = self.histories.lock().unwrap().pop_front();
        async { events.ok_or_else(|| Status::not_found("no such instance")) }.boxed()
    }

    fn reconnect(&self) {
        self.note(Asked::Reconnect);
    }
}

/// A worker of the script's server.
pub(super) struct Playing {
    pub(super) script: Arc<Script>,
    pub(super) stop: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
}

/// How long the worker may take to end.
pub(super) const DRAIN: Duration = Duration::from_secs(10);

impl Playing {
    pub(super) fn begin(script: Script, served: Served) -> Self {
        Self::limited(script, served, Limits::default())
    }

    pub(super) fn limited(script: Script, served: Served, limits: Limits) -> Self {
        let script = Arc::new(script);
        let threads = StoppedThreads::from(Threads::start().unwrap());
        let server: Arc<dyn Server> = script.clone();
        let runner = Arc::new(Runner::new(server, served, Started::default(), threads, None, limits));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let worker = tokio::spawn(async move {
            let request = GetWorkItemsRequest {
                work_item_filters: Some(runner.served.filters()),
                ..GetWorkItemsRequest::default()
            };
            stream::run(&runner, request, "the script", &stopped, DRAIN).await;
        });
        Self { script, stop, worker }
    }

    /// Lets so much time pass, and then stops the worker.
    pub(super) async fn after(self, time: Duration) -> Arc<Script> {
        sleep(time).await;
        self.stop.cancel();
        self.worker.await.unwrap();
        self.script
    }
}

pub(super) fn ping(after: Duration) -> Step {
    let item = WorkItem {
        request: Some(Request::HealthPing(HealthPing {})),
        completion_token: "of a ping".to_owned(),
    };
    Step::Item(after, Box::new(item))
}

/// An activity; the app has none of the name `nope`.
pub(super) fn activity(after: Duration, name: &str, token: &str) -> Step {
    let request = ActivityRequest {
        name: name.to_owned(),
        input: Some(r#"["x"]"#.to_owned()),
        orchestration_instance: Some(OrchestrationInstance {
            instance_id: "i".to_owned(),
            execution_id: None,
        }),
        task_id: 7,
        ..ActivityRequest::default()
    };
    let item = WorkItem {
        request: Some(Request::ActivityRequest(request)),
        completion_token: token.to_owned(),
    };
    Step::Item(after, Box::new(item))
}

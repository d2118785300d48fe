//! The test host: its time, its orchestrations, its functions.

use std::{
    convert::Infallible,
    fmt::Display,
    future::Future,
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    time::Duration,
};

use azure_functions::{
    http::{HttpRequest, HttpResponse},
    in_process::{Call, http_response, instead, readable},
};
use azure_functions_durable::{
    OrchestrationClient, OrchestrationClientError, OrchestrationStatusQueryResult, TraceContext,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{runtime::Handle, sync::mpsc::UnboundedSender};

use super::{
    clock::VirtualClock,
    command::{Command, Drive, Settled, Until},
    fake::{ActivityCall, Fake},
    fake_servers::FakeServers,
    log::LogRecord,
    runtime::{receive_within, runtime, wait_for},
    transport::later,
    worker::{AppWorker, activity_call},
};
use crate::durable::{
    Clock, TaskHub,
    store::Store,
    work::{Begun, Wire, WorkItem, WorkKind},
};

/// Runs the app that it is linked into: the task hub of the local host in memory, all functions in this process, and a clock
/// that jumps.
///
/// Whatever can happen at the present moment of virtual time has happened when a method returns: a started orchestration has
/// run until it waits, an event that was raised has been taken. Time passes only in [`advance`](Self::advance),
/// [`run_until_idle`](Self::run_until_idle), and while something waits for the end of an instance. It does not pass while an
/// activity runs: that takes real time.
///
/// Methods panic with a sentence that says what is wrong, at the line of the test that called them. All work in a plain
/// `#[test]` and in a `#[tokio::test]`, where they hold the test's thread until the answer is there: a server on the test's
/// own runtime, which an activity calls, needs `#[tokio::test(flavor = "multi_thread")]`.
#[derive(Debug)]
pub struct TestHost {
    pub(super) commands: UnboundedSender<Command>,
    pub(super) clock: VirtualClock,
    pub(super) worker: AppWorker,
    pub(super) wire: Wire,
    pub(super) client: OrchestrationClient,
    pub(super) servers: FakeServers,
    pub(super) patience: Duration,
    pub(super) most_jumps: u32,
    pub(super) start_time: DateTime<Utc>,
}

impl TestHost {
    // Time

    /// The present moment of virtual time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// How orchestrations and entities travel between this host and the app.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// How much virtual time has passed since the host was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        (self.now() - self.start_time).to_std().unwrap_or_default()
    }

    /// Lets this much time pass, and everything happen that is due within it, at its moment.
    ///
    /// # Panics
    /// If too much is due in that time.
    #[track_caller]
    pub fn advance(&self, time: Duration) {
        self.drive(Until::Moment(later(self.now(), time)));
    }

    /// Lets time pass until nothing is due any more: what still has not ended then waits for an event, or is suspended.
    ///
    /// # Panics
    /// If there is no end to it.
    #[track_caller]
    pub fn run_until_idle(&self) {
        self.drive(Until::Idle);
    }

    #[track_caller]
    pub(super) fn drive(&self, until: Until) {
        let (reply, driven) = sync_channel(1);
        self.send(Command::Drive(Drive {
            until,
            reply,
            jumps: 0,
            most_jumps: self.most_jumps,
        }));
        if let Err(stuck) = self.receive(&driven) {
            panic!("{stuck}");
        }
    }

    // Orchestrations

    /// The status of every instance, in the order in which they were created.
    ///
    /// # Panics
    /// If the task hub cannot answer.
    #[must_use]
    #[track_caller]
    pub fn instances(&self) -> Vec<OrchestrationStatusQueryResult> {
        ok(self.ask(async move |client| client.query_all_statuses().await))
    }

    /// A client of the task hub, as functions get it: to call a function of the app directly, or for what this type has no
    /// method for. Works on any executor.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// # use azure_functions_sdk::testing::TestHost;
    /// #[func]
    /// async fn begin(_req: HttpRequest, client: DurableOrchestrationClient) -> HttpResponse {
    ///     match client.start_new("quick", None, 20).await {
    ///         Ok(_) => "started".into(),
    ///         Err(error) => (500, error.to_string()).into(),
    ///     }
    /// }
    ///
    /// #[func]
    /// async fn quick(context: DurableOrchestrationContext) -> OrchestrationOutput {
    ///     context.input().clone().into()
    /// }
    ///
    /// let host = TestHost::new();
    /// let response = host.block_on(begin(HttpRequest::build().finish(), host.client().into()));
    /// assert_eq!(response.body_as_str().unwrap(), "started");
    /// ```
    #[must_use]
    pub fn client(&self) -> OrchestrationClient {
        self.client.clone()
    }

    // Functions

    /// Puts a stand-in in place of an activity: from now on its calls reach this closure, with their input, and get what it
    /// returns. See [`Fake`] for what else a stand-in can do, and [`try_fake`](Self::try_fake) for a closure that may fail.
    ///
    /// If the closure panics, in an assertion say, the call fails, and so does the test, in the next method of the host.
    ///
    /// # Panics
    /// If the app has no activity of this name, or the closure returns a `Result`.
    #[track_caller]
    pub fn fake<I, O>(&self, activity: &str, mut answer: impl FnMut(I) -> O + Send + 'static) -> Fake
    where
        I: DeserializeOwned,
        O: Serialize,
    {
        // It would become JSON too: {"Ok": …}, which is hardly meant.
        let output = std::any::type_name::<O>();
        assert!(
            !output.starts_with("core::result::Result<"),
            "the fake of activity '{activity}' returns a Result: write try_fake"
        );
        self.try_fake(activity, move |input| Ok::<_, Infallible>(answer(input)))
    }

    /// As [`fake`](Self::fake), with a closure that may fail the call.
    ///
    /// # Panics
    /// If the app has no activity of this name.
    #[track_caller]
    pub fn try_fake<I, O, E>(&self, activity: &str, answer: impl FnMut(I) -> Result<O, E> + Send + 'static) -> Fake
    where
        I: DeserializeOwned,
        O: Serialize,
        E: Display,
    {
        self.check_activity(activity);
        self.worker.fakes().add(activity, answer)
    }

    /// The calls of an activity so far, real or fake, in the order in which they began.
    ///
    /// # Panics
    /// If the app has no activity of this name.
    #[must_use]
    #[track_caller]
    pub fn calls(&self, activity: &str) -> Vec<ActivityCall> {
        self.check_activity(activity);
        let calls = self.worker.calls();
        calls
            .iter()
            .filter(|call| call.activity.eq_ignore_ascii_case(activity))
            .cloned()
            .collect()
    }

    /// Runs an activity as an orchestration would, once and without one; its error is the message that the orchestration
    /// would get. A fake does not stand in here.
    ///
    /// # Errors
    /// The activity fails.
    ///
    /// # Panics
    /// If the app has no activity of this name, or the input cannot be JSON.
    #[track_caller]
    pub fn run_activity(&self, activity: &str, input: impl Serialize) -> Result<Value, String> {
        let function = self.check_activity(activity);
        let item = WorkItem {
            kind: WorkKind::Activity,
            function: function.to_owned(),
            instance_id: String::new(),
            payload: Some(json(&input, "the input").to_string()),
            as_json: None,
            whole: None,
            trace: None,
            solitude: None,
            begun: Begun::default(),
        };
        let worker = self.worker.clone();
        self.run(async move {
            let Some(function) = worker.app().find(&item.function) else {
                return Err(format!("there is no function '{}'", item.function));
            };
            let outputs = worker
                .invoke(function, activity_call(function, &item), None, None)
                .await
                .map_err(readable)?;
            Ok(super::worker::value_of(outputs))
        })
    }

    /// Calls an HTTP function of the app, with the rest of its parameters as a host would give them. Route parameters come
    /// from the request, not from its path: the function is called by its name.
    ///
    /// # Errors
    /// The function fails: the message of its error or panic, for which a host would answer with 500.
    ///
    /// # Panics
    /// If the app has no HTTP function of this name.
    #[track_caller]
    pub fn call(&self, function: &str, request: &HttpRequest) -> Result<HttpResponse, String> {
        let Some(found) = self.worker.app().find(function) else {
            panic!(
                "the app has no function '{function}'; {}",
                instead(function, &self.names())
            );
        };
        let Some(call) = Call::http(found, request) else {
            panic!("function '{function}' has no HTTP trigger");
        };
        let trace = TraceContext::from_headers(request.headers());
        let worker = self.worker.clone();
        self.run(async move {
            let outputs = worker.invoke(found, call, None, trace.as_ref()).await?;
            Ok(http_response(found, outputs))
        })
    }

    /// What functions have logged so far, without what orchestrations repeat in replays.
    #[must_use]
    pub fn logs(&self) -> Vec<LogRecord> {
        self.worker.logs().all()
    }

    /// Ends the task hub and opens it again, as if the host had been stopped and started: what runs is lost and will run again,
    /// what was recorded stays.
    #[track_caller]
    pub fn restart(&self) {
        let (done, restarted) = sync_channel(1);
        self.send(Command::Restart(done));
        self.receive(&restarted);
        // What follows from it, too.
        self.run(async {});
    }

    /// Ends the worker process at the end of the next run of this orchestration, activity or entity: it has done its work, but
    /// the host never hears of it, nor of anything else that runs in the process then. Another process takes over at once.
    /// Called again, it ends the process once more.
    ///
    /// All that was lost runs again, as on the local host, or fails as on Azure:
    /// [`crash_as_host`](super::TestHostBuilder::crash_as_host) says which.
    ///
    /// # Panics
    /// If the app has no orchestration, activity or entity of this name.
    #[track_caller]
    pub fn crash_worker_in(&self, function: &str) {
        let functions = self.worker.functions().functions;
        let mut named = functions.iter().filter(|((_, name), registered)| {
            name.eq_ignore_ascii_case(function) || registered.eq_ignore_ascii_case(function)
        });
        let Some((_, registered)) = named.next() else {
            let names: Vec<_> = functions.keys().map(|(_, name)| name.as_str()).collect();
            panic!(
                "the app has no orchestration, activity or entity '{function}'; {}",
                instead(function, &names)
            );
        };
        self.worker.process().end_in(registered);
    }

    /// Waits for a future: for a plain `#[test]` that calls an asynchronous function of the app directly.
    ///
    /// # Panics
    /// Inside an asynchronous test, which can await it.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        assert!(
            Handle::try_current().is_err(),
            "this test is asynchronous: write .await instead of block_on"
        );
        runtime().block_on(future)
    }

    /// The registered name of an activity.
    #[track_caller]
    fn check_activity(&self, activity: &str) -> &'static str {
        let functions = self.worker.functions().functions;
        let found = functions.get(&(WorkKind::Activity, activity.to_lowercase()));
        match found.and_then(|name| self.worker.app().find(name)) {
            Some(function) => function.name,
            None => {
                let names = functions.keys().filter(|(kind, _)| *kind == WorkKind::Activity);
                let names: Vec<_> = names.map(|(_, name)| name.as_str()).collect();
                panic!("the app has no activity '{activity}'; {}", instead(activity, &names));
            }
        }
    }

    pub(super) fn calls_of(&self, instance_id: &str) -> Vec<ActivityCall> {
        let calls = self.worker.calls();
        calls
            .iter()
            .filter(|call| call.instance_id == instance_id)
            .cloned()
            .collect()
    }

    fn names(&self) -> Vec<&'static str> {
        self.worker.app().functions().map(|function| function.name).collect()
    }

    // The way into the world

    /// Asks the task hub something through a client.
    #[track_caller]
    pub(super) fn ask<T, F>(&self, ask: impl FnOnce(OrchestrationClient) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.run(ask(self.client.clone()))
    }

    /// Runs something in the world until everything has settled.
    #[track_caller]
    pub(super) fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (reply, result) = sync_channel(1);
        self.send(Command::Run(Box::pin(async move {
            let value = work.await;
            let settled: Settled = Box::new(move || drop(reply.send(value)));
            settled
        })));
        self.receive(&result)
    }

    /// Looks at the hub and what it has kept, between two turns.
    #[track_caller]
    pub(super) fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&TaskHub, &dyn Store) -> T + Send + 'static,
    ) -> T {
        let (reply, result) = sync_channel(1);
        let look = move |hub: &TaskHub, store: &dyn Store| drop(reply.send(look(hub, store)));
        self.send(Command::Inspect(Box::new(look)));
        self.receive(&result)
    }

    #[track_caller]
    fn send(&self, command: Command) {
        assert!(self.commands.send(command).is_ok(), "{}", self.ended());
    }

    #[track_caller]
    fn receive<T>(&self, receiver: &Receiver<T>) -> T {
        let received = receive_within(receiver, self.patience);
        if let Some(panic) = self.worker.take_panic().or_else(|| self.servers.take_panic()) {
            panic!("{panic}");
        }
        match received {
            Ok(value) => value,
            Err(RecvTimeoutError::Disconnected) => panic!("{}", self.ended()),
            Err(RecvTimeoutError::Timeout) => panic!("{}", self.out_of_patience()),
        }
    }

    fn ended(&self) -> String {
        "the test host has ended: see the panic of the thread 'test-host' above".to_owned()
    }

    fn out_of_patience(&self) -> String {
        let patience = self.patience;
        match self.worker.episode(patience / 2) {
            Some(orchestration) => format!(
                "{orchestration} has blocked its thread for {patience:?} of real time: an orchestration may only wait by awaiting \
                 what its context gives. Move whatever blocks or computes for long into an activity."
            ),
            None => format!(
                "the test host did not come to rest within {patience:?} of real time; its clock shows {}.{}\n\
                 Replace what takes long by a fake, let less time pass, or be patient: TestHost::builder().patience(..).",
                self.now().to_rfc3339_opts(SecondsFormat::AutoSi, true),
                self.worker.presences()
            ),
        }
    }
}

/// Its world ends, with all instances; then the app's shutdowns run.
impl Drop for TestHost {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.commands.send(Command::End);
        if let Some(end) = self.worker.app().end() {
            // A panic here could be a second one.
            let _ = wait_for(end, self.patience);
        }
    }
}

/// The JSON of something that a test gives.
#[track_caller]
pub(super) fn json(value: &impl Serialize, what: &str) -> Value {
    match serde_json::to_value(value) {
        Ok(value) => value,
        Err(error) => panic!("{what} cannot be JSON: {error}"),
    }
}

/// What the task hub answered.
#[track_caller]
pub(super) fn ok<T>(answer: Result<T, OrchestrationClientError>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("{error}"),
    }
}

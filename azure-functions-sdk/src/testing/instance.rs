//! One orchestration instance of a test host.

use std::{fs, path::Path};

use azure_functions_durable::{OrchestrationRuntimeStatus, OrchestrationStatusQueryResult};
use futures_util::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    TestHost,
    command::Until,
    fake::ActivityCall,
    host::{json, ok},
    log::LogRecord,
};

/// An orchestration instance, as a test sees it.
///
/// As with [`TestHost`], whatever can happen at the present moment has happened when a method returns, and methods panic
/// with a sentence that says what is wrong.
#[derive(Clone, Debug)]
pub struct TestInstance<'a> {
    host: &'a TestHost,
    id: String,
}

impl TestHost {
    /// Starts an orchestration under an id that the task hub chooses.
    ///
    /// # Panics
    /// If there is no orchestration of this name, or the input cannot be JSON.
    #[track_caller]
    pub fn start(&self, orchestration: &str, input: impl Serialize) -> TestInstance<'_> {
        self.start_as(orchestration, None, &input)
    }

    /// Starts an orchestration under this instance id.
    ///
    /// # Panics
    /// If there is no orchestration of this name, the input cannot be JSON, or an instance with this id has not ended.
    #[track_caller]
    pub fn start_with_id(&self, orchestration: &str, id: &str, input: impl Serialize) -> TestInstance<'_> {
        self.start_as(orchestration, Some(id), &input)
    }

    #[track_caller]
    fn start_as(&self, orchestration: &str, id: Option<&str>, input: &impl Serialize) -> TestInstance<'_> {
        let input = json(input, "the input");
        let (name, id) = (orchestration.to_owned(), id.map(str::to_owned));
        let started = self.ask(async move |client| client.start_new(&name, id.as_deref(), input).await);
        TestInstance::new(self, ok(started))
    }

    /// An instance by its id, however it was started.
    #[must_use]
    pub fn instance(&self, id: &str) -> TestInstance<'_> {
        TestInstance::new(self, id.to_owned())
    }
}

impl<'a> TestInstance<'a> {
    fn new(host: &'a TestHost, id: String) -> Self {
        Self { host, id }
    }

    /// Its instance id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its status, with the input.
    ///
    /// # Panics
    /// If there is no such instance.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> OrchestrationStatusQueryResult {
        let id = self.id.clone();
        let status = ok(self
            .host
            .ask(async move |client| client.query_status(&id, false, false, true).await));
        match status {
            Some(status) => status,
            None => panic!("there is no instance '{}'", self.id),
        }
    }

    /// Where it is in its life.
    ///
    /// # Panics
    /// If there is no such instance.
    #[must_use]
    #[track_caller]
    pub fn runtime_status(&self) -> OrchestrationRuntimeStatus {
        self.status().runtime_status
    }

    /// Its custom status.
    ///
    /// # Panics
    /// If there is no such instance, or the custom status has another shape.
    #[must_use]
    #[track_caller]
    pub fn custom_status<T: DeserializeOwned>(&self) -> T {
        let status = self.status();
        match status.custom_status_as() {
            Ok(custom) => custom,
            Err(error) => panic!(
                "the custom status of instance '{}' has another shape: {error}: {}",
                self.id, status.custom_status
            ),
        }
    }

    /// Lets time pass until it has ended, well or not; its status then.
    ///
    /// # Panics
    /// If it will never end: the message says what it waits for, and where.
    #[track_caller]
    pub fn wait(&self) -> OrchestrationStatusQueryResult {
        self.host.drive(Until::Ended(self.id.clone()));
        self.status()
    }

    /// Lets time pass until it has completed; its output.
    ///
    /// # Panics
    /// If it ends otherwise or never, or the output has another shape.
    #[must_use]
    #[track_caller]
    pub fn output<T: DeserializeOwned>(&self) -> T {
        let status = self.wait();
        let OrchestrationStatusQueryResult { name, output, .. } = &status;
        assert!(
            status.runtime_status == OrchestrationRuntimeStatus::Completed,
            "instance '{}' of orchestration '{name}' has not completed, it is {}: {}",
            self.id,
            status.runtime_status,
            text(output)
        );
        match status.output_as() {
            Ok(output) => output,
            Err(error) => panic!("the output of orchestration '{name}' has another shape: {error}: {output}"),
        }
    }

    /// Lets time pass until it has failed; the message of the failure.
    ///
    /// # Panics
    /// If it ends otherwise, or never.
    #[must_use]
    #[track_caller]
    pub fn failure(&self) -> String {
        let status = self.wait();
        assert!(
            status.runtime_status == OrchestrationRuntimeStatus::Failed,
            "instance '{}' of orchestration '{}' has not failed, it is {}: {}",
            self.id,
            status.name,
            status.runtime_status,
            text(&status.output)
        );
        text(&status.output)
    }

    /// Raises an external event for it.
    ///
    /// # Panics
    /// If there is no such instance, it has ended, or the data cannot be JSON.
    #[track_caller]
    pub fn raise_event(&self, name: &str, data: impl Serialize) {
        let data = json(&data, "the event's data");
        let (id, name) = (self.id.clone(), name.to_owned());
        ok(self
            .host
            .ask(async move |client| client.raise_event(&id, &name, data).await));
    }

    /// Terminates it.
    ///
    /// # Panics
    /// If there is no such instance, or it has ended.
    #[track_caller]
    pub fn terminate(&self, reason: &str) {
        let (id, reason) = (self.id.clone(), reason.to_owned());
        let _below = ok(self.host.ask(async move |client| client.terminate(&id, &reason).await));
    }

    /// Suspends it: it keeps what happens meanwhile for later.
    ///
    /// # Panics
    /// If there is no such instance, it is suspended already, or it has ended.
    #[track_caller]
    pub fn suspend(&self, reason: &str) {
        let (id, reason) = (self.id.clone(), reason.to_owned());
        ok(self.host.ask(async move |client| client.suspend(&id, &reason).await));
    }

    /// Lets it go on after it was suspended.
    ///
    /// # Panics
    /// If there is no such instance, or it is not suspended.
    #[track_caller]
    pub fn resume(&self, reason: &str) {
        let (id, reason) = (self.id.clone(), reason.to_owned());
        ok(self.host.ask(async move |client| client.resume(&id, &reason).await));
    }

    /// Takes a failed one back to before its failure, so that what failed runs again. A failure that the code has handled, by
    /// calling something else at once, stays.
    ///
    /// # Panics
    /// If there is no such instance, it has not failed, or it failed in a critical section, whose locks are gone.
    #[track_caller]
    pub fn rewind(&self, reason: &str) {
        let (id, reason) = (self.id.clone(), reason.to_owned());
        ok(self.host.ask(async move |client| client.rewind(&id, &reason).await));
    }

    /// The calls of activities that it made so far, real or fake, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<ActivityCall> {
        self.host.calls_of(&self.id)
    }

    /// What its functions have logged so far, without what is repeated in replays.
    #[must_use]
    pub fn logs(&self) -> Vec<LogRecord> {
        let mine = |record: &LogRecord| record.instance_id.as_deref() == Some(&*self.id);
        self.host.logs().into_iter().filter(mine).collect()
    }

    /// The history of its current execution, event by event, as its next episode would get it: `EventType` is a number, and
    /// the other members are those of the Durable Task Framework's events.
    ///
    /// # Panics
    /// If there is no such instance, or it has not run.
    #[must_use]
    #[track_caller]
    pub fn history(&self) -> Vec<Value> {
        let mut file: Value = match serde_json::from_str(&self.history_file()) {
            Ok(file) => file,
            Err(error) => panic!("the history of instance '{}' is not JSON: {error}", self.id),
        };
        match file["history"].take() {
            Value::Array(events) => events,
            _ => Vec::new(),
        }
    }

    /// Writes the history of its current execution to a file, for
    /// [`assert_replay`](azure_functions::histories::assert_replay) and `cargo func replay`. Missing folders are made.
    ///
    /// # Panics
    /// If there is no such instance, it has not run, or the file cannot be written.
    #[track_caller]
    pub fn save_history(&self, path: impl AsRef<Path>) {
        let (path, file) = (path.as_ref(), self.history_file());
        let folder = path.parent().unwrap_or(path);
        if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(path, file)) {
            panic!(
                "the history of instance '{}' cannot be written to {}: {error}",
                self.id,
                path.display()
            );
        }
    }

    #[track_caller]
    fn history_file(&self) -> String {
        let id = self.id.clone();
        let file = self.host.inspect(move |hub, _| {
            // On the world's runtime it is read at once.
            let file = hub.recorded_history(&id).now_or_never();
            file.unwrap_or_else(|| Ok(String::new()))
                .map_err(|error| error.to_string())
        });
        match file {
            Ok(file) => file,
            Err(error) => panic!("instance '{}': {error}", self.id),
        }
    }
}

/// Failures are text: without quotes and escapes.
fn text(output: &Value) -> String {
    output.as_str().map_or_else(|| output.to_string(), str::to_owned)
}

//! A task hub in a folder of its own, a scripted worker, and HTTP without sockets.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use azure_functions_durable::{Exchange, OrchestrationClient, Transport, TransportError};
use azure_functions_sdk::durable::{BindingUrls, Clock, HubName, TaskHub, TaskHubOptions, Via};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Request, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::scripted::Scripted;

pub(crate) const BASE: &str = "http://localhost:7071/runtime/webhooks/durabletask";
/// How long anything may take before a test gives up.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    _folder: TempDir,
    pub(crate) worker: Arc<Scripted>,
    pub(crate) options: TaskHubOptions,
    hub: Option<Arc<TaskHub>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    pub(crate) fn new(worker: Scripted) -> Self {
        Self::with(worker, |options| options)
    }

    pub(crate) fn with(worker: Scripted, configure: impl FnOnce(TaskHubOptions) -> TaskHubOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = TaskHubOptions::new(HubName::new("TestHub").unwrap(), folder.path());
        let mut world = Self {
            _folder: folder,
            worker: Arc::new(worker),
            options: configure(options),
            hub: None,
        };
        world.open();
        world
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.options.database()
    }

    pub(crate) fn hub(&self) -> &TaskHub {
        self.hub.as_ref().expect("the hub is open")
    }

    pub(crate) fn open(&mut self) {
        self.open_without_functions();
        self.hub().set_functions(self.worker.functions());
    }

    pub(crate) fn open_without_functions(&mut self) {
        self.hub = Some(Arc::new(
            TaskHub::open(self.options.clone(), self.worker.clone()).unwrap(),
        ));
    }

    /// Stops the hub without a word to anybody.
    pub(crate) fn crash(&mut self) {
        self.hub = None;
    }

    /// What the hub gives for a client binding.
    pub(crate) fn binding(&self) -> Value {
        let binding = self.hub().client_binding(&BindingUrls::new(BASE).code("k"));
        serde_json::from_str(&binding).unwrap()
    }

    /// A client made of this binding. Whatever that says, its requests reach this hub, as long as it is open.
    pub(crate) fn client(&self, binding: &Value) -> OrchestrationClient {
        let hub = Arc::downgrade(self.hub.as_ref().expect("the hub is open"));
        let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
        client.with_transport(Arc::new(ToHub(hub)))
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", "application/json")
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answer {
        let response = self.hub().handle(request, &Via::webhook(BASE).code("k")).await;
        let (parts, body) = Response::into_parts(response);
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, "").await
    }

    /// Starts an instance under this id.
    pub(crate) async fn start(&self, function: &str, id: &str, input: &str) {
        let answer = self.post(&format!("/orchestrators/{function}/{id}"), input).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }

    pub(crate) async fn raise(&self, id: &str, event: &str, input: &str) {
        let answer = self.post(&format!("/instances/{id}/raiseEvent/{event}"), input).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }

    /// The status of an instance, with its history, once it is what the test waits for.
    pub(crate) async fn until(&self, id: &str, what: impl Fn(&Value) -> bool) -> Value {
        self.look_until(
            &format!("/instances/{id}?showHistory=true&showHistoryOutput=true"),
            what,
        )
        .await
    }

    pub(crate) async fn look_until(&self, path: &str, what: impl Fn(&Value) -> bool) -> Value {
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let answer = self.get(path).await;
            let status = if answer.text.is_empty() {
                Value::Null
            } else {
                answer.json()
            };
            if what(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < end, "{path} never got there: {status:#}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn until_status(&self, id: &str, status: &str) -> Value {
        self.look_until(&format!("/instances/{id}"), |shown| shown["runtimeStatus"] == status)
            .await
    }

    /// Output of an instance that completes.
    pub(crate) async fn output(&self, id: &str) -> Value {
        let ended = |status: &Value| {
            ["Completed", "Failed", "Terminated"]
                .iter()
                .any(|name| status["runtimeStatus"] == *name)
        };
        let status = self.look_until(&format!("/instances/{id}"), ended).await;
        assert_eq!(status["runtimeStatus"], "Completed", "{status:#}");
        status["output"].clone()
    }
}

struct ToHub(Weak<TaskHub>);

impl std::fmt::Debug for ToHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ToHub")
    }
}

impl Transport for ToHub {
    fn send(&self, mut request: Request<Bytes>, _limit: Duration) -> Exchange {
        let hub = self.0.upgrade();
        Box::pin(async move {
            let hub = hub.ok_or_else(|| TransportError::failed("the hub is closed"))?;
            let url = request.uri().to_string();
            let path = url
                .strip_prefix(BASE)
                .unwrap_or_else(|| panic!("not below {BASE}: {url}"));
            *request.uri_mut() = path.parse().unwrap();
            Ok(hub.handle(request, &Via::webhook(BASE).code("k")).await)
        })
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Time that moves when the test says so.
#[derive(Debug)]
pub(crate) struct ManualClock {
    now: watch::Sender<DateTime<Utc>>,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        let start = "2031-05-06T07:08:09Z".parse().unwrap();
        Arc::new(Self {
            now: watch::Sender::new(start),
        })
    }

    pub(crate) fn advance(&self, span: TimeDelta) {
        self.now.send_modify(|now| *now += span);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.borrow()
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender lives as long as the hub that sleeps.
            let _ = now.wait_for(|now| *now >= due).await;
        })
    }
}

/// Time that passes as soon as something waits for it.
#[derive(Debug)]
pub(crate) struct HastyClock(Mutex<DateTime<Utc>>);

impl HastyClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2031-05-06T07:08:09Z".parse().unwrap())))
    }
}

impl Clock for HastyClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.0.lock().unwrap();
        *now = due.max(*now);
        Box::pin(std::future::ready(()))
    }
}

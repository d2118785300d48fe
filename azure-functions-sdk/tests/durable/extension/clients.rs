//! The client understands what the real extension answers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use azure_functions_durable::{
    EntityId, EntityQuery, Exchange as Sent, OrchestrationClient, OrchestrationClientError as Error,
    OrchestrationRuntimeStatus as Status, OrchestrationStatusQueryResult, StatusQuery, Transport,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};
use serde_json::{Value, json};

use super::{
    ENTITIES, INSTANCES,
    recording::{Exchange, Masked, read},
};
use crate::world::BASE;

const ID: &str = "0123456789abcdef0123456789abcdef";

/// Answers with what was recorded, whatever is asked.
#[derive(Debug)]
struct Recorded(Mutex<VecDeque<Masked>>);

impl Transport for Recorded {
    fn send(&self, _request: Request<Bytes>, _limit: Duration) -> Sent {
        let answer = self.0.lock().unwrap().pop_front().expect("a request too many");
        let mut response = Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value.replace('~', BASE).replace("ID32", ID));
        }
        let body = answer.body.map(|body| unmasked(body).to_string()).unwrap_or_default();
        let response = response.body(Bytes::from(body)).unwrap();
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// A body as it was before it was masked, with other times and ids.
fn unmasked(value: Value) -> Value {
    match value {
        Value::String(text) if text == "TIME" => "2031-05-06T07:08:09Z".into(),
        Value::String(text) if text == "TIME.F" => "2031-05-06T07:08:09.1234567Z".into(),
        Value::String(text) => text.replace('~', BASE).replace("ID32", ID).into(),
        Value::Array(values) => values.into_iter().map(unmasked).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, unmasked(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

struct Answers(Vec<Exchange>);

impl Answers {
    fn of(lines: &str) -> Self {
        Self(read(lines))
    }

    /// A client that is answered as these steps were, in this order.
    fn to(&self, steps: &[&str]) -> OrchestrationClient {
        let recorded = |step: &&str| {
            let exchange = self.0.iter().find(|exchange| exchange.step == *step);
            exchange.unwrap_or_else(|| panic!("no step '{step}'")).recorded()
        };
        let transport = Recorded(Mutex::new(steps.iter().map(recorded).collect()));
        let binding = json!({"taskHubName": "TestHub", "baseUrl": BASE, "requiredQueryStringParameters": "code=k"});
        let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
        client.with_transport(Arc::new(transport))
    }
}

fn past() -> DateTime<Utc> {
    "2000-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn every_recorded_status_is_read() {
    let mut count = 0;
    for exchange in read(INSTANCES).into_iter().chain(read(ENTITIES)) {
        let Some(body) = exchange.recorded().body else { continue };
        let statuses = match body {
            Value::Array(items) => items,
            other => vec![other],
        };
        for status in statuses.into_iter().filter(|body| body.get("runtimeStatus").is_some()) {
            let status = unmasked(status);
            let read: OrchestrationStatusQueryResult = serde_json::from_value(status.clone()).unwrap();
            assert_eq!(read.instance_id, status["instanceId"], "{}", exchange.step);
            assert_eq!(
                read.runtime_status.to_string(),
                status["runtimeStatus"],
                "{}",
                exchange.step
            );
            assert_eq!(read.output, status["output"], "{}", exchange.step);
            assert!(
                read.created_time.is_some() && read.last_updated_time.is_some(),
                "{}",
                exchange.step
            );
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[tokio::test]
async fn the_client_understands_starts_and_statuses() {
    let answers = Answers::of(INSTANCES);
    let start = async |step: &str, id: Option<&str>| answers.to(&[step]).start_new("f", id, ()).await;
    assert_eq!(start("start: no body", Some("a1")).await.unwrap(), "a1");
    assert_eq!(start("start: without an id", None).await.unwrap(), ID);
    assert_eq!(
        start("start: an id with a blank", Some("b six")).await.unwrap(),
        "b six"
    );
    // This host knows better only when the instance fails.
    assert_eq!(start("start: a function that is not there", None).await.unwrap(), "b2");
    let runs = start("start: an id that runs", Some("e1")).await.unwrap_err();
    assert!(
        matches!(&runs, Error::AlreadyExists { message, .. } if message.contains("Running")),
        "{runs:?}"
    );
    let broken = start("start: broken JSON", None).await.unwrap_err();
    assert!(
        matches!(&broken, Error::BadRequest { message, .. } if message.contains("position 5")),
        "{broken:?}"
    );

    let waited = answers
        .to(&["start and wait", "status: what became of w3"])
        .start_new_and_wait("hello_world", "w3", (), Duration::from_secs(10), Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(waited.status().output[0], "Hello Tokyo!");

    let status = async |step: &str| answers.to(&[step]).query_status("e1", true, true, true).await.unwrap();
    let running = status("status: running").await.unwrap();
    assert_eq!(running.runtime_status, Status::Running);
    assert_eq!(running.custom_status, "waiting for approval");
    assert_eq!(running.history_events, None);
    let completed = status("status: completed, all").await.unwrap();
    assert_eq!(completed.history_events.unwrap().len(), 5);
    assert_eq!(
        status("status: suspended").await.unwrap().runtime_status,
        Status::Suspended
    );
    assert_eq!(status("status: terminated").await.unwrap().output, "enough");
    assert_eq!(status("status: nobody").await, None);
    assert_eq!(status("status: another hub").await, None);
}

#[tokio::test]
async fn the_client_understands_the_operations_on_instances() {
    let answers = Answers::of(INSTANCES);
    let raise = async |step: &str| answers.to(&[step]).raise_event("e1", "x", 1).await;
    raise("event: null").await.unwrap();
    assert!(matches!(raise("event: nobody").await, Err(Error::NotFound { .. })));
    assert!(matches!(
        raise("event: completed").await,
        Err(Error::AlreadyDone { .. })
    ));

    let suspend = async |steps: &[&str]| answers.to(steps).suspend("e1", "why").await;
    suspend(&["suspend"]).await.unwrap();
    let again = suspend(&["suspend: again", "status: suspended"]).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    assert!(matches!(
        suspend(&["suspend: completed"]).await,
        Err(Error::AlreadyDone { .. })
    ));
    let resume = async |steps: &[&str]| answers.to(steps).resume("e1", "why").await;
    resume(&["resume"]).await.unwrap();
    let runs = resume(&["resume: one that runs", "status: running"]).await;
    assert!(matches!(runs, Err(Error::Conflict { .. })), "{runs:?}");
    assert!(matches!(resume(&["resume: nobody"]).await, Err(Error::NotFound { .. })));

    let restart = async |step: &str| answers.to(&[step]).restart("a1", false).await;
    assert_eq!(restart("restart: completed, new id").await.unwrap(), ID);
    assert_eq!(restart("restart: completed, same id").await.unwrap(), "a1");
    let runs = restart("restart: running, same id").await;
    assert!(
        matches!(&runs, Err(Error::Conflict { message, .. }) if message.contains("Running")),
        "{runs:?}"
    );

    let rewind = async |step: &str| answers.to(&[step]).rewind("w6", "why").await;
    rewind("rewind: failed").await.unwrap();
    let completed = rewind("rewind: completed").await;
    assert!(
        matches!(&completed, Err(Error::Conflict { message, .. }) if message.contains("Completed")),
        "{completed:?}"
    );
    assert!(matches!(rewind("rewind: nobody").await, Err(Error::NotFound { .. })));

    let terminate = async |step: &str| answers.to(&[step]).terminate("e1", "enough").await;
    terminate("terminate").await.unwrap();
    assert!(matches!(
        terminate("terminate: again").await,
        Err(Error::AlreadyDone { .. })
    ));
}

#[tokio::test]
async fn the_client_understands_lists_and_purges() {
    let answers = Answers::of(INSTANCES);
    let page = async |step: &str| answers.to(&[step]).query_page(&StatusQuery::new()).await.unwrap();
    let all = page("list: by prefix").await;
    assert_eq!((all.statuses.len(), all.continuation_token), (5, None));
    let first = page("list: first page").await;
    assert_eq!(
        (first.statuses.len(), first.continuation_token.as_deref()),
        (1, Some("TOKEN"))
    );
    let nothing = page("list: a token that is none").await;
    assert_eq!((nothing.statuses.len(), nothing.continuation_token), (0, None));
    let both = answers
        .to(&["list: first page", "list: by prefix"])
        .query_all_statuses()
        .await;
    assert_eq!(both.unwrap().len(), 6);

    let purge = async |step: &str| answers.to(&[step]).purge_history("p1").await;
    assert_eq!(purge("purge: completed").await.unwrap().instances_deleted, 1);
    assert_eq!(purge("purge: nobody").await.unwrap().instances_deleted, 0);
    let runs = purge("purge: running").await;
    assert!(
        matches!(&runs, Err(Error::Conflict { message, .. }) if message.contains("Running")),
        "{runs:?}"
    );
    let purge = async |step: &str| answers.to(&[step]).purge_histories(past(), None, []).await;
    assert_eq!(purge("purge: all terminated").await.unwrap().instances_deleted, 3);
    assert_eq!(purge("purge: from the future").await.unwrap().instances_deleted, 0);
    let refused = purge("purge: without a filter").await;
    assert!(matches!(&refused, Err(Error::BadRequest { message, .. }) if message.contains("createdTimeFrom")));
}

#[tokio::test]
async fn the_client_understands_entities() {
    let answers = Answers::of(ENTITIES);
    let account = EntityId::new("account", "k1").unwrap();
    let read = async |step: &str| answers.to(&[step]).read_entity_state::<Value>(&account).await.unwrap();
    assert_eq!(read("read").await.state, Some(json!({"balance": 100})));
    assert!(!read("read: nobody").await.exists);
    let signal = async |step: &str| answers.to(&[step]).signal_entity(&account, "deposit", 1).await;
    signal("signal").await.unwrap();
    let unknown = signal("signal: an entity that is not there").await;
    assert!(
        matches!(&unknown, Err(Error::BadRequest { message, .. }) if message.contains("'nobody'")),
        "{unknown:?}"
    );
    answers.to(&["delete"]).delete_entity(&account).await.unwrap();

    let query = EntityQuery::new();
    let page = async |step: &str| answers.to(&[step]).list_entities_page(&query).await.unwrap();
    let all = page("list: all").await;
    assert_eq!((all.entities.len(), all.continuation_token), (4, None));
    assert_eq!(all.entities[3].entity_id, account);
    let first = page("list: of a name in other case").await;
    assert_eq!(
        (first.entities.len(), first.continuation_token.as_deref()),
        (1, Some("TOKEN"))
    );
    let states = page("list: deleted").await;
    assert_eq!(states.entities[0].state, json!({"balance": 10}));
    assert_eq!(page("list: from the future").await.entities, []);
}

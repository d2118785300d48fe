//! Entities as types with methods: `#[entity]`, and the proxies that it writes.

use super::{
    bindings,
    entities::{answer, results, run, state},
};
use azure_functions::{
    __private::{Function, inventory},
    entities::{ClientSignals, EntitySender},
    prelude::*,
};
use azure_functions_durable::{Exchange, OrchestrationClient, OrchestrationClientError, Transport};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

/// How often something happened.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counter {
    value: i64,
}

#[entity]
impl Counter {
    /// Adds to the value, and answers with the sum.
    fn add(&mut self, amount: i64) -> i64 {
        self.value += amount;
        self.value
    }

    fn get(&self) -> i64 {
        self.value
    }

    fn reset(&mut self) {
        *self = Self::at(0);
    }

    /// No operation: it has no `self`.
    fn at(value: i64) -> Self {
        Self { value }
    }

    fn merge(&mut self, other: Self) -> Result<Self, String> {
        self.value += other.value;
        match self.value {
            ..0 => Err("below zero".to_owned()),
            value => Ok(Self { value }),
        }
    }

    fn explode(&mut self) {
        self.value = 7;
        panic!("bang");
    }

    /// What a read changes is lost with it.
    fn peek(&self, context: &DurableEntityContext) -> Result<(EntityId, bool, bool), EntityError> {
        Ok((context.entity_id().clone(), context.exists(), context.is_signal()))
    }

    #[cfg(any())]
    fn never(&mut self, (): Missing) {}
}

/// A list of gifts, which refuses what comes after it was closed.
#[derive(Default, Serialize, Deserialize)]
struct RegistryList {
    items: Vec<String>,
    closed: bool,
    #[serde(default)]
    changed: Option<SystemTime>,
}

#[derive(Debug, thiserror::Error)]
#[error("the list is closed")]
struct Closed;

#[derive(Debug, Serialize, Deserialize)]
struct Gift {
    name: String,
    count: u8,
}

#[entity(name = "Gifts")]
impl RegistryList {
    /// Entities may wait, do I/O, and look at the clock.
    pub(crate) async fn add_item(&mut self, _gift: Gift, context: &DurableEntityContext) -> Result<usize, Closed> {
        let Gift { name, count } = _gift;
        self.items.extend(std::iter::repeat_n(name, count.into()));
        tokio::time::sleep(Duration::from_millis(1)).await;
        // Taken back with the rest, if the list is closed.
        context.entity::<Counter>("items").add(count.into()).unwrap();
        if self.closed {
            return Err(Closed);
        }
        self.changed = Some(SystemTime::now());
        Ok(self.items.len())
    }

    fn r#close(&mut self) {
        self.closed = true;
    }

    async fn items(&self) -> Vec<String> {
        tokio::task::yield_now().await;
        self.items.clone()
    }

    /// Not only forgets, but tells.
    fn delete(&mut self, context: DurableEntityContext) -> Option<String> {
        context.delete();
        self.items.pop()
    }
}

#[test]
fn row_121_a_type_is_one_function_named_like_it_or_as_the_attribute_says() {
    for (function, entity) in [("Counter", "counter"), ("Gifts", "gifts")] {
        assert_eq!(
            bindings(function),
            json!([{"name": "context", "type": "entityTrigger", "direction": "in", "entityName": entity}])
        );
        let all = inventory::iter::<Function>.into_iter();
        assert_eq!(all.filter(|f| f.name.eq_ignore_ascii_case(function)).count(), 1);
    }
    assert_eq!(Counter::entity_id("Main").unwrap().to_string(), "@counter@Main");
    assert_eq!(RegistryList::NAME, "Gifts");
}

#[tokio::test]
async fn row_124_the_first_operation_sees_the_default_and_the_next_what_it_left() {
    let operations = [
        ("add", json!(5)),
        ("add", json!(-2)),
        ("get", Value::Null),
        ("reset", Value::Null),
    ];
    let answer = run("Counter", None, &operations).await;
    assert_eq!(results(&answer), [json!(5), json!(3), json!(3), Value::Null]);
    assert_eq!(state(&answer), Some(json!({"value": 0})));
}

#[tokio::test]
async fn a_reading_operation_makes_no_state() {
    let answer = run("Counter", None, &[("get", Value::Null), ("peek", Value::Null)]).await;
    let id = json!({"name": "counter", "key": "K"});
    assert_eq!(results(&answer), [json!(0), json!([id, false, false])]);
    assert_eq!(state(&answer), None);
}

#[tokio::test]
async fn row_126_an_error_or_a_panic_leaves_the_state_as_it_was() {
    let operations = [
        ("merge", json!({"value": -9})),
        ("explode", Value::Null),
        ("merge", json!({"value": 1})),
    ];
    let answer = run("Counter", Some(json!({"value": 3})), &operations).await;
    let results = results(&answer);
    assert_eq!(results[0], json!({"error": "below zero"}));
    assert!(results[1]["error"].as_str().unwrap().ends_with("bang"), "{results:?}");
    assert_eq!(results[2], json!({"value": 4}));
    assert_eq!(state(&answer), Some(json!({"value": 4})));
}

#[tokio::test]
async fn the_caller_learns_what_is_wrong_with_its_operation() {
    let operations = [
        ("subtract", json!(1)),
        ("add", json!("five")),
        ("add", Value::Null),
        ("never", Value::Null),
    ];
    let answer = run("Counter", Some(json!({"value": 3})), &operations).await;
    let errors: Vec<_> = results(&answer)
        .iter()
        .map(|result| result["error"].as_str().unwrap().to_owned())
        .collect();
    const OPERATIONS: &str = "it has `add`, `get`, `reset`, `merge`, `explode`, `peek` and `delete`";
    assert_eq!(
        errors,
        [
            format!("the entity has no such operation; {OPERATIONS}"),
            "the input cannot be read: invalid type: string \"five\", expected i64 at line 1 column 6".to_owned(),
            "the input cannot be read: invalid type: null, expected i64 at line 1 column 4".to_owned(),
            format!("the entity has no such operation; {OPERATIONS}"),
        ]
    );
    assert_eq!(state(&answer), Some(json!({"value": 3})));
}

#[tokio::test]
async fn a_state_that_does_not_fit_the_type_is_an_error_and_stays() {
    let old = json!({"value": "many"});
    let answer = run("Counter", Some(old.clone()), &[("add", json!(1)), ("get", Value::Null)]).await;
    for result in results(&answer) {
        assert_eq!(
            result["error"],
            "the state cannot be read: value: invalid type: string \"many\", expected i64 at line 1 column 15; \
             give what its type has gained a default (`#[serde(default)]`), or delete the entity"
        );
    }
    assert_eq!(state(&answer), Some(old.clone()));
    let deleted = run("Counter", Some(old), &[("delete", Value::Null), ("add", json!(1))]).await;
    assert_eq!(results(&deleted), [Value::Null, json!(1)]);
    assert_eq!(state(&deleted), Some(json!({"value": 1})));
}

#[tokio::test]
async fn an_asynchronous_operation_waits_and_is_rolled_back_with_its_signals() {
    let gift = json!({"name": "Zork", "count": 2});
    let operations = [
        ("add_item", gift.clone()),
        ("close", Value::Null),
        ("add_item", gift),
        ("items", Value::Null),
    ];
    let answer = run("Gifts", None, &operations).await;
    assert_eq!(
        results(&answer),
        [
            json!(2),
            Value::Null,
            json!({"error": "the list is closed"}),
            json!(["Zork", "Zork"])
        ]
    );
    assert_eq!(
        answer["signals"],
        json!([{"target": {"name": "counter", "key": "items"}, "name": "add", "input": "2"}])
    );
    let state = state(&answer).unwrap();
    assert_eq!(
        (&state["items"], &state["closed"]),
        (&json!(["Zork", "Zork"]), &json!(true))
    );
    assert!(!state["changed"].is_null());
}

#[tokio::test]
async fn an_operation_named_delete_takes_the_place_of_the_implicit_one() {
    let before = json!({"items": ["Dune"], "closed": false});
    let answer = run(
        "Gifts",
        Some(before),
        &[("delete", Value::Null), ("items", Value::Null)],
    )
    .await;
    assert_eq!(results(&answer), [json!("Dune"), json!([])]);
    assert_eq!(state(&answer), None);
}

#[tokio::test]
async fn operations_of_one_batch_run_one_after_the_other() {
    let adds: Vec<_> = (0..1000)
        .map(|_| r#"{"name":"add","input":"1","isSignal":true}"#)
        .collect();
    let payload = format!(
        r#"{{"self":{{"name":"counter","key":""}},"exists":false,"state":null,"batch":[{}]}}"#,
        adds.join(",")
    );
    let answer: Value = serde_json::from_str(&answer("Counter", &payload).await).unwrap();
    assert_eq!(state(&answer), Some(json!({"value": 1000})));
    assert_eq!(answer["results"].as_array().unwrap().len(), 1000);
}

/// Takes every request, and notes it.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Transport for Notes {
    fn send(&self, request: http::Request<bytes::Bytes>, _: Duration) -> Exchange {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let line = format!("{} {} {body}", request.method(), request.uri());
        self.0.lock().unwrap().push(line);
        let mut answer = http::Response::new(bytes::Bytes::new());
        *answer.status_mut() = http::StatusCode::ACCEPTED;
        Box::pin(async { Ok(answer) })
    }
}

fn client() -> (DurableOrchestrationClient, Arc<Notes>) {
    let notes = Arc::<Notes>::default();
    let binding = json!({"taskHubName": "H", "creationUrls": {}, "rpcBaseUrl": "http://h/"});
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    (client.with_transport(notes.clone()).into(), notes)
}

#[tokio::test]
async fn a_client_signals_operations_as_methods() {
    let (client, notes) = client();
    let counter = client.entity::<Counter>("a b");
    counter.add(5).await.unwrap();
    counter.merge(Counter { value: 2 }).await.unwrap();
    counter.reset().await.unwrap();
    counter.delete().await.unwrap();
    let gift = Gift {
        name: "Dune".to_owned(),
        count: 1,
    };
    client.entity::<RegistryList>("").add_item(gift).await.unwrap();
    assert_eq!(
        *notes.0.lock().unwrap(),
        [
            "POST http://h/entities/counter/a%20b?op=add&taskHub=H 5",
            "POST http://h/entities/counter/a%20b?op=merge&taskHub=H {\"value\":2}",
            "POST http://h/entities/counter/a%20b?op=reset&taskHub=H ",
            "POST http://h/entities/counter/a%20b?op=delete&taskHub=H ",
            "POST http://h/entities/gifts?op=add_item&taskHub=H {\"name\":\"Dune\",\"count\":1}",
        ]
    );
}

#[tokio::test]
async fn a_signal_is_sent_when_it_is_awaited_and_not_with_a_wrong_key() {
    fn is_send(signal: impl Future<Output = Result<(), OrchestrationClientError>> + Send + 'static) {
        drop(signal);
    }
    let (client, notes) = client();
    is_send(client.entity::<Counter>("a").add(5));
    let error = client.entity::<Counter>("a/b").add(5).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot signal `add` to an entity: `a/b` cannot be the key of an entity"),
        "{error}"
    );
    assert!(notes.0.lock().unwrap().is_empty());
}

#[test]
fn methods_are_still_methods() {
    let mut counter = Counter::default();
    assert_eq!(counter.add(2), 2);
    assert_eq!(counter.merge(Counter::at(-3)), Err("below zero".to_owned()));
}

/// All that can send operations have the same methods.
#[test]
fn a_proxy_is_of_any_sender() {
    fn add<S: EntitySender>(counter: &<Counter as Entity>::Proxy<S>) -> S::Reply<i64> {
        counter.add(1)
    }
    let (client, _) = client();
    let counter: CounterProxy<ClientSignals> = client.entity::<Counter>("a");
    drop(add(&counter));
}

//! Entities, critical sections and HTTP calls, with the app's side and the host's side of them.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use azure_functions::{durable::DurableHttpRequest, prelude::*};
use azure_functions_sdk::{
    durable::HttpCallResponse,
    testing::{CrashExplorer, TestHost},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

/// Operations `add` and `get`; a balance never falls below zero.
#[derive(Default, Serialize, Deserialize)]
struct Account {
    balance: i64,
    /// What was added, in order.
    log: Vec<i64>,
}

#[entity]
impl Account {
    fn add(&mut self, amount: i64) -> Result<i64, String> {
        self.balance += amount;
        self.log.push(amount);
        match self.balance {
            0.. => Ok(self.balance),
            below => Err(format!("the balance would be {below}")),
        }
    }

    fn get(&self) -> i64 {
        self.balance
    }
}

/// Remembers the last input, and tells an account of it.
#[func]
fn relay(context: DurableEntityContext) -> Result<EntityOutput, Failure> {
    let amount: i64 = context.input_as()?;
    context.set_state(&amount)?;
    context.signal_entity(&EntityId::new("account", "relayed")?, "add", amount)?;
    Ok(amount.into())
}

/// From, to, how much.
#[func]
async fn transfer(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let (from, to, amount): (String, String, i64) = context.input_as()?;
    let (from, to) = (EntityId::new("account", from)?, EntityId::new("account", to)?);
    let section = context.lock([&from, &to]).await;
    let balance = section.call_entity(&from, "get", Value::Null).await?;
    let amount = amount.min(balance.as_i64().unwrap_or(0));
    section.call_entity(&from, "add", -amount).await?;
    section.call_entity(&to, "add", amount).await?;
    Ok(amount.into())
}

/// Takes too much from an account, and says what it said.
#[func]
async fn overdraw(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let account = EntityId::new("account", "poor")?;
    context.signal_entity(&account, "add", 3)?;
    let refused = context.call_entity(&account, "add", -5).await;
    let balance = context.call_entity(&account, "get", Value::Null).await?;
    Ok(json!([refused.err().map(|error| error.to_string()), balance]).into())
}

/// A bonus in a day.
#[func]
async fn promise(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let due = context.current_time() + chrono::TimeDelta::days(1);
    context.signal_entity_at(&EntityId::new("account", "patient")?, "add", 7, due)?;
    Ok(Value::Null.into())
}

/// Starts a job and waits for its end.
#[func]
async fn job(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let request = DurableHttpRequest::post("http://jobs.example/start").body("go");
    let response = context.call_http(request).await?;
    Ok(json!([response.status(), response.text()]).into())
}

#[test]
fn a_signal_from_a_client_creates_the_entity_and_its_signals_reach_others() {
    let host = TestHost::new();
    assert_eq!(host.entity_state("relay", "r"), None);
    host.signal_entity("Relay", "r", "pass", 5);
    assert_eq!(host.entity_state("relay", "r"), Some(json!(5)));
    assert_eq!(
        host.entity_state("account", "relayed"),
        Some(json!({"balance": 5, "log": [5]}))
    );
    host.restart();
    host.signal_entity("account", "relayed", "delete", ());
    assert_eq!(host.entity_state("account", "relayed"), None);
}

#[test]
#[should_panic(expected = "The function 'nobody' doesn't exist, is disabled, or is not an entity function.")]
fn an_entity_that_the_app_does_not_have_cannot_be_signalled() {
    TestHost::new().signal_entity("nobody", "n", "add", 1);
}

#[test]
fn a_failed_operation_leaves_the_state_and_its_caller_gets_the_error() {
    let host = TestHost::new();
    let output: Value = host.start("overdraw", ()).output();
    assert_eq!(output[1], 3);
    assert!(
        output[0].as_str().unwrap().contains("the balance would be -2"),
        "{output}"
    );
    assert_eq!(
        host.entity_state("account", "poor"),
        Some(json!({"balance": 3, "log": [3]}))
    );
}

#[test]
fn a_delayed_signal_comes_in_its_time() {
    let host = TestHost::new();
    assert_eq!(host.start("promise", ()).output::<Value>(), Value::Null);
    host.advance(Duration::from_hours(23));
    assert_eq!(host.entity_state("account", "patient"), None);
    host.advance(Duration::from_hours(1));
    assert_eq!(host.entity_state("account", "patient").unwrap()["balance"], 7);
}

#[test]
fn transfers_in_critical_sections_lose_nothing_whenever_the_process_ends() {
    let explored = CrashExplorer::new().explore(|host| {
        host.signal_entity("account", "a", "add", 10);
        host.signal_entity("account", "b", "add", 10);
        let transfers = [
            host.start_with_id("transfer", "t1", ("a", "b", 4)),
            host.start_with_id("transfer", "t2", ("b", "a", 20)),
        ];
        let moved: Vec<i64> = transfers.iter().map(|transfer| transfer.output()).collect();
        let balance = |key: &str| host.entity_state("account", key).unwrap()["balance"].as_i64().unwrap();
        let (a, b) = (balance("a"), balance("b"));
        assert_eq!((a, b), (10 - moved[0] + moved[1], 10 + moved[0] - moved[1]));
        a + b
    });
    assert_eq!(explored.output, 20);
}

#[test]
fn row_078_an_http_call_polls_until_the_job_is_done() {
    let host = TestHost::new();
    host.fake_http({
        let mut polls = 0;
        move |request| {
            polls += 1;
            match (request.method.as_str(), polls) {
                ("POST", 1) => HttpCallResponse::new(202, "")
                    .header("Location", "http://jobs.example/status")
                    .header("Retry-After", "60"),
                ("GET", 2) => HttpCallResponse::new(202, "").header("location", "http://jobs.example/status"),
                ("GET", 3) => HttpCallResponse::new(200, "done"),
                _ => panic!("{request:?}"),
            }
        }
    });
    let job = host.start("job", ());
    let begun = host.now();
    assert_eq!(job.output::<Value>(), json!([200, "done"]));
    assert_eq!(
        host.now() - begun,
        chrono::TimeDelta::seconds(90),
        "a minute, then the usual half"
    );
    let calls: Vec<String> = host
        .http_calls()
        .iter()
        .map(|call| format!("{} {}", call.method, call.uri))
        .collect();
    assert_eq!(
        calls,
        [
            "POST http://jobs.example/start",
            "GET http://jobs.example/status",
            "GET http://jobs.example/status"
        ]
    );
}

#[test]
fn a_fake_http_that_panics_fails_its_call_and_the_test() {
    let host = TestHost::new();
    host.fake_http(|request| panic!("no test asks for {}", request.uri));
    let test = AssertUnwindSafe(|| drop(host.start_with_id("job", "j", ())));
    let panic = catch_unwind(test).expect_err("it should panic");
    assert_eq!(
        panic.downcast_ref::<String>().unwrap(),
        "the closure of fake_http panicked: no test asks for http://jobs.example/start"
    );
    assert!(host.instance("j").failure().contains("no test asks for"));
}

#[test]
fn without_a_fake_every_http_call_fails_and_says_why() {
    let host = TestHost::new();
    let failure = host.start("job", ()).failure();
    assert!(failure.contains("answer the request with fake_http"), "{failure}");
}

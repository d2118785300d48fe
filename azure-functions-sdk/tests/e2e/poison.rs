//! An activity that ends its process among others that have done nothing: a real worker process dies, again and again.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use azure_functions::{durable::CallError, prelude::*};
use azure_functions_sdk::host::LocalHost;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Address, Client},
    host::{DURABLE, until},
    own_worker::{Quiet, options},
};

const INNOCENTS: usize = 20;
/// Longer than the poison needs to end the process, so that each is in flight at several ends. `AZURE_FUNCTIONS_NAP=5000` takes
/// longer.
const NAP: &str = "500";

/// Ends the process, not only its thread.
#[func]
fn poison(_input: ()) -> ActivityOutput<()> {
    std::process::abort()
}

#[func]
fn nap(name: String) -> ActivityOutput<String> {
    let milliseconds = std::env::var("AZURE_FUNCTIONS_NAP").unwrap_or_else(|_| NAP.to_owned());
    thread::sleep(Duration::from_millis(milliseconds.parse().unwrap()));
    format!("{name} slept").into()
}

/// Calls one activity, whose name and input it gets.
#[func]
async fn one_activity(
    context: DurableOrchestrationContext<(String, Value)>,
) -> Result<OrchestrationOutput<Value>, CallError> {
    let (activity, input) = context.input();
    Ok(context.call_activity(&activity, input).await?.into())
}

fn send(client: &mut Client<'_>, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (status, body) = client
        .send(method, &format!("{DURABLE}/{path}"), body)
        .expect("an answer");
    let json = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {status} {body}"));
    (status, json)
}

#[test]
fn one_poison_among_twenty_long_innocents_fails_and_all_others_complete() {
    let folder = TempDir::new().unwrap();
    let host_json = r#"{"version": "2.0", "extensions": {"durableTask": {"maxConcurrentActivityFunctions": 50}}}"#;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let host = runtime.block_on(LocalHost::start(options(folder.path(), host_json), Arc::new(Quiet)));
    let host = host.unwrap();
    let address = Address::default();
    address.set(&host.address().to_string());
    let mut client = Client::new(&address);

    let begun = Instant::now();
    for number in 0..=INNOCENTS {
        // In the middle, so that some are in flight before it, and some are not.
        let (id, input) = match number {
            10 => ("poison".to_owned(), json!(["poison", null])),
            _ => (format!("nap-{number}"), json!(["nap", format!("nap-{number}")])),
        };
        let path = format!("orchestrators/one_activity/{id}");
        let (status, answer) = send(&mut client, "POST", &path, &input.to_string());
        assert_eq!(status, 202, "{answer}");
    }
    let mut all = Value::Null;
    until("all instances end", || {
        all = send(&mut client, "GET", "instances", "").1;
        let ended = |instance: &Value| instance["runtimeStatus"] != "Running" && instance["runtimeStatus"] != "Pending";
        all.as_array()
            .unwrap()
            .iter()
            .filter(|instance| ended(instance))
            .count()
            == INNOCENTS + 1
    });
    println!("all had ended after {:?}", begun.elapsed());
    for instance in all.as_array().unwrap() {
        let id = instance["instanceId"].as_str().unwrap();
        let outcome = (&instance["runtimeStatus"], &instance["output"]);
        match id {
            "poison" => {
                assert_eq!(instance["runtimeStatus"], "Failed", "{instance}");
                let output = instance["output"].to_string();
                assert!(output.contains("signal 6"), "{output}");
            }
            id => assert_eq!(outcome, (&json!("Completed"), &json!(format!("{id} slept"))), "{id}"),
        }
    }
    runtime.block_on(host.shutdown());
}

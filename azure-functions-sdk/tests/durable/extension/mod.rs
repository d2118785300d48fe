//! The requests to which the answers of the real extension were recorded, in the same order, to this host: whatever
//! differs stands in a table of the documentation, `src/durable/http/differences.md`.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use azure_functions_sdk::durable::{
    Clock,
    versions::{VersionFailure, VersionMatch},
};
use chrono::{DateTime, TimeDelta, Utc};
use http::Request;
use serde_json::{Value, json};

use self::{
    differences::{Documented, between},
    recording::{Exchange, Masked, masked, read},
};
use crate::{
    scripted::{Scripted, on_both_wires, output_of_failure},
    work::Wire,
    world::{Answer, ManualClock, World, eventually},
};

mod app;
mod clients;
mod differences;
mod not_recorded;
mod recording;

const INSTANCES: &str = include_str!("instances.jsonl");
const ENTITIES: &str = include_str!("entities.jsonl");
const CONTINUATION: &str = "x-ms-continuation-token";

async fn the_answers_are_those_of_the_extension_and_the_table_tells_every_difference(wire: Wire) {
    let mut documented = Documented::recorded();
    let mut unexplained = Vec::new();
    let mut count = 0;
    for (lines, app) in [
        (INSTANCES, app::durable_functions(wire)),
        (ENTITIES, app::patterns(wire)),
    ] {
        let mut player = Player::new(app);
        for exchange in read(lines) {
            count += 1;
            let here = masked(&player.play(&exchange).await);
            let [mut recorded, here] = [exchange.recorded(), here].map(without_chosen_ids);
            if wire == Wire::Protobuf
                && let Some(body) = &mut recorded.body
            {
                told_by_the_worker(body);
            }
            for difference in between(&recorded, &here) {
                if !documented.explains(&exchange.step, &difference) {
                    unexplained.push(format!("{}: {difference:?}", exchange.step));
                }
            }
        }
    }
    assert!(
        unexplained.is_empty(),
        "differences.md does not tell these differences:\n{}",
        unexplained.join("\n")
    );
    assert_eq!(count, 183);
    let unneeded = documented.unneeded();
    assert!(
        unneeded.is_empty(),
        "differences.md tells differences that are none:\n{}",
        unneeded.join("\n")
    );
}

/// The recorded worker spoke JSON, where the host words the failure of an orchestration. On the protobuf wire the worker does.
fn told_by_the_worker(recorded: &mut Value) {
    match recorded {
        Value::Array(values) => values.iter_mut().for_each(told_by_the_worker),
        Value::Object(members) => {
            members.values_mut().for_each(told_by_the_worker);
            let result = members.get("Result").and_then(Value::as_str);
            let message = result.and_then(|text| Some(text.split_once(": ")?.1.to_owned()));
            if members
                .get("OrchestrationStatus")
                .is_some_and(|status| status == "Failed")
            {
                members["FailureDetails"] = json!({
                    "ErrorType": "Scripted",
                    "ErrorMessage": message,
                    "StackTrace": null,
                    "InnerFailure": null,
                    "IsNonRetriable": false,
                    "Properties": {},
                });
            }
        }
        Value::String(text) => {
            let failed = text.strip_prefix("Orchestrator function 'fan_out' failed: ");
            if let Some(message) = failed {
                *text = output_of_failure(Wire::Protobuf, "fan_out", message);
            }
        }
        _ => {}
    }
}

/// Instances whose ids the host chose: which of them begin with a prefix that is asked for is chance.
fn without_chosen_ids(mut answer: Masked) -> Masked {
    if let Some(Value::Array(listed)) = &mut answer.body {
        listed.retain(|item| item.get("instanceId").is_none_or(|id| id != "ID32"));
    }
    answer
}

/// Time that moves when the player says so, and ids that no prefix of the recordings fits.
#[derive(Debug)]
struct PlayerClock {
    time: Arc<ManualClock>,
    ids: AtomicU64,
}

impl Clock for PlayerClock {
    fn now(&self) -> DateTime<Utc> {
        self.time.now()
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.time.sleep_until(due)
    }

    fn new_id(&self) -> String {
        format!("f{:031x}", self.ids.fetch_add(1, Ordering::Relaxed))
    }
}

/// Sends the requests to a hub.
struct Player {
    world: World,
    clock: Arc<ManualClock>,
    /// The token that came with the newest page.
    token: String,
}

impl Player {
    fn new(app: Scripted) -> Self {
        let clock = ManualClock::new();
        // Not a whole second: then the fraction of times can be seen.
        clock.advance(TimeDelta::microseconds(123_456));
        let time = Arc::clone(&clock);
        let ids = AtomicU64::new(0);
        // The recorded requests start versions on a host that has none. On the protobuf wire those would wait for a newer host.
        let world = World::with(app, |options| {
            let options = options.versions(VersionMatch::None, VersionFailure::Reject);
            options.clock(Arc::new(PlayerClock { time, ids }))
        });
        Self {
            world,
            clock,
            token: String::new(),
        }
    }

    async fn play(&mut self, exchange: &Exchange) -> Answer {
        // This one was started by a request whose answer was not recorded.
        if exchange.step == "start and wait: only a timeout" {
            self.world.start("hello_world", "w3", "").await;
        }
        let path = with_times(&exchange.step, &exchange.path);
        let mut request = Request::builder().method(exchange.method.as_str()).uri(&path);
        for (name, value) in &exchange.headers {
            let recorded_token = name == CONTINUATION && exchange.step == "list: second page";
            request = request.header(name, if recorded_token { &self.token } else { value });
        }
        let request = request.body(exchange.body()).unwrap();
        let answer = self.send(request, exchange.recorded().status == 202).await;
        if let Some(token) = answer.headers.get(CONTINUATION) {
            self.token = token.to_str().unwrap().to_owned();
        }
        self.settle(&path).await;
        if exchange.method != "GET" && path.starts_with("/entities") {
            self.settle_entities().await;
        }
        answer
    }

    /// Time passes only for a request that waits for an instance and does not see its end.
    async fn send(&self, request: Request<bytes::Bytes>, in_vain: bool) -> Answer {
        let waits = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("pollingInterval"));
        let sent = self.world.send(request);
        tokio::pin!(sent);
        loop {
            tokio::select! {
                answer = &mut sent => return answer,
                () = tokio::time::sleep(Duration::from_millis(2)), if waits && in_vain => {
                    self.clock.advance(TimeDelta::seconds(1));
                }
            }
        }
    }

    /// Waits until an operation has done what it does, and every instance has ended or waits.
    async fn settle(&self, path: &str) {
        let operated = path
            .strip_prefix("/instances/")
            .and_then(|rest| rest.split('?').next()?.split_once('/'));
        let wanted = match operated {
            Some((_, "suspend")) => Some("Suspended"),
            Some((_, "resume")) => Some("Running"),
            Some((_, "terminate")) => Some("Terminated"),
            _ => None,
        };
        let rests = |status: &Value| match status["runtimeStatus"].as_str() {
            Some("Pending") => false,
            Some("Running") => status["customStatus"] == "waiting for approval",
            _ => true,
        };
        self.world
            .look_until("/instances", |list| {
                let Some(instances) = list.as_array() else { return false };
                instances.iter().all(|status| {
                    let operated = operated.filter(|(id, _)| status["instanceId"] == *id);
                    let reached = match (operated, wanted, status["runtimeStatus"].as_str()) {
                        (None, ..) | (_, None, _) => true,
                        // What has ended cannot be operated on.
                        (_, _, Some("Completed" | "Failed")) => true,
                        (_, Some(wanted), status) => status == Some(wanted) || status == Some("Terminated"),
                    };
                    reached && rests(status)
                })
            })
            .await;
    }
}

impl Player {
    /// Waits until no operation runs, and all are on disk: so is whatever is answered after them.
    async fn settle_entities(&self) {
        eventually("no operation runs", || self.world.hub().running() == (0, 0)).await;
        let answer = self.world.post("/entities/readings/none?op=nothing", "").await;
        assert_eq!(answer.status, 202);
    }
}

/// The times of the requests, which were not recorded.
fn with_times(step: &str, path: &str) -> String {
    let times: &[&str] = match step {
        "list: until the past" | "purge: all terminated" => &["2000-01-01T00:00:00Z"],
        "purge: from the future" | "list: from the future" => &["2999-01-01T00:00:00Z"],
        "purge: by status, in other case" => &["2000-01-01T00:00:00Z", "2001-01-01T00:00:00Z"],
        "status: another hub" => return path.replace("HUB", "other"),
        _ => &[],
    };
    let path = times
        .iter()
        .fold(path.to_owned(), |path, time| path.replacen("TIME", time, 1));
    assert!(!path.contains("=TIME") && !path.contains("HUB"), "{step}: {path}");
    path
}

on_both_wires!(the_answers_are_those_of_the_extension_and_the_table_tells_every_difference);

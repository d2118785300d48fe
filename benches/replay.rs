//! One episode of replay at 10 to 10,000 finished activities, answer included, on both wires, beside the bare cost of decoding the same
//! payload (`serde_json`, `prost`): `cargo bench --bench replay`.
//!
//! An argument picks the shapes whose name contains it, a second one the number of steps. Measurements take turns (episode, decode,
//! episode, decode, …), so that a busy machine slows both; medians are printed.

use azure_functions::{__private::run_episode, bindings::DurableOrchestrationContext, durable::OrchestrationOutput};
use azure_functions_durable::protobuf::{
    OrchestratorRequest, OrchestratorResponse, orchestrator_action::OrchestratorActionType,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use prost::Message;
use request::request;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    error::Error,
    future::Future,
    hint::black_box,
    pin::Pin,
    time::{Duration, Instant},
};

#[path = "mode.rs"]
mod mode;
#[path = "../azure-functions/tests/shim/request.rs"]
mod request;

type Run = Pin<Box<dyn Future<Output = Result<OrchestrationOutput, Box<dyn Error + Send + Sync>>>>>;

/// Name, history after so many steps, code.
type Shape = (
    &'static str,
    fn(usize) -> Script,
    fn(DurableOrchestrationContext) -> Run,
);

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

fn main() {
    let shapes: [Shape; 3] = [
        ("sequence", sequence_history, sequence),
        ("fan-out", fan_out_history, fan_out),
        ("activity and timer", monitor_history, monitor),
    ];
    println!("shape                    steps    events       bytes episode/event  decode/event  episode/decode");
    let mut arguments = mode::picked().into_iter();
    let picked = arguments.next().unwrap_or_default();
    let sizes = match arguments.next() {
        Some(steps) => vec![steps.parse().expect("a number of steps")],
        None if mode::is_quick() => SIZES[..2].to_vec(),
        None => SIZES.to_vec(),
    };
    for (shape, history, orchestrator) in shapes {
        for wire in [Wire::Json, Wire::Protobuf] {
            let shape = format!("{shape}, {wire:?}");
            if !shape.contains(&picked) {
                continue;
            }
            let mut per_event = Vec::new();
            for &steps in &sizes {
                let script = history(steps);
                let events = script.events.len();
                let payload = wire.text(&script.payload(steps));
                let (episode, decode) = measure(&payload, events, orchestrator, wire);
                let nanos = |time: Duration| time.as_nanos() as f64 / events as f64;
                println!(
                    "{shape:28}{steps:>6}{events:>10}{:>12}{:>11.0} ns{:>11.0} ns{:>16.2}",
                    payload.len(),
                    nanos(episode),
                    nanos(decode),
                    episode.as_secs_f64() / decode.as_secs_f64(),
                );
                per_event.push(nanos(episode));
            }
            if let [_, at_100, _, at_10_000] = per_event[..] {
                println!(
                    "{shape:28}time per event at 10,000 over that at 100: {:.2}",
                    at_10_000 / at_100
                );
            }
        }
    }
}

/// The form of a payload.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Json,
    Protobuf,
}

impl Wire {
    /// A payload of the JSON wire in this form.
    fn text(self, payload: &Value) -> String {
        match self {
            // Two-space indent, as hosts write it.
            Self::Json => serde_json::to_string_pretty(payload).unwrap(),
            Self::Protobuf => BASE64_STANDARD.encode(request(payload).encode_to_vec()),
        }
    }

    /// Decodes a payload as any program could; the number of its events.
    fn decode(self, payload: &str) -> usize {
        match self {
            Self::Json => {
                let parsed: Payload<'_> = serde_json::from_str(payload).unwrap();
                black_box(&parsed).history.len()
            }
            Self::Protobuf => {
                let message = BASE64_STANDARD.decode(payload).unwrap();
                let request = OrchestratorRequest::decode(message.as_slice()).unwrap();
                let request = black_box(&request);
                request.past_events.len() + request.new_events.len()
            }
        }
    }

    /// Whether an answer says that the code returned.
    fn is_done(self, answer: &str) -> bool {
        match self {
            Self::Json => answer.starts_with(r#"{"isDone":true"#),
            Self::Protobuf => {
                let message = BASE64_STANDARD.decode(answer).unwrap();
                let response = OrchestratorResponse::decode(message.as_slice()).unwrap();
                matches!(response.actions.as_slice(), [action]
                    if matches!(action.orchestrator_action_type, Some(OrchestratorActionType::CompleteOrchestration(_))))
            }
        }
    }
}

/// Medians of an episode and of a bare decode.
fn measure(
    payload: &str,
    events: usize,
    orchestrator: fn(DurableOrchestrationContext) -> Run,
    wire: Wire,
) -> (Duration, Duration) {
    let rounds = match mode::is_quick() {
        true => 3,
        false => (400_000 / events).clamp(31, 4_001),
    };
    let (mut episodes, mut decodes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // The worker owns the payload that it received.
        let owned = payload.to_owned();
        let start = Instant::now();
        let answer = run_episode(owned, "bench", orchestrator);
        episodes.push(start.elapsed());
        assert!(wire.is_done(&answer.unwrap()));
        let start = Instant::now();
        let decoded = wire.decode(payload);
        decodes.push(start.elapsed());
        assert_eq!(decoded, events);
    }
    (median(&mut episodes), median(&mut decodes))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// As little of a payload as a replay could do with, with what can be borrowed borrowed.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    history: Vec<Event<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(dead_code)]
struct Event<'a> {
    event_type: u8,
    event_id: i64,
    timestamp: &'a str,
    task_scheduled_id: Option<i64>,
    timer_id: Option<i64>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<Cow<'a, str>>,
    #[serde(borrow)]
    input: Option<Cow<'a, str>>,
    fire_at: Option<&'a str>,
}

fn sequence(context: DurableOrchestrationContext) -> Run {
    Box::pin(async move {
        let mut x = json!(0);
        for _ in 0..steps(&context) {
            x = context.call_activity("Inc", x).await?;
        }
        Ok(x.into())
    })
}

fn fan_out(context: DurableOrchestrationContext) -> Run {
    Box::pin(async move {
        let calls = (0..steps(&context)).map(|i| context.call_activity("Work", i));
        let results = context.try_join_all(calls).await?;
        Ok(context.call_activity("Sum", results.len()).await?.into())
    })
}

fn monitor(context: DurableOrchestrationContext) -> Run {
    Box::pin(async move {
        let mut done = 0;
        for i in 0..steps(&context) {
            done += context.call_activity("Poll", i).await?.as_u64().unwrap_or(0);
            context.create_timer_after(Duration::from_secs(60)).await;
        }
        Ok(done.into())
    })
}

fn steps(context: &DurableOrchestrationContext) -> u64 {
    context.input()["n"].as_u64().unwrap()
}

/// A history under way, dated as a busy host would.
struct Script {
    events: Vec<Value>,
    now: DateTime<Utc>,
    next_id: usize,
    random: u64,
}

impl Script {
    fn new() -> Self {
        let mut script = Self {
            events: Vec::new(),
            now: "2024-01-04T21:20:00Z".parse().unwrap(),
            next_id: 0,
            random: 7,
        };
        script.begin();
        script.push(json!({
            "OrchestrationInstance": {"InstanceId": "48d0f95957504c2fa579e810a390b938", "ExecutionId": "fd183ee02e4b4fd18c95b773cfb5452b"},
            "EventType": 0, "ParentInstance": null, "Name": "bench", "Version": "", "Input": "{}", "Tags": null,
            "EventId": -1, "IsPlayed": true
        }));
        script
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % n
    }

    fn push(&mut self, mut event: Value) {
        // Hosts count in units of 100 ns.
        let ticks = 2_000 + self.below(38_000).cast_signed();
        self.now += TimeDelta::nanoseconds(100 * ticks);
        event["Timestamp"] = json!(text(self.now));
        self.events.push(event);
    }

    fn begin(&mut self) {
        self.push(json!({"EventType": 12, "EventId": -1, "IsPlayed": false}));
    }

    fn end(&mut self) {
        self.push(json!({"EventType": 13, "EventId": -1, "IsPlayed": false}));
    }

    fn scheduled(&mut self, name: &str) -> usize {
        let id = self.next_id;
        self.next_id += 1;
        self.push(
            json!({"EventType": 4, "Name": name, "Version": "", "Input": null, "EventId": id, "IsPlayed": false}),
        );
        id
    }

    fn completed(&mut self, id: usize, result: usize) {
        self.push(json!({"EventType": 5, "TaskScheduledId": id, "Result": result.to_string(), "EventId": -1, "IsPlayed": true}));
    }

    fn payload(&self, steps: usize) -> Value {
        json!({
            "history": self.events, "input": {"n": steps}, "instanceId": "48d0f95957504c2fa579e810a390b938",
            "isReplaying": true, "parentInstanceId": null, "upperSchemaVersion": 1, "upperSchemaVersionNew": 2,
            "longRunningTimerIntervalDuration": "3.00:00:00", "maximumShortTimerDuration": "6.00:00:00",
            "defaultHttpAsyncRequestSleepTimeMillseconds": 30_000,
        })
    }
}

fn text(instant: DateTime<Utc>) -> String {
    let text = instant.to_rfc3339_opts(SecondsFormat::Nanos, true);
    // Seven digits, trailing zeros trimmed.
    let digits = text.trim_end_matches('Z');
    format!(
        "{}Z",
        digits[..digits.len() - 2].trim_end_matches('0').trim_end_matches('.')
    )
}

fn sequence_history(steps: usize) -> Script {
    let mut script = Script::new();
    for i in 0..steps {
        let id = script.scheduled("Inc");
        script.end();
        script.begin();
        script.completed(id, i + 1);
    }
    script
}

/// Completions in batches of 32, mostly in order, locally shuffled: what a pool of workers makes of a queue.
fn fan_out_history(steps: usize) -> Script {
    let mut script = Script::new();
    let ids: Vec<usize> = (0..steps).map(|_| script.scheduled("Work")).collect();
    script.end();
    let mut order: Vec<(u64, usize)> = ids.iter().map(|id| (*id as u64 + script.below(64), *id)).collect();
    order.sort_unstable();
    let mut sum = 0;
    for (i, batch) in order.chunks(32).enumerate() {
        script.begin();
        for (_, id) in batch {
            script.completed(*id, *id);
        }
        if (i + 1) * 32 >= steps {
            sum = script.scheduled("Sum");
        }
        script.end();
    }
    script.begin();
    script.completed(sum, steps);
    script
}

fn monitor_history(steps: usize) -> Script {
    let mut script = Script::new();
    for _ in 0..steps {
        let id = script.scheduled("Poll");
        script.end();
        script.begin();
        let started = script.now;
        script.completed(id, 1);
        let fire_at = started + TimeDelta::seconds(60);
        let timer = script.next_id;
        script.next_id += 1;
        script.push(json!({"EventType": 10, "FireAt": text(fire_at), "EventId": timer, "IsPlayed": false}));
        script.end();
        script.now = fire_at;
        script.begin();
        script
            .push(json!({"EventType": 11, "TimerId": timer, "FireAt": text(fire_at), "EventId": -1, "IsPlayed": true}));
    }
    script
}

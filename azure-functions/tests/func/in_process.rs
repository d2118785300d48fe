//! Functions of this binary, run without a host.

use azure_functions::{
    Context, func,
    http::{Cookie, HttpRequest, HttpResponse},
    in_process::{App, Call, Data, Function, LogLine, Outputs, Surroundings, TypedData, http_response},
    prelude::*,
};
use azure_functions_durable::{Exchange, OrchestrationClient, Pause, Transport};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::Duration,
};
use tokio::sync::Barrier;

#[func]
fn doubled(number: i64) -> Result<ActivityOutput, Odd> {
    match number % 2 {
        0 => Ok((number * 2).into()),
        _ => Err(Odd(std::fmt::Error)),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the number is odd")]
struct Odd(#[source] std::fmt::Error);

#[func(activity)]
fn panics(_input: Value) {
    panic!("no {}", "luck");
}

#[func(activity)]
async fn panics_later(_input: Value) {
    tokio::task::yield_now().await;
    panic!("no luck");
}

#[func]
async fn begin(
    #[binding(methods = "post", route = "begin/{name}")] _request: HttpRequest,
    name: Route<String>,
    input: Json<u32>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, azure_functions_durable::OrchestrationClientError> {
    let id = client.start_new(&name, None, input.0).await?;
    let second = Duration::from_secs(1);
    let ended = client.wait_for_completion(&id, second * 60, second).await?;
    Ok(HttpResponse::build()
        .status(202)
        .header("x-id", &id)
        .cookie(Cookie::new("seen", "yes").max_age(second))
        .body(json!({ "finished": ended.is_finished() })))
}

#[func]
fn without_answer(_request: HttpRequest) {}

#[func]
async fn asks(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    log::info!("asking");
    let doubled: Value = context.call_activity("doubled", 4).await?;
    log::info!("asked");
    Ok(doubled.into())
}

static MEETING: std::sync::LazyLock<Barrier> = std::sync::LazyLock::new(|| Barrier::new(2));

#[func(activity)]
async fn says(text: String) {
    log::debug!("never seen");
    // Both run before either goes on.
    MEETING.wait().await;
    log::warn!(target: "speaker", "{text}");
    let context = Context::current().unwrap();
    std::thread::spawn(move || context.enter(|| log::info!("elsewhere")))
        .join()
        .unwrap();
}

fn app() -> App {
    App::linked().unwrap()
}

fn function(app: &App, name: &str) -> &'static Function {
    app.find(name).unwrap()
}

/// What starts an activity.
fn input(name: &str, text: &str) -> Call {
    let data = TypedData {
        data: Some(Data::String(text.to_owned())),
    };
    Call {
        inputs: vec![(name.to_owned(), data)],
        ..Call::default()
    }
}

async fn run(name: &str, call: Call) -> Result<Outputs, String> {
    let app = app();
    app.invoke(function(&app, name), call, &Surroundings::default()).await
}

#[tokio::test]
async fn an_activity_gives_its_result_or_its_message() {
    let outputs = run("DOUBLED", input("number", "4")).await.unwrap();
    assert_eq!(outputs.return_value.unwrap().data, Some(Data::Json("8".to_owned())));
    let failed = run("doubled", input("number", "5")).await.unwrap_err();
    let cause = std::fmt::Error.to_string();
    assert_eq!(failed, format!("the number is odd: {cause}"));
    let refused = run("doubled", input("number", "many")).await.unwrap_err();
    assert!(
        refused.starts_with("function `doubled`: parameter `number`: "),
        "{refused}"
    );
}

#[func]
fn declines(code: u32) -> Result<ActivityOutput<()>, Declined> {
    Err(Declined { code, why: "key=<1>" })
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("declined with {code}")]
struct Declined {
    code: u32,
    #[serde(skip_deserializing)]
    why: &'static str,
}

#[tokio::test]
async fn an_error_that_serde_can_write_rides_at_the_end_of_its_message() {
    let failed = run("declines", input("code", "51")).await.unwrap_err();
    let json = r#"{"code":51,"why":"key\u003d\u003c1>"}"#;
    assert_eq!(failed, format!("declined with 51\n\n<rust-error>{json}</rust-error>"));
}

#[tokio::test]
async fn a_panic_is_a_failure_with_its_place() {
    for (name, place) in [
        ("panics", "panics` panicked at "),
        ("panics_later", "panics_later` panicked at "),
    ] {
        let message = run(name, input("input", "1")).await.unwrap_err();
        assert!(message.starts_with(&format!("function `{place}")), "{message}");
        assert!(
            message.contains("in_process.rs:") && message.ends_with(": no luck"),
            "{message}"
        );
    }
}

#[func]
fn gives_back(context: DurableActivityContext) -> ActivityOutput {
    context.input().clone().into()
}

#[func]
fn gives_back_typed(value: Option<Value>) -> ActivityOutput<Option<Value>> {
    value.into()
}

#[func(activity)]
fn takes_a_text(text: String) {
    log::debug!("{text}");
}

#[tokio::test]
async fn an_activity_s_input_that_cannot_be_read_is_an_error_and_not_a_text() {
    let nested = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    for (text, reason) in [
        (nested(128), "recursion limit exceeded at line 1 column 128"),
        (nested(100_000), "recursion limit exceeded at line 1 column 128"),
        ("[1e400]".to_owned(), "number out of range"),
        ("\"\\ud83d\"".to_owned(), "hex escape"),
    ] {
        for (name, parameter) in [
            ("gives_back", "context"),
            ("gives_back_typed", "value"),
            ("takes_a_text", "text"),
        ] {
            let refused = run(name, input(parameter, &text)).await.unwrap_err();
            assert!(
                refused.contains("the JSON cannot be read: ") && refused.contains(reason),
                "{name}: {refused}"
            );
        }
    }
    for (name, parameter) in [("gives_back", "context"), ("gives_back_typed", "value")] {
        let outputs = run(name, input(parameter, &nested(127))).await.unwrap();
        assert_eq!(outputs.return_value.unwrap().data, Some(Data::Json(nested(127))));
        let outputs = run(name, input(parameter, "[1")).await.unwrap();
        assert_eq!(
            outputs.return_value.unwrap().data,
            Some(Data::Json("\"[1\"".to_owned()))
        );
    }
}

#[func]
fn nests(levels: u32) -> ActivityOutput {
    (0..levels).fold(json!(1), |value, _| json!([value])).into()
}

#[tokio::test]
async fn an_output_that_could_not_be_read_back_is_refused_where_it_is_made() {
    assert!(run("nests", input("levels", "127")).await.is_ok());
    let refused = run("nests", input("levels", "128")).await.unwrap_err();
    assert!(
        refused.contains("recursion limit exceeded at line 1 column 128"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_panic_is_one_record_of_its_invocation() {
    let app = app();
    let (surroundings, lines) = recorded("7");
    app.invoke(function(&app, "panics"), input("input", "1"), &surroundings)
        .await
        .unwrap_err();
    let lines = lines.lock().unwrap();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (
            line.invocation_id.as_str(),
            line.function,
            line.level,
            line.target.as_str()
        ),
        ("7", "panics", log::Level::Error, "panic")
    );
    let first = line.message.lines().next().unwrap();
    assert!(
        first.starts_with("panicked at ") && first.contains("in_process.rs:") && first.ends_with(": no luck"),
        "{first}"
    );
}

#[test]
fn a_plain_function_without_a_runtime_is_refused_and_not_a_panic() {
    let (app, mut context) = (app(), std::task::Context::from_waker(Waker::noop()));
    let plain = app.invoke(
        function(&app, "doubled"),
        input("number", "4"),
        &Surroundings::default(),
    );
    let Poll::Ready(Err(message)) = pin!(plain).poll(&mut context) else {
        panic!("not at once")
    };
    assert!(message.starts_with("function `doubled` cannot run: "), "{message}");
}

#[test]
fn what_is_no_orchestration_has_no_episodes_and_the_other_way_round() {
    let (app, mut context) = (app(), std::task::Context::from_waker(Waker::noop()));
    let surroundings = Surroundings::default();
    let failure = app
        .run_episode(function(&app, "doubled"), String::new(), &surroundings)
        .unwrap_err();
    assert_eq!(failure.message, "function `doubled` is not an orchestration");
    let invoked = pin!(app.invoke(function(&app, "asks"), Call::default(), &surroundings)).poll(&mut context);
    assert!(matches!(invoked, Poll::Ready(Err(_))));
    assert!(app.functions().any(|f| f.name == "asks"));
}

/// A task hub with one instance, which ends when a caller has waited long enough. Its time is its own.
#[derive(Debug, Default)]
struct Hub {
    requests: Mutex<Vec<String>>,
}

impl Transport for Hub {
    fn send(&self, request: ::http::Request<bytes::Bytes>, _limit: Duration) -> Exchange {
        let mut requests = self.requests.lock().unwrap();
        let body = String::from_utf8_lossy(request.body());
        requests.push(format!("{} {} {body}", request.method(), request.uri().path()));
        let status = if requests.len() < 4 { "Running" } else { "Completed" };
        let time = "2030-04-01T10:00:00Z";
        let body = match request.method().as_str() {
            "POST" => json!({ "id": "abc" }),
            _ => json!({
                "name": "asks", "instanceId": "abc", "runtimeStatus": status, "createdTime": time, "lastUpdatedTime": time,
                "input": null, "output": null, "customStatus": null,
            }),
        };
        let answer = ::http::Response::builder().status(202).body(body.to_string().into());
        Box::pin(async { Ok(answer.unwrap()) })
    }

    fn sleep(&self, time: Duration) -> Pause {
        match time.as_secs() {
            1 => Box::pin(async {}),
            _ => Box::pin(std::future::pending()),
        }
    }
}

const BINDING: &str =
    r#"{"taskHubName": "Hub", "baseUrl": "https://nowhere.invalid/api", "requiredQueryStringParameters": ""}"#;

/// The executor is none: neither the function nor its client needs tokio.
#[test]
fn an_http_function_starts_an_orchestration_through_the_transport_of_its_invocation() {
    let (app, hub) = (app(), Arc::new(Hub::default()));
    let begin = function(&app, "begin");
    let request = HttpRequest::build()
        .method("POST")
        .url("/api/begin/asks?verbose=1&code=key")
        .route_param("name", "asks")
        .body(json!(7));
    let mut call = Call::http(begin, &request).unwrap();
    let binding = TypedData {
        data: Some(Data::String(BINDING.to_owned())),
    };
    call.inputs.push(("client".to_owned(), binding));
    let surroundings = Surroundings {
        client_transport: Some(hub.clone()),
        ..Surroundings::default()
    };
    let mut context = std::task::Context::from_waker(Waker::noop());
    let Poll::Ready(outputs) = pin!(app.invoke(begin, call, &surroundings)).poll(&mut context) else {
        panic!("it waited for something else than its transport")
    };
    let response = http_response(begin, outputs.unwrap());
    assert_eq!(response.status(), 202);
    assert_eq!(response.header("x-id"), Some("abc"));
    assert_eq!(
        response.cookies(),
        [Cookie::new("seen", "yes").max_age(Duration::from_secs(1))]
    );
    assert_eq!(response.body_as_json::<Value>().unwrap(), json!({ "finished": true }));
    let requests = hub.requests.lock().unwrap();
    assert_eq!(requests[0], "POST /api/orchestrators/asks 7");
    assert_eq!(requests[1..], ["GET /api/instances/abc "; 3]);
}

#[tokio::test]
async fn an_http_caller_gets_400_for_a_bad_body_and_204_for_no_answer() {
    let app = app();
    let call = |name: &str, request| {
        let function = function(&app, name);
        let call = Call::http(function, &request).unwrap();
        let outputs = app.invoke(function, call, &Surroundings::default());
        async move { http_response(function, outputs.await.unwrap()) }
    };
    let request = HttpRequest::build()
        .method("POST")
        .route_param("name", "asks")
        .body("seven");
    let refused = call("begin", request).await;
    assert_eq!(refused.status(), 400);
    assert!(
        refused
            .body_as_str()
            .unwrap()
            .starts_with("the body is not as expected")
    );
    assert_eq!(
        call("without_answer", HttpRequest::build().finish()).await.status(),
        204
    );
    assert!(Call::http(function(&app, "doubled"), &HttpRequest::build().finish()).is_none());
}

#[test]
fn the_metadata_of_an_http_call_is_what_a_host_sends() {
    let app = app();
    let request = HttpRequest::build()
        .url("/api/x?a=1&a=2&code=key")
        .header("x-one", "1")
        .route_param("name", "n")
        .body(json!({ "text": "t", "number": 5, "list": [], "nothing": null, "object": { "b": 1 } }));
    let metadata = Call::http(function(&app, "begin"), &request).unwrap().trigger_metadata;
    let mut metadata: Vec<_> = metadata
        .into_iter()
        .map(|(name, value)| (name, value.data.unwrap()))
        .collect();
    metadata.sort_by(|a, b| a.0.cmp(&b.0));
    let text = |text: &str| Data::String(text.to_owned());
    let json = |text: &str| Data::Json(text.to_owned());
    let expected = [
        ("Headers", json(r#"{"content-type":"application/json","x-one":"1"}"#)),
        ("Query", json(r#"{"a":"1,2","code":"key"}"#)),
        ("a", text("1,2")),
        ("name", text("n")),
        ("number", json("5")),
        ("object", json(r#"{"b":1}"#)),
        ("text", text("t")),
    ];
    assert_eq!(metadata, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[tokio::test]
async fn a_function_with_a_client_can_be_called_directly() {
    let hub = Arc::new(Hub::default());
    let client = OrchestrationClient::from_binding(BINDING).unwrap().with_transport(hub);
    let request = HttpRequest::build().method("POST").finish();
    let response = begin(request, Route("asks".to_owned()), Json(1), client.into()).await;
    assert_eq!(response.unwrap().header("x-id"), Some("abc"));
}

/// A payload as the extension sends it.
fn payload(activity: Option<&str>) -> String {
    let time = "2030-04-01T10:00:00Z";
    let mut history = vec![
        json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": time}),
        json!({"EventType": 0, "EventId": -1, "IsPlayed": false, "Timestamp": time, "Name": "asks", "Input": null}),
    ];
    if let Some(activity) = activity {
        history.extend([
            json!({"EventType": 4, "EventId": 0, "IsPlayed": false, "Timestamp": time, "Name": activity}),
            json!({"EventType": 13, "EventId": -1, "IsPlayed": false, "Timestamp": time}),
            json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": time}),
            json!({"EventType": 5, "EventId": -1, "IsPlayed": false, "Timestamp": time, "TaskScheduledId": 0, "Result": "8"}),
        ]);
    }
    json!({
        "history": history, "input": null, "instanceId": "abc", "isReplaying": false, "parentInstanceId": null,
        "upperSchemaVersion": 1, "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": "3.00:00:00", "maximumShortTimerDuration": "6.00:00:00",
    })
    .to_string()
}

fn recorded(invocation_id: &str) -> (Surroundings, Arc<Mutex<Vec<LogLine>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&lines);
    let surroundings = Surroundings {
        invocation_id: invocation_id.to_owned(),
        // Its own context is there for a sink, too.
        log: Arc::new(move |line| Context::current().unwrap().enter(|| to.lock().unwrap().push(line))),
        ..Surroundings::default()
    };
    (surroundings, lines)
}

fn messages(lines: &Mutex<Vec<LogLine>>) -> Vec<String> {
    lines.lock().unwrap().iter().map(|line| line.message.clone()).collect()
}

#[test]
fn an_episode_is_answered_and_what_it_logs_while_replaying_is_dropped() {
    let app = app();
    let (surroundings, lines) = recorded("1");
    let run = |payload| app.run_episode(function(&app, "asks"), payload, &surroundings);
    let first: Value = serde_json::from_str(&run(payload(None)).unwrap()).unwrap();
    assert_eq!(first["actions"][0][0]["functionName"], "doubled");
    assert_eq!(messages(&lines), ["asking"]);
    let second: Value = serde_json::from_str(&run(payload(Some("doubled"))).unwrap()).unwrap();
    assert_eq!((&second["isDone"], &second["output"]), (&json!(true), &json!(8)));
    assert_eq!(messages(&lines), ["asking", "asked"]);
}

#[test]
fn an_episode_against_its_history_fails_with_the_report_and_the_answer() {
    let app = app();
    let run = |payload| app.run_episode(function(&app, "asks"), payload, &Surroundings::default());
    let failure = run(payload(Some("other"))).unwrap_err();
    let report = failure.nondeterminism.unwrap();
    assert!(failure.message.starts_with(&report) && failure.message.contains("$OutOfProcData$:"));
    let failure = run("not a payload".to_owned()).unwrap_err();
    assert_eq!(failure.nondeterminism, None);
    assert!(!failure.message.is_empty());
}

#[tokio::test]
async fn invocations_at_the_same_time_log_each_to_its_own_sink() {
    let app = app();
    let speak = |id: &str, text: &str| {
        let (surroundings, lines) = recorded(id);
        (
            app.invoke(function(&app, "says"), input("text", text), &surroundings),
            lines,
        )
    };
    let ((one, of_one), (two, of_two)) = (speak("1", "first"), speak("2", "second"));
    let (one, two) = tokio::join!(one, two);
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(messages(&of_one), ["first", "elsewhere"]);
    assert_eq!(messages(&of_two), ["second", "elsewhere"]);
    let line = of_two.lock().unwrap()[0].clone();
    assert_eq!((line.invocation_id.as_str(), line.function), ("2", "says"));
    assert_eq!((line.level, line.target.as_str()), (log::Level::Warn, "speaker"));
}

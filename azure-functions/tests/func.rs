//! What `#[func]` tells the host about a function, and what it does with a call.

#[path = "func/entities.rs"]
mod entities;
#[path = "func/entity_classes.rs"]
mod entity_classes;
#[path = "func/entity_cost.rs"]
mod entity_cost;
#[path = "func/entity_wire.rs"]
mod entity_wire;
#[path = "func/forms.rs"]
mod forms;
#[path = "func/grpc_client.rs"]
mod grpc_client;
#[path = "func/http_errors.rs"]
mod http_errors;
#[path = "func/http_rule.rs"]
mod http_rule;
#[path = "func/in_process.rs"]
mod in_process;
#[path = "func/mcp.rs"]
mod mcp;
#[path = "func/misuse.rs"]
mod misuse;
#[path = "func/outputs.rs"]
mod outputs;
#[path = "func/services.rs"]
mod services;
#[path = "func/typed.rs"]
mod typed;
#[path = "func/typed_entities.rs"]
mod typed_entities;

use azure_functions::{
    __private::{DurableKind, Function, Handler, Invocation, Outputs, inventory},
    BindingError, FunctionError,
    app::States,
    binding::{Argument, BindingData, BindingSpec, FromBinding, Input, IntoBinding},
    bindings::{
        DurableActivityContext, DurableOrchestrationClient, DurableOrchestrationContext, HttpRequest, HttpResponse,
        TimerInfo,
    },
    durable::{ActivityOutput, OrchestrationOutput},
    func,
    http::{Json, Route},
    rpc::{Data, RpcHttp, TypedData},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::HashMap, error::Error, task::Poll};

fn function(name: &str) -> &'static Function {
    inventory::iter::<Function>
        .into_iter()
        .find(|f| f.name == name)
        .unwrap()
}

fn bindings(name: &str) -> Value {
    (function(name).bindings)().into_iter().map(Value::Object).collect()
}

/// Calls a function with these inputs and this trigger metadata.
fn call_with(name: &str, inputs: Vec<(&str, Data)>, metadata: Vec<(&str, Data)>) -> Result<Outputs, FunctionError> {
    let typed = |data| TypedData { data: Some(data) };
    let function = function(name);
    let invocation = Invocation {
        id: "1".to_owned(),
        function: function.name,
        inputs: inputs
            .into_iter()
            .map(|(name, data)| (name.to_owned(), typed(data)))
            .collect(),
        trigger_metadata: metadata
            .into_iter()
            .map(|(name, data)| (name.to_owned(), typed(data)))
            .collect(),
        trace_parent: String::new(),
        trace_state: String::new(),
        cancellation: tokio_util::sync::CancellationToken::new(),
        client_transport: None,
        client: None,
        states: States::default(),
        makes_spans: false,
    };
    match function.handler {
        Handler::Blocking(run) => run(invocation),
        Handler::Async(run) => {
            let mut future = run(invocation);
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match future.as_mut().poll(&mut context) {
                Poll::Ready(result) => result,
                Poll::Pending => panic!("these functions wait for nothing"),
            }
        }
        _ => panic!("an orchestration is not called like this"),
    }
}

fn call(name: &str, inputs: Vec<(&str, Data)>) -> Result<Outputs, FunctionError> {
    call_with(name, inputs, Vec::new())
}

fn text(text: &str) -> Data {
    Data::String(text.to_owned())
}

fn http(change: impl FnOnce(&mut RpcHttp)) -> Data {
    let mut http = RpcHttp {
        method: "POST".to_owned(),
        url: "http://localhost/api/x?name=a".to_owned(),
        ..RpcHttp::default()
    };
    change(&mut http);
    Data::Http(Box::new(http))
}

fn with_body(data: Data) -> Data {
    http(|http| http.body = Some(Box::new(TypedData { data: Some(data) })))
}

/// Status and body of an HTTP answer.
fn answer(outputs: Outputs) -> (String, String) {
    let Some(Data::Http(http)) = outputs.return_value.and_then(|data| data.data) else {
        panic!("no answer")
    };
    let Some(Data::Bytes(body)) = http.body.and_then(|body| body.data) else {
        panic!("no body")
    };
    (http.status_code, String::from_utf8(body.to_vec()).unwrap())
}

fn returned(outputs: Outputs) -> Option<Data> {
    outputs.return_value.and_then(|data| data.data)
}

#[func]
fn plain_http(_req: HttpRequest) -> HttpResponse {
    "hi".into()
}

#[func(name = "full-HTTP")]
async fn full_http(
    #[binding(auth_level = "anonymous", methods = ["get", "post"], route = "x/{id:int}")] my_request: HttpRequest,
) -> HttpResponse {
    my_request.method().as_str().into()
}

#[func]
#[binding(name = "req", methods = "get|put")]
fn named(req: HttpRequest) -> Option<HttpResponse> {
    req.header("x-answer").map(Into::into)
}

#[func]
fn every_minute(
    #[binding(schedule = "0 * * * * *", run_on_startup = true, use_monitor = false)] timer: TimerInfo,
    #[binding(task_hub = "hub", connection = "Store", type = "orchestrationClient")]
    _client: DurableOrchestrationClient,
) {
    let _ = timer;
}

#[func]
fn timer_state(#[binding(schedule = "00:05:00")] timer: TimerInfo) -> Result<(), String> {
    Err(format!(
        "{:?} {}",
        timer.schedule_status.map(|s| s.next.to_rfc3339()),
        timer.is_past_due
    ))
}

#[func]
async fn flow(#[binding(orchestration = "Flow2")] context: DurableOrchestrationContext) -> OrchestrationOutput {
    context.instance_id().into()
}

#[func]
fn say_hello(context: DurableActivityContext) -> ActivityOutput {
    json!([context.input(), context.instance_id()]).into()
}

#[derive(Deserialize, Serialize)]
struct Order {
    lines: Vec<Line>,
}

#[derive(Deserialize, Serialize)]
struct Line {
    pieces: u32,
}

#[func]
async fn plain_input(id: String) -> ActivityOutput {
    id.into()
}

#[func]
fn flag_input(flag: bool) -> ActivityOutput {
    flag.into()
}

#[func]
fn order_input(order: Order) -> Option<ActivityOutput> {
    order.lines.first().map(|line| line.pieces.into())
}

#[func(activity)]
fn forget(_id: Option<String>) -> ((), Sent) {
    ((), Sent("note"))
}

#[func]
fn json_body(order: Json<Order>) -> Json<usize> {
    Json(order.lines.len())
}

#[func]
fn body_and_request(order: Json<Order>, request: HttpRequest) -> HttpResponse {
    format!("{} {}", order.lines.len(), request.body().len()).into()
}

#[func]
fn routed(#[binding(route = "orders/{orderId}")] _request: HttpRequest, order_id: Route<u32>) -> HttpResponse {
    order_id.to_string().into()
}

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] std::fmt::Error);

#[func]
fn fails(_req: HttpRequest) -> Result<HttpResponse, Outer> {
    Err(Outer(std::fmt::Error))
}

struct Received(i32);

impl FromBinding for Received {
    const SPEC: BindingSpec = BindingSpec::trigger("mqttTrigger")
        .arguments(&[
            Argument::text("topic_name"),
            Argument::integer("max").key("maxItems"),
            Argument::any("more"),
        ])
        .fixed(&[("dataType", "binary")]);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.take_data().parse().map(Received)
    }
}

struct Sent(&'static str);

impl IntoBinding for Sent {
    const SPEC: BindingSpec = BindingSpec::output("mqtt").any_argument();

    fn into_binding(self) -> Result<BindingData, BindingError> {
        match self.0 {
            "" => Err(BindingError::new("nothing to send")),
            text => Ok(BindingData::String(text.to_owned())),
        }
    }
}

#[func]
#[binding(name = "output2", topic_name = "alarms", factor = -0.5)]
fn own(
    #[binding(topic_name = "cellar", max = -1, more = [1, "x", true])] received: Received,
) -> (Option<Sent>, Sent, Sent) {
    (None, Sent("one"), Sent(if received.0 == 0 { "" } else { "two" }))
}

#[test]
fn metadata_of_http_functions() {
    assert_eq!(
        bindings("plain_http"),
        json!([
            { "name": "req", "type": "httpTrigger", "direction": "in" },
            { "name": "$return", "type": "http", "direction": "out" },
        ])
    );
    let full = json!([
        {
            "name": "myRequest", "type": "httpTrigger", "direction": "in",
            "authLevel": "anonymous", "methods": ["get", "post"], "route": "x/{id:int}",
        },
        { "name": "$return", "type": "http", "direction": "out" },
    ]);
    assert_eq!(bindings("full-HTTP"), full);
    assert_eq!(bindings("named")[0]["methods"], json!(["get", "put"]));
    assert_eq!(bindings("json_body")[0]["type"], "httpTrigger");
    assert_eq!(
        bindings("body_and_request"),
        json!([
            { "name": "request", "type": "httpTrigger", "direction": "in" },
            { "name": "$return", "type": "http", "direction": "out" },
        ])
    );
}

#[test]
fn metadata_of_timers_and_clients() {
    assert_eq!(
        bindings("every_minute"),
        json!([
            {
                "name": "timer", "type": "timerTrigger", "direction": "in",
                "schedule": "0 * * * * *", "runOnStartup": true, "useMonitor": false,
            },
            {
                "name": "client", "type": "orchestrationClient", "direction": "in",
                "taskHub": "hub", "connectionName": "Store",
            },
        ])
    );
}

#[test]
fn metadata_of_durable_functions_has_no_output_for_their_results() {
    assert_eq!(
        bindings("flow"),
        json!([{ "name": "context", "type": "orchestrationTrigger", "direction": "in", "orchestration": "Flow2" }])
    );
    assert_eq!(
        bindings("say_hello"),
        json!([{ "name": "context", "type": "activityTrigger", "direction": "in" }])
    );
    assert_eq!(
        bindings("plain_input"),
        json!([{ "name": "id", "type": "activityTrigger", "direction": "in" }])
    );
    assert_eq!(
        function("flow").durable(),
        Some((DurableKind::Orchestration, "Flow2".to_owned()))
    );
    assert_eq!(
        function("say_hello").durable(),
        Some((DurableKind::Activity, "say_hello".to_owned()))
    );
    assert_eq!(function("plain_http").durable(), None);
}

#[test]
fn metadata_of_own_binding_types() {
    assert_eq!(
        bindings("own"),
        json!([
            {
                "name": "received", "type": "mqttTrigger", "direction": "in", "dataType": "binary",
                "topicName": "cellar", "maxItems": -1, "more": [1, "x", true],
            },
            { "name": "$return", "type": "mqtt", "direction": "out" },
            { "name": "output1", "type": "mqtt", "direction": "out" },
            { "name": "output2", "type": "mqtt", "direction": "out", "topicName": "alarms", "factor": -0.5 },
        ])
    );
}

#[test]
fn handlers_follow_the_kind_of_function() {
    assert!(matches!(function("plain_http").handler, Handler::Blocking(_)));
    assert!(matches!(function("full-HTTP").handler, Handler::Async(_)));
    assert!(matches!(function("flow").handler, Handler::Orchestration(_)));
    assert!(function("flow").file.ends_with("func.rs") && function("flow").line > 1);
}

#[test]
fn an_option_that_is_none_sends_nothing() {
    assert!(
        call("named", vec![("req", http(|_| {}))])
            .unwrap()
            .return_value
            .is_none()
    );
    let headers = HashMap::from([("x-answer".to_owned(), "yes".to_owned())]);
    let outputs = call("named", vec![("req", http(|http| http.headers = headers))]).unwrap();
    assert_eq!(answer(outputs), ("200".to_owned(), "yes".to_owned()));
}

#[test]
fn a_tuple_fills_the_outputs_by_position() {
    let outputs = call("own", vec![("received", Data::Json("1".to_owned()))]).unwrap();
    assert!(outputs.return_value.is_none());
    let names: Vec<_> = outputs
        .outputs
        .iter()
        .map(|(name, data)| (name.as_str(), data.data.clone().unwrap()))
        .collect();
    assert_eq!(names, [("output1", text("one")), ("output2", text("two"))]);
    let outputs = call("forget", vec![]).unwrap();
    assert!(outputs.return_value.is_none());
    assert_eq!(outputs.outputs.len(), 1);
}

#[test]
fn an_output_that_cannot_be_sent_fails_the_call_and_is_named() {
    let error = call("own", vec![("received", text("0"))]).unwrap_err();
    assert_eq!(error.to_string(), "output `output2`: nothing to send");
}

#[test]
fn an_input_that_does_not_fit_fails_the_call_and_is_named() {
    let error = call("own", vec![("received", text("x"))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function `own`: parameter `received`: not JSON: expected value at line 1 column 1"
    );
    assert!(error.source().is_some());
    let error = call("plain_http", vec![]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function `plain_http`: parameter `_req`: the host sent no HTTP request"
    );
    let error = call(
        "order_input",
        vec![("order", text(r#"{"lines":[{"pieces":1},{"pieces":"x"}]}"#))],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "function `order_input`: parameter `order`: lines[1].pieces: invalid type: string \"x\", expected u32 at line 1 column 36"
    );
}

#[test]
fn an_error_keeps_its_message_and_its_cause() {
    let error = call("fails", vec![("req", http(|_| {}))]).unwrap_err();
    assert_eq!(error.to_string(), "outer");
    let outer = error.source().unwrap();
    assert!(outer.downcast_ref::<Outer>().is_some());
    assert!(outer.source().unwrap().is::<std::fmt::Error>());
}

#[test]
fn an_activitys_context_has_the_input_as_json_or_else_as_text() {
    let run = |data: Option<Data>| {
        let inputs = data.into_iter().map(|data| ("context", data)).collect();
        let outputs = call_with("say_hello", inputs, vec![("instanceId", text("42"))]).unwrap();
        match returned(outputs) {
            Some(Data::Json(json)) => serde_json::from_str::<Value>(&json).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(run(Some(text(r#"{"x": 1}"#))), json!([{ "x": 1 }, "42"]));
    assert_eq!(run(Some(text("hi"))), json!(["hi", "42"]));
    assert_eq!(run(Some(text("\"hi\""))), json!(["hi", "42"]));
    assert_eq!(run(Some(text("5"))), json!([5, "42"]));
    assert_eq!(run(Some(text("True"))), json!([true, "42"]));
    assert_eq!(run(Some(Data::Json("[1]".to_owned()))), json!([[1], "42"]));
    assert_eq!(run(None), json!([null, "42"]));
}

#[test]
fn an_activitys_plain_input_takes_what_fits() {
    let id = |data| match returned(call("plain_input", vec![("id", text(data))]).unwrap()) {
        Some(Data::Json(json)) => json,
        other => panic!("{other:?}"),
    };
    assert_eq!(id("abc"), "\"abc\"");
    assert_eq!(id("\"abc\""), "\"abc\"");
    assert_eq!(id("5"), "\"5\"");
    assert_eq!(id("True"), "\"True\"");
    let flag = |data| returned(call("flag_input", vec![("flag", text(data))]).unwrap());
    assert_eq!(flag("True"), Some(Data::Json("true".to_owned())));
    assert_eq!(flag("false"), Some(Data::Json("false".to_owned())));
    let order = call("order_input", vec![("order", text(r#"{"lines":[{"pieces":3}]}"#))]).unwrap();
    assert_eq!(returned(order), Some(Data::Json("3".to_owned())));
}

#[test]
fn a_body_that_does_not_fit_is_answered_with_400_and_the_reason() {
    let (status, body) = answer(call("json_body", vec![("order", with_body(text(r#"{"lines":[{}]}"#)))]).unwrap());
    assert_eq!(status, "400");
    assert_eq!(
        body,
        "the body is not as expected: lines[0]: missing field `pieces` at line 1 column 12"
    );
    let body = br#"{"lines":[{"pieces":1}]}"#;
    let outputs = call(
        "json_body",
        vec![("order", with_body(Data::Bytes(body.as_slice().into())))],
    )
    .unwrap();
    assert_eq!(answer(outputs), ("200".to_owned(), "1".to_owned()));
    let outputs = call(
        "body_and_request",
        vec![("request", with_body(Data::Bytes(body.as_slice().into())))],
    )
    .unwrap();
    assert_eq!(answer(outputs), ("200".to_owned(), "1 24".to_owned()));
}

#[test]
fn a_route_parameter_is_parsed_or_answered_with_400() {
    let routed = |value: &str| {
        let params = HashMap::from([("orderId".to_owned(), value.to_owned())]);
        answer(call("routed", vec![("request", http(|http| http.params = params))]).unwrap())
    };
    assert_eq!(routed("17"), ("200".to_owned(), "17".to_owned()));
    let (status, body) = routed("x");
    assert_eq!(status, "400");
    assert_eq!(body, "route parameter `order_id`: invalid digit found in string: `x`");
}

#[test]
fn a_timers_status_may_be_there_or_not_in_either_case() {
    let run = |json: &str| {
        call("timer_state", vec![("timer", Data::Json(json.to_owned()))])
            .unwrap_err()
            .to_string()
    };
    let full = r#"{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"0001-01-01T00:00:00","Next":"2030-04-01T10:05:00+00:00","LastUpdated":"2030-04-01T10:00:00.0123+00:00"},"IsPastDue":true}"#;
    assert_eq!(run(full), "Some(\"2030-04-01T10:05:00+00:00\") true");
    assert_eq!(run(r#"{"ScheduleStatus":null,"IsPastDue":false}"#), "None false");
    assert_eq!(
        run(r#"{"scheduleStatus":{"next":"2030-04-01T10:05:00Z"}}"#),
        "Some(\"2030-04-01T10:05:00+00:00\") false"
    );
    assert_eq!(run("{}"), "None false");
    assert_eq!(run("\"\""), "None false");
    let error = run(r#"{"ScheduleStatus":{"Next":"soon"}}"#);
    assert!(
        error.starts_with("function `timer_state`: parameter `timer`: ScheduleStatus.Next: \"soon\" is not a date"),
        "{error}"
    );
}

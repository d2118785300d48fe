//! What goes in and out, without a worker. Source: recordings of the extension, and its sources.

use super::{
    answer, call, initialize, internal, lists,
    message::{self, Incoming, Params},
    refused,
};
use crate::{
    host::{
        function::{Function, FunctionTable},
        http::Why,
        metadata::{AppSettings, read},
        rpc::messages::{Data, TypedData},
        runner::FunctionRunner,
        supervisor::WorkerState,
        tests::{captured::Captured, described::metadata},
    },
    project::McpOptions,
    services::mcp_arguments,
};
use http::{HeaderMap, HeaderValue, Request};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn function(bindings: &[Value]) -> Function {
    let bindings: Vec<_> = bindings.iter().map(Value::to_string).collect();
    let texts: Vec<_> = bindings.iter().map(String::as_str).collect();
    let function = read(vec![metadata("f", &texts)], &AppSettings::default()).remove(0);
    assert_eq!(function.error, None);
    function
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "texts and values of JSON, as they are at hand"
)]
fn text(text: impl ToString) -> Data {
    Data::String(text.to_string())
}

#[test]
fn messages_are_requests_or_ask_for_nothing() {
    let read = |value: Value| message::read(value.to_string().as_bytes());
    let request = json!({"jsonrpc": "2.0", "id": "7", "method": "ping"});
    let Ok(Incoming::Request { id, method, params }) = read(request) else {
        panic!("no request")
    };
    assert_eq!((id.to_string().as_str(), method.as_str()), (r#""7""#, "ping"));
    assert_eq!(params, Params::new(&json!({})));
    for nothing in [
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
    ] {
        assert_eq!(read(nothing), Ok(Incoming::Other));
    }
    for bad in [
        json!(1),
        json!({"id": 1, "method": "ping"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": 2}),
        json!({"jsonrpc": "2.0", "id": null, "method": "ping"}),
        json!({"jsonrpc": "2.0", "id": {}, "method": "ping"}),
        json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]),
    ] {
        assert!(read(bad.clone()).is_err(), "{bad}");
    }
    let deep = "[".repeat(100_000);
    assert!(message::read(deep.as_bytes()).is_err());
}

#[test]
fn ids_and_numbers_keep_all_their_digits() {
    let body = r#"{"id":123456789012345678901234567890.50,"jsonrpc":"2.0","method":"tools/call",
        "params":{"name":"t","arguments":{"big":98765432109876543210,"list":[1.10]}}}"#;
    let Ok(Incoming::Request { id, params, .. }) = message::read(body.as_bytes()) else {
        panic!("no request")
    };
    assert_eq!(
        message::response(&id, Ok(json!({}))),
        r#"{"jsonrpc":"2.0","id":123456789012345678901234567890.50,"result":{}}"#
    );
    let tool = function(&[json!({"name": "c", "type": "mcpToolTrigger", "toolName": "t", "description": "d"})]);
    let input = call::trigger_input(&tool, &params, &HeaderMap::new()).unwrap();
    let Some(Data::String(context)) = &input.data else {
        panic!("no text")
    };
    assert!(
        context.contains(r#""arguments":{"big":98765432109876543210,"list":[1.10]}"#),
        "{context}"
    );
    let Some(Data::Json(texts)) = &input.metadata["mcptoolargs"].data else {
        panic!("no JSON")
    };
    assert_eq!(texts, r#"{"big":"98765432109876543210","list":"[1.10]"}"#);
}

#[test]
fn arguments_that_are_no_object_are_refused_and_none_are_an_empty_one() {
    for (arguments, is_good) in [
        (json!(null), true),
        (json!({"a": 1}), true),
        (json!([1]), false),
        (json!("x"), false),
    ] {
        let params = Params::new(&json!({"name": "t", "arguments": arguments}));
        assert_eq!(params.arguments().is_ok(), is_good, "{arguments}");
    }
    assert_eq!(Params::new(&json!({})).arguments().unwrap().len(), 0);
}

/// What the console is told of a request to an app with a tool and a resource, and no worker.
async fn told(method: &str, params: &Value) -> Option<String> {
    let property = r#"[{"propertyName": "card", "propertyType": "string", "isRequired": true}]"#;
    let functions = vec![
        function(&[
            json!({"name": "c", "type": "mcpToolTrigger", "toolName": "pay", "description": "d", "toolProperties": property}),
        ]),
        function(&[
            json!({"name": "c", "type": "mcpResourceTrigger", "uri": "shop://{customer}/terms", "resourceName": "r"}),
        ]),
    ];
    let (_state, states) = watch::channel(WorkerState::Stopped);
    let (_functions, tables) = watch::channel(Arc::new(FunctionTable::new(functions)));
    let runner = FunctionRunner::new(states, tables, Captured::log().1);
    let body = json!({"jsonrpc": "2.0", "id": "secret", "method": method, "params": params}).to_string();
    let request = Request::post("/")
        .header("accept", "application/json, text/event-stream")
        .header("x-functions-key", "secret")
        .body(body.into());
    let response = answer(
        &runner,
        &McpOptions::default(),
        request.unwrap(),
        CancellationToken::new(),
    )
    .await;
    assert_eq!(response.status(), 200);
    response.extensions().get().map(|Why(text)| text.clone())
}

#[tokio::test]
async fn an_error_is_told_with_method_and_name_and_without_what_else_the_client_sent() {
    let secret = json!({"other": "secret"});
    for (method, params, wanted) in [
        (
            "tools/call",
            json!({"name": "pay", "arguments": secret}),
            "tools/call of 'pay': One or more required tool properties are missing values. Please provide: card",
        ),
        (
            "tools/call",
            json!({"name": "pay", "arguments": ["secret"]}),
            "tools/call of 'pay': Invalid params: `arguments` must be an object",
        ),
        (
            "tools/call",
            json!({"name": "pay\u{1b}", "arguments": secret}),
            "tools/call of 'pay\u{fffd}': no function has this name",
        ),
        (
            "prompts/get",
            json!({"name": "x".repeat(1000)}),
            &format!("prompts/get of '{}…': no function has this name", "x".repeat(200)),
        ),
        (
            "resources/read",
            json!({"uri": "shop://secret/bills"}),
            "resources/read: no function has this URI",
        ),
        (
            "resources/read",
            json!({"uri": "shop://secret/terms"}),
            "resources/read: Function host is not running.",
        ),
        ("dance\n", json!({}), "dance\u{fffd}: the server has no such method"),
    ] {
        let told = told(method, &params).await.unwrap_or_default();
        assert_eq!(told, wanted);
    }
    assert_eq!(told("tools/list", &json!({})).await, None);
    // A function's failure is on the console with its end.
    assert_eq!(internal().reason(), None);
}

#[test]
fn a_server_says_of_itself_what_host_json_says() {
    let params = Params::new(&json!({"protocolVersion": "2025-06-18"}));
    let mut options = McpOptions::default();
    let said = initialize(&options, &params);
    assert_eq!(
        said["serverInfo"],
        json!({"name": "Azure Functions MCP server", "version": "1.0.0"})
    );
    assert_eq!(
        (&said["protocolVersion"], said.get("instructions")),
        (&json!("2025-06-18"), None)
    );
    options.server_name = "shop".to_owned();
    options.server_version = "2.1".to_owned();
    options.instructions = Some("Ask first.".to_owned());
    let said = initialize(&options, &params);
    assert_eq!(said["serverInfo"], json!({"name": "shop", "version": "2.1"}));
    assert_eq!(said["instructions"], "Ask first.");
}

#[test]
fn what_any_client_sends_is_taken() {
    let status = |lines: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        refused(&headers).map(|response| response.status().as_u16())
    };
    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
    assert_eq!(status(&[("accept", "*/*"), JSON]), None);
    assert_eq!(status(&[("accept", "application/json, text/*;q=0.5"), JSON]), None);
    assert_eq!(status(&[("accept", "*/*")]), None);
    assert_eq!(status(&[("accept", "*/*"), ("mcp-session-id", "")]), None);
    assert_eq!(status(&[("accept", "*/*"), ("mcp-session-id", "mine")]), Some(400));
    assert_eq!(status(&[("accept", "*/*"), ("content-type", "text/plain")]), Some(415));
    assert_eq!(status(&[("accept", "application/json"), JSON]), Some(406));
    assert_eq!(status(&[JSON]), Some(406));
}

/// The name of the trigger, and of a member of what the host says.
#[test]
fn a_variable_wins_over_what_has_its_name() {
    let resource = function(&[json!({
        "name": "page", "type": "mcpResourceTrigger", "uri": "docs://{Page}/{transport}", "resourceName": "r"
    })]);
    let params = Params::new(&json!({"uri": "docs://7/train"}));
    let input = call::trigger_input(&resource, &params, &HeaderMap::new()).unwrap();
    let text = |name: &str| match &input.metadata[name].data {
        Some(Data::String(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((text("Page").as_str(), text("transport").as_str()), ("7", "train"));
    assert!(!input.metadata.contains_key("page"));
    assert_eq!(text("uri"), "docs://7/train");
}

/// Recorded: `mcp.echo`, `mcp.props`, `mcp.props.2`.
#[test]
fn a_function_gets_what_the_real_host_sends() {
    let property = |name: &str| {
        json!({
            "name": name, "type": "mcpToolProperty", "propertyName": name, "propertyType": "x", "description": "", "isRequired": false
        })
    };
    let names = ["text", "count", "yes", "thing", "none"];
    let mut bindings =
        vec![json!({"name": "context", "type": "mcpToolTrigger", "toolName": "echo", "description": "d"})];
    bindings.extend(names.map(property));
    let function = function(&bindings);
    let mut headers = HeaderMap::new();
    headers.append("accept", HeaderValue::from_static("a"));
    headers.append("accept", HeaderValue::from_static("b"));
    let arguments = json!({"text": "höi", "count": 3, "yes": true, "thing": {"a": [1]}, "extra": null});
    let params = Params::new(&json!({"name": "echo", "arguments": arguments}));
    let input = call::trigger_input(&function, &params, &headers).unwrap();
    let Some(Data::String(context)) = &input.data else {
        panic!("no text")
    };
    let wanted = json!({
        "name": "echo", "arguments": arguments, "transport": {"name": "http-streamable", "properties": {"headers": {"accept": "a,b"}}}
    });
    assert_eq!(serde_json::from_str::<Value>(context).unwrap(), wanted);
    let Some(Data::Json(texts)) = &input.metadata["mcptoolargs"].data else {
        panic!("no JSON")
    };
    let inputs = function.bindings[1..].iter().map(|binding| {
        let metadata = |name: &str| (name == "mcptoolargs").then(|| texts.clone());
        TypedData::from(mcp_arguments::input(binding, metadata).unwrap())
            .data
            .unwrap()
    });
    let wanted = ["höi", "3", "True", r#"{"a":[1]}"#, ""].map(text);
    assert_eq!(inputs.collect::<Vec<_>>(), wanted);
    let metadata = |name: &str| match &input.metadata[name].data {
        Some(Data::Json(json)) => serde_json::from_str(json).unwrap(),
        Some(Data::String(text)) => Value::from(text.as_str()),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        metadata("mcptoolargs"),
        json!({"text": "höi", "count": "3", "yes": "True", "thing": r#"{"a":[1]}"#, "extra": ""})
    );
    assert_eq!((metadata("name"), metadata("arguments")), (json!("echo"), arguments));
    assert_eq!(metadata("context"), json!(context));
}

#[test]
fn a_schema_is_that_of_the_worker_or_made_of_properties() {
    let tool = |members: Value| {
        let mut binding = json!({"name": "c", "type": "mcpToolTrigger", "toolName": "t", "description": "d"});
        for (name, value) in members.as_object().unwrap() {
            binding[name] = value.clone();
        }
        function(&[binding])
    };
    let properties = json!([
        {"propertyName": "a", "propertyType": "string", "description": "A", "isRequired": true, "isArray": true},
        {"propertyName": "b", "propertyType": "string", "enumValues": ["x"]}
    ]);
    let made = tool(json!({"toolProperties": properties.to_string(), "metadata": "{\"m\":1}"}));
    assert_eq!(
        lists::tool(&made).unwrap(),
        json!({
            "name": "t", "description": "d", "_meta": {"m": 1},
            "inputSchema": {
                "type": "object",
                "properties": {
                    "a": {"type": "array", "items": {"type": "string"}, "description": "A"},
                    "b": {"type": "string", "enum": ["x"], "description": ""}
                },
                "required": ["a"]
            }
        })
    );
    assert_eq!(lists::required(&made), ["a"]);
    let schema = json!({"type": "object", "required": ["q"]});
    let own = tool(json!({"useWorkerInputSchema": true, "inputSchema": schema.to_string()}));
    assert_eq!(lists::tool(&own).unwrap()["inputSchema"], schema);
    let missing = |value: Value| Params::new(&json!({"arguments": {"q": value}})).missing(&lists::required(&own));
    assert_eq!(
        (missing(json!(null)), missing(json!(0))),
        ("q".to_owned(), String::new())
    );
}

#[test]
fn a_tool_answers_a_text_or_what_its_envelope_holds() {
    let plain = |data: Data| answer::tool(Some(&data), false).unwrap()["content"][0]["text"].clone();
    assert_eq!(plain(text("<1>")), "<1>");
    assert_eq!(plain(Data::Json(r#"{"a":1}"#.to_owned())), "{\n  \"a\": 1\n}");
    assert_eq!(plain(Data::Int(7)), "7");
    assert_eq!(plain(Data::Bytes(vec![1].into())), "System.Byte[]");
    assert_eq!(answer::tool(None, true).unwrap(), json!({"content": []}));

    let envelope = |kind: &str, content: Value| {
        let envelope = json!({"type": kind, "content": content.to_string(), "structuredContent": r#"{"s":1}"#});
        answer::tool(Some(&text(envelope)), true)
    };
    let block = json!({"type": "text", "text": "x"});
    let one = json!({"content": [block], "structuredContent": {"s": 1}});
    assert_eq!(envelope("text", block.clone()).unwrap(), one);
    assert_eq!(envelope("multi_content_result", json!([block])).unwrap(), one);
    let whole = json!({"content": [block], "isError": true});
    assert_eq!(envelope("call_tool_result", whole.clone()).unwrap(), whole);
    for bad in [
        Data::Json(r#"{"type":"text","content":"{}"}"#.to_owned()),
        text("no JSON"),
        text(json!({"content": "{}"})),
        text(json!({"type": "text", "content": "{}"})),
        text(json!({"type": "text"})),
        text(json!({"type": "call_tool_result", "content": "[]"})),
        text(json!({"type": "text", "content": r#"{"type":"text"}"#})),
        text(json!({"type": "image", "content": r#"{"type":"image","data":"AQID"}"#})),
        text(json!({"type": "multi_content_result", "content": "[]"})),
    ] {
        assert!(answer::tool(Some(&bad), true).is_err(), "{bad:?}");
    }
}

#[test]
fn resources_and_prompts_are_texts_or_envelopes() {
    let resource = |data: Data| answer::resource(Some(&data), "a://b", Some("x/y"));
    let contents = |data| resource(data).unwrap()["contents"][0].clone();
    assert_eq!(
        contents(text("t")),
        json!({"uri": "a://b", "mimeType": "x/y", "text": "t"})
    );
    assert_eq!(contents(text(r#"{"a":1}"#))["text"], r#"{"a":1}"#);
    assert_eq!(contents(Data::Bytes(vec![255].into()))["blob"], "/w==");
    let envelope = text(json!({"content": r#"{"uri":"","mimeType":"z","text":"t"}"#}));
    assert_eq!(
        contents(envelope),
        json!({"uri": "a://b", "mimeType": "z", "text": "t"})
    );
    for data in [
        json!({"content": "Hello."}),
        json!({"content": "[1]"}),
        json!({"content": 7}),
    ] {
        assert_eq!(contents(text(&data))["text"], data.to_string(), "no envelope");
    }
    assert!(resource(Data::Int(1)).is_err());
    assert!(resource(text(json!({"content": "{}"}))).is_err());
    assert_eq!(answer::resource(None, "a://b", None).unwrap(), json!({"contents": []}));

    let prompt = |data: Data, uses_schema| answer::prompt(Some(&data), uses_schema);
    let hi = json!([{"role": "user", "content": {"type": "text", "text": "hi"}}]);
    assert_eq!(prompt(text("hi"), false).unwrap()["messages"], hi);
    let messages = json!({"type": "prompt_messages", "content": hi.to_string()});
    assert_eq!(prompt(text(messages), true).unwrap(), json!({"messages": hi}));
    let whole = json!({"type": "get_prompt_result", "content": json!({"messages": hi}).to_string()});
    assert_eq!(prompt(text(whole), true).unwrap()["messages"], hi);
    assert!(prompt(text(json!({"type": "text", "content": "[]"})), true).is_err());
    assert!(prompt(text("hi"), true).is_err());
    let no_text = json!([{"role": "user", "content": {"type": "text"}}]);
    let no_text = json!({"type": "prompt_messages", "content": no_text.to_string()});
    let wrong = prompt(text(no_text), true).unwrap_err();
    assert_eq!(
        wrong,
        "a message of the prompt is a block of the type `text` whose `text` is no text"
    );
    assert_eq!(answer::prompt(None, true).unwrap(), json!({"messages": []}));
}

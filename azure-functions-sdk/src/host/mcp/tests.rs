//! What goes in and out, without a worker. Source: recordings of the extension, and its sources.

use super::{
    answer, call, lists,
    message::{self, Incoming},
    resource_uri::{is_template, variables},
};
use crate::host::{
    function::Function,
    metadata::{AppSettings, read},
    rpc::messages::Data,
    tests::described::metadata,
};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

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
fn a_variable_takes_its_part_of_the_uri_and_no_more() {
    let found = |template, uri| {
        let found = variables(template, uri)?;
        Some(
            found
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(found("a://{x}/b", "A://1/B").unwrap(), ["x=1"]);
    assert_eq!(found("a://{x}/b", "a:///b"), None);
    assert_eq!(found("a://{x}/b", "a://1/2/b"), None);
    assert_eq!(found("a://{x}-{y}", "a://1-2-3").unwrap(), ["x=1-2", "y=3"]);
    assert_eq!(found("a://b?{q}&{r}", "a://b?1/2&ä").unwrap(), ["q=1/2", "r=ä"]);
    // The real host looks only at what stands right before a variable.
    assert_eq!(found("a://b?q={q}", "a://b?q=1/2"), None);
    assert_eq!(found("a://ä{x}", "a://ä"), None);
    assert_eq!(found("a://b", "a://b").unwrap(), [""; 0]);
    assert!(is_template("a://{x}") && !is_template("a://x"));
}

#[test]
fn messages_are_requests_or_ask_for_nothing() {
    let read = |value: Value| message::read(value.to_string().as_bytes());
    let request = json!({"jsonrpc": "2.0", "id": "7", "method": "ping"});
    let wanted = Incoming::Request {
        id: json!("7"),
        method: "ping".to_owned(),
        params: json!({}),
    };
    assert_eq!(read(request), Ok(wanted));
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
    let input = call::trigger_input(&function, &json!({"name": "echo", "arguments": arguments}), &headers);
    let Some(Data::String(context)) = &input.data else {
        panic!("no text")
    };
    let wanted = json!({
        "name": "echo", "arguments": arguments, "transport": {"name": "http-streamable", "properties": {"headers": {"accept": "a,b"}}}
    });
    assert_eq!(serde_json::from_str::<Value>(context).unwrap(), wanted);
    let inputs: Vec<_> = input.inputs.iter().map(|(_, data)| data.clone()).collect();
    let wanted = ["höi", "3", "True", r#"{"a":[1]}"#, ""].map(text);
    assert_eq!(inputs, wanted);
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
    assert_eq!(
        call::missing(&lists::required(&own), &json!({"arguments": {"q": null}})),
        "q"
    );
    assert_eq!(
        call::missing(&lists::required(&own), &json!({"arguments": {"q": 0}})),
        ""
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
    assert_eq!(answer::prompt(None, true).unwrap(), json!({"messages": []}));
}

//! What was recorded of a real host, and what goes back.

use super::*;
use crate::binding::{BindingData, FromBinding, IntoBinding, recorded::Recorded, signature::*};
use serde_json::{Map, Value, json};

const RECORDED: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/recorded/triggers/mcp.jsonl"
));

fn recorded(name: &str) -> Recorded {
    Recorded::named(RECORDED, name)
}

fn text(data: BindingData) -> String {
    match data {
        BindingData::String(text) => text,
        other => panic!("{other:?}"),
    }
}

/// The content of the envelope in which the extension takes an answer.
fn content(answer: impl IntoBinding) -> Value {
    let envelope: Value = serde_json::from_str(&text(answer.into_binding().unwrap())).unwrap();
    serde_json::from_str(envelope["content"].as_str().unwrap()).unwrap()
}

#[test]
fn every_recorded_call_is_read() {
    let all = Recorded::all(RECORDED);
    assert_eq!(all.len(), 16);
    for recorded in all {
        let kind = recorded.binding["type"].as_str().unwrap();
        let caller = match kind {
            "mcpToolTrigger" => {
                let call: McpToolTrigger = recorded.take().unwrap();
                assert_eq!(recorded.binding["toolName"], call.name);
                call.caller
            }
            "mcpPromptTrigger" => {
                let call: McpPromptTrigger = recorded.take().unwrap();
                assert_eq!(recorded.binding["promptName"], call.name);
                assert_eq!(call.arguments["topic"], "t");
                call.caller
            }
            _ => {
                let call: McpResourceTrigger = recorded.take().unwrap();
                assert_eq!(
                    (recorded.binding["uri"].as_str().unwrap(), call.variables.len()),
                    (&*call.uri, 0)
                );
                call.caller
            }
        };
        assert_eq!(caller.transport, "http-streamable", "{}", recorded.name);
        assert_eq!((caller.session_id, caller.client), (None, None));
        assert_eq!(caller.headers["x-functions-key"], "KEY");
        assert_eq!(caller.headers["host"], "localhost:7071");
    }
}

#[test]
fn arguments_have_their_json_types() {
    for name in ["mcp.echo", "mcp.echostring", "mcp.props"] {
        let call: McpToolTrigger = recorded(name).take().unwrap();
        let wanted = json!({
            "text": "höi", "count": 3, "price": 1.5, "yes": true, "thing": {"a": [1]}, "list": ["x", "y"], "extra": null
        });
        assert_eq!(Value::Object(call.arguments), wanted, "{name}");
    }
    let wrong: McpToolTrigger = recorded("mcp.props.3").take().unwrap();
    assert_eq!(
        Value::Object(wrong.arguments),
        json!({"text": 5, "count": "3", "yes": "true"})
    );
}

#[test]
fn a_callers_keys_are_in_no_debug_output() {
    let call: McpToolTrigger = recorded("mcp.echo").take().unwrap();
    let shown = format!("{call:?}");
    assert!(shown.contains("x-functions-key") && !shown.contains("KEY"), "{shown}");
}

#[test]
fn a_session_and_what_the_client_says_about_itself_are_typed() {
    let call = r#"{"name":"t","arguments":null,"sessionid":"s-1","clientinfo":{"name":"inspector","version":"2.0","icons":[]},
        "transport":{"name":"http-sse","sessionId":"s-1","properties":{"headers":{"X-A":"1","bad name":"2","x-b":3}}}}"#;
    let recorded = Recorded::by_hand("call", crate::rpc::Data::String(call.to_owned()), &[]);
    let call: McpToolTrigger = recorded.take().unwrap();
    assert_eq!(call.arguments, Map::new());
    assert_eq!(call.caller.session_id.as_deref(), Some("s-1"));
    let client = call.caller.client.unwrap();
    assert_eq!(
        (&*client.name, &*client.version, client.title),
        ("inspector", "2.0", None)
    );
    assert_eq!((call.caller.headers.len(), &*call.caller.transport), (1, "http-sse"));
}

#[test]
fn what_is_no_call_is_an_error_that_quotes_nothing() {
    for bad in [
        "",
        "[]",
        r#"{"transport":{"properties":{"headers":{"X-Key":"SECRET"}}},"#,
        r#""SECRET""#,
    ] {
        let recorded = Recorded::by_hand("call", crate::rpc::Data::String(bad.to_owned()), &[]);
        let error = recorded.take::<McpToolTrigger>().unwrap_err();
        assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    }
}

#[test]
fn variables_of_a_resource_are_those_of_its_uri() {
    use crate::rpc::Data;
    let call = r#"{"uri":"shop://7/terms/x","transport":{"name":"http-streamable"}}"#;
    let recorded = Recorded::by_hand(
        "request",
        Data::String(call.to_owned()),
        &[
            ("id", Data::String("7".to_owned())),
            ("rest", Data::String("x".to_owned())),
            ("mcpresourceuri", Data::String("shop://7/terms/x".to_owned())),
        ],
    );
    let request: McpResourceTrigger = recorded
        .take_with(Parameter {
            name: "request",
            binding: "request",
            spec: McpResourceTrigger::SPEC,
            by_reference: false,
            arguments: &[Given {
                name: "uri",
                value: Literal::Text("shop://{id}/terms/{rest}"),
                wrong_schedule: None,
                wrong_route: None,
            }],
        })
        .unwrap();
    assert_eq!(request.variables.len(), 2);
    assert_eq!(
        (request.variable("id"), request.variable("rest"), request.variable("x")),
        (Some("7"), Some("x"), None)
    );
}

#[test]
fn a_tools_answer_is_the_text_that_the_extension_takes_apart() {
    let plain = text(McpToolResult::from("42").into_binding().unwrap());
    let wanted = r#"{"content":"{\"content\":[{\"text\":\"42\",\"type\":\"text\"}],\"isError\":false}","type":"call_tool_result"}"#;
    assert_eq!(plain, wanted);
    assert_eq!(content(McpToolResult::error("no"))["isError"], true);
    assert_eq!(
        content(McpToolResult::json(&json!({"a": 1.5})).unwrap()),
        json!({"content": [{"type": "text", "text": r#"{"a":1.5}"#}], "structuredContent": {"a": 1.5}, "isError": false})
    );
    // Structured content is an object.
    assert_eq!(
        content(McpToolResult::json(&[1, 2]).unwrap()),
        json!({"content": [{"type": "text", "text": "[1,2]"}], "isError": false})
    );
    let mut wrong = McpToolResult::from("x");
    wrong.structured_content = Some(json!(1));
    assert!(wrong.into_binding().is_err());
    assert!(None::<McpToolResult>.into_binding().unwrap().is_none());
}

#[test]
fn each_kind_of_content_is_as_the_protocol_has_it() {
    let all = McpToolResult::from(vec![
        McpContent::text("t"),
        McpContent::image(vec![1, 2], "image/png"),
        McpContent::audio(vec![3], "audio/wav"),
        McpContent::resource("a://b", "text"),
        McpContent::resource("a://c", McpResourceContents::from(vec![255]).mime_type("x/y")),
        McpContent::resource_link("a://d", "d"),
    ]);
    assert_eq!(
        content(all)["content"],
        json!([
            {"type": "text", "text": "t"},
            {"type": "image", "data": "AQI=", "mimeType": "image/png"},
            {"type": "audio", "data": "Aw==", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "a://b", "text": "text"}},
            {"type": "resource", "resource": {"uri": "a://c", "blob": "/w==", "mimeType": "x/y"}},
            {"type": "resource_link", "uri": "a://d", "name": "d"},
        ])
    );
}

#[test]
fn contents_of_a_resource_arrive_as_they_are() {
    let plain = |contents: McpResourceContents| contents.into_binding().unwrap();
    assert_eq!(text(plain("<p>".into())), "<p>");
    assert_eq!(text(plain(r#"{"a":1}"#.into())), r#"{"a":1}"#);
    assert!(matches!(plain(vec![0, 255].into()), BindingData::Bytes(bytes) if *bytes == [0, 255]));
    // The extension would take this apart, so it gets it wrapped.
    let envelope = r#"{"Content":"{}"}"#;
    assert_eq!(
        content(McpResourceContents::from(envelope)),
        json!({"uri": "", "text": envelope})
    );
    assert_eq!(
        content(McpResourceContents::from(vec![255]).mime_type("image/png")),
        json!({"uri": "", "blob": "/w==", "mimeType": "image/png"})
    );
}

#[test]
fn a_prompt_is_messages() {
    assert_eq!(
        content(McpPromptResult::from("hi").description("greets")),
        json!({"description": "greets", "messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}]})
    );
    let talk = vec![
        McpPromptMessage::user("a"),
        McpPromptMessage::assistant(McpContent::image(vec![1], "image/png")),
    ];
    let talk = content(McpPromptResult::from(talk));
    assert_eq!(talk["messages"][1]["role"], "assistant");
    assert_eq!(talk["messages"][1]["content"]["type"], "image");
}

#[test]
fn texts_of_a_prompt_are_read_as_what_its_schema_says() {
    let schema = json!({"properties": {
        "n": {"type": "integer"}, "f": {"type": ["number", "null"]}, "b": {"type": "boolean"}, "s": {"type": "string"}, "any": {}
    }});
    let texts = json!({"n": "3", "f": "1.5", "b": "true", "s": "3", "any": "3", "other": "1"});
    let (Value::Object(schema), Value::Object(texts)) = (schema, texts) else {
        unreachable!()
    };
    let typed = schema::typed(texts, &schema);
    let wanted = json!({"n": 3, "f": 1.5, "b": true, "s": "3", "any": "3", "other": "1"});
    assert_eq!(Value::Object(typed), wanted);
}

#[test]
fn what_would_keep_a_host_from_starting_is_a_mistake() {
    let mistake = |binding: Value| {
        let Value::Object(binding) = binding else {
            unreachable!()
        };
        mistake(&binding).map(|(_, reason)| reason)
    };
    for recorded in Recorded::all(RECORDED) {
        assert_eq!(super::mistake(&recorded.binding), None, "{}", recorded.name);
    }
    for (binding, wanted) in [
        (json!({"toolProperties": "not json"}), "`toolProperties` is not JSON"),
        (json!({"toolProperties": "{}"}), "not a JSON array"),
        (json!({"inputSchema": "{"}), "`inputSchema` is not JSON"),
        (json!({"inputSchema": "true"}), "its schema has no type"),
        (
            json!({"inputSchema": r#"{"type":["object","null"]}"#}),
            "has the type [\"object\",\"null\"]",
        ),
        (
            json!({"outputSchema": r#"{"type":"array"}"#}),
            "what the tool gives back",
        ),
        (
            json!({"inputSchema": r#"{"type":"object","properties":[]}"#}),
            "`properties`",
        ),
        (
            json!({"inputSchema": r#"{"type":"object","required":{}}"#}),
            "`required`",
        ),
        (json!({"metadata": "[]"}), "`metadata` is not a JSON object"),
    ] {
        let mut binding = binding;
        binding["type"] = "mcptooltrigger".into();
        let reason = mistake(binding.clone()).unwrap_or_default();
        assert!(reason.contains(wanted), "{binding}: {reason}");
        binding["type"] = "queueTrigger".into();
        assert_eq!(mistake(binding), None);
    }
    // No setting is put into a binding of MCP.
    for (binding, wanted) in [
        (
            json!({"type": "mcpToolTrigger", "inputSchema": "%SCHEMA%"}),
            "`inputSchema` is not JSON",
        ),
        (
            json!({"type": "mcpToolTrigger", "useWorkerInputSchema": true}),
            "no `inputSchema`",
        ),
        // As a host reads members.
        (
            json!({"type": "mcpToolTrigger", "UseWorkerInputSchema": "True"}),
            "no `inputSchema`",
        ),
        (
            json!({"type": "mcpToolTrigger", "toolProperties": "[{}]"}),
            "a propertyName and a propertyType",
        ),
        (
            json!({"type": "mcpResourceTrigger", "uri": "readme%20x"}),
            "begins with a scheme",
        ),
        (
            json!({"type": "mcpResourceTrigger", "uri": "a://{x}/{X}"}),
            "the same name",
        ),
        (
            json!({"type": "mcpResourceTrigger", "uri": "a://{x-y}/{x_y}"}),
            "the same name",
        ),
        (
            json!({"type": "mcpPromptTrigger", "promptArguments": r#"[{"name":"tags","type":"array"}]"#}),
            "its argument `tags` is a list or an object",
        ),
    ] {
        let reason = mistake(binding.clone()).unwrap_or_default();
        assert!(reason.contains(wanted), "{binding}: {reason}");
    }
    for good in ["docs://a%20b%20c", "a://{x}/{xy}", "a://{x_}/{x}"] {
        assert_eq!(
            mistake(json!({"type": "mcpResourceTrigger", "uri": good})),
            None,
            "{good}"
        );
    }
}

/// What a prompt announces.
#[cfg(feature = "schemars")]
fn prompt_binding<T: McpArguments>() -> Map<String, Value> {
    let members = McpPromptTrigger::<T>::SPEC
        .members
        .map(|members| members())
        .unwrap_or_default();
    let mut binding = Map::from_iter([("type".to_owned(), "mcpPromptTrigger".into())]);
    binding.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    binding
}

#[test]
#[cfg(feature = "schemars")]
fn arguments_of_a_prompt_are_announced_in_the_order_of_their_declaration() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its schema is asked for")]
    struct Trip {
        to_city: String,
        by: Option<String>,
        days: Option<u8>,
        #[serde(rename = "from")]
        start: String,
    }
    let binding = prompt_binding::<Trip>();
    assert_eq!(mistake(&binding), None);
    let arguments: Value = serde_json::from_str(binding["promptArguments"].as_str().unwrap()).unwrap();
    let names: Vec<_> = arguments.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["toCity", "by", "days", "from"]);
}

#[test]
#[cfg(feature = "schemars")]
fn a_prompt_takes_no_lists_and_objects() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is asked for")]
    enum Tone {
        /// With documentation.
        Kind,
        Strict,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is asked for")]
    struct Good {
        text: String,
        number: Option<f64>,
        flag: bool,
        tone: Tone,
        maybe_tone: Option<Tone>,
        any: Value,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is asked for")]
    struct List {
        tags: Option<Vec<String>>,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is asked for")]
    struct Nested {
        inner: Option<List>,
    }
    assert_eq!(mistake(&prompt_binding::<Good>()), None);
    assert_eq!(mistake(&prompt_binding::<Map<String, Value>>()), None);
    for (binding, name) in [
        (prompt_binding::<List>(), "tags"),
        (prompt_binding::<Nested>(), "inner"),
    ] {
        let (what, reason) = mistake(&binding).unwrap();
        let wanted =
            format!("its argument `{name}` is a list or an object, and a prompt takes texts, numbers and flags");
        assert_eq!((what.word(), reason), ("prompt", wanted));
    }
    assert!(mistake(&prompt_binding::<Vec<String>>()).is_some());
}

#[test]
fn what_must_be_the_only_one_of_its_name_is_known_by_it() {
    let identity = |binding: Value| {
        let Value::Object(binding) = binding else {
            unreachable!()
        };
        rules::identity(&binding)
    };
    let tool = |name: &str| identity(json!({"type": "mcpToolTrigger", "toolName": name}));
    assert_eq!(tool("Add"), tool("add"));
    assert_ne!(
        tool("add"),
        identity(json!({"type": "mcpPromptTrigger", "promptName": "add"}))
    );
    let resource = |uri: &str| identity(json!({"type": "mcpResourceTrigger", "uri": uri}));
    assert_eq!(resource("a://{x}/b/{y}"), resource("a://{z}/b/{w}"));
    assert_ne!(resource("a://{x}/b"), resource("a://{x}/c"));
}

crate::bindings::shown::shows!(MCP_TOOL_TRIGGER, Decoding: every_recorded_call_is_read, arguments_have_their_json_types);
crate::bindings::shown::shows!(
    MCP_RESOURCE_TRIGGER,
    Decoding: every_recorded_call_is_read,
    variables_of_a_resource_are_those_of_its_uri
);
crate::bindings::shown::shows!(
    MCP_PROMPT_TRIGGER,
    Decoding: every_recorded_call_is_read,
    texts_of_a_prompt_are_read_as_what_its_schema_says
);

//! Tools, resources and prompts of the Model Context Protocol.

use super::{bindings, call_with};
use azure_functions::{
    BindingError, FunctionError,
    bindings::{
        McpContent, McpJson, McpPromptResult, McpPromptTrigger, McpResourceContents, McpResourceTrigger, McpToolResult,
        McpToolTrigger, QueueMessage,
    },
    func,
    rpc::Data,
    schemars::{self, JsonSchema},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Deserialize, JsonSchema)]
struct Order {
    /// What is ordered.
    item: String,
    /// How many.
    pieces: Option<u32>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize, JsonSchema)]
struct Tag {
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Receipt {
    /// What it costs.
    total: u32,
}

/// Takes an order.
///
/// Once a minute at most.
#[func]
fn mcp_order(call: McpToolTrigger<Order>) -> Result<McpJson<Receipt>, String> {
    let tags = call.arguments.tags.iter().map(|tag| tag.name.len()).sum::<usize>();
    match call.arguments.item.as_str() {
        "panic" => panic!("secret"),
        "none" => Err("there is none".to_owned()),
        _ => Ok(McpJson(Receipt {
            total: call.arguments.pieces.unwrap_or(1) * 3 + u32::try_from(tags).unwrap(),
        })),
    }
}

type Alias = McpToolTrigger;

/// Behind an alias.
#[func]
#[binding(name = "output1", queue_name = "calls")]
fn mcp_alias(
    #[binding(tool_name = "alias", metadata = "{}")] call: Alias,
) -> Result<(McpToolResult, QueueMessage<String>), FunctionError> {
    let text = Value::Object(call.arguments).to_string();
    if text == "{}" {
        return Err(FunctionError::new("nothing"));
    }
    Ok((McpContent::text(text.clone()).into(), QueueMessage(text)))
}

#[func]
async fn mcp_nothing(#[binding(description = "does nothing")] _call: McpToolTrigger) -> Result<(), BindingError> {
    Err(BindingError::new("not even that"))
}

/// A page.
#[func]
fn mcp_page(
    #[binding(uri = "page://{id}", mime_type = "text/plain", size = 3)] request: McpResourceTrigger,
) -> Result<McpResourceContents, String> {
    Ok(request.uri.into())
}

#[derive(Deserialize, JsonSchema)]
struct Topic {
    /// What it is about.
    topic: String,
    words: Option<u32>,
}

#[func]
fn mcp_ask(#[binding(title = "Ask")] request: McpPromptTrigger<Topic>) -> McpPromptResult {
    let Topic { topic, words } = request.arguments;
    format!("{topic} in {} words", words.unwrap_or(100)).into()
}

#[func]
fn mcp_plain_prompt(#[binding(prompt_name = "plain")] _request: McpPromptTrigger) -> McpPromptResult {
    "hello".into()
}

/// The text of a call with these arguments.
fn call(arguments: &Value) -> Data {
    Data::String(json!({"name": "t", "arguments": arguments, "transport": {"name": "http-streamable"}}).to_string())
}

fn answered(function: &str, input: &str, arguments: &Value) -> Value {
    let outputs = call_with(function, vec![(input, call(arguments))], vec![]).unwrap();
    let Some(Data::String(text)) = outputs.return_value.unwrap().data else {
        panic!("no text")
    };
    let envelope: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_str(envelope["content"].as_str().unwrap()).unwrap()
}

fn embedded(binding: &Value, member: &str) -> Value {
    serde_json::from_str(binding[member].as_str().unwrap()).unwrap()
}

#[test]
fn the_schemas_of_a_tool_follow_from_its_types_and_its_docs() {
    let all = bindings("mcp_order");
    let trigger = &all[0];
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert_eq!(trigger["type"], "mcpToolTrigger");
    assert_eq!(trigger["toolName"], "mcp_order");
    assert_eq!(trigger["description"], "Takes an order.\n\nOnce a minute at most.");
    assert_eq!(
        (&trigger["useWorkerInputSchema"], &trigger["useResultSchema"]),
        (&json!(true), &json!(true))
    );
    let schema = embedded(trigger, "inputSchema");
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["required"], json!(["item"]));
    assert_eq!(
        schema["properties"]["item"],
        json!({"type": "string", "description": "What is ordered."})
    );
    assert_eq!(schema["properties"]["pieces"]["description"], "How many.");
    // Without detours.
    assert_eq!(
        schema["properties"]["tags"]["items"]["properties"]["name"]["type"],
        "string"
    );
    let schema = embedded(trigger, "outputSchema");
    assert_eq!(
        (&schema["type"], &schema["required"]),
        (&json!("object"), &json!(["total"]))
    );
}

#[test]
fn a_tool_without_a_type_takes_any_arguments() {
    let all = bindings("mcp_alias");
    assert_eq!(all[0]["toolName"], "alias");
    assert_eq!(all[0]["description"], "Behind an alias.");
    assert_eq!(embedded(&all[0], "inputSchema")["type"], "object");
    assert_eq!(
        (&all[0]["outputSchema"], &all[1]["type"]),
        (&Value::Null, &json!("queue"))
    );
    assert_eq!(bindings("mcp_nothing")[0]["description"], "does nothing");
}

#[test]
fn resources_and_prompts_are_described() {
    let page = &bindings("mcp_page")[0];
    let wanted = json!({
        "name": "request", "type": "mcpResourceTrigger", "direction": "in", "uri": "page://{id}", "resourceName": "mcp_page",
        "description": "A page.", "mimeType": "text/plain", "size": 3
    });
    assert_eq!(page, &wanted);
    let ask = &bindings("mcp_ask")[0];
    assert_eq!((&ask["promptName"], &ask["title"]), (&json!("mcp_ask"), &json!("Ask")));
    assert_eq!(
        (&ask["useResultSchema"], &ask["description"]),
        (&json!(true), &Value::Null)
    );
    let arguments = embedded(ask, "promptArguments");
    assert_eq!(
        arguments[0],
        json!({"name": "topic", "description": "What it is about.", "required": true})
    );
    assert_eq!(arguments[1], json!({"name": "words", "required": false}));
    assert_eq!(bindings("mcp_plain_prompt")[0]["promptArguments"], Value::Null);
}

#[test]
fn a_tool_answers_with_structured_content() {
    let answer = answered(
        "mcp_order",
        "call",
        &json!({"item": "book", "pieces": 2, "tags": [{"name": "x"}]}),
    );
    let wanted = json!({
        "content": [{"type": "text", "text": r#"{"total":7}"#}], "structuredContent": {"total": 7}, "isError": false
    });
    assert_eq!(answer, wanted);
}

#[test]
fn wrong_arguments_are_a_tool_error_that_names_the_argument() {
    for (arguments, wanted) in [
        (json!({"item": 5}), "item: invalid type: integer `5`, expected a string"),
        (
            json!({"item": "x", "pieces": "3"}),
            "pieces: invalid type: string \"3\", expected u32",
        ),
        (
            json!({"item": "x", "tags": [{"name": "a"}, {}]}),
            "tags[1]: missing field `name`",
        ),
        (json!({"pieces": 1}), "missing field `item`"),
        (Value::Null, "missing field `item`"),
        (json!(["x", 1, []]), "they are no JSON object"),
        (json!("text"), "they are no JSON object"),
    ] {
        let answer = answered("mcp_order", "call", &arguments);
        assert_eq!(answer["isError"], true, "{arguments}");
        let text = answer["content"][0]["text"].as_str().unwrap();
        assert!(
            text.starts_with("the arguments of `t` are not what it takes: "),
            "{text}"
        );
        assert!(text.contains(wanted), "{arguments}: {text}");
    }
}

#[test]
fn the_error_that_a_tool_returns_is_a_tool_error() {
    let text = |answer: Value| {
        assert_eq!(answer["isError"], true);
        answer["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        text(answered("mcp_order", "call", &json!({"item": "none"}))),
        "there is none"
    );
    assert_eq!(text(answered("mcp_alias", "call", &json!({}))), "nothing");
    assert_eq!(text(answered("mcp_nothing", "call", &json!({}))), "not even that");
    // Other outputs are sent with a result only.
    let outputs = call_with("mcp_alias", vec![("call", call(&json!({"a": 1})))], vec![]).unwrap();
    assert_eq!(outputs.outputs.len(), 1);
    let outputs = call_with("mcp_alias", vec![("call", call(&json!({})))], vec![]).unwrap();
    assert!(outputs.outputs.is_empty());
}

#[test]
fn what_is_no_call_fails_the_invocation() {
    let error = call_with("mcp_order", vec![("call", Data::String("{".to_owned()))], vec![]).unwrap_err();
    assert!(error.to_string().contains("parameter `call`"), "{error}");
}

#[test]
fn prompts_read_numbers_of_texts_and_resources_their_uri() {
    let answer = answered("mcp_ask", "request", &json!({"topic": "rain", "words": "5"}));
    assert_eq!(answer["messages"][0]["content"]["text"], "rain in 5 words");
    let error = call_with("mcp_ask", vec![("request", call(&json!({"words": "many"})))], vec![]).unwrap_err();
    assert!(error.to_string().contains("words: invalid type"), "{error}");
    let read = Data::String(r#"{"uri":"page://7"}"#.to_owned());
    let outputs = call_with("mcp_page", vec![("request", read)], vec![]).unwrap();
    assert_eq!(
        outputs.return_value.unwrap().data,
        Some(Data::String("page://7".to_owned()))
    );
}

#[test]
fn functions_are_called_in_tests_without_a_host() {
    let order = Order {
        item: "book".to_owned(),
        pieces: None,
        tags: vec![],
    };
    assert_eq!(mcp_order(McpToolTrigger::new(order)).unwrap().0.total, 3);
    let any = Map::from_iter([("a".to_owned(), json!(1))]);
    let (answer, QueueMessage(message)) = mcp_alias(McpToolTrigger::new(any)).unwrap();
    assert_eq!((answer, &*message), (r#"{"a":1}"#.into(), r#"{"a":1}"#));
}

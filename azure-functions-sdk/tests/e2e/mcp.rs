//! The MCP server of an app on the local host, as a client that knows neither sees it: the crate `rmcp`.

use std::{sync::Arc, time::Duration};

use azure_functions::{
    bindings::{
        McpContent, McpJson, McpPromptMessage, McpPromptResult, McpPromptTrigger, McpResourceContents,
        McpResourceTrigger, McpToolResult, McpToolTrigger,
    },
    func,
    schemars::{self, JsonSchema},
};
use azure_functions_sdk::host::LocalHost;
use rmcp::{
    RoleClient, ServiceError, ServiceExt,
    model::{CallToolRequestParams, ErrorCode, GetPromptRequestParams, ReadResourceRequestParams},
    service::RunningService,
    transport::StreamableHttpClientTransport,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::own_worker::{Quiet, options};

const HOST: &str = r#"{"version": "2.0", "extensions": {"mcp": {"instructions": "Divide and rule."}}}"#;

const LIMIT: Duration = Duration::from_secs(120);

#[derive(Deserialize, JsonSchema)]
struct Division {
    /// What is divided.
    dividend: i64,
    /// What it is divided by.
    divisor: i64,
    /// How many digits of the result are wanted, from the last.
    digits: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
struct Quotient {
    quotient: i64,
}

/// Divides a whole number by another, 100% exact.
#[func]
fn mcp_divide(#[binding(tool_name = "divide")] call: McpToolTrigger<Division>) -> Result<McpJson<Quotient>, String> {
    let Division {
        dividend,
        divisor,
        digits,
    } = call.arguments;
    let quotient = dividend.checked_div(divisor).ok_or("nothing can be divided by 0")?;
    let quotient = digits.map_or(quotient, |digits| quotient % 10_i64.pow(digits));
    Ok(McpJson(Quotient { quotient }))
}

/// Says who calls, and shows a picture.
#[func]
async fn mcp_who(#[binding(tool_name = "who")] call: McpToolTrigger) -> McpToolResult {
    let session = call.caller.session_id.is_some();
    let agent = call.caller.headers.contains_key("accept");
    vec![
        McpContent::text(format!("{} {session} {agent}", call.caller.transport)),
        McpContent::image(vec![1, 2, 3], "image/png"),
    ]
    .into()
}

/// Panics.
#[func]
fn mcp_panic(#[binding(tool_name = "panic")] _call: McpToolTrigger) {
    panic!("a secret of the app");
}

#[func]
fn mcp_readme(
    #[binding(uri = "docs://readme", resource_name = "readme", mime_type = "text/markdown")] _r: McpResourceTrigger,
) -> McpResourceContents {
    "# Read me".into()
}

#[func]
fn mcp_page(
    #[binding(uri = "docs://pages/{page}", resource_name = "page")] page: McpResourceTrigger,
) -> McpResourceContents {
    McpResourceContents::from(page.variable("page").unwrap_or("none").as_bytes().to_vec()).mime_type("x/y")
}

#[derive(Deserialize, JsonSchema)]
struct Subject {
    /// What it is about.
    topic: String,
    lines: Option<u8>,
}

/// Asks for a poem.
#[func]
fn mcp_poem(#[binding(prompt_name = "poem", title = "Poem")] request: McpPromptTrigger<Subject>) -> McpPromptResult {
    let Subject { topic, lines } = request.arguments;
    vec![
        McpPromptMessage::user(format!("{} lines about {topic}", lines.unwrap_or(4))),
        McpPromptMessage::assistant("In which style?"),
    ]
    .into()
}

type Client = RunningService<RoleClient, ()>;

/// Runs a test with a host and a client of it.
fn with_client(test: impl AsyncFnOnce(&Client, &str)) {
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = options(folder.path(), HOST);
        let host = timeout(LIMIT, LocalHost::start(options, Arc::new(Quiet)))
            .await
            .unwrap()
            .unwrap();
        let address = host.address().to_string();
        let url = format!("http://{address}/runtime/webhooks/mcp");
        let client = timeout(LIMIT, ().serve(StreamableHttpClientTransport::from_uri(url)))
            .await
            .unwrap()
            .unwrap();
        timeout(LIMIT, test(&client, &address)).await.unwrap();
        client.cancel().await.unwrap();
        host.shutdown().await;
    });
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other}"),
    }
}

fn call(name: &'static str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(name).with_arguments(object(arguments))
}

/// The members of a result that the server sent.
fn shown(result: impl Serialize) -> Value {
    let mut value = serde_json::to_value(result).unwrap();
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, value| !value.is_null() && name != "resultType");
    }
    value
}

#[track_caller]
fn refused<T>(result: Result<T, ServiceError>) -> String {
    match result {
        Err(ServiceError::McpError(error)) => {
            assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{error:?}");
            error.message.into_owned()
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn a_client_lists_tools_with_their_schemas_and_calls_one() {
    with_client(async |client, _| {
        let info = client.peer_info().unwrap();
        assert_eq!(shown(&*info)["serverInfo"]["name"], "Azure Functions MCP server");
        assert_eq!(shown(&*info)["instructions"], "Divide and rule.");
        let tools = client.list_all_tools().await.unwrap();
        let divide = tools.iter().find(|tool| tool.name == "divide").unwrap();
        assert_eq!(tools.len(), 3);
        let divide = shown(divide);
        assert_eq!(divide["description"], "Divides a whole number by another, 100% exact.");
        assert_eq!(divide["inputSchema"]["required"], json!(["dividend", "divisor"]));
        assert_eq!(
            divide["inputSchema"]["properties"]["divisor"]["description"],
            "What it is divided by."
        );
        assert_eq!(divide["outputSchema"]["properties"]["quotient"]["type"], "integer");

        let answer = client
            .call_tool(call("divide", json!({"dividend": 42, "divisor": 6})))
            .await
            .unwrap();
        let wanted = json!({
            "content": [{"type": "text", "text": r#"{"quotient":7}"#}], "structuredContent": {"quotient": 7}, "isError": false
        });
        assert_eq!(shown(answer), wanted);
        // In any case of its name, as the real host finds it.
        let answer = shown(client.call_tool(call("WHO", json!({}))).await.unwrap());
        assert_eq!(answer["content"][0]["text"], "http-streamable true true");
        assert_eq!(
            answer["content"][1],
            json!({"type": "image", "data": "AQID", "mimeType": "image/png"})
        );
    });
}

#[test]
fn wrong_arguments_and_errors_of_a_tool_are_tool_errors_and_missing_ones_and_unknown_tools_are_refused() {
    with_client(async |client, _| {
        let error = async |params| {
            let answer = shown(client.call_tool(params).await.unwrap());
            assert_eq!(answer["isError"], true, "{answer}");
            answer["content"][0]["text"].as_str().unwrap().to_owned()
        };
        let text = error(call("divide", json!({"dividend": "42", "divisor": 6}))).await;
        assert!(
            text.contains("the arguments of `divide`") && text.contains("dividend: invalid type"),
            "{text}"
        );
        let text = error(call("divide", json!({"dividend": 1, "divisor": 0}))).await;
        assert_eq!(text, "nothing can be divided by 0");
        let text = error(call("panic", json!({}))).await;
        assert_eq!(text, "An error occurred invoking 'panic'.");

        let text = refused(client.call_tool(call("divide", json!({"dividend": 1}))).await);
        assert_eq!(
            text,
            "One or more required tool properties are missing values. Please provide: divisor"
        );
        let text = refused(client.call_tool(call("multiply", json!({}))).await);
        assert_eq!(text, "Unknown tool: 'multiply'");
    });
}

#[test]
fn a_client_reads_resources_and_gets_prompts() {
    with_client(async |client, _| {
        let resources = client.list_all_resources().await.unwrap();
        assert_eq!(
            shown(&resources),
            json!([{"uri": "docs://readme", "name": "readme", "mimeType": "text/markdown"}])
        );
        let templates = client.list_all_resource_templates().await.unwrap();
        assert_eq!(
            shown(&templates),
            json!([{"uriTemplate": "docs://pages/{page}", "name": "page"}])
        );
        let read = async |uri: &str| client.read_resource(ReadResourceRequestParams::new(uri)).await;
        assert_eq!(
            shown(read("docs://readme").await.unwrap())["contents"],
            json!([{"uri": "docs://readme", "mimeType": "text/markdown", "text": "# Read me"}])
        );
        assert_eq!(
            shown(read("docs://pages/7").await.unwrap())["contents"],
            json!([{"uri": "docs://pages/7", "mimeType": "x/y", "blob": "Nw=="}])
        );
        assert_eq!(
            refused(read("docs://pages/7/8").await),
            "Unknown resource: 'docs://pages/7/8'"
        );

        let prompts = client.list_all_prompts().await.unwrap();
        assert_eq!(
            shown(&prompts),
            json!([{
                "name": "poem", "title": "Poem", "description": "Asks for a poem.",
                "arguments": [
                    {"name": "topic", "description": "What it is about.", "required": true},
                    {"name": "lines", "required": false}
                ]
            }])
        );
        let get = async |name: &str, arguments| {
            client
                .get_prompt(GetPromptRequestParams::new(name).with_arguments(object(arguments)))
                .await
        };
        let poem = shown(get("poem", json!({"topic": "rain", "lines": "2"})).await.unwrap());
        assert_eq!(
            poem["messages"],
            json!([
                {"role": "user", "content": {"type": "text", "text": "2 lines about rain"}},
                {"role": "assistant", "content": {"type": "text", "text": "In which style?"}}
            ])
        );
        let text = refused(get("poem", json!({})).await);
        assert_eq!(
            text,
            "One or more required prompt arguments are missing values. Please provide: topic"
        );
        assert_eq!(refused(get("novel", json!({})).await), "Unknown prompt: 'novel'");
    });
}

/// What `cargo func invoke` prints of a function, and whether it takes that for a success.
async fn invoked(address: &str, arguments: &[&str]) -> (bool, String, String) {
    let port = address.rsplit(':').next().unwrap();
    let invoke = tokio::process::Command::new(env!("CARGO_BIN_EXE_cargo-func"))
        .args(["func", "invoke", "--port", port])
        .args(arguments)
        .output();
    let output = invoke.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn invoke_shows_what_a_client_would_get_and_a_tools_error_is_a_failure() {
    with_client(async |_, address| {
        let (succeeded, shown, said) = invoked(address, &["mcp_divide", "-d", r#"{"dividend":42,"divisor":6}"#]).await;
        assert!(succeeded, "{said}");
        assert_eq!(
            serde_json::from_str::<Value>(&shown).unwrap()["structuredContent"],
            json!({"quotient": 7})
        );

        let (succeeded, shown, said) = invoked(address, &["mcp_divide", "-d", r#"{"dividend":"x","divisor":6}"#]).await;
        assert!(!succeeded && shown.contains("dividend: invalid type"), "{shown}");
        assert!(said.contains("the tool `mcp_divide` answered with an error"), "{said}");

        let (_, shown, said) = invoked(address, &["mcp_page", "-d", "docs://pages/7"]).await;
        let contents = &serde_json::from_str::<Value>(&shown).expect(&said)["contents"];
        assert_eq!(
            *contents,
            json!([{"uri": "docs://pages/7", "mimeType": "x/y", "blob": "Nw=="}])
        );
        let (_, shown, said) = invoked(address, &["mcp_poem", "-d", r#"{"topic":"rain"}"#]).await;
        let messages = &serde_json::from_str::<Value>(&shown).expect(&said)["messages"];
        assert_eq!(messages[0]["content"]["text"], "4 lines about rain");
    });
}

/// Status and body of the answer to a POST.
async fn post(address: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /runtime/webhooks/mcp HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn what_is_no_message_gets_the_code_of_json_rpc_and_foreign_pages_get_nothing() {
    const HEADERS: &str = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";
    with_client(async |_, address| {
        let code = async |body: &str| {
            let (status, body) = post(address, HEADERS, body).await;
            let body = body.strip_prefix("event: message\ndata: ").unwrap_or(&body).to_owned();
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            (status, body["error"]["code"].as_i64(), body["id"].clone())
        };
        assert_eq!(code("{").await, (400, Some(-32700), Value::Null));
        assert_eq!(code("[]").await, (400, Some(-32600), Value::Null));
        assert_eq!(
            code(r#"{"jsonrpc":"1.0","id":3,"method":"ping"}"#).await,
            (400, Some(-32600), json!(3))
        );
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","id":"a","method":"dance"}"#).await,
            (200, Some(-32601), json!("a"))
        );
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","id":4,"method":"ping","params":[]}"#).await,
            (400, Some(-32600), json!(4))
        );
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"who","arguments":[1]}}"#).await,
            (200, Some(-32602), json!("b"))
        );
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#).await,
            (200, None, json!(5))
        );
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await,
            (202, None, Value::Null)
        );

        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let status = async |headers: &str| post(address, headers, ping).await.0;
        assert_eq!(
            status("content-type: application/json\r\naccept: application/json\r\n").await,
            406
        );
        assert_eq!(
            status("content-type: text/plain\r\naccept: application/json, text/event-stream\r\n").await,
            415
        );
        assert_eq!(status(&format!("{HEADERS}mcp-session-id: mine\r\n")).await, 400);
        assert_eq!(status(&format!("{HEADERS}origin: https://evil.example\r\n")).await, 403);
    });
}

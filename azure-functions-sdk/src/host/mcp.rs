//! The MCP server of the app, as the MCP extension of the real host has it: its tools, resources and prompts over streamable HTTP,
//! without a state between two requests. Source: recordings of the extension 1.6, and its sources.
//!
//! The protocol is JSON-RPC with a dozen methods, each a request and its answer. A server library would bring sessions, streams and
//! schemas of its own, none of which the extension has.

mod answer;
mod call;
mod lists;
mod message;
#[cfg(test)]
mod tests;

use super::{
    function::Function,
    http::{Why, shown},
    invocation::{InvokeError, TriggerInput},
    mcp_rules::{Kind, is_true},
    rpc::messages::{Data, InvocationResponse},
    runner::FunctionRunner,
};
use crate::{project::McpOptions, services::resource_uri};
use bytes::Bytes;
use call::SESSION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use message::{Id, Incoming, Params, RpcError};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The versions of the protocol that begin with `initialize`, the newest first.
const VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const NOT_ACCEPTABLE: i64 = -32000;

/// Of a URI that is read, in bytes: no address is longer.
const LONGEST_URI: usize = 16 * 1024;

/// Answers a POST.
pub(crate) async fn answer(
    runner: &FunctionRunner,
    options: &McpOptions,
    request: Request<Bytes>,
    hung_up: CancellationToken,
) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = refused(&parts.headers) {
        return refusal;
    }
    let (id, method, params) = match message::read(&body) {
        Ok(Incoming::Request { id, method, params }) => (id, method, params),
        Ok(Incoming::Other) => return empty(StatusCode::ACCEPTED),
        Err((id, error)) => return failure(StatusCode::BAD_REQUEST, &id, &error),
    };
    let server = Server {
        runner,
        options,
        headers: &parts.headers,
        hung_up,
    };
    let result = server.run(&method, &params).await;
    let why = result.as_ref().err().and_then(|error| why(&method, &params, error));
    let mut response = event(&message::response(&id, result));
    if let Some(why) = why {
        response.extensions_mut().insert(why);
    }
    if method == "initialize"
        && let Ok(session) = HeaderValue::from_str(&Uuid::new_v4().simple().to_string())
    {
        response.headers_mut().insert(SESSION, session);
    }
    response
}

/// What the console is told of an error: the method, and the name of the tool or prompt. Arguments, URIs with their variables, and headers may
/// hold secrets.
fn why(method: &str, params: &Params, error: &RpcError) -> Option<Why> {
    let reason = error.reason()?;
    let of = match params.text("name") {
        "" => String::new(),
        name => format!(" of '{}'", shown(name)),
    };
    Some(Why(format!("{}{of}: {reason}", shown(method))))
}

/// What is said to a request whose head is not that of a client.
fn refused(headers: &HeaderMap) -> Option<Response<Bytes>> {
    let refuse = |status, text: &str| {
        let error = RpcError::new(NOT_ACCEPTABLE, text);
        Some(failure(status, &Id::null(), &error))
    };
    let has = |name: HeaderName, wanted: &[&str]| {
        let values = headers.get_all(name);
        let mut types = values
            .iter()
            .flat_map(|value| value.to_str().unwrap_or_default().split(','));
        types.any(|one| {
            let one = one.split(';').next().unwrap_or_default().trim();
            wanted.iter().any(|wanted| one.eq_ignore_ascii_case(wanted))
        })
    };
    let accepts = |wanted: &'static str, range: &'static str| has(header::ACCEPT, &[wanted, range, "*/*"]);
    if !accepts("application/json", "application/*") || !accepts("text/event-stream", "text/*") {
        let text = "Not Acceptable: Client must accept both application/json and text/event-stream";
        return refuse(StatusCode::NOT_ACCEPTABLE, text);
    }
    // Text and forms are what a web page can send to any address without being asked whether it may.
    if headers.contains_key(header::CONTENT_TYPE) && !has(header::CONTENT_TYPE, &["application/json"]) {
        let text = "Unsupported Media Type: the body must be application/json";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    // Ids are those that `initialize` gives.
    let is_one = headers.get(SESSION).is_none_or(|id| {
        let id = id.to_str();
        id.is_ok_and(|id| id.is_empty() || Uuid::try_parse(id).is_ok())
    });
    if is_one {
        return None;
    }
    refuse(StatusCode::BAD_REQUEST, "Invalid client state.")
}

struct Server<'a> {
    runner: &'a FunctionRunner,
    options: &'a McpOptions,
    headers: &'a HeaderMap,
    hung_up: CancellationToken,
}

impl Server<'_> {
    async fn run(&self, method: &str, params: &Params) -> Result<Value, RpcError> {
        match method {
            "initialize" => Ok(initialize(self.options, params)),
            "ping" => Ok(json!({})),
            "tools/list" => Ok(json!({"tools": self.all(Kind::Tool, lists::tool)})),
            "resources/list" => Ok(json!({"resources": self.all(Kind::Resource, lists::resource)})),
            "resources/templates/list" => {
                Ok(json!({"resourceTemplates": self.all(Kind::Resource, lists::resource_template)}))
            }
            "prompts/list" => Ok(json!({"prompts": self.all(Kind::Prompt, lists::prompt)})),
            "tools/call" => self.call_tool(params).await,
            "resources/read" => self.read_resource(params).await,
            "prompts/get" => self.get_prompt(params).await,
            _ => Err(RpcError::new(
                message::METHOD_NOT_FOUND,
                format!("Method '{method}' is not available."),
            )
            .told_as("the server has no such method")),
        }
    }

    fn functions(&self, kind: Kind) -> Vec<Arc<Function>> {
        let functions = self.runner.functions();
        let functions = functions.iter();
        functions
            .filter(|function| function.is_usable() && function.is_triggered_by(kind.trigger()))
            .cloned()
            .collect()
    }

    fn all(&self, kind: Kind, describe: fn(&Function) -> Option<Value>) -> Vec<Value> {
        let functions = self.functions(kind);
        functions.iter().filter_map(|function| describe(function)).collect()
    }

    /// The function whose trigger has this name.
    fn named(&self, kind: Kind, params: &Params) -> Result<Arc<Function>, RpcError> {
        let name = params.text("name");
        let mut functions = self.functions(kind).into_iter();
        let found = functions.find(|function| {
            let known = function.trigger().and_then(|trigger| trigger.text(kind.name_member()));
            known.is_some_and(|known| known.eq_ignore_ascii_case(name))
        });
        found.ok_or_else(|| {
            let error = RpcError::new(message::INVALID_PARAMS, format!("Unknown {}: '{name}'", kind.word()));
            error.told_as("no function has this name")
        })
    }

    async fn call_tool(&self, params: &Params) -> Result<Value, RpcError> {
        let function = self.named(Kind::Tool, params)?;
        let trigger = call::trigger_input(&function, params, self.headers)?;
        let missing = params.missing(&lists::required(&function));
        if !missing.is_empty() {
            return Err(RpcError::new(
                message::INVALID_PARAMS,
                format!("One or more required tool properties are missing values. Please provide: {missing}"),
            ));
        }
        let name = params.text("name");
        let failed = json!({
            "content": [{"type": "text", "text": format!("An error occurred invoking '{name}'.")}],
            "isError": true,
        });
        let Ok(response) = self.invoke(&function, trigger).await else {
            return Ok(failed);
        };
        Ok(result(&function, &response, "").unwrap_or_else(|why| {
            self.tell(&function, &why);
            failed
        }))
    }

    async fn read_resource(&self, params: &Params) -> Result<Value, RpcError> {
        let uri = params.text("uri");
        if uri.len() > LONGEST_URI {
            let text = format!("The URI has more than {LONGEST_URI} bytes.");
            return Err(RpcError::new(message::INVALID_PARAMS, text));
        }
        let functions = self.functions(Kind::Resource);
        let template = |function: &Function| function.trigger()?.text("uri").map(str::to_owned);
        let is_exact =
            |function: &&Arc<Function>| template(function).is_some_and(|known| known.eq_ignore_ascii_case(uri));
        let fits = |function: &&Arc<Function>| {
            template(function).is_some_and(|known| resource_uri::variables(&known, uri).is_some())
        };
        let function = functions.iter().find(is_exact).or_else(|| functions.iter().find(fits));
        let Some(function) = function else {
            let text = format!("Unknown resource: '{uri}'");
            let error = RpcError::new(message::INVALID_PARAMS, text);
            return Err(error.told_as("no function has this URI"));
        };
        let trigger = call::trigger_input(function, params, self.headers)?;
        let response = self.invoke(function, trigger).await?;
        result(function, &response, uri).map_err(|why| self.tell(function, &why))
    }

    async fn get_prompt(&self, params: &Params) -> Result<Value, RpcError> {
        let function = self.named(Kind::Prompt, params)?;
        let trigger = call::trigger_input(&function, params, self.headers)?;
        let missing = params.missing(&lists::required_of_prompt(&function));
        if !missing.is_empty() {
            return Err(RpcError::new(
                message::INVALID_PARAMS,
                format!("One or more required prompt arguments are missing values. Please provide: {missing}"),
            ));
        }
        let response = self.invoke(&function, trigger).await?;
        result(&function, &response, "").map_err(|why| self.tell(&function, &why))
    }

    /// What goes wrong is in the log; clients are not told.
    async fn invoke(&self, function: &Arc<Function>, trigger: TriggerInput) -> Result<InvocationResponse, RpcError> {
        self.runner
            .call(function, trigger, self.hung_up.clone())
            .await
            .map_err(|error| match error {
                InvokeError::NoWorker(_) | InvokeError::ShuttingDown => {
                    RpcError::new(message::INTERNAL_ERROR, "Function host is not running.")
                }
                _ => internal(),
            })
    }

    /// Tells the console why an answer of a function is none.
    fn tell(&self, function: &Function, why: &str) -> RpcError {
        self.runner.tell_error(function, why);
        internal()
    }
}

/// What went wrong in the function is on the console with its end.
fn internal() -> RpcError {
    RpcError::new(message::INTERNAL_ERROR, "An error occurred.").told()
}

/// What a client would get of a function that was fired by hand; `None` if no client of MCP calls such functions.
///
/// # Errors
/// The extension cannot read what the function returned; the text says why.
pub(crate) fn shown_result(
    function: &Function,
    trigger: &TriggerInput,
    response: &InvocationResponse,
) -> Option<Result<Value, String>> {
    Kind::of(&function.trigger()?.attributes)?;
    let call: Value = match &trigger.data {
        Some(Data::String(call)) => serde_json::from_str(call).unwrap_or_default(),
        _ => Value::Null,
    };
    Some(result(function, response, call["uri"].as_str().unwrap_or_default()))
}

/// The result of a tool, the contents of the resource with this URI, or a prompt, as the function's trigger has it.
fn result(function: &Function, response: &InvocationResponse, uri: &str) -> Result<Value, String> {
    let returned = response.return_value.as_ref().and_then(|value| value.data.as_ref());
    let Some(trigger) = function.trigger() else {
        return Err("the function has no trigger".to_owned());
    };
    let uses_schema = is_true(&trigger.attributes, "useResultSchema");
    match Kind::of(&trigger.attributes) {
        Some(Kind::Resource) => answer::resource(returned, uri, trigger.text("mimeType")),
        Some(Kind::Prompt) => answer::prompt(returned, uses_schema),
        Some(Kind::Tool) | None => answer::tool(returned, uses_schema),
    }
}

fn initialize(options: &McpOptions, params: &Params) -> Value {
    let asked = params.text("protocolVersion");
    let version = VERSIONS
        .into_iter()
        .find(|version| *version == asked)
        .unwrap_or(VERSIONS[0]);
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": {"tools": {}, "resources": {}, "prompts": {}},
        "serverInfo": {"name": options.server_name, "version": options.server_version},
    });
    if let Some(instructions) = &options.instructions {
        result["instructions"] = instructions.as_str().into();
    }
    result
}

/// One event, as the extension answers a request.
fn event(message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("event: message\ndata: {message}\n\n")));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache,no-store"));
    response
}

fn failure(status: StatusCode, id: &Id, error: &RpcError) -> Response<Bytes> {
    let message = message::response(id, Err(error.clone()));
    let mut response = Response::new(Bytes::from(message));
    if let Some(reason) = error.reason() {
        response.extensions_mut().insert(Why(reason.to_owned()));
    }
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

//! The admin API (`/admin/…`): the host's state, the functions, firing one by hand, and the histories of instances.
//! A caller that gets here has the master key, or keys are not enforced.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Response, StatusCode, request::Parts};
use serde_json::{Value, json};

use super::{
    FrontFunction, FrontTrigger, GivenTrigger, Payload,
    door::{DURABLE_BASE, Door},
    response::{empty, json as json_response, sentence},
    template::split_path,
};

pub(super) async fn answer(door: &Door, parts: &Parts, body: &Bytes) -> Response<Bytes> {
    let path = parts.uri.path().to_owned();
    let segments: Vec<String> = split_path(&path).into_iter().skip(1).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let is = |text: &str, word: &str| text.eq_ignore_ascii_case(word);
    let is_get = parts.method == Method::GET || parts.method == Method::HEAD;
    let is_post = parts.method == Method::POST;
    match segments.as_slice() {
        [host, ping] if is(host, "host") && is(ping, "ping") && (is_get || is_post) => empty(StatusCode::OK),
        [host, status] if is(host, "host") && is(status, "status") && is_get => host_status(door),
        [host, keys] if is(host, "host") && is(keys, "keys") && is_get => keys_of(door, &door.keys.host_keys()),
        [host, keys] if is(host, "host") && is(keys, "systemkeys") && is_get => keys_of(door, &door.keys.system_keys()),
        // Ours, beside what the real host has: the durable HTTP API shows a shortened history only.
        [durable, instances, id, history]
            if is(durable, "durable") && is(instances, "instances") && is(history, "history") && is_get =>
        {
            door.backend.history((*id).to_owned()).await
        }
        [functions, rest @ ..] if is(functions, "functions") => {
            let Some(table) = door.wait(|now| now.table.is_some()).await else {
                return sentence(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the functions are not known yet: the worker has not started",
                );
            };
            let describe = |function: &FrontFunction| describe(door, parts, function);
            match rest {
                [] if is_get => {
                    let mut all: Vec<&FrontFunction> = table.functions.iter().collect();
                    all.sort_by_key(|function| function.name.to_ascii_uppercase());
                    json_response(StatusCode::OK, &Value::Array(all.into_iter().map(describe).collect()))
                }
                [name, tail @ ..] => {
                    let Some((index, function)) = table.named(name) else {
                        return empty(StatusCode::NOT_FOUND);
                    };
                    match tail {
                        [] if is_get => json_response(StatusCode::OK, &describe(function)),
                        [] if is_post => fire(door, parts, index, function, body).await,
                        [status] if is(status, "status") && is_get => {
                            let errors = function.error.as_ref().map(|error| json!({ "errors": [error] }));
                            json_response(StatusCode::OK, &errors.unwrap_or_else(|| json!({})))
                        }
                        [keys] if is(keys, "keys") && is_get => keys_of(door, &door.keys.function_keys(&function.name)),
                        _ => empty(StatusCode::NOT_FOUND),
                    }
                }
                [] => empty(StatusCode::NOT_FOUND),
            }
        }
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn host_status(door: &Door) -> Response<Bytes> {
    let now = door.now.borrow().clone();
    let computer = ["COMPUTERNAME", "HOSTNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let mut status = json!({
        "id": door.options.host_id,
        "state": now.state.name(),
        "version": concat!("4.", env!("CARGO_PKG_VERSION")),
        "versionDetails": concat!("azure-functions-sdk ", env!("CARGO_PKG_VERSION")),
        "platformVersion": "",
        "instanceId": door.instance,
        "computerName": computer.unwrap_or_default(),
        "processUptime": u64::try_from(door.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "functionAppContentEditingState": "NotAllowed",
    });
    if !now.errors.is_empty() {
        status["errors"] = json!(now.errors);
    }
    json_response(StatusCode::OK, &status)
}

/// What the real host tells about a function; the members for files that only it has are null.
fn describe(door: &Door, parts: &Parts, function: &FrontFunction) -> Value {
    let origin = door.origin(&parts.headers);
    let text = |member: &str| function.config.get(member).cloned().unwrap_or(Value::Null);
    let invoke_url = function
        .route()
        .map(|route| format!("{origin}/{}", door.template(route)).to_ascii_lowercase());
    json!({
        "name": function.name,
        "script_root_path_href": null,
        "script_href": null,
        "config_href": null,
        "test_data_href": null,
        "href": format!("{origin}/admin/functions/{}", function.name),
        "invoke_url_template": invoke_url,
        "language": text("language"),
        "config": function.config,
        "files": null,
        "test_data": "",
        "isDisabled": function.disabled,
        "isDirect": true,
        "isProxy": false,
    })
}

async fn fire(door: &Door, parts: &Parts, index: usize, function: &FrontFunction, body: &Bytes) -> Response<Bytes> {
    let name = &function.name;
    let origin = door.origin(&parts.headers);
    let refuse = |text: String| sentence(StatusCode::BAD_REQUEST, text);
    match &function.trigger {
        FrontTrigger::Http { .. } => {
            let route = function.route().unwrap_or(name);
            return refuse(format!(
                "'{name}' is started by HTTP: call its route instead, {origin}/{}",
                door.template(route)
            ));
        }
        FrontTrigger::Orchestration => {
            return refuse(format!(
                "'{name}' is an orchestration: start it through a client, for example POST \
                 {origin}{DURABLE_BASE}/orchestrators/{name}"
            ));
        }
        FrontTrigger::Entity => {
            return refuse(format!(
                "'{name}' is an entity: signal it through a client, for example POST {origin}{DURABLE_BASE}/entities/{name}/KEY"
            ));
        }
        FrontTrigger::Other(_) => {}
    }
    if let Some(error) = &function.error {
        return refuse(format!("'{name}' cannot run: {error}"));
    }
    if body.is_empty() {
        return refuse("a body is needed: {\"input\": \"text of the trigger\"}, or {} for none".to_owned());
    }
    let given = match by_hand(body) {
        Ok(given) => given,
        Err(text) => return refuse(text),
    };
    match door.backend.fire(index, given) {
        // Ours, beside what the real host has: the answer says how the run ended.
        Ok(answer) if waits(parts) => answer.await,
        Ok(_) => empty(StatusCode::ACCEPTED),
        Err(text) => refuse(text),
    }
}

/// Whether the caller wants to know how the run ends: `?wait=true`.
fn waits(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name.eq_ignore_ascii_case("wait") && value.eq_ignore_ascii_case("true"))
}

/// Reads `{"input": …}` and what we have beside it: `base64` for a payload that is no text, `metadata` for what comes with it.
fn by_hand(body: &Bytes) -> Result<GivenTrigger, String> {
    let members = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return Err("the body must be an object: {\"input\": \"text of the trigger\"}".to_owned()),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return Err(format!(
                "the body is not JSON (line {line}, column {column}); send {{\"input\": \"text of the trigger\"}}"
            ));
        }
    };
    let mut given = GivenTrigger::default();
    for (name, value) in members {
        match (name.to_ascii_lowercase().as_str(), value) {
            (_, Value::Null) => {}
            ("input", Value::String(text)) => given.payload = Some(Payload::Text(text)),
            // The field asks for JSON text inside a string; plain JSON can mean nothing else.
            ("input", other) => given.payload = Some(Payload::Text(other.to_string())),
            ("base64", Value::String(text)) => match STANDARD.decode(text) {
                Ok(bytes) => given.payload = Some(Payload::Bytes(bytes.into())),
                Err(error) => return Err(format!("`base64` is not base64: {error}")),
            },
            ("base64", _) => return Err("`base64` must be a string".to_owned()),
            ("metadata", Value::Object(metadata)) => given.metadata = metadata,
            ("metadata", _) => {
                return Err("`metadata` must be an object: {\"name\": \"value\"}".to_owned());
            }
            _ => {}
        }
    }
    Ok(given)
}

/// Keys leave only through a door that asks for the master key.
fn keys_of(door: &Door, keys: &BTreeMap<String, String>) -> Response<Bytes> {
    if !door.enforced {
        let text = format!(
            "keys are not enforced, so they are not shown here: see {}",
            door.keys.path().display()
        );
        return sentence(StatusCode::FORBIDDEN, text);
    }
    let keys: Vec<Value> = keys
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    json_response(StatusCode::OK, &json!({ "keys": keys, "links": [] }))
}

fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment)
        .decode_utf8_lossy()
        .into_owned()
}

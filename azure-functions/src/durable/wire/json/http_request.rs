//! The request of a durable HTTP call, as the host's built-in activity takes it.

use super::time::write_time_span;
use crate::durable::replay::http_call::Request;
use serde_json::{Map, Value, json};

/// Writes the `httpRequest` of an action. The host is not to poll or to retry: that would take ids nobody has foreseen.
pub(crate) fn write(out: &mut String, request: &Request) {
    let mut members = Map::new();
    members.insert("method".to_owned(), json!(request.method));
    members.insert("uri".to_owned(), json!(request.url.as_str()));
    if !request.headers.is_empty() {
        members.insert("headers".to_owned(), headers(&request.headers));
    }
    if let Some(content) = &request.content {
        members.insert("content".to_owned(), json!(content));
    }
    members.insert("asynchronousPatternEnabled".to_owned(), json!(false));
    if let Some(timeout) = request.timeout {
        let mut text = String::new();
        write_time_span(&mut text, timeout);
        members.insert("timeout".to_owned(), json!(text));
    }
    if let Some(identity) = &request.identity {
        let mut source = json!({"kind": "AzureManagedIdentity", "resource": identity.resource});
        let mut options = Map::new();
        let given = [
            ("authorityhost", &identity.authority_host),
            ("tenantid", &identity.tenant_id),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                options.insert(name.to_owned(), json!(value));
            }
        }
        if !options.is_empty() {
            source["options"] = options.into();
        }
        members.insert("tokenSource".to_owned(), source);
    }
    out.push_str(&Value::Object(members).to_string());
}

/// One member per name: text, or a list where the name repeats.
fn headers(headers: &[(String, String)]) -> Value {
    let mut members: Map<String, Value> = Map::new();
    for (name, value) in headers {
        let same = members.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name));
        match same {
            None => {
                members.insert(name.clone(), json!(value));
            }
            Some((_, Value::Array(values))) => values.push(json!(value)),
            Some((_, one)) => *one = json!([one.take(), value]),
        }
    }
    members.into()
}

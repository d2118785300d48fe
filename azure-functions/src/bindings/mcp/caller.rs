//! Who calls, as the host describes it: the same for tools, resources and prompts.

use crate::{
    BindingError,
    binding::{BindingData, TriggerData},
    http::Json,
};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

/// Who called a tool, read a resource, or got a prompt.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct McpCaller {
    /// Id of the client's session, if it has one.
    pub session_id: Option<String>,
    /// What the client says about itself, if the host knows it. Anyone can say anything here.
    pub client: Option<McpClient>,
    /// How the call came: `http-streamable` or `http-sse`.
    pub transport: String,
    /// All headers of the HTTP request, its keys and tokens included. Their values are marked as sensitive, so that `{:?}` does not
    /// show them: write none of them into a log.
    pub headers: HeaderMap,
}

/// What an MCP client says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpClient {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// Its name for people.
    #[serde(default)]
    pub title: Option<String>,
}

impl McpCaller {
    /// What the host says about a call with these members.
    pub(super) fn describes(self, mut members: Map<String, Value>) -> Result<TriggerData, BindingError> {
        if let Some(id) = self.session_id {
            members.insert("sessionid".to_owned(), id.into());
        }
        if let Some(client) = self.client {
            members.insert("clientinfo".to_owned(), json!(client));
        }
        let headers = self.headers.iter();
        let headers: Map<String, Value> = headers
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into())))
            .collect();
        let transport = json!({"name": self.transport, "properties": {"headers": headers}});
        members.insert("transport".to_owned(), transport);
        TriggerData::new(Json(members))
    }
}

/// What the host says about a call.
pub(super) struct Described {
    pub(super) name: String,
    pub(super) uri: String,
    /// The JSON text of the arguments.
    pub(super) arguments: Option<Box<RawValue>>,
    pub(super) caller: McpCaller,
}

impl Described {
    pub(super) fn read(data: &BindingData) -> Result<Self, BindingError> {
        // What is not of the form that it should be is left out, and never quoted in an error: it holds keys.
        #[derive(Deserialize)]
        struct Context {
            #[serde(default)]
            name: Value,
            #[serde(default)]
            uri: Value,
            arguments: Option<Box<RawValue>>,
            #[serde(default)]
            sessionid: Value,
            #[serde(default)]
            clientinfo: Value,
            #[serde(default)]
            transport: Value,
        }
        let text = data.as_text().unwrap_or_default();
        let context: Context = serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            BindingError::new(format!(
                "what the MCP extension says about the call is not the JSON object that it should be (line {line}, column {column})"
            ))
        })?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let optional = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Self {
            name: text(&context.name),
            uri: text(&context.uri),
            arguments: context.arguments,
            caller: McpCaller {
                session_id: optional(&context.sessionid).or_else(|| optional(&context.transport["sessionId"])),
                client: serde_json::from_value(context.clientinfo).ok(),
                transport: text(&context.transport["name"]),
                headers: headers(&context.transport["properties"]["headers"]),
            },
        })
    }
}

fn headers(members: &Value) -> HeaderMap {
    let members = members.as_object().into_iter().flatten();
    members
        .filter_map(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            let mut value = HeaderValue::try_from(value.as_str()?).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        })
        .collect()
}

//! What tells clients which arguments a tool or a prompt takes.

use crate::BindingError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The arguments of an MCP tool or prompt: with the feature `schemars`, any type that is `serde::Deserialize` and
/// [`schemars::JsonSchema`](https://docs.rs/schemars); without it, `Map<String, Value>` and `Value` of `serde_json`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments of an MCP tool or prompt",
    label = "has no JSON schema, or cannot be read",
    note = "derive `serde::Deserialize` and `schemars::JsonSchema` for it, and switch the feature `schemars` of `azure-functions` on; \
            `serde_json::Map<String, serde_json::Value>` takes any arguments without it"
)]
pub trait McpArguments: DeserializeOwned {
    /// The schema.
    #[doc(hidden)]
    fn schema() -> Map<String, Value>;
}

/// Arguments as a caller gives them.
pub(super) fn value(arguments: &impl Serialize) -> Result<Value, BindingError> {
    serde_json::to_value(arguments)
        .map_err(|error| BindingError::with_source(format!("the arguments cannot be written as JSON: {error}"), error))
}

#[cfg(feature = "schemars")]
#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + schemars::JsonSchema> McpArguments for T {
    fn schema() -> Map<String, Value> {
        of::<T>(schemars::generate::SchemaSettings::draft2020_12().for_deserialize())
    }
}

#[cfg(not(feature = "schemars"))]
impl McpArguments for Map<String, Value> {
    fn schema() -> Map<String, Value> {
        any_object()
    }
}

#[cfg(not(feature = "schemars"))]
impl McpArguments for Value {
    fn schema() -> Map<String, Value> {
        any_object()
    }
}

fn any_object() -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), "object".into())])
}

/// The schema of what is written for a type.
#[cfg(feature = "schemars")]
pub(super) fn written<T: schemars::JsonSchema>() -> Map<String, Value> {
    of::<T>(schemars::generate::SchemaSettings::draft2020_12().for_serialize())
}

#[cfg(feature = "schemars")]
fn of<T: schemars::JsonSchema>(mut settings: schemars::generate::SchemaSettings) -> Map<String, Value> {
    // Clients show schemas to language models: the fewer detours the better.
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    match schema.to_value() {
        Value::Object(mut members) if members.keys().any(|name| name != "title" && name != "description") => {
            members.remove("title");
            members
        }
        // Whatever it is: a call's arguments are an object.
        _ => any_object(),
    }
}

/// Whether an argument of a prompt can be such a value: a text, a number or a flag, which clients give as texts.
pub(super) fn is_scalar(schema: &Value) -> bool {
    let Value::Object(members) = schema else { return true };
    let is_one = |kind: &Value| ["string", "integer", "number", "boolean"].iter().any(|one| kind == one);
    let alternatives = ["oneOf", "anyOf"]
        .iter()
        .find_map(|name| members.get(*name)?.as_array());
    match (members.get("type"), alternatives) {
        (Some(Value::Array(kinds)), _) => kinds.iter().any(is_one),
        (Some(kind), _) => is_one(kind),
        (None, Some(alternatives)) => alternatives.iter().any(is_scalar),
        // Anything is allowed, or one of some values.
        (None, None) => true,
    }
}

/// Makes values of texts, where the schema asks for a number or a flag: prompts have texts only.
pub(super) fn typed(texts: Map<String, Value>, schema: &Map<String, Value>) -> Map<String, Value> {
    let types = |name: &str| match schema.get("properties").and_then(|all| all.get(name)?.get("type")) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(some)) => some.iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect(),
        _ => Vec::new(),
    };
    texts
        .into_iter()
        .map(|(name, value)| {
            let types = types(&name);
            let is_scalar = types
                .iter()
                .any(|one| ["integer", "number", "boolean"].contains(&one.as_str()))
                && !types.iter().any(|one| one == "string");
            let scalar = match &value {
                Value::String(text) if is_scalar => serde_json::from_str::<Value>(text).ok(),
                _ => None,
            };
            (name, scalar.unwrap_or(value))
        })
        .collect()
}

//! Clients that get prompts.

use super::{
    McpCaller,
    caller::Described,
    declared,
    schema::{self, McpArguments},
};
use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input, IntoTrigger, Member, TriggerData, table},
    binding_json::parse_json,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A client gets an MCP prompt, which starts the function: people pick it, say as a command, to begin a conversation with a language model.
///
/// Arguments of its binding: `prompt_name`, the function's name if absent; `title`; `description`, the function's doc comment if absent;
/// `metadata`, a JSON object, and `icons`, a JSON array, for clients.
///
/// `T` is the arguments, as for an [`McpToolTrigger`](super::McpToolTrigger). Clients give texts only: an argument that is a number or a
/// flag is read of its text, and an app with one that is a list or an object does not start. Clients get the arguments in the order in
/// which a struct declares them.
///
/// The function returns [`McpPromptResult`](super::McpPromptResult), or a `Result` of it. If it fails, the client gets an error that does
/// not say why. Needs the MCP extension 1.6, of extension bundle 4.
///
/// ```
/// use azure_functions::{bindings::{McpPromptResult, McpPromptTrigger}, func};
///
/// /// Asks for a summary of the day.
/// #[func]
/// fn summary(_request: McpPromptTrigger) -> McpPromptResult {
///     "Sum up what has happened in the shop today.".into()
/// }
///
/// // A test calls the function.
/// assert_eq!(summary(McpPromptTrigger::default()).messages.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct McpPromptTrigger<T = Map<String, Value>> {
    /// The arguments.
    pub arguments: T,
    /// The name by which the prompt was got.
    pub name: String,
    /// Who gets it.
    pub caller: McpCaller,
}

impl<T> McpPromptTrigger<T> {
    /// A prompt with these arguments, for a test that calls a function.
    pub fn new(arguments: T) -> Self {
        Self {
            arguments,
            name: String::new(),
            caller: McpCaller::default(),
        }
    }
}

impl<T: McpArguments> FromBinding for McpPromptTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::MCP_PROMPT_TRIGGER).members(members::<T>);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let described = Described::read(&input.take_data())?;
        let texts = match described.arguments.as_ref().map_or("null", |json| json.get()) {
            "null" => Map::new(),
            json => parse_json(json.as_bytes())?,
        };
        let arguments = Value::Object(schema::typed(texts, &T::schema())).to_string();
        let arguments = parse_json(arguments.as_bytes()).map_err(|error| {
            let name = &described.name;
            BindingError::with_source(
                format!("the arguments of `{name}` are not what it takes: {error}"),
                error,
            )
        })?;
        Ok(Self {
            arguments,
            name: described.name,
            caller: described.caller,
        })
    }
}

/// Clients give texts only.
impl<T: Serialize> IntoTrigger for McpPromptTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let mut arguments = schema::value(&self.arguments)?;
        for value in arguments.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if !value.is_string() {
                *value = value.to_string().into();
            }
        }
        self.caller.describes(Map::from_iter([
            ("name".to_owned(), self.name.into()),
            ("arguments".to_owned(), arguments),
        ]))
    }
}

fn members<T: McpArguments>() -> Vec<Member> {
    let schema = T::schema();
    if schema.get("type").is_none_or(|kind| kind != "object") {
        // Refused with the function: arguments come by name.
        return vec![("promptArguments", Value::Object(schema).to_string().into())];
    }
    let required = schema.get("required").and_then(Value::as_array);
    let arguments = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    // Clients fill them in this order.
    let order = declared::names::<T>();
    let place = |name: &str| order.iter().position(|other| *other == name).unwrap_or(order.len());
    let mut arguments: Vec<_> = arguments.collect();
    arguments.sort_by_key(|(name, _)| place(name));
    let arguments: Vec<_> = arguments
        .into_iter()
        .map(|(name, property)| {
            let is_required = required.is_some_and(|names| names.iter().any(|other| other == name));
            let mut argument = json!({"name": name, "required": is_required});
            if let Some(description) = property.get("description") {
                argument["description"] = description.clone();
            }
            if !schema::is_scalar(property) {
                // Refused with the function.
                argument["type"] = "object".into();
            }
            argument
        })
        .collect();
    let mut members = vec![("useResultSchema", true.into())];
    if !arguments.is_empty() {
        members.push(("promptArguments", Value::from(arguments).to_string().into()));
    }
    members
}

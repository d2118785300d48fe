//! Calls of tools.

use super::{
    McpCaller, McpToolResult,
    caller::Described,
    schema::{self, McpArguments},
};
use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, FromBinding, Input, IntoTrigger, Member, TriggerData, table},
    binding_json::parse_json,
};
use serde::Serialize;
use serde_json::{Map, Value};

/// A call of an MCP tool, which starts the function: a language model, or who works with one, wants something done.
///
/// Arguments of its binding: `tool_name`, the function's name if absent; `description`, which tells the model what the tool is for, the
/// function's doc comment if absent; `metadata`, a JSON object for clients.
///
/// `T` is the arguments that the caller gives. With the feature `schemars`, it is any type that is `serde::Deserialize` and
/// `schemars::JsonSchema`: clients get its schema, with doc comments as descriptions, and calls whose arguments do not fit are answered
/// with a tool error that names the argument. Without, it is `Map<String, Value>`: any arguments, unchecked. A host itself
/// checks no types, only that required arguments are there.
///
/// The function returns [`McpToolResult`], `McpJson`, or nothing, or a `Result` of these, whose error becomes a tool error: the
/// model reads it, and can try again. A panic fails the invocation; the caller is told no more than that.
#[cfg_attr(feature = "schemars", doc = "```")]
#[cfg_attr(not(feature = "schemars"), doc = "```ignore")]
/// use azure_functions::{bindings::{McpToolResult, McpToolTrigger}, func, schemars::{self, JsonSchema}};
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Division {
///     /// What is divided.
///     dividend: f64,
///     /// What it is divided by.
///     divisor: f64,
/// }
///
/// /// Divides a number by another.
/// #[func]
/// fn divide(call: McpToolTrigger<Division>) -> Result<McpToolResult, String> {
///     let Division { dividend, divisor } = call.arguments;
///     if divisor == 0.0 {
///         return Err("nothing can be divided by 0".to_owned());
///     }
///     Ok((dividend / divisor).to_string().into())
/// }
///
/// // A test calls the function.
/// let half = divide(McpToolTrigger::new(Division { dividend: 1.0, divisor: 2.0 }));
/// assert_eq!(half, Ok("0.5".into()));
/// ```
///
/// Calls come with everything that the caller sent, keys and tokens included: see [`McpCaller::headers`]. Needs the MCP extension 1.3, of
/// extension bundle 4. The name of a tool must be unique in the app, or no host starts; the app refuses that itself, and schemas
/// that a host refuses, too.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct McpToolTrigger<T = Map<String, Value>> {
    /// The arguments.
    pub arguments: T,
    /// The name by which the tool was called.
    pub name: String,
    /// Who called.
    pub caller: McpCaller,
}

impl<T> McpToolTrigger<T> {
    /// A call with these arguments, for a test that calls a function.
    pub fn new(arguments: T) -> Self {
        Self {
            arguments,
            name: String::new(),
            caller: McpCaller::default(),
        }
    }
}

impl<T: McpArguments> FromBinding for McpToolTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::MCP_TOOL_TRIGGER).members(members::<T>);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.answer_errors(error_answer);
        let described = Described::read(&input.take_data())?;
        let arguments = match described.arguments.as_ref().map_or("null", |json| json.get()) {
            "null" => parse_json(b"{}"),
            text if text.starts_with('{') => parse_json(text.as_bytes()),
            // A struct could be read from a list, too.
            _ => Err(BindingError::new("they are no JSON object")),
        };
        let arguments = arguments.map_err(|error| {
            let name = &described.name;
            BindingError::bad_request(format!("the arguments of `{name}` are not what it takes: {error}"))
        })?;
        Ok(Self {
            arguments,
            name: described.name,
            caller: described.caller,
        })
    }
}

impl<T: Serialize> IntoTrigger for McpToolTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let arguments = schema::value(&self.arguments)?;
        self.caller.describes(Map::from_iter([
            ("name".to_owned(), self.name.into()),
            ("arguments".to_owned(), arguments),
        ]))
    }
}

fn members<T: McpArguments>() -> Vec<Member> {
    vec![
        ("useWorkerInputSchema", true.into()),
        ("inputSchema", Value::Object(T::schema()).to_string().into()),
        // Only so is there a way to say that something is an error.
        ("useResultSchema", true.into()),
    ]
}

fn error_answer(text: &str) -> BindingData {
    McpToolResult::error(text).answer()
}

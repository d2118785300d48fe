//! Arguments of calls of MCP tools and prompts, as inputs and trigger metadata have them: texts, in .NET's spelling.

use super::{binding::Binding, data::Data};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The trigger metadata that hold all arguments of a call as texts: of a tool, of a prompt.
const METADATA: [&str; 2] = ["mcptoolargs", "mcppromptargs"];

/// Arguments of a call: the JSON text of each.
pub(crate) type Arguments = BTreeMap<String, Box<RawValue>>;

/// The trigger metadata with the arguments of a call of this trigger; none if it is none of a tool or a prompt.
pub(crate) fn metadata_name(trigger: &Binding) -> Option<&'static str> {
    match trigger {
        _ if trigger.is("mcpToolTrigger") => Some(METADATA[0]),
        _ if trigger.is("mcpPromptTrigger") => Some(METADATA[1]),
        _ => None,
    }
}

/// Whether trigger metadata of this name hold arguments, as JSON.
pub(crate) fn is_metadata(name: &str) -> bool {
    METADATA.contains(&name)
}

/// A JSON object with all arguments as texts.
pub(crate) fn as_texts(arguments: &Arguments) -> String {
    let texts: BTreeMap<_, _> = arguments.iter().map(|(name, json)| (name, text(json.get()))).collect();
    serde_json::to_string(&texts).unwrap_or_default()
}

/// What an input of the type `mcpToolProperty` or `mcpPromptArgument` holds: text, whatever the argument is. `metadata` gives trigger
/// metadata by their names. None for an input of another type.
pub(crate) fn input(binding: &Binding, metadata: impl Fn(&str) -> Option<String>) -> Option<Data> {
    let (kind, member) = match binding {
        _ if binding.is("mcpToolProperty") => (METADATA[0], "propertyName"),
        _ if binding.is("mcpPromptArgument") => (METADATA[1], "argumentName"),
        _ => return None,
    };
    let texts: BTreeMap<String, String> = serde_json::from_str(&metadata(kind).unwrap_or_default()).unwrap_or_default();
    let text = binding.text(member).and_then(|name| texts.get(name));
    Some(Data::Text(text.cloned().unwrap_or_default()))
}

/// A value as .NET spells it.
fn text(json: &str) -> String {
    match json {
        "null" => String::new(),
        "true" => "True".to_owned(),
        "false" => "False".to_owned(),
        _ if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
        // Numbers, lists and objects stay as they were written.
        _ => json.to_owned(),
    }
}

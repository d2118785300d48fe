//! A binding of a function, as its metadata describes it.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Which way data flows through a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the function.
    In,
    /// From the function.
    Out,
    /// Both.
    InOut,
}

/// One binding of a function.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Binding {
    /// Name of the parameter, or `$return`.
    pub name: String,
    /// Type, such as `httpTrigger`.
    pub kind: String,
    /// Direction; `In` where the metadata has none.
    pub direction: Direction,
    /// All members of the binding, with `%SETTING%` replaced.
    pub attributes: Map<String, Value>,
    /// The texts in which `%SETTING%` was replaced, by the names of their members.
    pub as_written: BTreeMap<String, String>,
}

impl Binding {
    /// The binding with these members.
    pub(crate) fn read(attributes: Map<String, Value>) -> Self {
        let text = |name: &str| {
            let entry = attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            entry
                .and_then(|(_, value)| value.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let direction = match text("direction").to_ascii_lowercase().as_str() {
            "out" => Direction::Out,
            "inout" => Direction::InOut,
            _ => Direction::In,
        };
        Self {
            name: text("name"),
            kind: text("type"),
            direction,
            attributes,
            as_written: BTreeMap::new(),
        }
    }

    /// Whether this is the binding that starts the function.
    #[must_use]
    pub fn is_trigger(&self) -> bool {
        self.direction != Direction::Out && is_trigger(&self.kind)
    }

    /// Whether the binding has this type, in any case.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// A text attribute, looked up in any case; empty text counts as absent.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attribute(attribute)?.as_str().filter(|text| !text.is_empty())
    }

    /// An attribute, looked up in any case.
    #[must_use]
    pub fn attribute(&self, attribute: &str) -> Option<&Value> {
        self.attributes.get(attribute).or_else(|| {
            self.attributes
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(attribute))
                .map(|(_, v)| v)
        })
    }
}

/// The triggers of the MCP extension.
pub(crate) const MCP_TRIGGERS: [&str; 3] = ["mcpToolTrigger", "mcpResourceTrigger", "mcpPromptTrigger"];

/// Whether bindings of this type start functions.
pub(crate) fn is_trigger(kind: &str) -> bool {
    kind.to_ascii_lowercase().ends_with("trigger")
}

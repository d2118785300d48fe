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
            let value = member(&attributes, name).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
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
        member(&self.attributes, attribute)
    }

    /// Whether an attribute is this word, in any case.
    #[must_use]
    pub fn says(&self, attribute: &str, word: &str) -> bool {
        self.text(attribute).is_some_and(|text| text.eq_ignore_ascii_case(word))
    }

    /// Whether one of the binding's `properties` is `true`, which may be a text.
    #[must_use]
    pub fn flag(&self, property: &str) -> bool {
        let properties = self.attribute("properties").and_then(Value::as_object);
        match properties.and_then(|properties| member(properties, property)) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// The binding with `%SETTING%` replaced in its texts, where `setting` knows a value that is not empty.
    #[cfg(any(feature = "testing", test))]
    #[must_use]
    pub(crate) fn with_settings(mut self, setting: impl Fn(&str) -> Option<String>) -> Self {
        for (name, value) in &mut self.attributes {
            if let Value::String(text) = value {
                let resolved = resolved(text, &setting);
                if resolved != *text {
                    self.as_written.insert(name.clone(), std::mem::replace(text, resolved));
                }
            }
        }
        self
    }
}

/// A member, looked up in any case.
pub(crate) fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        let mut members = members.iter();
        let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(found.1)
    })
}

#[cfg(any(feature = "testing", test))]
fn resolved(text: &str, setting: impl Fn(&str) -> Option<String>) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%')
        && let Some((name, tail)) = after.split_once('%')
    {
        resolved.push_str(before);
        match setting(name).filter(|value| !value.is_empty()) {
            Some(value) => resolved.push_str(&value),
            None => resolved.extend(["%", name, "%"]),
        }
        rest = tail;
    }
    resolved + rest
}

/// The triggers of the MCP extension.
pub(crate) const MCP_TRIGGERS: [&str; 3] = ["mcpToolTrigger", "mcpResourceTrigger", "mcpPromptTrigger"];

/// Whether bindings of this type start functions.
pub(crate) fn is_trigger(kind: &str) -> bool {
    kind.to_ascii_lowercase().ends_with("trigger")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn binding(value: Value) -> Binding {
        let Value::Object(attributes) = value else {
            panic!("{value}")
        };
        Binding::read(attributes)
    }

    #[test]
    fn settings_that_have_a_value_stand_in_the_binding() {
        let setting = |name: &str| match name {
            "CONTAINER" => Some("in".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, wanted) in [
            ("%CONTAINER%/{name}", "in/{name}"),
            ("%OTHER%/%CONTAINER%/100%", "%OTHER%/in/100%"),
            ("%EMPTY%/x", "%EMPTY%/x"),
        ] {
            let binding = binding(json!({"type": "blobTrigger", "name": "b", "path": text})).with_settings(setting);
            assert_eq!(binding.text("path"), Some(wanted));
            let before = (text != wanted).then_some(text);
            assert_eq!(binding.as_written.get("path").map(String::as_str), before);
        }
    }

    #[test]
    fn words_and_flags_are_read_in_any_case() {
        let binding = binding(json!({"Cardinality": "Many", "properties": {"supportsdeferredbinding": "True"}}));
        assert!(binding.says("cardinality", "many") && !binding.says("dataType", "binary"));
        assert!(binding.flag("supportsDeferredBinding") && !binding.flag("other"));
    }
}

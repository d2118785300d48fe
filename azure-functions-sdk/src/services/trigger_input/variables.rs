//! The variables of a blob's path, and those of a resource's URI.

use super::made_up::UNNAMED;
use crate::services::binding::Binding;
use serde_json::{Map, Value};

/// Whether a member of the binding has a variable of this name.
pub(super) fn has(trigger: &Binding, member: &str, name: &str) -> bool {
    let text = trigger.text(member);
    text.is_some_and(|text| text.contains(&format!("{{{name}}}")))
}

/// What stands for a variable.
pub(super) fn text(given: &Map<String, Value>, variable: &str) -> String {
    match given.get(variable) {
        None | Some(Value::Null) => UNNAMED.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

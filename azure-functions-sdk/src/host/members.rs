//! What is wrong with the members of a binding, as the table of the bindings has them.

use super::function::{Binding, Direction};
use crate::binding_table::{self, ArgumentKind, Flow};
use serde_json::Value;

/// What the real host says about the binding when it starts, or would say when it runs the function.
pub(super) fn wrong(binding: &Binding) -> Option<String> {
    let Binding { name, kind, .. } = binding;
    let other = |member: &str, values: &[&str]| {
        let value = binding.text(member)?;
        let known = values.iter().any(|known| known.eq_ignore_ascii_case(value));
        (!known).then(|| {
            let values = values.join("`, `");
            format!("The `{member}` of the binding `{name}` is `{value}`; it is one of `{values}`.")
        })
    };
    if let Some(error) = other("direction", &["in", "out", "inout"])
        .or_else(|| other("dataType", &["undefined", "string", "binary", "stream"]))
        .or_else(|| other("cardinality", &["one", "many"]))
    {
        return Some(error);
    }
    let flow = match binding.direction {
        _ if binding.is_trigger() => Flow::Trigger,
        Direction::Out => Flow::Output,
        Direction::In | Direction::InOut => Flow::Input,
    };
    let row = binding_table::row(kind, flow)?;
    for argument in row.arguments {
        let member = argument.member();
        let value = binding.attribute(&member);
        let value_text = value.and_then(Value::as_str).unwrap_or_default();
        if argument.required && (value.is_none_or(Value::is_null) || value.is_some_and(|value| value == "")) {
            return Some(format!(
                "`{member}` is missing in the binding `{name}` of type `{kind}`."
            ));
        }
        let wrong_value = match argument.kind {
            ArgumentKind::OneOf(values) if !value_text.is_empty() && member != "type" => other(&member, values),
            ArgumentKind::Integer
                if value.is_some_and(|value| !value.is_number() && value_text.parse::<i64>().is_err()) =>
            {
                Some(format!("The `{member}` of the binding `{name}` is no integer."))
            }
            kind => binding_table::wrong_name(kind, value_text)
                .filter(|_| !value_text.is_empty())
                .map(|reason| format!("The `{member}` of the binding `{name}` is `{value_text}`: {reason}.")),
        };
        if wrong_value.is_some() {
            return wrong_value;
        }
    }
    None
}

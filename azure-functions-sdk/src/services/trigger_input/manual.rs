//! The host's own manual trigger, which also stands for every trigger that is not known here. Source: recordings of the real host,
//! `manual.*`.

use super::payload::One;
use crate::{
    dotnet_number,
    services::{
        binding::Binding,
        data::{Data, TriggerValue},
    },
};
use serde_json::{Value, value::RawValue};
use std::collections::HashMap;

/// As the host's own manual trigger: text, and the members of JSON as metadata.
pub(super) fn value(trigger: &Binding, payload: Option<One>) -> TriggerValue {
    let Some(payload) = payload else {
        return TriggerValue::default();
    };
    let data = payload.into();
    let mut metadata = HashMap::new();
    if let Data::Text(text) = &data {
        metadata = members(text);
        metadata.insert(trigger.name.clone(), Data::Text(text.clone()));
    }
    TriggerValue {
        data: Some(data),
        metadata,
    }
}

/// The members of a JSON object, as the host makes metadata of them: scalars as text in .NET's spelling; lists and null are
/// left out. Dates are not spelt anew here.
pub(super) fn members(text: &str) -> HashMap<String, Data> {
    let members: HashMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    let data = |value: &RawValue| match serde_json::from_str(value.get()).ok()? {
        Value::String(text) => Some(Data::Text(text)),
        Value::Bool(true) => Some(Data::Text("True".to_owned())),
        Value::Bool(false) => Some(Data::Text("False".to_owned())),
        Value::Number(_) => Some(Data::Text(dotnet_number::text(value.get()))),
        object @ Value::Object(_) => Some(Data::Json(object.to_string())),
        Value::Null | Value::Array(_) => None,
    };
    let members = members.into_iter();
    members.filter_map(|(name, value)| Some((name, data(value)?))).collect()
}

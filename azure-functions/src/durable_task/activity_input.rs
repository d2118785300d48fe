//! The input and the output of an activity on the stream.

use crate::{
    json_text,
    rpc::{Data, TypedData},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::value::RawValue;

/// The value of an input. Workers of .NET send a list of one around it, others the value alone; a value that is itself a list of one
/// cannot be told from the former.
pub(super) fn value_of(input: Option<String>) -> TypedData {
    let Some(text) = input else {
        return json("null".to_owned());
    };
    match serde_json::from_str::<Vec<&RawValue>>(&text).as_deref() {
        Ok([value]) => json(value.get().to_owned()),
        _ if json_text::is_json(&text) => json(text),
        // Some clients send a text as it is.
        _ => TypedData {
            data: Some(Data::String(text)),
        },
    }
}

fn json(text: String) -> TypedData {
    TypedData {
        data: Some(Data::Json(text)),
    }
}

/// What an activity returned, as JSON; nothing if that is null.
pub(super) fn result_of(returned: Option<TypedData>) -> Result<Option<String>, String> {
    let text = match returned.and_then(|value| value.data) {
        None => return Ok(None),
        Some(Data::Json(json)) => json,
        Some(Data::String(text)) => serde_json::Value::from(text).to_string(),
        Some(Data::Bytes(bytes)) => serde_json::Value::from(BASE64_STANDARD.encode(bytes)).to_string(),
        Some(Data::Int(number)) => number.to_string(),
        Some(Data::Double(number)) => serde_json::Value::from(number).to_string(),
        Some(_) => return Err("the activity returned a kind of value that an activity cannot return".to_owned()),
    };
    Ok(Some(text).filter(|text| text.trim() != "null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_in_a_list_of_one_or_bare() {
        for (input, value) in [
            (Some(r#"["x"]"#), Data::Json(r#""x""#.to_owned())),
            (Some(r#""bare""#), Data::Json(r#""bare""#.to_owned())),
            (Some("[null]"), Data::Json("null".to_owned())),
            (Some("[[1]]"), Data::Json("[1]".to_owned())),
            (Some("[1,2]"), Data::Json("[1,2]".to_owned())),
            (Some("[]"), Data::Json("[]".to_owned())),
            (Some(r#"{"a":[1]}"#), Data::Json(r#"{"a":[1]}"#.to_owned())),
            (Some("plain words"), Data::String("plain words".to_owned())),
            (None, Data::Json("null".to_owned())),
        ] {
            assert_eq!(value_of(input.map(str::to_owned)).data, Some(value), "{input:?}");
        }
    }

    #[test]
    fn an_output_is_json_and_null_is_none() {
        let result = |data| result_of(Some(TypedData { data: Some(data) })).unwrap();
        assert_eq!(result(Data::Json("[1]".to_owned())).as_deref(), Some("[1]"));
        assert_eq!(result(Data::String("a\"b".to_owned())).as_deref(), Some(r#""a\"b""#));
        assert_eq!(result(Data::Json("null".to_owned())), None);
        assert_eq!(result_of(None), Ok(None));
    }
}

//! The trigger of activities.

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, FromBinding, Input},
    binding_json::{parse_json, unreadable},
    json_text,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::TypeId;

/// What starts an activity: its input, and the orchestration that asked.
///
/// ```
/// use azure_functions::{bindings::DurableActivityContext, durable::ActivityOutput, func};
///
/// #[func]
/// pub fn say_hello(context: DurableActivityContext) -> ActivityOutput {
///     format!("Hello {}!", context.input().as_str().unwrap_or("stranger")).into()
/// }
/// ```
///
/// Argument of its binding: `activity`, the name in the task hub if it is not the function's.
///
/// An activity can also take its input itself, as any type that serde can read. `#[func]` knows such an activity by
/// the `ActivityOutput` in its return type, or by `#[func(activity)]` if it returns nothing:
///
/// ```
/// use azure_functions::{durable::ActivityOutput, func};
///
/// #[func]
/// fn shout(text: String) -> ActivityOutput {
///     text.to_uppercase().into()
/// }
///
/// #[func(activity)]
/// fn remember(text: String) {
///     log::info!("{text}");
/// }
/// ```
///
/// A JSON object whose first member is named `$type` arrives without it: see [values](crate::durable#values).
///
/// `T` is the type of the input, any JSON by default. With a `DurableActivityContext<Order>`, an input of another shape fails the
/// call, with an error that says where it differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DurableActivityContext<T = Value> {
    /// The input that the orchestration gave; `null` if it gave none.
    pub input: T,
    /// Instance id of the orchestration.
    pub instance_id: String,
}

impl DurableActivityContext {
    /// The input as a type of yours.
    ///
    /// # Errors
    /// If it is of another shape; the message says where.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, BindingError> {
        serde_path_to_error::deserialize(&self.input)
            .map_err(|error| BindingError::with_source(format!("the activity's input: {error}"), error.into_inner()))
    }
}

impl<T> DurableActivityContext<T> {
    /// The input that the orchestration gave; `null` if it gave none.
    pub fn input(&self) -> &T {
        &self.input
    }

    /// Instance id of the orchestration that asked.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }
}

impl<T: DeserializeOwned + 'static> FromBinding for DurableActivityContext<T> {
    const SPEC: BindingSpec = BindingSpec::activity();

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let data = input.take_data();
        Ok(Self {
            // For any JSON, `True` is a flag; for a type of yours it may be a text.
            input: if TypeId::of::<T>() == TypeId::of::<Value>() {
                from_value(data.into_value()?)?
            } else {
                read_input(data)?
            },
            instance_id: instance_id(&input.take_metadata("instanceId")),
        })
    }
}

/// The id may arrive as JSON. One such as `42` or `null` arrives as text, and only looks like it.
fn instance_id(data: &BindingData) -> String {
    let text = data.as_text().map(String::from).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(text)
}

/// Reads an activity's input: the host sends JSON, but for scalars bare text, `hi` or `True`.
pub(crate) fn read_input<T: DeserializeOwned>(data: BindingData) -> Result<T, BindingError> {
    let Some(text) = data.as_text().map(String::from) else {
        return from_value(data.into_value()?);
    };
    let error = match parse_json(text.as_bytes()) {
        Ok(input) => return Ok(input),
        Err(error) => error,
    };
    // Not even as a text: it would be the JSON of another value.
    if let Some(refused) = json_text::refused(&text) {
        return Err(unreadable(refused));
    }
    // `5` may have been the text "5", `true` the text "true".
    let plain = from_value(Value::String(text));
    let loose = |_| from_value(data.into_value()?);
    plain.or_else(loose).map_err(|_: BindingError| error)
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, BindingError> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| BindingError::with_source(error.to_string(), error.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binding::recorded::Recorded, bindings::shown::shows, rpc::Data};
    use serde_json::json;

    // By hand, as the host sends it: what it was given as JSON, and texts, numbers and flags bare.
    #[test]
    fn the_input_of_an_activity_is_of_the_type_that_it_takes() {
        let activity = |data: &str| {
            let metadata = [("instanceId", Data::String("42".to_owned()))];
            Recorded::by_hand("context", Data::String(data.to_owned()), &metadata)
        };
        let object: DurableActivityContext<(String, u8)> = activity(r#"["tea",3]"#).take().unwrap();
        assert_eq!((object.input(), object.instance_id()), (&("tea".to_owned(), 3), "42"));
        let text: DurableActivityContext<String> = activity("hi").take().unwrap();
        assert_eq!(text.input(), "hi");
        let flag: DurableActivityContext = activity("True").take().unwrap();
        assert_eq!(flag.input(), &json!(true));
        let error = activity(r#"["tea","x"]"#)
            .take::<DurableActivityContext<(String, u8)>>()
            .unwrap_err();
        assert!(error.to_string().starts_with("[1]: "), "{error}");
    }

    shows!(ACTIVITY_TRIGGER, Decoding: the_input_of_an_activity_is_of_the_type_that_it_takes);
}

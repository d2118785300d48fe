//! Bindings that the crate has no type for.

use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBinding, FromPayload, Input, IntoBinding, IntoPayload, IntoTrigger, TriggerData,
        metadata_value, table,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::HashMap;

/// A trigger of any type that the host has an extension for.
///
/// Arguments of its binding: `type` (required), as in `function.json`, and whatever the extension takes: a name in snake case becomes
/// camel case in `function.json`, values are text, numbers, `true` and `false`, and lists of them. Nothing of it is checked but the
/// type's name. `T` is the data: [`BindingData`] as the host sends it, [`Bytes`](bytes::Bytes), `String`, or [`Json<T>`](crate::http::Json).
///
/// ```
/// use azure_functions::{bindings::GenericTrigger, func};
///
/// #[func]
/// fn receive(
///     #[binding(type = "rabbitMQTrigger", queue_name = "orders", connection_string_setting = "RabbitMQ")]
///     message: GenericTrigger<String>,
/// ) {
///     log::info!("{} (delivery {:?})", message.data, message.metadata_as::<u64>("DeliveryTag"));
/// }
///
/// // A test calls the function.
/// receive(GenericTrigger::new("hello".to_owned()));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GenericTrigger<T = BindingData> {
    /// The data.
    pub data: T,
    /// What the host says about the trigger, by the names that the extension gives.
    pub metadata: HashMap<String, BindingData>,
}

impl<T> GenericTrigger<T> {
    /// A trigger with this data, for a test that calls a function.
    pub fn new(data: T) -> Self {
        Self {
            data,
            metadata: HashMap::new(),
        }
    }

    /// What the host says under this name, in any case, read as this type; nothing if there is none, or if it is of another type.
    pub fn metadata_as<M: DeserializeOwned>(&self, name: &str) -> Option<M> {
        let (_, data) = self.metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        metadata_value::read(metadata_value::value(data.clone())?)
    }
}

impl<T: FromPayload> FromBinding for GenericTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::GENERIC_TRIGGER);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        Ok(Self {
            data: T::from_payload(input.take_data())?,
            metadata: input.take_all_metadata(),
        })
    }
}

impl<T: IntoPayload> IntoTrigger for GenericTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        self.metadata
            .into_iter()
            .try_fold(TriggerData::new(self.data)?, |trigger, (name, data)| {
                trigger.with(&name, metadata_value::value(data))
            })
    }
}

/// An input of any type that the host has an extension for, with the arguments of a [`GenericTrigger`].
///
/// ```
/// use azure_functions::{bindings::{GenericInput, HttpRequest, HttpResponse}, func};
///
/// #[func]
/// fn price(
///     #[binding(route = "prices/{item}")] _request: HttpRequest,
///     #[binding(type = "redis", command = "GET {item}", connection = "Redis")] price: GenericInput<String>,
/// ) -> HttpResponse {
///     price.0.into()
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct GenericInput<T = BindingData>(pub T);

impl<T: FromPayload> FromBinding for GenericInput<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::GENERIC_INPUT);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        T::from_payload(input.take_data()).map(Self)
    }
}

/// An output of any type that the host has an extension for, with the arguments of a [`GenericTrigger`].
///
/// Which kind of data an extension takes is up to it; most take JSON. A host refuses lists of the protocol: several values are a JSON
/// array.
///
/// ```
/// use azure_functions::{BindingError, bindings::{GenericOutput, TimerInfo}, func};
/// use serde_json::json;
///
/// #[func]
/// #[binding(name = "$return", type = "sendGrid", api_key = "SendGridKey", from = "shop@example.com")]
/// fn remind(#[binding(schedule = "0 0 7 * * *")] _timer: TimerInfo) -> Result<GenericOutput, BindingError> {
///     GenericOutput::json(&json!({"to": "ada@example.com", "subject": "good morning", "text": "…"}))
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct GenericOutput(pub BindingData);

impl GenericOutput {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(BindingData::String(text.into()))
    }

    /// A value as JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, BindingError> {
        BindingData::json(value).map(Self)
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<bytes::Bytes>) -> Self {
        Self(BindingData::Bytes(bytes.into()))
    }
}

impl IntoBinding for GenericOutput {
    const SPEC: BindingSpec = BindingSpec::of(&table::GENERIC_OUTPUT);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        match self.0 {
            BindingData::Strings(_)
            | BindingData::ByteStrings(_)
            | BindingData::Integers(_)
            | BindingData::Doubles(_)
            | BindingData::Model(_)
            | BindingData::Models(_) => Err(BindingError::new(
                "hosts refuse lists of the protocol and references as outputs: send a JSON array",
            )),
            data => Ok(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{binding::recorded::Recorded, http::Json, rpc::Data};
    use serde_json::Value;

    #[test]
    fn a_generic_trigger_has_its_data_as_any_content_and_all_metadata() {
        let recorded = Recorded::by_hand(
            "message",
            Data::String(r#"{"a":1}"#.to_owned()),
            &[
                ("DeliveryTag", Data::Json("7".to_owned())),
                ("Exchange", Data::String("x".to_owned())),
            ],
        );
        let message: GenericTrigger<Json<Value>> = recorded.take().unwrap();
        assert_eq!(message.data.0["a"], 1);
        assert_eq!(message.metadata_as::<u64>("deliverytag"), Some(7));
        assert_eq!(message.metadata_as::<String>("Exchange").as_deref(), Some("x"));
        assert_eq!(message.metadata_as::<u64>("Exchange"), None);
        let raw: GenericTrigger = recorded.take().unwrap();
        assert!(matches!(raw.data, BindingData::String(_)));
    }

    #[test]
    fn a_generic_input_is_any_content() {
        let recorded = Recorded::by_hand("price", Data::Json(r#"{"cents":5}"#.to_owned()), &[]);
        assert_eq!(recorded.take::<GenericInput<Json<Value>>>().unwrap().0.0["cents"], 5);
        assert_eq!(recorded.take::<GenericInput<String>>().unwrap().0, r#"{"cents":5}"#);
        let data = recorded.take::<GenericInput>().unwrap().0;
        assert!(matches!(data, BindingData::Json(json) if json == r#"{"cents":5}"#));
    }

    #[test]
    fn a_generic_output_that_hosts_refuse_is_an_error_before_it_is_sent() {
        let sent = GenericOutput::json(&[1, 2]).unwrap().into_binding().unwrap();
        assert!(matches!(sent, BindingData::Json(json) if json == "[1,2]"));
        for refused in [BindingData::Strings(vec![]), BindingData::Model(Default::default())] {
            let error = GenericOutput(refused).into_binding().unwrap_err().to_string();
            assert!(error.contains("send a JSON array"), "{error}");
        }
    }

    shows!(GENERIC_TRIGGER, Decoding: a_generic_trigger_has_its_data_as_any_content_and_all_metadata);
    shows!(GENERIC_INPUT, Decoding: a_generic_input_is_any_content);
    shows!(GENERIC_OUTPUT, Encoding: a_generic_output_that_hosts_refuse_is_an_error_before_it_is_sent);
}

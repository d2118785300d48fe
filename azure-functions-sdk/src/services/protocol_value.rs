//! Values of bindings as messages of the protocol, and back. The worker and the local host have each their own types for the messages,
//! generated from the same file: hence a macro.

/// Conversions between [`Data`](super::data::Data) and the messages in this module.
macro_rules! protocol_values {
    ($($messages:ident)::+) => {
        const _: () = {
            use $crate::services::data::Data;
            use $($messages)::+::{CollectionBytes, CollectionString, Data as Message, ModelBindingData, TypedData};

            impl From<&Message> for Data {
                fn from(message: &Message) -> Self {
                    match message {
                        Message::String(text) => Self::Text(text.clone()),
                        Message::Json(text) => Self::Json(text.clone()),
                        Message::Bytes(bytes) => Self::Bytes(bytes.clone()),
                        Message::Int(number) => Self::Integer(*number),
                        Message::Double(number) => Self::Double(*number),
                        Message::Stream(_) => Self::Other("stream"),
                        Message::Http(_) => Self::Other("HTTP response"),
                        _ => Self::Other("collection"),
                    }
                }
            }

            impl From<Data> for TypedData {
                fn from(data: Data) -> Self {
                    let data = Some(match data {
                        Data::Text(text) => Message::String(text),
                        Data::Json(text) => Message::Json(text),
                        Data::Bytes(bytes) => Message::Bytes(bytes),
                        Data::Integer(number) => Message::Int(number),
                        Data::Double(number) => Message::Double(number),
                        Data::Texts(string) => Message::CollectionString(CollectionString { string }),
                        Data::ByteStrings(bytes) => Message::CollectionBytes(CollectionBytes { bytes }),
                        Data::Reference { source, json } => Message::ModelBindingData(ModelBindingData {
                            version: "1.0".to_owned(),
                            source: source.to_owned(),
                            content_type: "application/json".to_owned(),
                            content: json.into(),
                        }),
                        Data::Other(_) => return Self { data: None },
                    });
                    Self { data }
                }
            }
        };
    };
}
pub(crate) use protocol_values;

//! The values that travel between host and functions.

use crate::{
    BindingError,
    binding_json::{parse_json, unreadable},
    http::{Exchange, HttpRequest, HttpResponse, Undeliverable},
    json_text,
    rpc::{
        self, CollectionBytes, CollectionDouble, CollectionModelBindingData, CollectionSInt64, CollectionString, Data,
        TypedData,
    },
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::borrow::Cow;

/// A value that the host sends for a binding, or that a function sends to one.
///
/// The variants are those of `TypedData` in the host's protocol.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum BindingData {
    /// No value.
    #[default]
    None,
    /// Text.
    String(String),
    /// JSON text.
    Json(String),
    /// Bytes.
    Bytes(Bytes),
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Double(f64),
    /// The request of an HTTP trigger.
    Request(HttpRequest),
    /// The answer to an HTTP request.
    Response(HttpResponse),
    /// A batch of texts.
    Strings(Vec<String>),
    /// A batch of byte strings.
    ByteStrings(Vec<Bytes>),
    /// A batch of integers.
    Integers(Vec<i64>),
    /// A batch of floating-point numbers.
    Doubles(Vec<f64>),
    /// A reference that the function resolves itself.
    Model(ModelBindingData),
    /// A batch of references.
    Models(Vec<ModelBindingData>),
}

/// A reference to a thing outside, which the function resolves with a client of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelBindingData {
    /// Version of the content's layout.
    pub version: String,
    /// Extension that made it, such as `AzureStorageBlobs`.
    pub source: String,
    /// Media type of `content`.
    pub content_type: String,
    /// The reference.
    pub content: Bytes,
}

impl BindingData {
    /// The value written as JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, say a map whose keys are not text, or could not be read back, because it is nested more
    /// than 127 levels deep.
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, BindingError> {
        json_text::write(value)
            .map(Self::Json)
            .map_err(|error| BindingError::with_source(format!("the value cannot be written as JSON: {error}"), error))
    }

    /// Whether there is no value.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The value as text, if it has one: strings, JSON text, numbers, and bytes that are UTF-8.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::String(text) | Self::Json(text) => Some(Cow::Borrowed(text)),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Integer(number) => Some(Cow::Owned(number.to_string())),
            Self::Double(number) => Some(Cow::Owned(number.to_string())),
            Self::Request(request) => request.body_as_str().ok().map(Cow::Borrowed),
            _ => None,
        }
    }

    /// Parses the value as JSON. No value is `null`.
    ///
    /// # Errors
    /// If the text is not JSON, or not of this type; the message says where.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, BindingError> {
        if self.is_none() {
            return parse_json(b"null");
        }
        match self.as_text() {
            Some(text) => parse_json(text.as_bytes()),
            None => Err(BindingError::new(format!("{} cannot be read as JSON", self.kind()))),
        }
    }

    /// The value as JSON: parsed if it is JSON, otherwise its text. No value is `null`; bytes that are no text are
    /// Base64, as the host writes them.
    ///
    /// This is the rule for the inputs of durable functions, where the host sends `hi` for the text `"hi"`.
    ///
    /// # Errors
    /// If the text is JSON that cannot be read: nested more than 127 levels deep, with a number that no `f64` holds, half of a
    /// surrogate pair, or an object with the member by which `serde_json` marks raw values. The message says where.
    pub fn into_value(self) -> Result<Value, BindingError> {
        Ok(match self {
            Self::None => Value::Null,
            Self::String(text) | Self::Json(text) => match text.as_str() {
                // The host writes flags as .NET does.
                "True" => Value::Bool(true),
                "False" => Value::Bool(false),
                text => json_text::value_or_text(text).map_err(unreadable)?,
            },
            Self::Bytes(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => return Self::String(text.to_owned()).into_value(),
                Err(_) => Value::String(base64::Engine::encode(
                    &base64::engine::general_purpose::STANDARD,
                    &bytes,
                )),
            },
            Self::Integer(number) => number.into(),
            Self::Double(number) => number.into(),
            Self::Strings(texts) => texts.into(),
            Self::Integers(numbers) => numbers.into(),
            Self::Doubles(numbers) => numbers.into(),
            Self::ByteStrings(items) => {
                let values = items.into_iter().map(|item| Self::Bytes(item).into_value());
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            Self::Request(request) => return Self::Bytes(request.body().clone()).into_value(),
            Self::Response(_) | Self::Model(_) | Self::Models(_) => Value::Null,
        })
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "no value",
            Self::String(_) => "a text",
            Self::Json(_) => "a JSON value",
            Self::Bytes(_) => "a byte string",
            Self::Integer(_) => "an integer",
            Self::Double(_) => "a number",
            Self::Request(_) => "an HTTP request",
            Self::Response(_) => "an HTTP response",
            Self::Strings(_) => "a list of texts",
            Self::ByteStrings(_) => "a list of byte strings",
            Self::Integers(_) => "a list of integers",
            Self::Doubles(_) => "a list of numbers",
            Self::Model(_) => "a model binding reference",
            Self::Models(_) => "a list of model binding references",
        }
    }
}

impl From<TypedData> for BindingData {
    fn from(data: TypedData) -> Self {
        match data.data {
            None => Self::None,
            Some(Data::String(text)) => Self::String(text),
            Some(Data::Json(text)) => Self::Json(text),
            Some(Data::Bytes(bytes) | Data::Stream(bytes)) => Self::Bytes(bytes),
            Some(Data::Http(http)) => Self::Request(HttpRequest::from_rpc(*http)),
            Some(Data::Int(number)) => Self::Integer(number),
            Some(Data::Double(number)) => Self::Double(number),
            Some(Data::CollectionBytes(items)) => Self::ByteStrings(items.bytes),
            Some(Data::CollectionString(items)) => Self::Strings(items.string),
            Some(Data::CollectionDouble(items)) => Self::Doubles(items.double),
            Some(Data::CollectionSint64(items)) => Self::Integers(items.sint64),
            Some(Data::ModelBindingData(model)) => Self::Model(model.into()),
            Some(Data::CollectionModelBindingData(models)) => {
                Self::Models(models.model_binding_data.into_iter().map(Into::into).collect())
            }
        }
    }
}

impl BindingData {
    /// The value as the host gets it from the function of this exchange.
    pub(crate) fn into_typed(self, exchange: &Exchange) -> Result<TypedData, Undeliverable> {
        let data = match self {
            Self::None => None,
            Self::String(text) => Some(Data::String(text)),
            Self::Json(text) => Some(Data::Json(text)),
            Self::Bytes(bytes) => Some(Data::Bytes(bytes)),
            Self::Integer(number) => Some(Data::Int(number)),
            Self::Double(number) => Some(Data::Double(number)),
            Self::Request(request) => Some(Data::Bytes(request.body().clone())),
            Self::Response(response) => Some(Data::Http(Box::new(response.deliver(exchange)?))),
            Self::Strings(string) => Some(Data::CollectionString(CollectionString { string })),
            Self::ByteStrings(bytes) => Some(Data::CollectionBytes(CollectionBytes { bytes })),
            Self::Integers(sint64) => Some(Data::CollectionSint64(CollectionSInt64 { sint64 })),
            Self::Doubles(double) => Some(Data::CollectionDouble(CollectionDouble { double })),
            Self::Model(model) => Some(Data::ModelBindingData(model.into())),
            Self::Models(models) => Some(Data::CollectionModelBindingData(CollectionModelBindingData {
                model_binding_data: models.into_iter().map(Into::into).collect(),
            })),
        };
        Ok(TypedData { data })
    }
}

impl From<rpc::ModelBindingData> for ModelBindingData {
    fn from(model: rpc::ModelBindingData) -> Self {
        Self {
            version: model.version,
            source: model.source,
            content_type: model.content_type,
            content: model.content,
        }
    }
}

impl From<ModelBindingData> for rpc::ModelBindingData {
    fn from(model: ModelBindingData) -> Self {
        Self {
            version: model.version,
            source: model.source,
            content_type: model.content_type,
            content: model.content,
        }
    }
}

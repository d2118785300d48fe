//! What a real host sent, for the tests of the bindings: one line for each message, as protobuf's JSON.

use super::{BindingSpec, FromBinding, Input, Source, signature::Parameter};
use crate::{
    BindingError,
    app::States,
    invocation::Invocation,
    rpc::{Data, ModelBindingData, TypedData},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// One message.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Name of the scenario.
    pub(crate) name: String,
    /// The binding that the data is for, as the function declared it.
    pub(crate) binding: Map<String, Value>,
    inputs: Vec<(String, TypedData)>,
    metadata: Vec<(String, TypedData)>,
}

impl Recorded {
    /// The messages of a file.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        text.lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let request = &line["request"];
                let inputs = request["inputData"].as_array().unwrap();
                Self {
                    name: line["name"].as_str().unwrap().to_owned(),
                    binding: line["bindings"][0].as_object().unwrap().clone(),
                    inputs: inputs
                        .iter()
                        .map(|input| (input["name"].as_str().unwrap().to_owned(), typed(&input["data"])))
                        .collect(),
                    metadata: request["triggerMetadata"]
                        .as_object()
                        .unwrap()
                        .iter()
                        .map(|(name, data)| (name.clone(), typed(data)))
                        .collect(),
                }
            })
            .collect()
    }

    /// A message made by hand, where none was recorded.
    pub(crate) fn by_hand(binding: &str, data: Data, metadata: &[(&str, Data)]) -> Self {
        Self {
            name: "by hand".to_owned(),
            binding: Map::from_iter([("name".to_owned(), binding.into())]),
            inputs: vec![(binding.to_owned(), TypedData { data: Some(data) })],
            metadata: metadata
                .iter()
                .map(|(name, data)| {
                    let data = Some(data.clone());
                    ((*name).to_owned(), TypedData { data })
                })
                .collect(),
        }
    }

    /// The message of this name.
    pub(crate) fn named(text: &str, name: &str) -> Self {
        let mut all = Self::all(text).into_iter();
        all.find(|message| message.name == name).unwrap()
    }

    /// What a parameter of this type makes of it.
    pub(crate) fn take<T: FromBinding>(&self) -> Result<T, BindingError> {
        self.take_with(Parameter {
            name: "parameter",
            binding: Box::leak(self.binding["name"].as_str().unwrap().to_owned().into_boxed_str()),
            spec: BindingSpec { ..T::SPEC },
            by_reference: false,
            arguments: &[],
        })
    }

    /// As [`take`](Self::take), with the arguments of this parameter.
    pub(crate) fn take_with<T: FromBinding>(&self, parameter: Parameter) -> Result<T, BindingError> {
        let mut source = Source::new(Invocation {
            id: "1".to_owned(),
            function: "recorded",
            inputs: self.inputs.clone(),
            trigger_metadata: self.metadata.iter().cloned().collect(),
            trace_parent: String::new(),
            trace_state: String::new(),
            cancellation: CancellationToken::new(),
            client_transport: None,
            client: None,
            states: States::default(),
            makes_spans: false,
        });
        T::from_binding(Input {
            source: &mut source,
            parameter: &parameter,
        })
    }
}

fn typed(data: &Value) -> TypedData {
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap().into();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let data = data
        .as_object()
        .unwrap()
        .iter()
        .next()
        .map(|(kind, value)| match kind.as_str() {
            "string" => Data::String(text(value)),
            "json" => Data::Json(text(value)),
            "bytes" => Data::Bytes(bytes(value)),
            "stream" => Data::Stream(bytes(value)),
            "modelBindingData" => Data::ModelBindingData(ModelBindingData {
                version: text(&value["version"]),
                source: text(&value["source"]),
                content_type: text(&value["contentType"]),
                content: bytes(&value["content"]),
            }),
            other => panic!("`{other}` is not read here"),
        });
    TypedData { data }
}

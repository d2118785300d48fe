//! Fires a function by its trigger, as a host does that has heard of it from a service.

use std::collections::HashMap;

use azure_functions::{
    binding::{IntoTrigger, TriggerData},
    http::HttpRequest,
    in_process::{Call, Data, DurableKind, Function, Outputs, TypedData, http_response, instead},
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{FireError, Fired, FiredOutput, TestHost, host::json};
use crate::{
    binding_table::camel_case,
    services::{
        binding::{Binding, Direction, MCP_TRIGGERS},
        data::{self, GivenTrigger, Payload},
        input::input,
        mcp_arguments,
        protocol_value::protocol_values,
        trigger_input::trigger_input,
        written::{self, Content, Written},
    },
};

/// A function that is about to be fired: see [`TestHost::fire`].
#[derive(Debug)]
#[must_use = "the function runs when `run` is called"]
pub struct Fire<'a> {
    host: &'a TestHost,
    function: &'static Function,
    bindings: Vec<Binding>,
    payload: Option<Payload>,
    metadata: Map<String, Value>,
    request: Option<HttpRequest>,
    inputs: Vec<(String, Payload)>,
}

impl TestHost {
    /// Fires a function by its trigger: a message, a blob, an event, changed documents, whatever starts it. What it wrote to its
    /// outputs is in the answer, as it would arrive at the services.
    ///
    /// ```standalone_crate
    /// use azure_functions::{Outputs, bindings::{Blob, BlobTrigger, QueueMessage}, func, http::Json};
    /// use azure_functions_sdk::testing::TestHost;
    /// use serde_json::{Value, json};
    ///
    /// #[derive(Outputs)]
    /// struct Resized {
    ///     #[binding(path = "thumbnails/{name}.png")]
    ///     thumbnail: Blob<Vec<u8>>,
    ///     #[binding(queue_name = "done")]
    ///     done: QueueMessage<Json<Value>>,
    /// }
    ///
    /// #[func]
    /// fn resize(
    ///     #[binding(path = "images/{name}.png")] image: BlobTrigger,
    ///     #[binding(path = "settings/width.txt")] width: Option<Blob<String>>,
    /// ) -> Resized {
    ///     let width = width.and_then(|width| width.0.parse().ok()).unwrap_or(2);
    ///     let thumbnail = image.content.iter().take(width).copied().collect();
    ///     Resized {
    ///         thumbnail: Blob(thumbnail),
    ///         done: QueueMessage(Json(json!({ "image": image.variable("name") }))),
    ///     }
    /// }
    ///
    /// let host = TestHost::new();
    /// let fired = host.fire("resize").data(b"pixels").metadata("name", "cat").run().unwrap();
    /// assert_eq!(fired.output("thumbnail").bytes(), b"pi");
    /// assert_eq!(fired.output("done").json::<Value>(), json!({ "image": "cat" }));
    ///
    /// // The same with the type that the function takes, and with what an input holds.
    /// let image = BlobTrigger::new("images/dog.png", "pixels");
    /// let fired = host.fire("resize").trigger(image).input("width", "3").run().unwrap();
    /// assert_eq!(fired.output("thumbnail").text(), "pix");
    /// ```
    ///
    /// # Panics
    /// If the app has no function of this name, or it is an orchestration or an entity.
    #[track_caller]
    pub fn fire(&self, function: &str) -> Fire<'_> {
        let app = self.worker.app();
        let Some(function) = app.find(function) else {
            let names: Vec<_> = app.functions().map(|function| function.name).collect();
            panic!("the app has no function '{function}'; {}", instead(function, &names));
        };
        match function.durable() {
            Some((DurableKind::Orchestration, name)) => {
                panic!("'{name}' is an orchestration: start it, host.start(\"{name}\", ..)")
            }
            Some((DurableKind::Entity, name)) => {
                panic!("'{name}' is an entity: signal it, host.signal_entity(\"{name}\", ..)")
            }
            _ => {}
        }
        Fire {
            host: self,
            function,
            bindings: bindings(function),
            payload: None,
            metadata: Map::new(),
            request: None,
            inputs: Vec::new(),
        }
    }
}

impl Fire<'_> {
    /// What the trigger brings: the content of the message, of the blob; a text or bytes.
    pub fn data(mut self, data: impl AsRef<[u8]>) -> Self {
        self.payload = Some(payload(data.as_ref()));
        self
    }

    /// What the trigger brings, as JSON: a message's content, an event, a list of changed documents.
    ///
    /// # Panics
    /// If it cannot be JSON.
    #[track_caller]
    pub fn json(mut self, data: &(impl Serialize + ?Sized)) -> Self {
        self.payload = Some(Payload::Text(json(&data, "the data of the trigger").to_string()));
        self
    }

    /// Several messages at once, for a function that takes a batch.
    pub fn batch<T: AsRef<[u8]>>(mut self, messages: impl IntoIterator<Item = T>) -> Self {
        let messages = messages.into_iter();
        let messages = messages.map(|message| Bytes::copy_from_slice(message.as_ref()));
        self.payload = Some(Payload::Batch(messages.collect()));
        self
    }

    /// The trigger as the function gets it: `QueueTrigger::new(..)`, `BlobTrigger::new(..)`, a `Vec` for a batch, and so on.
    ///
    /// # Panics
    /// If its content cannot be JSON.
    #[track_caller]
    pub fn trigger(mut self, trigger: impl IntoTrigger) -> Self {
        let (mut contents, is_batch, metadata) = match trigger.into_trigger() {
            Ok(trigger) => TriggerData::into_parts(trigger),
            Err(error) => panic!("the trigger of function '{}': {error}", self.function.name),
        };
        self.payload = match is_batch {
            true => Some(Payload::Batch(contents)),
            false => contents.pop().map(|content| payload(&content)),
        };
        self.metadata.extend(metadata);
        self
    }

    /// Trigger metadata: a variable of a blob's path, `DequeueCount`, `MessageId`, and so on. What is not given is made up, as the
    /// local host does for functions that are fired by hand.
    ///
    /// # Panics
    /// If the value cannot be JSON.
    #[track_caller]
    pub fn metadata(mut self, name: &str, value: impl Serialize) -> Self {
        self.metadata
            .insert(name.to_owned(), json(&value, "the trigger metadata"));
        self
    }

    /// The request that starts an HTTP function. It has one without anything, unless this is called.
    pub fn request(mut self, request: &HttpRequest) -> Self {
        self.request = Some(request.clone());
        self
    }

    /// What an input binding holds, by its name; a text or bytes. One that is not given holds nothing, and a query has an empty list.
    ///
    /// # Panics
    /// If the function has no such input.
    #[track_caller]
    pub fn input(self, name: &str, data: impl AsRef<[u8]>) -> Self {
        self.with_input(name, payload(data.as_ref()))
    }

    /// What an input binding holds, by its name, as JSON: a document, a list of rows.
    ///
    /// # Panics
    /// If the function has no such input, or it cannot be JSON.
    #[track_caller]
    pub fn input_json(self, name: &str, data: &(impl Serialize + ?Sized)) -> Self {
        let text = json(&data, "the input").to_string();
        self.with_input(name, Payload::Text(text))
    }

    #[track_caller]
    fn with_input(mut self, name: &str, payload: Payload) -> Self {
        // The binding of the parameter `last_order` is `lastOrder`.
        let of_parameter = camel_case(name);
        let Some(found) = inputs(&self.bindings).find(|binding| binding.name == of_parameter || binding.name == name)
        else {
            let names: Vec<_> = inputs(&self.bindings).map(|binding| binding.name.as_str()).collect();
            panic!(
                "function '{}' has no input '{name}'; {}",
                self.function.name,
                match names.as_slice() {
                    [] => "it has none".to_owned(),
                    names => instead(name, names),
                }
            );
        };
        let found = found.name.clone();
        self.inputs.retain(|(other, _)| *other != found);
        self.inputs.push((found, payload));
        self
    }

    /// Runs the function. When this returns, everything that follows from it at this moment has happened, too. It runs once,
    /// whatever its retry policy says.
    ///
    /// # Errors
    /// The function fails, or answers what hosts refuse.
    ///
    /// # Panics
    /// If the trigger cannot bring what it was given, with the reason: a message that is no text for a function that takes text, a
    /// blob whose path does not match.
    #[track_caller]
    pub fn run(mut self) -> Result<Fired, FireError> {
        let call = match self.call() {
            Ok(call) => call,
            Err(why) => panic!("function '{}' cannot be fired so: {why}", self.function.name),
        };
        let (host, function) = (self.host, self.function);
        let logged = host.logs().len();
        let worker = host.worker.clone();
        let result = host.run(async move { worker.invoke(function, call, None, None).await });
        let logs = host.logs().into_iter().skip(logged);
        let logs = logs.filter(|record| record.function == function.name && record.instance_id.is_none());
        let logs: Vec<_> = logs.collect();
        let failed = |message| FireError {
            function: function.name,
            message,
            logs: logs.clone(),
        };
        let outputs = result.map_err(failed)?;
        let written = written(&self.bindings, &outputs).map_err(failed)?;
        let has = |kind| self.bindings.iter().any(|binding| binding.is(kind));
        let is_mcp = MCP_TRIGGERS.into_iter().any(has);
        let is_sent = self
            .bindings
            .iter()
            .any(|binding| binding.name == "$return" && binding.direction != Direction::In);
        Ok(Fired {
            function: function.name,
            outputs: written.into_iter().map(FiredOutput).collect(),
            returned: returned(&outputs).filter(|_| !is_sent).map(|answer| match is_mcp {
                true => opened(answer),
                false => answer,
            }),
            response: has("httpTrigger").then(|| http_response(function, outputs)),
            logs,
        })
    }

    /// What a host sends.
    fn call(&mut self) -> Result<Call, String> {
        let trigger = self.bindings.iter().find(|binding| binding.is_trigger());
        let Some(trigger) = trigger else {
            return Err("it has no trigger".to_owned());
        };
        let mut call = if trigger.is("httpTrigger") {
            if self.payload.is_some() {
                return Err("it is an HTTP function: give it a request(..)".to_owned());
            }
            let request = self.request.take().unwrap_or_else(|| HttpRequest::build().finish());
            Call::http(self.function, &request).unwrap_or_default()
        } else {
            if self.request.is_some() {
                return Err("it is no HTTP function: a request does not start it".to_owned());
            }
            let given = GivenTrigger {
                payload: self.payload.take(),
                metadata: std::mem::take(&mut self.metadata),
            };
            let value = trigger_input(trigger, given, self.host.now())?;
            let metadata = value.metadata.into_iter();
            Call {
                inputs: vec![(trigger.name.clone(), typed(value.data))],
                trigger_metadata: metadata.map(|(name, data)| (name, data.into())).collect(),
            }
        };
        for (name, value) in std::mem::take(&mut self.metadata) {
            call.trigger_metadata.insert(name, data::Data::metadata(value).into());
        }
        let mut given: HashMap<_, _> = std::mem::take(&mut self.inputs).into_iter().collect();
        for binding in inputs(&self.bindings) {
            let metadata = |name: &str| match call.trigger_metadata.get(name)?.data.as_ref()? {
                Data::String(text) => Some(text.clone()),
                Data::Json(text) if mcp_arguments::is_metadata(name) => Some(text.clone()),
                _ => None,
            };
            let value = input(binding, given.remove(&binding.name), metadata)?;
            call.inputs.push((binding.name.clone(), typed(value)));
        }
        Ok(call)
    }
}

/// The bindings, with the settings that the environment has, as the worker reads them.
fn bindings(function: &Function) -> Vec<Binding> {
    let bindings = (function.bindings)().into_iter().map(Binding::read);
    // As on the hosts, none of the MCP extension's members is looked up in the settings.
    let is_of_mcp = |binding: &Binding| binding.kind.to_ascii_lowercase().starts_with("mcp");
    let resolved = bindings.map(|binding| match is_of_mcp(&binding) {
        true => binding,
        false => binding.with_settings(|name| std::env::var(name).ok()),
    });
    resolved.collect()
}

/// A value as the protocol has it; none is null.
fn typed(value: Option<data::Data>) -> TypedData {
    value.map_or_else(TypedData::default, Into::into)
}

/// Text, if it is that: what wants bytes takes them of it.
fn payload(data: &[u8]) -> Payload {
    match std::str::from_utf8(data) {
        Ok(text) => Payload::Text(text.to_owned()),
        Err(_) => Payload::Bytes(Bytes::copy_from_slice(data)),
    }
}

/// The inputs that a test can give; durable clients talk to the test host.
fn inputs(bindings: &[Binding]) -> impl Iterator<Item = &Binding> {
    let is_client = |binding: &&Binding| binding.is("durableClient") || binding.is("orchestrationClient");
    bindings
        .iter()
        .filter(|binding| !binding.is_trigger() && binding.direction != Direction::Out)
        .filter(move |binding| !is_client(binding))
}

/// What arrives at the services.
fn written(bindings: &[Binding], outputs: &Outputs) -> Result<Vec<Written>, String> {
    let answered = outputs.outputs.iter();
    let answered = answered.map(|(name, value)| (name.as_str(), value.data.as_ref()));
    let returned = outputs.return_value.as_ref().and_then(|value| value.data.as_ref());
    let read = written::read(bindings, answered, returned, |value| value.into()).map_err(|error| error.to_string())?;
    match read.unknown.as_slice() {
        [] => Ok(read.written),
        names => Err(format!(
            "it wrote to '{}', and has no such output: hosts drop it silently",
            names.join("', '")
        )),
    }
}

/// What a function returned, as it is.
fn returned(outputs: &Outputs) -> Option<FiredOutput> {
    let content = match outputs.return_value.as_ref()?.data.as_ref()? {
        Data::String(text) | Data::Json(text) => Content::Text(text.clone()),
        Data::Bytes(bytes) => Content::Bytes(bytes.clone()),
        Data::Int(number) => Content::Text(number.to_string()),
        Data::Double(number) => Content::Text(number.to_string()),
        _ => return None,
    };
    Some(FiredOutput(Written {
        name: String::new(),
        kind: String::new(),
        destination: String::new(),
        content,
        key: None,
        headers: Vec::new(),
    }))
}

/// What a client of MCP gets, without the envelope in which the extension takes it.
fn opened(mut answer: FiredOutput) -> FiredOutput {
    if let Content::Text(text) = &answer.0.content
        && let Some(content) = content(text)
    {
        answer.0.content = Content::Text(content);
    }
    answer
}

/// The JSON object in an envelope; none if the text is no envelope.
fn content(text: &str) -> Option<String> {
    let envelope: Value = serde_json::from_str(text).ok()?;
    let content = envelope.get("content")?.as_str()?;
    let value: Value = serde_json::from_str(content).ok()?;
    value.is_object().then(|| content.to_owned())
}

protocol_values!(azure_functions::in_process);

//! What a function made of a trigger that a test fired.

use azure_functions::http::HttpResponse;
use serde::de::DeserializeOwned;

use super::LogRecord;
use crate::services::written::{Content, Written};

/// What a function answered that [`TestHost::fire`](super::TestHost::fire) has run: its outputs as they would arrive at the
/// services, what it returned, and what it logged.
#[derive(Clone, Debug)]
pub struct Fired {
    pub(super) function: &'static str,
    pub(super) outputs: Vec<FiredOutput>,
    pub(super) returned: Option<FiredOutput>,
    pub(super) response: Option<HttpResponse>,
    pub(super) logs: Vec<LogRecord>,
}

/// A value that arrives where an output of a function goes, or that the function returned.
#[derive(Clone, Debug, PartialEq)]
pub struct FiredOutput(pub(super) Written);

/// A function that was fired and failed: what it says is the error's text.
#[derive(Clone, Debug, thiserror::Error)]
#[error("function '{function}' failed: {message}")]
#[non_exhaustive]
pub struct FireError {
    /// The function.
    pub function: &'static str,
    /// The message of its error or panic, or why hosts refuse what it answered.
    pub message: String,
    /// What it has logged.
    pub logs: Vec<LogRecord>,
}

impl Fired {
    /// All values of all outputs, in the order in which they are written. An HTTP response is none of them.
    #[must_use]
    pub fn outputs(&self) -> &[FiredOutput] {
        &self.outputs
    }

    /// The values of the output with this name: none, one, or several.
    pub fn outputs_of<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a FiredOutput> + use<'a, 'n> {
        self.outputs.iter().filter(move |output| output.0.name == name)
    }

    /// The only value of the output with this name.
    ///
    /// # Panics
    /// If there is none, or several.
    #[must_use]
    #[track_caller]
    pub fn output(&self, name: &str) -> &FiredOutput {
        let mut values = self.outputs_of(name);
        match (values.next(), values.count()) {
            (Some(value), 0) => value,
            (None, _) => {
                let mut names: Vec<_> = self.outputs.iter().map(FiredOutput::name).collect();
                names.dedup();
                let instead = match names.as_slice() {
                    [] => "it wrote nothing".to_owned(),
                    names => format!("it wrote to '{}'", names.join("', '")),
                };
                panic!(
                    "function '{}' wrote nothing to an output '{name}'; {instead}",
                    self.function
                )
            }
            (Some(_), more) => panic!(
                "function '{}' wrote {} values to the output '{name}': take them from outputs_of(..)",
                self.function,
                more + 1
            ),
        }
    }

    /// What the function returned where that goes to no service: the result of an activity, or of a trigger that takes one.
    ///
    /// Of an MCP tool, resource or prompt it is what the client gets, as JSON: `content` and `isError` of a tool, `messages` of a prompt.
    /// A resource that is plain text or bytes is just that.
    #[must_use]
    pub fn returned(&self) -> Option<&FiredOutput> {
        self.returned.as_ref()
    }

    /// What the caller of an HTTP function gets.
    #[must_use]
    pub fn response(&self) -> Option<&HttpResponse> {
        self.response.as_ref()
    }

    /// What the function has logged.
    #[must_use]
    pub fn logs(&self) -> &[LogRecord] {
        &self.logs
    }
}

impl FiredOutput {
    /// Name of the output's binding.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Type of the binding, such as `queue`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Where it goes, as the binding says it: `orders`, or `thumbnails/{name}.png`.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.0.destination
    }

    /// The bytes that arrive.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.0.content {
            Content::Text(text) => text.as_bytes(),
            Content::Bytes(bytes) => bytes,
        }
    }

    /// What arrives as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes()) {
            Ok(text) => text,
            Err(error) => panic!("{} is not text: {error}", self.what()),
        }
    }

    /// What arrives as a `T`, from JSON.
    ///
    /// # Panics
    /// If it is no JSON, or of another shape.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(self.bytes()) {
            Ok(value) => value,
            Err(error) => panic!(
                "{} has another shape: {error}: {}",
                self.what(),
                String::from_utf8_lossy(self.bytes())
            ),
        }
    }

    /// The key of a Kafka record.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The value of the last header of this name, of a Kafka record.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.headers.iter().rev();
        let (_, value) = headers.find(|(key, _)| key == name)?;
        Some(value)
    }

    fn what(&self) -> String {
        match self.name() {
            "" => "what the function returned".to_owned(),
            name => format!("the output '{name}'"),
        }
    }
}

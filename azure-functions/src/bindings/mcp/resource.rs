//! Clients that read resources.

use super::{McpCaller, caller::Described};
use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input, IntoTrigger, TriggerData, table},
};
use serde_json::Map;
use std::collections::BTreeMap;

/// A client reads an MCP resource, which starts the function: something that it shows to a language model, or to people.
///
/// Arguments of its binding: `uri` (required), an absolute URI, which may have `{variables}`; `resource_name`, the function's name if absent;
/// `title`; `description`, the function's doc comment if absent; `mime_type`; `size` in bytes; `metadata`, a JSON object for clients.
///
/// The function returns [`McpResourceContents`](super::McpResourceContents), or a `Result` of it. If it fails, the client gets an error
/// that does not say why.
///
/// ```
/// use azure_functions::{bindings::{McpResourceContents, McpResourceTrigger}, func};
///
/// /// The terms of a customer.
/// #[func]
/// fn terms(
///     #[binding(uri = "shop://customers/{customer}/terms", mime_type = "text/markdown")] request: McpResourceTrigger,
/// ) -> McpResourceContents {
///     format!("# Terms of {}", request.variable("customer").unwrap_or("all")).into()
/// }
///
/// // A test calls the function.
/// let contents = terms(McpResourceTrigger::new("shop://customers/7/terms").with_variable("customer", "7"));
/// assert_eq!(contents.as_text(), Some("# Terms of 7"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct McpResourceTrigger {
    /// The URI that is read.
    pub uri: String,
    /// What stands for the variables of the binding's URI, as it stands in the URI.
    pub variables: BTreeMap<String, String>,
    /// Who reads.
    pub caller: McpCaller,
}

impl McpResourceTrigger {
    /// A client that reads this URI, for a test that calls a function.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            ..Self::default()
        }
    }

    /// With this value of a variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// What stands for a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }
}

impl FromBinding for McpResourceTrigger {
    const SPEC: BindingSpec = BindingSpec::of(&table::MCP_RESOURCE_TRIGGER);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let described = Described::read(&input.take_data())?;
        let template = input.argument("uri").unwrap_or_default();
        let names = template
            .split('{')
            .skip(1)
            .filter_map(|part| Some(part.split_once('}')?.0));
        let variables = names
            .filter_map(|name| Some((name.to_owned(), input.take_metadata(name).as_text()?.into_owned())))
            .collect();
        Ok(Self {
            uri: described.uri,
            variables,
            caller: described.caller,
        })
    }
}

impl IntoTrigger for McpResourceTrigger {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let described = self
            .caller
            .describes(Map::from_iter([("uri".to_owned(), self.uri.into())]))?;
        let mut variables = self.variables.into_iter();
        variables.try_fold(described, |trigger, (name, value)| trigger.with(&name, value))
    }
}

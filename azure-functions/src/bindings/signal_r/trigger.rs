//! What clients of SignalR Service send.

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, FromBinding, Input, IntoTrigger, TriggerData, table},
    http::Json,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{collections::HashMap, fmt};

/// A message of a client of SignalR Service, or its coming or going, which starts the function.
///
/// Arguments of its binding: `hub_name`, `category` (`"messages"` or `"connections"`) and `event` (required: the name of the message, or
/// `connected` and `disconnected`), `connection_string_setting` (`AzureSignalRConnectionString` if absent), `parameter_names`. The upstream of
/// the service must point at the app.
///
/// `T` is the arguments of a message, as a tuple or a `Vec`: any type that serde can read from a JSON array.
///
/// ```
/// use azure_functions::{bindings::{SignalRMessage, SignalRTrigger}, func};
///
/// #[func]
/// #[binding(name = "output1", hub_name = "chat")]
/// fn say(
///     #[binding(hub_name = "chat", category = "messages", event = "say")] said: SignalRTrigger<(String,)>,
/// ) -> ((), SignalRMessage) {
///     let (text,) = said.arguments;
///     ((), SignalRMessage::new("said", [text.into()]))
/// }
///
/// // A test calls the function.
/// let (_, message) = say(SignalRTrigger::new(("hello".to_owned(),)));
/// assert_eq!(message.arguments, ["hello"]);
/// ```
///
/// Source: `InvocationContext` of the extension, which the host sends as JSON.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalRTrigger<T = Vec<Value>> {
    /// Arguments of the message.
    pub arguments: T,
    /// The hub.
    pub hub: String,
    /// `messages` or `connections`.
    pub category: String,
    /// Name of the message; `connected` or `disconnected`.
    pub event: String,
    /// Connection of the client.
    pub connection_id: String,
    /// The user that the client is, if it is known.
    pub user_id: Option<String>,
    /// Why a client disconnected, if that was an error.
    pub error: Option<String>,
    /// Headers of the service's request; those of one name are joined by commas.
    pub headers: HashMap<String, String>,
    /// Query of the request by which the client connected, which may hold an access token.
    pub query: HashMap<String, String>,
    /// Claims of the client, the first of each type.
    pub claims: HashMap<String, String>,
}

/// Without headers, query and claims: they hold secrets.
impl<T: fmt::Debug> fmt::Debug for SignalRTrigger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalRTrigger")
            .field("arguments", &self.arguments)
            .field("hub", &self.hub)
            .field("category", &self.category)
            .field("event", &self.event)
            .field("connection_id", &self.connection_id)
            .field("user_id", &self.user_id)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<T> SignalRTrigger<T> {
    /// A message with these arguments, for a test that calls a function.
    pub fn new(arguments: T) -> Self {
        Self {
            arguments,
            hub: String::new(),
            category: "messages".to_owned(),
            event: String::new(),
            connection_id: String::new(),
            user_id: None,
            error: None,
            headers: HashMap::new(),
            query: HashMap::new(),
            claims: HashMap::new(),
        }
    }
}

impl<T: DeserializeOwned> FromBinding for SignalRTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::SIGNAL_R_TRIGGER);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let mut members = Members(input.take_data().parse()?);
        let arguments = match members.take("Arguments") {
            // Of a client that comes or goes.
            None => Value::Array(Vec::new()),
            Some(arguments) => arguments,
        };
        let arguments = BindingData::json(&arguments)?
            .parse()
            .map_err(|error| BindingError::with_source(format!("the arguments: {error}"), error))?;
        Ok(Self {
            arguments,
            hub: members.text("Hub").unwrap_or_default(),
            category: members.text("Category").unwrap_or_default(),
            event: members.text("Event").unwrap_or_default(),
            connection_id: members.text("ConnectionId").unwrap_or_default(),
            user_id: members.text("UserId"),
            error: members.text("Error"),
            headers: members.texts("Headers"),
            query: members.texts("Query"),
            claims: members.texts("Claims"),
        })
    }
}

impl<T: Serialize> IntoTrigger for SignalRTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let arguments: Value = BindingData::json(&self.arguments)?.parse()?;
        TriggerData::new(Json(json!({
            "Arguments": arguments,
            "Error": self.error,
            "Category": self.category,
            "Event": self.event,
            "Hub": self.hub,
            "ConnectionId": self.connection_id,
            "UserId": self.user_id,
            "Headers": self.headers,
            "Query": self.query,
            "Claims": self.claims,
        })))
    }
}

/// Members of an object whose names versions of the extension write in different cases.
struct Members(Map<String, Value>);

impl Members {
    fn take(&mut self, name: &str) -> Option<Value> {
        let key = self.0.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
        self.0.remove(&key).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn texts(&mut self, name: &str) -> HashMap<String, String> {
        let Some(Value::Object(members)) = self.take(name) else {
            return HashMap::new();
        };
        let texts = members.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            _ => None,
        });
        texts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binding::recorded::Recorded, bindings::shown::shows, rpc::Data};

    // By hand, from the extension's source: no SignalR Service was there to be recorded.
    fn trigger<T: DeserializeOwned>(data: &Value) -> Result<SignalRTrigger<T>, BindingError> {
        Recorded::by_hand("invocation", Data::Json(data.to_string()), &[]).take()
    }

    fn said() -> Value {
        json!({
            "Arguments": ["hello", 3], "Error": null, "Category": "messages", "Event": "say", "Hub": "chat", "ConnectionId": "c1",
            "UserId": "ada", "Headers": {"X-A": "1"}, "Query": {"access_token": "secret"}, "Claims": {"nbf": "1"},
        })
    }

    #[test]
    fn a_message_of_a_client_is_its_arguments_and_who_sent_it() {
        let said = trigger::<(String, u8)>(&said()).unwrap();
        assert_eq!(said.arguments, ("hello".to_owned(), 3));
        assert_eq!((&*said.hub, &*said.category, &*said.event), ("chat", "messages", "say"));
        assert_eq!((&*said.connection_id, said.user_id.as_deref()), ("c1", Some("ada")));
        assert_eq!(
            (said.error.as_deref(), &*said.headers["X-A"], &*said.claims["nbf"]),
            (None, "1", "1")
        );
        assert_eq!(said.query["access_token"], "secret");
        assert!(!format!("{said:?}").contains("secret"));
    }

    #[test]
    fn a_message_that_a_test_fires_is_the_one_that_the_function_gets() {
        let said = trigger::<(String, u8)>(&said()).unwrap();
        let (contents, _, _) = said.clone().into_trigger().unwrap().into_parts();
        let fired = Recorded::by_hand("invocation", Data::Bytes(contents[0].clone()), &[]);
        assert_eq!(fired.take::<SignalRTrigger<(String, u8)>>().unwrap(), said);
    }

    #[test]
    fn a_client_that_goes_has_no_arguments_and_may_have_an_error() {
        let gone = json!({
            "Arguments": null, "Error": "closed", "Category": "connections", "Event": "disconnected", "Hub": "chat",
            "ConnectionId": "c1", "UserId": null, "Headers": null,
        });
        let gone: SignalRTrigger = trigger(&gone).unwrap();
        assert!(gone.arguments.is_empty() && gone.headers.is_empty());
        assert_eq!((gone.error.as_deref(), gone.user_id), (Some("closed"), None));
    }

    #[test]
    fn arguments_of_another_type_are_an_error_that_says_where() {
        let error = trigger::<(u8, u8)>(&said()).unwrap_err().to_string();
        assert!(error.starts_with("the arguments: [0]"), "{error}");
    }

    shows!(SIGNAL_R_TRIGGER, Decoding: a_message_of_a_client_is_its_arguments_and_who_sent_it, a_client_that_goes_has_no_arguments_and_may_have_an_error);
}

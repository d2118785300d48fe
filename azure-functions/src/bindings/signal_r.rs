//! SignalR Service: what clients send, how they connect, and what is sent to them.

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, FromBinding, Input, IntoBatch, IntoBinding, IntoTrigger, TriggerData, table},
    http::Json,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
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
    /// Headers of the request by which the client connected.
    pub headers: HashMap<String, String>,
    /// Query of that request, which may hold an access token.
    pub query: HashMap<String, String>,
    /// Claims of the client.
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

/// What a client needs to connect to SignalR Service: an input. The function that answers a client's `negotiate` request returns it.
///
/// Arguments of its binding: `hub_name` (required), `user_id`, which may hold `{names}` such as `{headers.x-ms-client-principal-id}`;
/// `connection_string_setting` (`AzureSignalRConnectionString` if absent).
///
/// ```
/// use azure_functions::{bindings::{HttpRequest, SignalRConnectionInfo}, func, http::Json};
///
/// #[func]
/// fn negotiate(
///     #[binding(methods = "post")] _request: HttpRequest,
///     #[binding(hub_name = "chat")] info: SignalRConnectionInfo,
/// ) -> Json<SignalRConnectionInfo> {
///     Json(info)
/// }
///
/// // A test calls the function.
/// let info = SignalRConnectionInfo::new("https://example.com/client/?hub=chat", "token");
/// assert_eq!(negotiate(HttpRequest::build().finish(), info).0.access_token, "token");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignalRConnectionInfo {
    /// Address of the service.
    pub url: String,
    /// The token that the client shows there: a secret.
    pub access_token: String,
}

/// Without the token.
impl fmt::Debug for SignalRConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalRConnectionInfo")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl SignalRConnectionInfo {
    /// Address and token, for a test that calls a function.
    pub fn new(url: impl Into<String>, access_token: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            access_token: access_token.into(),
        }
    }
}

impl FromBinding for SignalRConnectionInfo {
    const SPEC: BindingSpec = BindingSpec::of(&table::SIGNAL_R_CONNECTION_INFO);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.take_data().parse()
    }
}

/// A message for clients of SignalR Service: an output. It goes to all of a hub, unless it names a connection, a user or a group.
///
/// Arguments of its binding: `hub_name` (required), `connection_string_setting` (`AzureSignalRConnectionString` if absent).
/// `Vec<SignalRMessage>` is several messages. See [`SignalRTrigger`] for an example.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignalRMessage {
    /// Name of the method that is called on the clients.
    pub target: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
    /// The only connection that gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The only user who gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The only group that gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
}

impl SignalRMessage {
    /// A message for all clients of the hub.
    pub fn new(target: impl Into<String>, arguments: impl IntoIterator<Item = Value>) -> Self {
        Self {
            target: target.into(),
            arguments: arguments.into_iter().collect(),
            ..Self::default()
        }
    }

    /// For the client with this connection only.
    #[must_use]
    pub fn to_connection(mut self, id: impl Into<String>) -> Self {
        self.connection_id = Some(id.into());
        self
    }

    /// For the clients of this user only.
    #[must_use]
    pub fn to_user(mut self, id: impl Into<String>) -> Self {
        self.user_id = Some(id.into());
        self
    }

    /// For the clients in this group only.
    #[must_use]
    pub fn to_group(mut self, name: impl Into<String>) -> Self {
        self.group_name = Some(name.into());
        self
    }
}

/// A change of a group of SignalR Service: an output, with the arguments of [`SignalRMessage`].
///
/// ```
/// use azure_functions::{bindings::{SignalRGroupAction, SignalRTrigger}, func};
///
/// #[func]
/// #[binding(name = "output1", hub_name = "chat")]
/// fn join(
///     #[binding(hub_name = "chat", category = "messages", event = "join")] joins: SignalRTrigger<(String,)>,
/// ) -> ((), SignalRGroupAction) {
///     let (group,) = joins.arguments;
///     ((), SignalRGroupAction::add_connection(joins.connection_id, group))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignalRGroupAction {
    /// What is done.
    pub action: SignalRGroupChange,
    /// The connection that it is done with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The user that it is done with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The group; none for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
}

/// What is done with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum SignalRGroupChange {
    /// A user or connection comes into it.
    Add,
    /// A user or connection leaves it.
    Remove,
    /// A user or connection leaves all groups.
    RemoveAll,
}

impl SignalRGroupAction {
    fn of_connection(action: SignalRGroupChange, id: impl Into<String>, group: Option<String>) -> Self {
        Self {
            action,
            connection_id: Some(id.into()),
            user_id: None,
            group_name: group,
        }
    }

    fn of_user(action: SignalRGroupChange, id: impl Into<String>, group: Option<String>) -> Self {
        Self {
            user_id: Some(id.into()),
            connection_id: None,
            action,
            group_name: group,
        }
    }

    /// Puts a connection into a group.
    pub fn add_connection(id: impl Into<String>, group: impl Into<String>) -> Self {
        Self::of_connection(SignalRGroupChange::Add, id, Some(group.into()))
    }

    /// Takes a connection out of a group.
    pub fn remove_connection(id: impl Into<String>, group: impl Into<String>) -> Self {
        Self::of_connection(SignalRGroupChange::Remove, id, Some(group.into()))
    }

    /// Takes a connection out of all groups.
    pub fn remove_connection_from_all(id: impl Into<String>) -> Self {
        Self::of_connection(SignalRGroupChange::RemoveAll, id, None)
    }

    /// Puts a user, with all connections, into a group.
    pub fn add_user(id: impl Into<String>, group: impl Into<String>) -> Self {
        Self::of_user(SignalRGroupChange::Add, id, Some(group.into()))
    }

    /// Takes a user out of a group.
    pub fn remove_user(id: impl Into<String>, group: impl Into<String>) -> Self {
        Self::of_user(SignalRGroupChange::Remove, id, Some(group.into()))
    }

    /// Takes a user out of all groups.
    pub fn remove_user_from_all(id: impl Into<String>) -> Self {
        Self::of_user(SignalRGroupChange::RemoveAll, id, None)
    }
}

macro_rules! output {
    ($($ty:ident),*) => {
        $(
            impl IntoBinding for $ty {
                const SPEC: BindingSpec = BindingSpec::of(&table::SIGNAL_R);

                fn into_binding(self) -> Result<BindingData, BindingError> {
                    BindingData::json(&self)
                }
            }

            impl IntoBatch for $ty {
                fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
                    BindingData::json(&values)
                }
            }
        )*
    };
}

output!(SignalRMessage, SignalRGroupAction);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{binding::recorded::Recorded, rpc::Data};

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

    #[test]
    fn what_a_client_needs_to_connect_is_read_and_written_in_the_words_of_signal_r() {
        let text = r#"{"url":"https://x/client/?hub=chat","accessToken":"t"}"#;
        let recorded = Recorded::by_hand("info", Data::Json(text.to_owned()), &[]);
        let info: SignalRConnectionInfo = recorded.take().unwrap();
        assert_eq!(info, SignalRConnectionInfo::new("https://x/client/?hub=chat", "t"));
        assert_eq!(serde_json::to_string(&info).unwrap(), text);
        assert!(!format!("{info:?}").contains("\"t\""), "{info:?}");
        // Of older versions of the host's data: text.
        let recorded = Recorded::by_hand("info", Data::String(text.to_owned()), &[]);
        assert_eq!(recorded.take::<SignalRConnectionInfo>().unwrap(), info);
    }

    #[test]
    fn messages_and_group_actions_are_sent_as_json() {
        let json_of = |data: BindingData| match data {
            BindingData::Json(text) => text,
            other => panic!("{other:?}"),
        };
        let message = SignalRMessage::new("said", [json!("hello"), json!(3)]);
        let all = r#"{"target":"said","arguments":["hello",3]}"#;
        assert_eq!(json_of(message.clone().into_binding().unwrap()), all);
        let to_group = r#"{"target":"said","arguments":["hello",3],"groupName":"g"}"#;
        let several = vec![message.clone(), message.to_group("g")];
        assert_eq!(json_of(several.into_binding().unwrap()), format!("[{all},{to_group}]"));
        let sent = json_of(
            SignalRMessage::new("x", [])
                .to_connection("c")
                .to_user("u")
                .into_binding()
                .unwrap(),
        );
        assert_eq!(sent, r#"{"target":"x","arguments":[],"connectionId":"c","userId":"u"}"#);
        for (action, wanted) in [
            (
                SignalRGroupAction::add_connection("c", "g"),
                r#"{"action":"add","connectionId":"c","groupName":"g"}"#,
            ),
            (
                SignalRGroupAction::remove_user("u", "g"),
                r#"{"action":"remove","userId":"u","groupName":"g"}"#,
            ),
            (
                SignalRGroupAction::remove_user_from_all("u"),
                r#"{"action":"removeAll","userId":"u"}"#,
            ),
        ] {
            assert_eq!(json_of(action.clone().into_binding().unwrap()), wanted);
            assert_eq!(json_of(vec![action].into_binding().unwrap()), format!("[{wanted}]"));
        }
    }

    shows!(SIGNAL_R_TRIGGER, Decoding: a_message_of_a_client_is_its_arguments_and_who_sent_it, a_client_that_goes_has_no_arguments_and_may_have_an_error);
    shows!(SIGNAL_R_CONNECTION_INFO, Decoding: what_a_client_needs_to_connect_is_read_and_written_in_the_words_of_signal_r);
    shows!(SIGNAL_R, Encoding: messages_and_group_actions_are_sent_as_json);
}

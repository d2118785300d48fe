//! What is sent to clients of SignalR Service, and changes of their groups.

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, IntoBatch, IntoBinding, table},
};
use serde::Serialize;
use serde_json::Value;

/// A message for clients of SignalR Service: an output. It goes to all of a hub, unless it names a connection, a user or a group; if it
/// names several, the connection counts, and then the user.
///
/// Arguments of its binding: `hub_name` (required), `connection_string_setting` (`AzureSignalRConnectionString` if absent).
/// `Vec<SignalRMessage>` is several messages. See [`SignalRTrigger`](super::SignalRTrigger) for an example.
///
/// Source: `SignalRMessage`, `SignalRGroupAction` and `SignalRAsyncCollector` of the extension.
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
    /// A user leaves all groups. There is no such change for a connection: the extension does nothing then, and it is an error here.
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

    /// The extension leaves this one undone without a word.
    fn check(&self) -> Result<(), BindingError> {
        if self.action == SignalRGroupChange::RemoveAll && self.connection_id.is_some() {
            return Err(BindingError::new(
                "SignalR Service cannot take a connection out of all groups: name the group, or take the user out of all groups",
            ));
        }
        Ok(())
    }
}

impl IntoBinding for SignalRMessage {
    const SPEC: BindingSpec = BindingSpec::of(&table::SIGNAL_R);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        BindingData::json(&self)
    }
}

impl IntoBatch for SignalRMessage {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        BindingData::json(&values)
    }
}

impl IntoBinding for SignalRGroupAction {
    const SPEC: BindingSpec = BindingSpec::of(&table::SIGNAL_R);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        self.check()?;
        BindingData::json(&self)
    }
}

impl IntoBatch for SignalRGroupAction {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        values.iter().try_for_each(Self::check)?;
        BindingData::json(&values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use serde_json::json;

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

    #[test]
    fn a_connection_that_is_to_leave_all_groups_is_an_error_as_the_extension_does_nothing_then() {
        let mut action = SignalRGroupAction::remove_connection("c", "g");
        assert!(action.clone().into_binding().is_ok());
        action.action = SignalRGroupChange::RemoveAll;
        let user = SignalRGroupAction::remove_user_from_all("u");
        for error in [
            action.clone().into_binding().unwrap_err(),
            vec![user, action].into_binding().unwrap_err(),
        ] {
            assert!(error.to_string().contains("a connection out of all groups"), "{error}");
        }
    }

    shows!(SIGNAL_R, Encoding: messages_and_group_actions_are_sent_as_json);
}

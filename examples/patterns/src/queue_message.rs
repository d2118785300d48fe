//! A queue trigger: the message of a storage queue, as a parameter that starts a function. The crate has no type for it. This
//! one shows how an app defines a binding of its own.

use std::ops::Deref;

use azure_functions::{
    BindingError,
    binding::{Argument, BindingSpec, FromBinding, Input},
};

/// The text of a message. Arguments of its binding: `queue_name` (required), and `connection`, the name of a setting.
pub struct QueueMessage(pub String);

impl FromBinding for QueueMessage {
    const SPEC: BindingSpec = BindingSpec::trigger("queueTrigger")
        .arguments(&[Argument::text("queue_name").required(), Argument::text("connection")]);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        match input.take_data().as_text() {
            Some(text) => Ok(Self(text.into_owned())),
            None => Err(BindingError::new("the message has no text")),
        }
    }
}

impl Deref for QueueMessage {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

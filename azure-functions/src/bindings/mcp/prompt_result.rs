//! What prompts are.

use super::content::McpContent;
use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, IntoBinding, table},
};
use serde_json::json;

/// What a prompt is: the messages with which a conversation begins. A function with an [`McpPromptTrigger`](super::McpPromptTrigger)
/// returns it. A text is one message of the user.
///
/// ```
/// use azure_functions::bindings::{McpPromptMessage, McpPromptResult};
///
/// let question = McpPromptResult::from("How are sales?");
/// let talk = McpPromptResult::from(vec![
///     McpPromptMessage::user("How are sales?"),
///     McpPromptMessage::assistant("Of which week?"),
/// ]);
/// assert_eq!((question.messages.len(), talk.messages.len()), (1, 2));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct McpPromptResult {
    /// The messages, in their order.
    pub messages: Vec<McpPromptMessage>,
    /// What the prompt is for.
    pub description: Option<String>,
}

/// A message of a prompt.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct McpPromptMessage {
    /// Who says it.
    pub role: McpRole,
    /// What is said.
    pub content: McpContent,
}

/// Who says something in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpRole {
    /// The one who works with the language model.
    User,
    /// The language model.
    Assistant,
}

impl McpPromptMessage {
    /// A message of the user.
    pub fn user(content: impl Into<McpContent>) -> Self {
        Self {
            role: McpRole::User,
            content: content.into(),
        }
    }

    /// A message of the language model.
    pub fn assistant(content: impl Into<McpContent>) -> Self {
        Self {
            role: McpRole::Assistant,
            content: content.into(),
        }
    }
}

impl McpPromptResult {
    /// With these words about what the prompt is for.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self {
            description: Some(description.into()),
            ..self
        }
    }
}

impl From<Vec<McpPromptMessage>> for McpPromptResult {
    fn from(messages: Vec<McpPromptMessage>) -> Self {
        Self {
            messages,
            description: None,
        }
    }
}

impl From<String> for McpPromptResult {
    fn from(text: String) -> Self {
        vec![McpPromptMessage::user(text)].into()
    }
}

impl From<&str> for McpPromptResult {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl IntoBinding for McpPromptResult {
    const SPEC: BindingSpec = BindingSpec::answer(&table::MCP_PROMPT_TRIGGER);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        let messages: Vec<_> = self
            .messages
            .iter()
            .map(|message| {
                let role = match message.role {
                    McpRole::User => "user",
                    McpRole::Assistant => "assistant",
                };
                json!({"role": role, "content": message.content.json()})
            })
            .collect();
        let mut result = json!({"messages": messages});
        if let Some(description) = &self.description {
            result["description"] = description.as_str().into();
        }
        // Text: hosts refuse JSON here.
        let answer = json!({"type": "get_prompt_result", "content": result.to_string()});
        Ok(BindingData::String(answer.to_string()))
    }
}

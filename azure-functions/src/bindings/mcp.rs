//! The Model Context Protocol (MCP): tools that language models call, resources that they read, prompts that people pick.
//!
//! Source of what arrives and of what is answered: recordings of the MCP extension 1.6, and its sources.

mod caller;
mod content;
mod declared;
mod prompt;
mod prompt_result;
mod resource;
mod resource_contents;
pub(crate) mod rules;
mod schema;
mod tool;
mod tool_result;

#[cfg(test)]
mod tests;

pub use caller::{McpCaller, McpClient};
pub use content::McpContent;
pub use prompt::McpPromptTrigger;
pub use prompt_result::{McpPromptMessage, McpPromptResult, McpRole};
pub use resource::McpResourceTrigger;
pub use resource_contents::McpResourceContents;
pub use schema::McpArguments;
#[cfg(feature = "schemars")]
pub use tool_result::McpJson;
pub use tool_result::McpToolResult;

pub use tool::McpToolTrigger;

use crate::binding::table::{ArgumentKind, wrong_name};
use serde_json::{Map, Value};

/// As [`rules::mistake`], the URI of a resource included, which is not looked at before if the trigger is a generic one.
pub(crate) fn mistake(binding: &Map<String, Value>) -> Option<(rules::Kind, String)> {
    let wrong_uri = || {
        let kind = rules::Kind::of(binding).filter(|kind| *kind == rules::Kind::Resource)?;
        let uri = binding.get(kind.name_member())?.as_str()?;
        let wrong = wrong_name(ArgumentKind::ResourceUri, uri)?;
        Some((kind, format!("`uri` is `{uri}`: {wrong}")))
    };
    wrong_uri().or_else(|| rules::mistake(binding))
}

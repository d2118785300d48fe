//! The binding types that there are: those of the host itself, and of the extensions in bundle 4.

use crate::{
    binding_table::BINDINGS,
    services::binding::{Binding, MCP_TRIGGERS, is_trigger},
    similar,
};

/// Triggers that this host listens to, or serves itself.
const SERVED: [&str; 5] = [
    "httpTrigger",
    "timerTrigger",
    "orchestrationTrigger",
    "activityTrigger",
    "entityTrigger",
];

/// Inputs of the MCP extension: arguments of the call.
const MCP_ARGUMENTS: [&str; 2] = ["mcpToolProperty", "mcpPromptArgument"];

const DURABLE_CLIENTS: [&str; 2] = ["durableClient", "orchestrationClient"];

/// Types of bundle 4 that the table of bindings has no row for.
const OTHERS: &[&str] = &[
    "assistantCreate",
    "assistantPost",
    "assistantQuery",
    "assistantSkillTrigger",
    "daprBinding",
    "daprBindingTrigger",
    "daprInvoke",
    "daprPublish",
    "daprSecret",
    "daprServiceInvocationTrigger",
    "daprState",
    "daprTopicTrigger",
    "embeddings",
    "embeddingsStore",
    "kusto",
    "manualTrigger",
    "mcpPromptArgument",
    "mcpToolProperty",
    "mySql",
    "mySqlTrigger",
    "orchestrationClient",
    "rabbitMQ",
    "rabbitMQTrigger",
    "redis",
    "redisListTrigger",
    "redisPubSubTrigger",
    "redisStreamTrigger",
    "semanticSearch",
    "sendGrid",
    "signalREndpoints",
    "signalRNegotiation",
    "textCompletion",
    "twilioSms",
    "webPubSub",
    "webPubSubConnection",
    "webPubSubContext",
    "webPubSubTrigger",
];

/// All types.
fn types() -> impl Iterator<Item = &'static str> {
    let rows = BINDINGS.iter().map(|row| row.type_name);
    rows.filter(|name| !name.is_empty()).chain(OTHERS.iter().copied())
}

/// Whether nothing but the admin API starts functions with this trigger here.
pub(crate) fn is_fired_by_hand(trigger: &str) -> bool {
    is_trigger(trigger) && !is_among(&SERVED, trigger) && !is_mcp(trigger)
}

/// Whether the MCP server of the app starts functions with this trigger.
pub(crate) fn is_mcp(trigger: &str) -> bool {
    is_among(&MCP_TRIGGERS, trigger)
}

/// Whether an input is an argument of the call of an MCP tool or prompt.
pub(crate) fn is_mcp_argument(kind: &str) -> bool {
    is_among(&MCP_ARGUMENTS, kind)
}

/// Whether the MCP extension has a binding of this type.
pub(crate) fn is_of_mcp(kind: &str) -> bool {
    is_mcp(kind) || is_mcp_argument(kind)
}

/// Whether the binding is a durable client, which this host provides.
pub(crate) fn is_durable_client(kind: &str) -> bool {
    is_among(&DURABLE_CLIENTS, kind)
}

/// What is wrong with a binding whose type no extension has.
pub(crate) fn unknown(binding: &Binding) -> Option<String> {
    let kind = &binding.kind;
    if types().any(|known| known.eq_ignore_ascii_case(kind)) {
        return None;
    }
    let near = similar::similar(kind, types());
    let hint = match near.as_slice() {
        [] => "check its spelling, and that extension bundle 4 has it".to_owned(),
        names => format!("did you mean `{}`?", names.join("` or `")),
    };
    Some(format!(
        "The binding `{}` cannot be used: no extension has the binding type `{kind}`; {hint}{}",
        binding.name,
        if near.is_empty() { "." } else { "" }
    ))
}

fn is_among(types: &[&str], kind: &str) -> bool {
    types.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_with_a_row_in_the_table_is_not_listed_again() {
        let twice: Vec<_> = OTHERS
            .iter()
            .filter(|other| BINDINGS.iter().any(|row| row.type_name.eq_ignore_ascii_case(other)))
            .collect();
        assert!(twice.is_empty(), "remove from OTHERS: {twice:?}");
    }
}

//! The binding types that there are: those of the host itself, and of the extensions in bundle 4.

use super::function::Binding;
use crate::similar;

/// Triggers that this host listens to, or serves itself.
const SERVED: [&str; 5] = [
    "httpTrigger",
    "timerTrigger",
    "orchestrationTrigger",
    "activityTrigger",
    "entityTrigger",
];

/// Triggers whose service is not here: they are fired by hand.
const BY_HAND: [&str; 24] = [
    "assistantSkillTrigger",
    "blobTrigger",
    "cosmosDBTrigger",
    "daprBindingTrigger",
    "daprServiceInvocationTrigger",
    "daprTopicTrigger",
    "eventGridTrigger",
    "eventHubTrigger",
    "kafkaTrigger",
    "manualTrigger",
    "mcpPromptTrigger",
    "mcpResourceTrigger",
    "mcpToolTrigger",
    "mySqlTrigger",
    "queueTrigger",
    "rabbitMQTrigger",
    "redisListTrigger",
    "redisPubSubTrigger",
    "redisStreamTrigger",
    "serviceBusTrigger",
    "signalRTrigger",
    "sqlTrigger",
    "warmupTrigger",
    "webPubSubTrigger",
];

const DURABLE_CLIENTS: [&str; 2] = ["durableClient", "orchestrationClient"];

/// Inputs and outputs; the real host does not check which of the two a type can be.
const OTHERS: [&str; 36] = [
    "assistantCreate",
    "assistantPost",
    "assistantQuery",
    "blob",
    "cosmosDB",
    "daprBinding",
    "daprInvoke",
    "daprPublish",
    "daprSecret",
    "daprState",
    "embeddings",
    "embeddingsStore",
    "eventGrid",
    "eventHub",
    "http",
    "kafka",
    "kusto",
    "mcpPromptArgument",
    "mcpToolProperty",
    "mySql",
    "queue",
    "rabbitMQ",
    "redis",
    "semanticSearch",
    "sendGrid",
    "serviceBus",
    "signalR",
    "signalRConnectionInfo",
    "signalREndpoints",
    "signalRNegotiation",
    "sql",
    "table",
    "textCompletion",
    "twilioSms",
    "webPubSub",
    "webPubSubConnection",
];

/// Whether nothing but the admin API starts functions with this trigger here.
pub(crate) fn is_fired_by_hand(trigger: &str) -> bool {
    is_among(&BY_HAND, trigger)
}

/// Whether the binding is a durable client, which this host provides.
pub(crate) fn is_durable_client(kind: &str) -> bool {
    is_among(&DURABLE_CLIENTS, kind)
}

/// What is wrong with a binding whose type no extension has.
pub(crate) fn unknown(binding: &Binding) -> Option<String> {
    let kind = &binding.kind;
    let known = || {
        SERVED
            .iter()
            .chain(&BY_HAND)
            .chain(&DURABLE_CLIENTS)
            .chain(&OTHERS)
            .copied()
    };
    if known().any(|known| known.eq_ignore_ascii_case(kind)) {
        return None;
    }
    let near = similar::similar(kind, known());
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

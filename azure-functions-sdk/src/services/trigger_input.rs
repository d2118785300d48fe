//! The value and the metadata of a trigger that has no service here, and is started through the admin API or by a test: what the Functions
//! host and its extensions would make of the payload. Source: recordings of the real host, and each extension's code.

mod blob;
mod changes;
mod event_grid;
mod made_up;
mod manual;
mod mcp;
mod messages;
mod payload;
mod queue;
#[cfg(test)]
mod tests;
mod variables;

use super::{
    binding::Binding,
    data::{Data, GivenTrigger, TriggerValue},
};
use chrono::{DateTime, Utc};
use messages::{event_hub_members, kafka_members, messages, service_bus_members};
use payload::{as_list, one};

/// The trigger's value and metadata.
///
/// # Errors
/// The payload is none that the trigger can bring; the text says why.
pub(crate) fn trigger_input(
    trigger: &Binding,
    given: GivenTrigger,
    now: DateTime<Utc>,
) -> Result<TriggerValue, String> {
    let GivenTrigger { payload, metadata } = given;
    let kind = trigger.kind.to_ascii_lowercase();
    let mut input = match kind.as_str() {
        "queuetrigger" => queue::message(trigger, one(payload)?, now)?,
        "blobtrigger" => blob::blob(trigger, one(payload)?, &metadata, now)?,
        "eventgridtrigger" => event_grid::event(trigger, one(as_list(payload)?)?.as_ref())?,
        "servicebustrigger" => messages(trigger, payload, &service_bus_members(now))?,
        "eventhubtrigger" => messages(trigger, payload, &event_hub_members(now))?,
        "kafkatrigger" => messages(trigger, payload, &kafka_members(trigger, now))?,
        "cosmosdbtrigger" | "sqltrigger" | "mysqltrigger" => changes::changes(one(payload)?.as_ref())?,
        "warmuptrigger" => TriggerValue::only(Data::json("{}")),
        "activitytrigger" => match one(payload)? {
            Some(payload) => TriggerValue::only(payload.into()),
            None => TriggerValue::default(),
        },
        "mcptooltrigger" | "mcpprompttrigger" => mcp::call(trigger, one(payload)?.as_ref())?,
        "mcpresourcetrigger" => mcp::read(trigger, one(payload)?.as_ref(), &metadata)?,
        _ => manual::value(trigger, one(payload)?),
    };
    // What the caller gives wins: it stands for a service that is not here.
    for (name, value) in metadata {
        let has_read = match kind.as_str() {
            "blobtrigger" => blob::has_read(trigger, &name, &value),
            "mcpresourcetrigger" => mcp::has_read(trigger, &name),
            _ => false,
        };
        if !has_read {
            input.metadata.insert(name, Data::metadata(value));
        }
    }
    Ok(input)
}

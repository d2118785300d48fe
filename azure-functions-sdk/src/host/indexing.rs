//! What the real host refuses when it reads a binding, said before any function runs. The rows of the table of bindings say
//! which members there must be; the test plays what the real host said about 84 functions, and about 3 that kept it from starting.

use super::{
    function::{Binding, Direction},
    mcp_rules,
};
use crate::{
    binding_table::{self as table, ArgumentKind, Flow},
    project::Settings,
};
use serde_json::Value;

const DIRECTIONS: [&str; 3] = ["in", "out", "inout"];
const DATA_TYPES: [&str; 4] = ["string", "binary", "stream", "undefined"];

const CARDINALITIES: [&str; 2] = ["one", "many"];

/// The setting that stands for a storage account where a binding names none.
const STORAGE: &str = "AzureWebJobsStorage";

/// Why the real host disables the function, in a sentence.
pub(crate) fn mistake(binding: &Binding, settings: &Settings) -> Option<String> {
    wrong_word(binding, "direction", &DIRECTIONS)
        .or_else(|| wrong_word(binding, "dataType", &DATA_TYPES))
        .or_else(|| wrong_word(binding, "cardinality", &CARDINALITIES))
        .or_else(|| wrong_members(binding))
        .or_else(|| no_connection(binding, settings))
        .or_else(|| same_lease_container(binding))
        .or_else(|| no_mcp(binding))
}

fn wrong_word(binding: &Binding, member: &str, words: &[&str]) -> Option<String> {
    let value = binding.attribute(member)?;
    let known = match value {
        Value::Null => true,
        Value::String(text) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
        _ => false,
    };
    (!known).then(|| {
        format!(
            "`{member}` of the binding `{}` is {value}; it must be one of {}.",
            binding.name,
            words.join(", ")
        )
    })
}

/// Members that must be there, and what they can be.
fn wrong_members(binding: &Binding) -> Option<String> {
    let flow = match binding.direction {
        _ if binding.is_trigger() => Flow::Trigger,
        Direction::Out => Flow::Output,
        Direction::In | Direction::InOut => Flow::Input,
    };
    let row = table::row(&binding.kind, flow)?;
    let Binding { name, kind, .. } = binding;
    for argument in row.arguments {
        let member = argument.member();
        let Some(value) = binding
            .attribute(&member)
            .filter(|value| !value.is_null() && **value != "")
        else {
            // What the timers say of theirs is said there.
            if argument.required && argument.kind != ArgumentKind::Schedule {
                return Some(format!("`{member}` of the binding `{name}` ({kind}) is missing."));
            }
            continue;
        };
        let mistake = match argument.kind {
            ArgumentKind::Integer if !is_integer(value) => "must be a whole number",
            ArgumentKind::Flag if !is_flag(value) => "must be true or false",
            ArgumentKind::OneOf(words) if !is_http(kind) && !is_one_of(value, words) => {
                return Some(format!(
                    "`{member}` of the binding `{name}` ({kind}) is {value}; it must be one of {}.",
                    words.join(", ")
                ));
            }
            kind => match value.as_str().and_then(|text| table::wrong_name(kind, text)) {
                Some(mistake) => mistake,
                None => continue,
            },
        };
        return Some(format!(
            "`{member}` of the binding `{name}` ({kind}) is {value}: {mistake}."
        ));
    }
    let is_there = |argument: &&str| binding.text(&table::camel_case(argument)).is_some();
    if !row.choices.is_empty() && !row.choices.iter().any(|choice| choice.iter().all(&is_there)) {
        let choices: Vec<_> = row
            .choices
            .iter()
            .map(|choice| {
                let members: Vec<_> = choice
                    .iter()
                    .map(|argument| format!("`{}`", table::camel_case(argument)))
                    .collect();
                members.join(" and ")
            })
            .collect();
        return Some(format!(
            "The binding `{name}` ({kind}) needs {}.",
            choices.join(", or ")
        ));
    }
    None
}

/// The front door reads these itself.
fn is_http(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("httpTrigger")
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.as_str().is_some_and(|text| text.trim().parse::<i64>().is_ok())
}

fn is_flag(value: &Value) -> bool {
    let is_word = |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    value.is_boolean() || value.as_str().is_some_and(is_word)
}

fn is_one_of(value: &Value, words: &[&str]) -> bool {
    let is_word = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    value.as_str().is_some_and(is_word)
}

/// A trigger whose connection is no setting. The real host looks when it starts to listen; for inputs and outputs only when
/// the function runs.
fn no_connection(binding: &Binding, settings: &Settings) -> Option<String> {
    let is_storage = binding.is("queueTrigger") || binding.is("blobTrigger");
    let is_cosmos = binding.is("cosmosDBTrigger");
    if !binding.is_trigger() || !is_storage && !is_cosmos {
        return None;
    }
    let connection = match binding.text("connection") {
        Some(connection) => connection,
        None if is_cosmos => "CosmosDB",
        // Nothing is read from the storage account here.
        None => return None,
    };
    if connection.eq_ignore_ascii_case(STORAGE) {
        return None;
    }
    // A connection string in place of a setting's name holds a key: it is not shown.
    if connection.contains(['=', ';']) {
        return Some(format!(
            "The `connection` of the binding `{}` is a connection string; write the name of the app setting that holds it.",
            binding.name
        ));
    }
    let prefixed = format!("AzureWebJobs{connection}");
    let names = [connection, &prefixed];
    let value = names
        .iter()
        .find_map(|name| settings.get(name))
        .filter(|value| !value.is_empty());
    let is_section = names.iter().any(|name| settings.section(name).next().is_some());
    let name = &binding.name;
    match value {
        None if is_section => None,
        None => Some(format!(
            "The connection `{connection}` of the binding `{name}` is no app setting: add `{connection}` to Values in \
             local.settings.json, or set it in the environment."
        )),
        Some(value) if is_cosmos && !value.to_ascii_lowercase().contains("accountendpoint=") => Some(format!(
            "The app setting `{connection}`, the connection of the binding `{name}`, is no connection string of Cosmos DB: it has no \
             AccountEndpoint."
        )),
        Some(_) => None,
    }
}

fn same_lease_container(binding: &Binding) -> Option<String> {
    if !binding.is("cosmosDBTrigger") {
        return None;
    }
    let same = |member: &str, other: &str| match (binding.text(member), binding.text(other)) {
        (None, _) => true,
        (Some(lease), Some(own)) => lease == own,
        (Some(_), None) => false,
    };
    let is_same = binding.text("leaseContainerName").unwrap_or("leases") == binding.text("containerName")?
        && same("leaseDatabaseName", "databaseName")
        && same("leaseConnection", "connection");
    is_same.then(|| {
        format!(
            "The binding `{}` keeps its leases in the container that it watches: name another one in `leaseContainerName`.",
            binding.name
        )
    })
}

/// What no tool, resource or prompt of MCP can be.
fn no_mcp(binding: &Binding) -> Option<String> {
    let (_, mistake) = mcp_rules::mistake(&binding.attributes)?;
    let Binding { name, kind, .. } = binding;
    Some(format!(
        "The Functions host does not start at all with the binding `{name}` ({kind}): {mistake}."
    ))
}

#[cfg(test)]
mod tests {
    use crate::{
        host::{
            function::FunctionTable,
            http::FrontTrigger,
            metadata::{AppSettings, read},
            tests::described::metadata,
            timers::{Timer, Zone},
        },
        project::{LocalSettings, Settings},
    };
    use serde_json::Value;

    /// What the real host said about functions with one fault each.
    const RECORDED: &str = include_str!("tests/recorded/indexing.json");

    /// What is not found where metadata is read, and why.
    const ELSEWHERE: &[(&str, &str)] = &[
        ("h-same-route2", "routes are compared by the front door"),
        ("h-admin-route", "the front door looks at routes"),
        ("host-0", "the front door looks at routes"),
        (
            "table-in",
            "the recorded host had no extension for tables; bundle 4 has one",
        ),
        (
            "c-create",
            "the real host creates the container at once, and its emulator was not there",
        ),
    ];

    /// What the real host says only when the function runs: said here at once.
    const EARLIER: [&str; 3] = ["ci-no-db", "co-no-container", "eg-out-nothing"];

    /// What a message names, as that of the real host does or better: the binding, its member, the wrong value.
    const NAMED: &[(&str, &[&str])] = &[
        ("q-no-queueName", &["`queueName`", "`msg`"]),
        ("q-unknown-connection", &["`NoSuchSetting`", "`msg`"]),
        ("q-illegal-name", &["`queueName`", "`msg`", "ix_q"]),
        ("q-missing-setting", &["`queueName`", "`msg`", "NoSuchSetting"]),
        ("q-direction-out", &["no trigger"]),
        ("q-direction-bad", &["`direction`", "`msg`", "sideways"]),
        ("q-no-name", &["`` cannot be the name of a binding"]),
        ("q-odd-name", &["`my-msg` cannot be the name of a binding"]),
        ("q-name-dollar", &["`$return`", "`out`"]),
        ("q-datatype-bad", &["`dataType`", "`msg`", "blob"]),
        ("b-no-path", &["`path`", "`file`"]),
        ("b-bad-path", &["`path`", "`file`", "/leading/{name}"]),
        ("b-source-bad", &["`source`", "`file`", "Nowhere"]),
        ("unknown-type", &["`x`", "`noSuchTrigger`"]),
        ("no-type", &["no trigger"]),
        ("no-trigger", &["no trigger"]),
        ("two-triggers", &["two triggers", "`msg`", "`file`"]),
        ("two-same-names", &["Two bindings", "`msg`"]),
        ("same-name-casing", &["Two bindings", "`MSG`"]),
        ("no-bindings", &["no trigger"]),
        ("raw-not-json", &["binding", "not a JSON object"]),
        ("raw-array", &["binding", "not a JSON object"]),
        ("name with space", &["`name with space`", "name of a function"]),
        ("1digit", &["`1digit`", "name of a function"]),
        ("h-bad-auth", &["authLevel", "nobody"]),
        ("h-bad-methods", &["methods"]),
        ("t-bad-schedule", &["schedule", "every day"]),
        ("t-no-schedule", &["schedule"]),
        ("c-no-db", &["`databaseName`", "`docs`"]),
        ("c-no-container", &["`containerName`", "`docs`"]),
        ("c-no-connection", &["`CosmosDB`", "`docs`"]),
        ("c-unknown-connection", &["`NoSuch`", "`docs`"]),
        ("c-bad-connection", &["`CosmosBad`", "`docs`"]),
        ("c-old-spelling", &["`containerName`", "`docs`"]),
        ("c-same-lease", &["`leaseContainerName`", "`docs`"]),
        ("c-missing-setting", &["`databaseName`", "`docs`", "NoSuch"]),
        ("c-bad-int", &["`maxItemsPerInvocation`", "`docs`", "many"]),
        ("host-1", &["`path`", "`file`", "IX-B"]),
        ("host-2", &["toolProperties", "context"]),
        ("ci-no-db", &["`databaseName`"]),
        ("co-no-container", &["`containerName`"]),
        ("eg-out-nothing", &["`topicEndpointUri`"]),
    ];

    fn settings() -> AppSettings {
        let text = r#"{"IsEncrypted":false,"Values":{
            "AzureWebJobsStorage":"UseDevelopmentStorage=true","QueueSetting":"from-setting","EG":"http://localhost","K":"key",
            "Cosmos":"AccountEndpoint=https://localhost:8081/;AccountKey=a2V5","CosmosBad":"nonsense"}}"#;
        AppSettings {
            settings: Settings::new([], &LocalSettings::parse("local.settings.json", text).unwrap()),
            allow_list: None,
        }
    }

    /// The error of the metadata, of the front door, or of the timers.
    fn verdict(name: &str, bindings: &[&str]) -> Option<String> {
        let table = FunctionTable::new(read(vec![metadata(name, bindings)], &settings()));
        let function = table.iter().next().unwrap();
        function.error.clone().or_else(|| {
            let trigger = function.trigger()?;
            if function.is_triggered_by("timerTrigger") {
                return Timer::from_binding(name, &trigger.attributes, Zone::UTC)
                    .err()
                    .map(|error| error.to_string());
            }
            FrontTrigger::from_binding(&trigger.kind, &trigger.attributes).err()
        })
    }

    #[test]
    fn a_connection_string_in_place_of_a_setting_is_refused_without_being_shown() {
        for connection in ["AccountName=x;AccountKey=c2VjcmV0", "%AzureWebJobsStorage%"] {
            let binding =
                format!(r#"{{"type":"queueTrigger","name":"msg","queueName":"orders","connection":"{connection}"}}"#);
            let error = verdict("f", &[&binding]).unwrap();
            assert!(error.contains("write the name of the app setting"), "{error}");
            assert!(
                !error.contains("c2VjcmV0") && !error.contains("UseDevelopmentStorage"),
                "{error}"
            );
        }
    }

    #[test]
    fn json_in_members_is_what_the_extension_reads() {
        let tool = |members: &str| {
            let binding =
                format!(r#"{{"name":"c","type":"mcpToolTrigger","toolName":"t","description":"d",{members}}}"#);
            verdict("f", &[&binding])
        };
        for good in [
            r#""toolProperties":"[]""#,
            r#""toolProperties":"[{\"propertyName\":\"a\",\"PropertyType\":\"string\"}]""#,
            r#""useWorkerInputSchema":true,"inputSchema":"{\"type\":\"object\"}""#,
            r#""metadata":"{}""#,
        ] {
            assert_eq!(tool(good), None, "{good}");
        }
        for (bad, wanted) in [
            (
                r#""toolProperties":"not json""#,
                "the binding `c` (mcpToolTrigger): `toolProperties` is not JSON",
            ),
            (
                r#""toolProperties":"[{}]""#,
                "each of the `toolProperties` has a propertyName",
            ),
            (
                r#""inputSchema":"{\"type\":\"array\"}""#,
                "what the tool takes is no JSON object: its schema has the type \"array\"",
            ),
            (r#""outputSchema":"[]""#, "what the tool gives back is no JSON object"),
            (r#""metadata":"[]""#, "`metadata` is not a JSON object"),
            (r#""Metadata":"1""#, "`metadata` is not a JSON object"),
            (r#""useWorkerInputSchema":"True""#, "no `inputSchema`"),
        ] {
            let error = tool(bad).unwrap_or_default();
            assert!(error.contains(wanted) && error.ends_with('.'), "{bad}: {error}");
        }
    }

    #[test]
    fn every_recorded_function_gets_the_verdict_of_the_real_host_about_the_same_thing() {
        let recorded: Value = serde_json::from_str(RECORDED).unwrap();
        let mut wrong = Vec::new();
        for (name, recorded) in recorded.as_object().unwrap() {
            if ELSEWHERE.iter().any(|(other, _)| other == name) {
                continue;
            }
            let bindings: Vec<String> = recorded["bindings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|binding| binding.as_str().map_or_else(|| binding.to_string(), str::to_owned))
                .collect();
            let texts: Vec<&str> = bindings.iter().map(String::as_str).collect();
            let found = verdict(name, &texts);
            let expected = !recorded["error"].is_null() || EARLIER.contains(&name.as_str());
            let named = NAMED.iter().find(|(other, _)| other == name);
            let names_it = match (&found, named) {
                (Some(found), Some((_, words))) => words.iter().all(|word| found.contains(word)),
                (None, None) => true,
                _ => false,
            };
            if found.is_some() != expected || !names_it {
                wrong.push(format!("{name}: the host said {}, we say {found:?}", recorded["error"]));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

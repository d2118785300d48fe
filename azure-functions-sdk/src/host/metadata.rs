//! Reads the metadata that a worker sends (or that lies on disk as `function.json`) into functions, and says in one
//! sentence what is wrong with a function that cannot run.

use super::{
    bundle,
    channel::status,
    function::{Binding, Direction, Function},
    indexing, mcp_names,
    rpc::messages::{RpcFunctionMetadata, StatusResult, status_result::Status},
};
use crate::{
    project::{Settings, UnresolvedSetting},
    services::binding::member,
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

/// What decides, besides the metadata, how a function is seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppSettings {
    pub(crate) settings: Settings,
    /// `functions` of `host.json`: nothing else runs.
    pub(crate) allow_list: Option<Vec<String>>,
}

impl AppSettings {
    fn disables(&self, function: &str) -> bool {
        let listed = |list: &Vec<String>| list.iter().any(|name| name.eq_ignore_ascii_case(function));
        self.settings.is_disabled(function) || !self.allow_list.as_ref().is_none_or(listed)
    }
}

/// The functions that `metadata` describes, each with its first error if it has one.
pub(crate) fn read(metadata: Vec<RpcFunctionMetadata>, settings: &AppSettings) -> Vec<Function> {
    let mut names = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut functions: Vec<_> = metadata
        .into_iter()
        .map(|metadata| {
            let mut function = read_one(metadata, settings);
            if function.error.is_none() && !ids.insert(function.id.to_ascii_lowercase()) {
                function.error = Some(format!("Another function has the same id `{}`.", function.id));
            }
            if !names.insert(function.name.to_ascii_lowercase()) && function.error.is_none() {
                function.error = Some("Another function has the same name; give one of them another name.".to_owned());
            }
            function
        })
        .collect();
    for (index, error) in mcp_names::duplicates(&functions) {
        functions[index].error = Some(error);
    }
    functions
}

fn read_one(metadata: RpcFunctionMetadata, settings: &AppSettings) -> Function {
    let (bindings, error) = match read_bindings(&metadata.raw_bindings, settings) {
        Ok(bindings) => (bindings, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let error = reported(metadata.status.as_ref())
        .or_else(|| wrong_name(&metadata.name))
        .or(error)
        .or_else(|| wrong_ids(&metadata))
        .or_else(|| wrong_bindings(&bindings, &settings.settings));
    let mut function = Function::new(metadata.name, metadata.function_id, bindings);
    function.disabled = settings.disables(&function.name)
        || metadata
            .properties
            .iter()
            .any(|(key, value)| key.eq_ignore_ascii_case("IsDisabled") && value.eq_ignore_ascii_case("true"));
    function.script_file = metadata.script_file;
    function.entry_point = metadata.entry_point;
    function.directory = metadata.directory;
    function.error = error;
    function
}

/// The error that the worker itself reports. A missing status is fine here, unlike in responses; one that says nothing is
/// a failure, `Failure` being the number 0: the real host reads it so.
fn reported(reported: Option<&StatusResult>) -> Option<String> {
    status(Some(reported?.clone())).err().map(|failure| failure.message)
}

fn wrong_name(name: &str) -> Option<String> {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on = characters.all(|other| other.is_ascii_alphanumeric() || other == '_' || other == '-');
    if !starts || !goes_on || name.len() > 128 {
        return Some(format!(
            "`{name}` cannot be the name of a function: use a letter, then at most 127 letters, digits, `_` or `-`."
        ));
    }
    name.eq_ignore_ascii_case("host")
        .then(|| "`host` is reserved; give the function another name.".to_owned())
}

fn wrong_ids(metadata: &RpcFunctionMetadata) -> Option<String> {
    if metadata.function_id.is_empty() {
        return Some("The worker sent no function id.".to_owned());
    }
    metadata
        .script_file
        .is_empty()
        .then(|| "The worker sent no script file.".to_owned())
}

fn wrong_bindings(bindings: &[Binding], settings: &Settings) -> Option<String> {
    match bindings
        .iter()
        .filter(|binding| binding.is_trigger())
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => return Some("The function has no trigger binding; it needs exactly one.".to_owned()),
        [_] => {}
        [first, second, ..] => {
            return Some(format!(
                "The function has two triggers, `{}` and `{}`; it needs exactly one.",
                first.name, second.name
            ));
        }
    }
    let mut names = BTreeSet::new();
    for binding in bindings {
        if !names.insert(binding.name.to_ascii_lowercase()) {
            return Some(format!(
                "Two bindings are named `{}`; binding names must differ.",
                binding.name
            ));
        }
        if let Some(error) = wrong_binding_name(binding)
            .or_else(|| bundle::unknown(binding))
            .or_else(|| indexing::mistake(binding, settings))
        {
            return Some(error);
        }
    }
    None
}

fn wrong_binding_name(binding: &Binding) -> Option<String> {
    let name = &binding.name;
    if name == "$return" {
        return (binding.direction != Direction::Out)
            .then(|| "`$return` is an output; its binding needs the direction `out`.".to_owned());
    }
    let good = name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|other| other.is_ascii_alphanumeric());
    (!good)
        .then(|| format!("`{name}` cannot be the name of a binding: use a letter, then at most 127 letters or digits."))
}

fn read_bindings(raw: &[String], settings: &AppSettings) -> Result<Vec<Binding>, String> {
    raw.iter()
        .map(|text| {
            let mut attributes: Map<String, Value> = serde_json::from_str(text)
                .map_err(|error| format!("The worker sent a binding that is not a JSON object: {error}."))?;
            let mut as_written = BTreeMap::new();
            let text = |member_name| member(&attributes, member_name).and_then(Value::as_str);
            // None of the MCP extension's members is looked up in the settings: descriptions and URIs may have a `%`.
            let is_resolved = !text("type").is_some_and(bundle::is_of_mcp);
            let name = text("name").unwrap_or_default().to_owned();
            for (key, value) in &mut attributes {
                if is_resolved && key != "name" && key != "type" && key != "direction" {
                    let before = value.as_str().map(str::to_owned);
                    resolve(value, settings).map_err(|error| format!("`{key}` of the binding `{name}`: {error}."))?;
                    if let Some(before) = before.filter(|before| value != before) {
                        as_written.insert(key.clone(), before);
                    }
                }
            }
            Ok(Binding {
                as_written,
                ..Binding::read(attributes)
            })
        })
        .collect()
}

/// Replaces `%NAME%` in every text of `value` by the setting of that name.
fn resolve(value: &mut Value, settings: &AppSettings) -> Result<(), UnresolvedSetting> {
    match value {
        Value::String(text) if text.contains('%') => *text = settings.settings.resolve(text)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, settings))?,
        Value::Object(members) => members.values_mut().try_for_each(|item| resolve(item, settings))?,
        _ => {}
    }
    Ok(())
}

/// Metadata from `*/function.json` under `directory`: for workers that leave indexing to the host.
pub(crate) fn read_function_json(directory: &Path) -> Vec<RpcFunctionMetadata> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.to_owned();
            let text = std::fs::read_to_string(path.join("function.json")).ok()?;
            Some(from_function_json(name, &path, &text))
        })
        .collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

fn from_function_json(name: String, directory: &Path, text: &str) -> RpcFunctionMetadata {
    let json: Map<String, Value> = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => {
            return RpcFunctionMetadata {
                name,
                status: Some(StatusResult {
                    status: Status::Failure as i32,
                    exception: Some(super::rpc::messages::RpcException {
                        message: format!("{} is not valid: {error}.", directory.join("function.json").display()),
                        ..Default::default()
                    }),
                    ..Default::default()
                }),
                ..Default::default()
            };
        }
    };
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let script = text("scriptFile");
    let bindings = json
        .get("bindings")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let disabled = json.get("disabled").and_then(Value::as_bool).unwrap_or_default();
    RpcFunctionMetadata {
        function_id: name.to_ascii_lowercase(),
        script_file: directory
            .join(if script.is_empty() { "function.json" } else { &script })
            .display()
            .to_string(),
        directory: directory.display().to_string(),
        entry_point: text("entryPoint"),
        raw_bindings: bindings.iter().map(Value::to_string).collect(),
        properties: HashMap::from([("IsDisabled".to_owned(), disabled.to_string())]),
        name,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::tests::described::{self, ACTIVITY, DURABLE_CLIENT, HTTP, HTTP_RETURN, metadata},
        project::LocalSettings,
    };

    fn settings(values: &str, allow_list: Option<&[&str]>) -> AppSettings {
        let text = format!("{{\"IsEncrypted\":false,\"Values\":{{{values}}}}}");
        let local = LocalSettings::parse("local.settings.json", &text).unwrap();
        AppSettings {
            settings: Settings::new([], &local),
            allow_list: allow_list.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        }
    }

    fn error(name: &str, bindings: &[&str]) -> String {
        let functions = read(vec![metadata(name, bindings)], &settings("", None));
        functions[0].error.clone().unwrap_or_default()
    }

    #[test]
    fn good_functions_have_no_error() {
        assert_eq!(error("say-hello_2", &[ACTIVITY]), "");
        assert_eq!(
            error(
                "start",
                &[HTTP, HTTP_RETURN, r#"{"type":"orchestrationClient","name":"c"}"#]
            ),
            ""
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        let http_out = |name: &str| format!(r#"{{"type":"http","direction":"out","name":"{name}"}}"#);
        let cases: Vec<(&str, Vec<String>, &str)> = vec![
            ("2much", vec![ACTIVITY.to_owned()], "cannot be the name of a function"),
            ("Host", vec![ACTIVITY.to_owned()], "`host` is reserved"),
            ("f", vec![], "no trigger"),
            ("f", vec![http_out("out")], "no trigger"),
            (
                "f",
                vec![ACTIVITY.to_owned(), HTTP.to_owned()],
                "two triggers, `context` and `req`",
            ),
            (
                "f",
                vec![HTTP.to_owned(), http_out("REQ")],
                "Two bindings are named `REQ`",
            ),
            (
                "f",
                vec![HTTP.to_owned(), http_out("my_out")],
                "`my_out` cannot be the name of a binding",
            ),
            (
                "f",
                vec![r#"{"type":"httpTrigger","name":"$return"}"#.to_owned()],
                "`$return` is an output",
            ),
            (
                "f",
                vec![r#"{"type":"queTrigger","name":"q"}"#.to_owned()],
                "no extension has the binding type `queTrigger`; did you mean `queueTrigger`?",
            ),
            (
                "f",
                vec![
                    HTTP.to_owned(),
                    r#"{"type":"carrierPigeon","name":"q","direction":"out"}"#.to_owned(),
                ],
                "the binding type `carrierPigeon`",
            ),
            (
                "f",
                vec![
                    HTTP.to_owned(),
                    r#"{"type":"queue","name":"q","direction":"out"}"#.to_owned(),
                ],
                "`queueName` of the binding `q` (queue) is missing",
            ),
            (
                "f",
                vec![r#"{"type":"queueTrigger","name":"q","queueName":"ix_q"}"#.to_owned()],
                "letters, digits and `-`",
            ),
            (
                "f",
                vec![r#"{"type":"queueTrigger","name":"q","queueName":"ix-q","dataType":"blob"}"#.to_owned()],
                "`dataType` of the binding `q` is \"blob\"; it must be one of string, binary",
            ),
            (
                "f",
                vec![r#"{"type":"queueTrigger","name":"q","queueName":"ix-q","direction":"sideways"}"#.to_owned()],
                "`direction` of the binding `q` is \"sideways\"; it must be one of in, out, inout",
            ),
            ("f", vec!["[1]".to_owned()], "not a JSON object"),
        ];
        for (name, bindings, expected) in cases {
            let bindings: Vec<_> = bindings.iter().map(String::as_str).collect();
            let found = error(name, &bindings);
            assert!(
                found.contains(expected) && found.ends_with(['.', '?']),
                "{bindings:?}: {found}"
            );
        }
    }

    #[test]
    fn a_status_that_is_there_and_no_success_is_a_failure() {
        let with = |status| {
            let metadata = RpcFunctionMetadata {
                status,
                ..metadata("f", &[ACTIVITY])
            };
            read(vec![metadata], &settings("", None)).remove(0).error
        };
        assert_eq!(with(None), None);
        assert_eq!(with(described::success()), None);
        assert_eq!(
            with(Some(StatusResult::default())).as_deref(),
            Some("the worker reported a failure without a message")
        );
    }

    #[test]
    fn one_bad_function_leaves_the_others_alone() {
        let functions = vec![
            metadata("good", &[ACTIVITY]),
            metadata("GOOD", &[ACTIVITY]),
            metadata("bad", &[]),
        ];
        let functions = read(functions, &settings("", None));
        assert!(functions[0].is_usable());
        // The second has the same id, too, but for its case.
        assert!(
            functions[1].error.as_ref().unwrap().contains("same id"),
            "{:?}",
            functions[1].error
        );
        assert!(functions[2].error.is_some());
    }

    #[test]
    fn settings_are_put_into_attributes() {
        let with = |values| read(vec![metadata("f", &[HTTP, DURABLE_CLIENT])], &settings(values, None)).remove(0);
        assert_eq!(with("\"HUB\":\"Blue\"").bindings[1].text("taskhub"), Some("Blue"));
        let error = with("").error.unwrap();
        assert!(error.contains("`taskHub`") && error.contains("HUB"), "{error}");
    }

    #[test]
    fn a_percent_sign_in_a_binding_of_mcp_is_no_setting() {
        let tool =
            r#"{"name":"c","type":"mcpToolTrigger","toolName":"t","description":"Takes 10% off, at most 50% in all."}"#;
        let resource = r#"{"name":"c","type":"McpResourceTrigger","uri":"docs://a%20b%20c","resourceName":"%HUB%"}"#;
        let functions = vec![metadata("f", &[tool]), metadata("g", &[resource])];
        let functions = read(functions, &settings("\"HUB\":\"Blue\"", None));
        let errors: Vec<_> = functions
            .iter()
            .filter_map(|function| function.error.as_ref())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        let text = |function: usize, member| functions[function].bindings[0].text(member).unwrap();
        assert_eq!(text(0, "description"), "Takes 10% off, at most 50% in all.");
        assert_eq!((text(1, "uri"), text(1, "resourceName")), ("docs://a%20b%20c", "%HUB%"));
    }

    #[test]
    fn functions_are_disabled_by_setting_list_or_worker() {
        let mut by_worker = metadata("c", &[ACTIVITY]);
        by_worker.properties.insert("isDisabled".to_owned(), "True".to_owned());
        let functions = vec![
            metadata("a", &[ACTIVITY]),
            metadata("b", &[ACTIVITY]),
            by_worker,
            metadata("d", &[ACTIVITY]),
        ];
        let settings = settings("\"AzureWebJobs.a.Disabled\":\"true\"", Some(&["A", "B", "C"]));
        let disabled: Vec<_> = read(functions, &settings)
            .iter()
            .map(|function| function.disabled)
            .collect();
        assert_eq!(disabled, [true, false, true, true]);
    }

    #[test]
    fn function_json_files_stand_in_for_the_worker_s_metadata() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::create_dir(directory.path().join(name)).unwrap();
            std::fs::write(directory.path().join(name).join("function.json"), text).unwrap();
        };
        write(
            "Hello",
            &format!(r#"{{"scriptFile":"run.py","bindings":[{HTTP},{HTTP_RETURN}]}}"#),
        );
        write("Off", &format!(r#"{{"disabled":true,"bindings":[{ACTIVITY}]}}"#));
        write("Torn", "{");
        let functions = read(read_function_json(directory.path()), &settings("", None));
        let seen: Vec<_> = functions
            .iter()
            .map(|function| (function.name.as_str(), function.disabled))
            .collect();
        assert_eq!(seen, [("Hello", false), ("Off", true), ("Torn", false)]);
        assert!(functions[0].is_usable() && functions[0].script_file.ends_with("run.py"));
        assert!(
            functions[2]
                .error
                .as_ref()
                .unwrap()
                .contains("function.json is not valid")
        );
    }
}

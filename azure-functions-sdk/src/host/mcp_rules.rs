//! What keeps the real host from starting, or from calling a function, in the members of MCP tools, resources and prompts that are
//! JSON themselves, and in their names.

use super::function::{Binding, Function};
use serde_json::Value;
use std::collections::HashMap;

/// A member that is JSON: its name, what is asked of it, and that in words.
type Member = (&'static str, fn(&Value) -> bool, &'static str);

/// What is wrong with a binding, in a sentence.
pub(crate) fn mistake(binding: &Binding) -> Option<String> {
    let Binding { name, kind, .. } = binding;
    let tool = binding.is("mcpToolTrigger");
    let members: &[Member] = if tool {
        &[
            (
                "toolProperties",
                is_properties,
                "a JSON array of objects with a propertyName and a propertyType",
            ),
            ("inputSchema", is_schema, "a JSON schema of the type object"),
            ("outputSchema", is_schema, "a JSON schema of the type object"),
            ("metadata", Value::is_object, "a JSON object"),
        ]
    } else if binding.is("mcpResourceTrigger") {
        &[("metadata", Value::is_object, "a JSON object")]
    } else if binding.is("mcpPromptTrigger") {
        &[
            (
                "promptArguments",
                is_arguments,
                "a JSON array of objects, whose type is text, a number or a flag if they have one",
            ),
            ("icons", is_list, "a JSON array of objects"),
            ("metadata", Value::is_object, "a JSON object"),
        ]
    } else {
        return None;
    };
    let wrong = members.iter().find(|(member, is_good, _)| {
        let text = binding.text(member);
        text.is_some_and(|text| !serde_json::from_str(text).is_ok_and(|value| is_good(&value)))
    });
    if let Some((member, _, wanted)) = wrong {
        return Some(format!(
            "`{member}` of the binding `{name}` ({kind}) is not {wanted}; the Functions host does not start at all with it."
        ));
    }
    (tool && uses_worker_schema(binding) && binding.text("inputSchema").is_none()).then(|| {
        format!("The binding `{name}` ({kind}) has `useWorkerInputSchema` and no `inputSchema`; the Functions host does not start with it.")
    })
}

/// Whether the schema of a tool is its `inputSchema`.
pub(crate) fn uses_worker_schema(binding: &Binding) -> bool {
    is_true(binding, "useWorkerInputSchema")
}

/// A flag, which may be text.
pub(crate) fn is_true(binding: &Binding, member: &str) -> bool {
    match binding.attribute(member) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Tools, prompts and resources that have the name or URI of an earlier one, and what to say of them.
pub(crate) fn duplicates(functions: &[Function]) -> Vec<(usize, String)> {
    let mut known: HashMap<(&str, String), &str> = HashMap::new();
    let mut found = Vec::new();
    for (index, function) in functions
        .iter()
        .enumerate()
        .filter(|(_, function)| function.is_usable())
    {
        let Some(trigger) = function.trigger() else { continue };
        let (what, member) = match trigger.kind.to_ascii_lowercase().as_str() {
            "mcptooltrigger" => ("tool", "toolName"),
            "mcpprompttrigger" => ("prompt", "promptName"),
            "mcpresourcetrigger" => ("resource", "uri"),
            _ => continue,
        };
        let Some(name) = trigger.text(member) else { continue };
        let key = if what == "resource" {
            anonymous(name)
        } else {
            name.to_owned()
        };
        match known.get(&(what, key.to_lowercase())) {
            Some(first) => found.push((
                index,
                format!(
                    "The function `{first}` is the {what} `{name}`, too; the Functions host does not start with two: change `{member}` of \
                     one of them."
                ),
            )),
            None => {
                known.insert((what, key.to_lowercase()), &function.name);
            }
        }
    }
    found
}

/// A URI whose variables have no names: two that differ in them only match the same.
fn anonymous(uri: &str) -> String {
    let mut rest = uri;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        text.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    text + rest
}

fn is_list(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_object))
}

/// The extension ignores a type, and clients give texts only.
fn is_arguments(value: &Value) -> bool {
    let is_scalar = |item: &Value| item["type"] != "object" && item["type"] != "array";
    is_list(value) && value.as_array().is_some_and(|items| items.iter().all(is_scalar))
}

fn is_properties(value: &Value) -> bool {
    let has = |item: &Value, wanted: &str| {
        let mut members = item.as_object().into_iter().flatten();
        members.any(|(name, value)| name.eq_ignore_ascii_case(wanted) && value.is_string())
    };
    let mut items = value.as_array().into_iter().flatten();
    value.is_array() && items.all(|item| has(item, "propertyName") && has(item, "propertyType"))
}

fn is_schema(value: &Value) -> bool {
    value["type"] == "object"
        && value.get("properties").is_none_or(Value::is_object)
        && value.get("required").is_none_or(Value::is_array)
}

#[cfg(test)]
mod tests {
    use crate::host::{
        metadata::{AppSettings, read},
        tests::described::metadata,
    };

    fn error(bindings: &[&str]) -> Vec<Option<String>> {
        let functions = bindings
            .iter()
            .enumerate()
            .map(|(i, binding)| metadata(&format!("f{i}"), &[binding]));
        let functions = read(functions.collect(), &AppSettings::default());
        functions.into_iter().map(|function| function.error).collect()
    }

    #[test]
    fn json_in_members_is_what_the_extension_reads() {
        let tool = |members: &str| {
            let binding =
                format!(r#"{{"name":"c","type":"mcpToolTrigger","toolName":"t","description":"d",{members}}}"#);
            error(&[&binding]).remove(0)
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
                "`toolProperties` of the binding `c` (mcpToolTrigger) is not a JSON array",
            ),
            (r#""toolProperties":"[{}]""#, "with a propertyName"),
            (
                r#""inputSchema":"{\"type\":\"array\"}""#,
                "not a JSON schema of the type object",
            ),
            (r#""outputSchema":"[]""#, "not a JSON schema of the type object"),
            (r#""metadata":"[]""#, "not a JSON object"),
            (r#""useWorkerInputSchema":"True""#, "no `inputSchema`"),
        ] {
            let error = tool(bad).unwrap_or_default();
            assert!(error.contains(wanted) && error.ends_with('.'), "{bad}: {error}");
        }
    }

    #[test]
    fn a_second_tool_or_resource_of_a_name_is_in_error() {
        let tool = |name| format!(r#"{{"name":"c","type":"mcpToolTrigger","toolName":"{name}","description":"d"}}"#);
        let resource = |uri| format!(r#"{{"name":"c","type":"mcpResourceTrigger","uri":"{uri}","resourceName":"r"}}"#);
        let prompt = r#"{"name":"c","type":"mcpPromptTrigger","promptName":"echo"}"#;
        let errors = error(&[
            &tool("echo"),
            &tool("Echo"),
            &resource("a://{x}/b"),
            &resource("a://{y}/b"),
            &resource("a://x/b"),
            prompt,
        ]);
        let wrong: Vec<_> = errors.iter().map(Option::is_some).collect();
        assert_eq!(wrong, [false, true, false, true, false, false], "{errors:?}");
        assert!(
            errors[1]
                .as_ref()
                .unwrap()
                .starts_with("The function `f0` is the tool `Echo`, too")
        );
    }
}

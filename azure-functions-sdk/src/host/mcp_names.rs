//! Two tools, prompts or resources of one name or URI, which keep the real host from starting.

use super::{
    function::Function,
    mcp_rules::{self, Kind},
};
use std::collections::HashMap;

/// Functions that have the name or URI of an earlier one, by their places, and what to say of them.
pub(crate) fn duplicates(functions: &[Function]) -> Vec<(usize, String)> {
    let mut known: HashMap<(Kind, String), &str> = HashMap::new();
    let mut found = Vec::new();
    for (index, function) in functions.iter().enumerate() {
        let trigger = function.trigger().filter(|_| function.is_usable());
        let Some((trigger, identity)) =
            trigger.and_then(|trigger| Some((trigger, mcp_rules::identity(&trigger.attributes)?)))
        else {
            continue;
        };
        let (what, member) = (identity.0.word(), identity.0.name_member());
        let name = trigger.text(member).unwrap_or_default();
        match known.get(&identity) {
            Some(first) => found.push((
                index,
                format!(
                    "The function `{first}` is the {what} `{name}`, too; the Functions host does not start with two: change `{member}` of \
                     one of them."
                ),
            )),
            None => {
                known.insert(identity, &function.name);
            }
        }
    }
    found
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

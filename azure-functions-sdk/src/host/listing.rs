//! What the host prints when the functions are known: the list that people of `func start` know.

use super::{
    bundle,
    function::{Function, FunctionTable},
    http::FrontTrigger,
};
use http::Method;
use std::{collections::BTreeMap, sync::Arc};

/// The list: HTTP functions with their URLs, then the others with their triggers, then what does not run and why.
/// `problems` are errors that are found outside the metadata, by place of the function.
pub(crate) fn lines(
    functions: &FunctionTable,
    problems: &BTreeMap<usize, String>,
    origin: &str,
    route_prefix: &str,
) -> Vec<String> {
    let runs = |function: &&Arc<Function>| !function.disabled && problem(function, problems).is_none();
    let mut http = Vec::new();
    let mut others = Vec::new();
    for function in functions.iter().filter(runs) {
        let Some(trigger) = function.trigger() else { continue };
        match FrontTrigger::from_binding(&trigger.kind, &trigger.attributes) {
            Ok(FrontTrigger::Http { methods, route, .. }) => {
                let methods = match methods {
                    Some(methods) => methods.iter().map(Method::as_str).collect::<Vec<_>>().join(","),
                    None => "ANY".to_owned(),
                };
                let route = route
                    .filter(|route| !route.trim().is_empty())
                    .unwrap_or_else(|| function.name.clone());
                let path: Vec<_> = [route_prefix, route.trim_matches('/')]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect();
                http.push(format!("\t{}: [{methods}] {origin}/{}", function.name, path.join("/")));
            }
            _ if bundle::is_fired_by_hand(&trigger.kind) => others.push(format!(
                "\t{}: {}, by hand: POST {origin}/admin/functions/{}",
                function.name, trigger.kind, function.name
            )),
            _ if bundle::is_mcp(&trigger.kind) => others.push(format!(
                "\t{}: {}, at {origin}/runtime/webhooks/mcp",
                function.name, trigger.kind
            )),
            _ => others.push(format!("\t{}: {}", function.name, trigger.kind)),
        }
    }
    let mut lines = vec![String::new(), "Functions:".to_owned(), String::new()];
    for line in http.into_iter().chain(others) {
        lines.extend([line, String::new()]);
    }
    for function in functions.iter() {
        match problem(function, problems) {
            Some(problem) => lines.push(format!("Function {} is in error: {problem}", function.name)),
            None if function.disabled => lines.push(format!("Function {} is disabled.", function.name)),
            None => {}
        }
    }
    lines
}

fn problem<'a>(function: &'a Function, problems: &'a BTreeMap<usize, String>) -> Option<&'a String> {
    function.error.as_ref().or_else(|| problems.get(&function.index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{
        metadata::{AppSettings, read},
        tests::described::{ACTIVITY, HTTP, metadata},
    };

    #[test]
    fn http_functions_come_first_with_their_urls_and_bad_ones_last_with_the_reason() {
        let order = r#"{"type":"httpTrigger","name":"req","methods":["get","post"],"route":"orders/{id:int?}"}"#;
        let mut off = metadata("off", &[ACTIVITY]);
        off.properties.insert("IsDisabled".to_owned(), "true".to_owned());
        let described = vec![
            metadata("say_hello", &[ACTIVITY]),
            metadata("order", &[order]),
            metadata("any", &[HTTP]),
            off,
            metadata("bad", &[]),
            metadata("clash", &[HTTP]),
            metadata(
                "orders",
                &[r#"{"type":"queueTrigger","name":"order","queueName":"orders"}"#],
            ),
        ];
        let table = FunctionTable::new(read(described, &AppSettings::default()));
        let problems = BTreeMap::from([(5, "its route is taken".to_owned())]);
        assert_eq!(
            lines(&table, &problems, "http://localhost:7071", "api"),
            [
                "",
                "Functions:",
                "",
                "\torder: [GET,POST] http://localhost:7071/api/orders/{id:int?}",
                "",
                "\tany: [ANY] http://localhost:7071/api/any",
                "",
                "\tsay_hello: activityTrigger",
                "",
                "\torders: queueTrigger, by hand: POST http://localhost:7071/admin/functions/orders",
                "",
                "Function off is disabled.",
                "Function bad is in error: The function has no trigger binding; it needs exactly one.",
                "Function clash is in error: its route is taken",
            ]
        );
        assert!(
            lines(&table, &problems, "http://localhost:80", "")
                .contains(&"\tany: [ANY] http://localhost:80/any".to_owned())
        );
    }
}

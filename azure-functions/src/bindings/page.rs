//! The table in the guide's chapter about bindings is that of the code, and `tests/bindings.md` lists the tests of each binding.

use super::{
    function_json,
    shown::{Shown, What},
};
use crate::binding::table::{Argument, BINDINGS, Binding, Fallback, Flow};
use std::{fs, path::Path};

const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end -->\n";

fn flow(row: &Binding) -> &'static str {
    match row.flow {
        Flow::Trigger => "trigger",
        Flow::Input => "input",
        Flow::Output => "output",
    }
}

fn type_name(row: &Binding) -> String {
    match row.type_name {
        "" => "the `type`".to_owned(),
        name => format!("`{name}`"),
    }
}

/// The tests that show something of a row, in the order of their names.
fn tests(row: &Binding) -> Vec<&'static Shown> {
    let is_of_row = |shown: &&Shown| {
        (shown.binding.type_name, shown.binding.flow) == (row.type_name, row.flow) && shown.what == What::of(row.flow)
    };
    let mut tests: Vec<_> = inventory::iter::<Shown>.into_iter().filter(is_of_row).collect();
    tests.sort_by_key(|shown| (shown.module, shown.name));
    tests
}

/// Which tests show each binding.
fn tests_page() -> String {
    let mut text = String::from(
        "# How each binding is tested\n\n\
         A test describes every binding to the host with all of its arguments, and compares that with `function_json.txt`. What arrives is \
         read from\nrecorded messages of a Functions host, where a host and a service could be recorded. This page is written by the test \
         `bindings::page`: see\n`CONTRIBUTING.md`.\n\n\
         | `function.json` | It is | Lines in `function_json.txt` | Decoding or encoding |\n|---|---|---|---|\n",
    );
    let mut line = 0;
    for row in BINDINGS {
        let first = line + 1;
        line += function_json::of(row).len();
        let lines = match line {
            last if last == first => first.to_string(),
            last => format!("{first} to {last}"),
        };
        let tests: Vec<_> = tests(row)
            .into_iter()
            .map(|shown| {
                let module = shown.module.trim_start_matches("azure_functions::");
                let what = match shown.what {
                    What::Decoding => "decoding",
                    What::Encoding => "encoding",
                };
                format!("{what}: `{module}::{}`", shown.name)
            })
            .collect();
        text += &format!(
            "| {} | {} | {lines} | {} |\n",
            type_name(row),
            flow(row),
            tests.join("<br>")
        );
    }
    text
}

fn table() -> String {
    let mut text = String::from("| Type | `function.json` | It is | Arguments | Data |\n|---|---|---|---|---|\n");
    for row in BINDINGS {
        let types: Vec<_> = row.types.iter().map(|name| format!("`{name}`")).collect();
        let batch = match (row.batch, row.flow) {
            (false, _) => "",
            (true, Flow::Output) => "; several as a `Vec`",
            (true, _) => "; a batch as a `Vec`",
        };
        text += &format!(
            "| {}{batch} | {} | {}: {} | {} | {} |\n",
            types.join(", "),
            type_name(row),
            flow(row),
            row.summary,
            arguments(row),
            row.data
        );
    }
    text
}

fn arguments(row: &Binding) -> String {
    let choice = |name: &str| row.choices.iter().position(|choice| choice.contains(&name));
    let shown = |argument: &Argument| match (argument.required, argument.fallback) {
        (true, Fallback::None) => format!("**`{}`**", argument.name),
        (false, Fallback::None) => format!("`{}`", argument.name),
        (_, Fallback::FunctionName) => format!("`{}` (the function's name)", argument.name),
        (true, Fallback::FunctionDocs) => {
            format!(
                "`{}` (the function's doc comment, which must be there then)",
                argument.name
            )
        }
        (false, Fallback::FunctionDocs) => format!("`{}` (the function's doc comment)", argument.name),
    };
    let choices: Vec<_> = row
        .choices
        .iter()
        .map(|choice| {
            choice
                .iter()
                .map(|name| format!("**`{name}`**"))
                .collect::<Vec<_>>()
                .join(" and ")
        })
        .collect();
    let others = row.arguments.iter().filter(|argument| choice(argument.name).is_none());
    let choices = (!choices.is_empty()).then(|| choices.join(" *or* "));
    let any = row.any_argument.then(|| "any other".to_owned());
    let all = choices.into_iter().chain(others.map(shown)).chain(any);
    all.collect::<Vec<_>>().join(", ")
}

/// The text with its table written anew.
fn with_table(text: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    format!("{before}{BEGIN}{}{END}{after}", table())
}

/// The file has this text; with `BLESS`, it gets it.
fn is_up_to_date(file: &str, wanted: impl FnOnce(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let wanted = wanted(&text);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(text == wanted, "{file} is not up to date: BLESS=1 writes it anew");
}

#[test]
fn the_guide_lists_every_binding_of_the_table() {
    is_up_to_date("src/guide/bindings.md", with_table);
}

#[test]
fn the_tests_of_every_binding_are_listed() {
    is_up_to_date("tests/bindings.md", |_| tests_page());
}

#[test]
fn only_arguments_that_must_be_given_are_bold() {
    let shown = |type_name: &str| {
        let row = BINDINGS.iter().find(|row| row.type_name == type_name).unwrap();
        arguments(row)
    };
    let tool = shown("mcpToolTrigger");
    assert!(!tool.contains("**"), "{tool}");
    assert!(tool.starts_with("`tool_name` (the function's name), "), "{tool}");
    assert!(shown("mcpResourceTrigger").starts_with("**`uri`**, "));
}

#[test]
fn every_binding_has_tests_of_its_function_json_and_of_its_data() {
    for row in BINDINGS {
        assert!(!function_json::of(row).is_empty());
        assert!(
            !tests(row).is_empty(),
            "the {} `{}` has no test of its {:?}: write one, and `shows!(..)` below it",
            flow(row),
            row.type_name,
            What::of(row.flow)
        );
    }
    for shown in inventory::iter::<Shown> {
        let Shown {
            binding, what, name, ..
        } = shown;
        assert_eq!(*what, What::of(binding.flow), "{name}");
    }
}

/// What the worker of 2020 had: those who come from it find everything again.
#[test]
fn every_binding_of_the_abandoned_worker_has_a_type_or_a_line_of_the_guide() {
    let guide = include_str!("../guide/bindings.md");
    for (type_name, flow) in [
        ("httpTrigger", Flow::Trigger),
        ("http", Flow::Output),
        ("timerTrigger", Flow::Trigger),
        ("queueTrigger", Flow::Trigger),
        ("queue", Flow::Output),
        ("blobTrigger", Flow::Trigger),
        ("blob", Flow::Input),
        ("blob", Flow::Output),
        ("table", Flow::Input),
        ("table", Flow::Output),
        ("eventGridTrigger", Flow::Trigger),
        ("eventHubTrigger", Flow::Trigger),
        ("eventHub", Flow::Output),
        ("cosmosDBTrigger", Flow::Trigger),
        ("cosmosDB", Flow::Input),
        ("cosmosDB", Flow::Output),
        ("serviceBusTrigger", Flow::Trigger),
        ("serviceBus", Flow::Output),
        ("signalRConnectionInfo", Flow::Input),
        ("signalR", Flow::Output),
        ("twilioSms", Flow::Output),
        ("sendGrid", Flow::Output),
        ("durableClient", Flow::Input),
        ("orchestrationTrigger", Flow::Trigger),
        ("activityTrigger", Flow::Trigger),
    ] {
        let has_row = BINDINGS
            .iter()
            .any(|row| (row.type_name, row.flow) == (type_name, flow));
        let (_, generic) = guide.split_once("# Bindings without a type").unwrap();
        assert!(has_row || generic.contains(&format!("`{type_name}`")), "{type_name}");
    }
}

//! The `function.json` of every binding of the table, with all of its arguments: `tests/function_json.txt`.

use crate::binding::{
    self, BindingSpec,
    signature::{DeclaredOutput, Given, Literal, Parameter},
    table::{Argument, ArgumentKind, BINDINGS, Binding, Flow},
};
use serde_json::{Map, Value};
use std::{fs, path::Path};

/// Something that the argument can be.
fn literal(argument: &Argument) -> Literal {
    let text = |text: &str| Literal::Text(String::from(text).leak());
    match argument.kind {
        ArgumentKind::Text | ArgumentKind::Route | ArgumentKind::Any => text(argument.name),
        ArgumentKind::Flag => Literal::Flag(true),
        ArgumentKind::Integer => Literal::Integer(-1),
        ArgumentKind::Number => Literal::Number(0.5),
        ArgumentKind::OneOf(values) => text(values[values.len() - 1]),
        ArgumentKind::SomeOf(values) => text(&values.join("|")),
        ArgumentKind::Texts => Literal::List(vec![text("a"), text("b")].leak()),
        ArgumentKind::Schedule => text("0 */5 * * * *"),
        ArgumentKind::QueueName => text("orders"),
        ArgumentKind::BlobPath | ArgumentKind::BlobPattern => text("orders/{name}.txt"),
        ArgumentKind::ResourceUri => text("orders://{id}"),
        ArgumentKind::TableName => text("Orders"),
        ArgumentKind::TriggerType => text("rabbitMQTrigger"),
        ArgumentKind::BindingType => text("rabbitMQ"),
    }
}

/// The bindings of a row: one for each of its choices, with every argument that goes with it; and one that is a batch.
pub(super) fn of(row: &'static Binding) -> Vec<Map<String, Value>> {
    let choices: Vec<_> = match row.choices {
        [] => vec![None],
        choices => choices.iter().map(Some).collect(),
    };
    let is_in_a_choice = |name: &str| row.choices.iter().any(|choice| choice.contains(&name));
    let mut all = Vec::new();
    for choice in choices {
        let arguments = row.arguments.iter().filter(|argument| match choice {
            Some(choice) => choice.contains(&argument.name) || !is_in_a_choice(argument.name),
            None => true,
        });
        let given: Vec<_> = arguments
            .map(|argument| Given {
                name: argument.name,
                value: literal(argument),
                wrong_schedule: None,
                wrong_route: None,
            })
            .collect();
        all.push(binding(row, BindingSpec::of(row), given));
    }
    if row.batch && row.flow == Flow::Trigger {
        all.push(binding(row, BindingSpec::of(row).many(), Vec::new()));
    }
    all
}

fn binding(row: &Binding, spec: BindingSpec, given: Vec<Given>) -> Map<String, Value> {
    let arguments: &[Given] = given.leak();
    let parameter = Parameter {
        name: "it",
        binding: "it",
        spec,
        by_reference: false,
        arguments,
    };
    let all = match row.flow {
        Flow::Output => binding::bindings(
            "f",
            "Does it.",
            &[],
            &[DeclaredOutput::in_field("it", spec, arguments)],
            &[],
        ),
        Flow::Trigger | Flow::Input => binding::bindings("f", "Does it.", &[parameter], &[], &[]),
    };
    let [only] = <[_; 1]>::try_from(all).unwrap();
    only
}

#[test]
fn every_binding_is_described_to_the_host_with_all_its_arguments() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/function_json.txt");
    let mut wanted = String::new();
    for row in BINDINGS {
        for binding in of(row) {
            wanted += &format!("{}\n", Value::Object(binding));
        }
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    for (ours, golden) in wanted.lines().zip(fs::read_to_string(&path).unwrap().lines()) {
        assert_eq!(ours, golden, "BLESS=1 writes tests/function_json.txt anew");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted);
}

/// Every argument is in some line, under the name that the host reads.
#[test]
fn no_argument_of_a_binding_is_left_out() {
    for row in BINDINGS {
        let all = of(row);
        for argument in row.arguments {
            let member = argument.member();
            assert!(
                all.iter().any(|binding| binding.contains_key(&member)),
                "{} of {}",
                argument.name,
                row.type_name
            );
        }
    }
}

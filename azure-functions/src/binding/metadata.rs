//! A function's bindings as the host reads them: elements of `bindings` in `function.json`.

use super::{
    BindingSpec, Role,
    signature::{DeclaredOutput, Given, Literal, Output, Parameter},
    table::{Argument, ArgumentKind, Fallback, camel_case},
};
use serde_json::{Map, Value, json};

/// The bindings of a function, in the order of its signature. `docs` is its doc comment.
pub(crate) fn bindings(
    function: &str,
    docs: &str,
    parameters: &[Parameter],
    results: &[DeclaredOutput],
    outputs: &[Output],
) -> Vec<Map<String, Value>> {
    let has_trigger = parameters.iter().any(|parameter| parameter.spec.is_trigger());
    let inputs = parameters
        .iter()
        .filter(|parameter| match parameter.spec.role {
            Role::Part | Role::Shared => false,
            Role::TriggerOrPart => !has_trigger,
            _ => true,
        })
        .map(|parameter| {
            let mut binding = binding(parameter.binding, "in", &parameter.spec, parameter.arguments);
            if parameter.spec.role == Role::Entity {
                // The task hub knows entities by their names in lower case.
                let name = binding.get("entityName").and_then(Value::as_str).unwrap_or(function);
                let name = name.to_lowercase();
                binding.insert("entityName".to_owned(), name.into());
            }
            for argument in parameter.spec.arguments {
                let text = match argument.fallback {
                    Fallback::FunctionName => function,
                    Fallback::FunctionDocs => docs,
                    Fallback::None => "",
                };
                let member = argument.member();
                if !text.is_empty() && !binding.contains_key(&member) {
                    binding.insert(member, text.into());
                }
            }
            if parameter.spec.is_trigger() {
                let answers = results.iter().map(|output| &output.spec);
                let answers = answers.filter(|spec| spec.role == Role::Answer);
                let specs = answers.chain([&parameter.spec]);
                let members = specs.filter_map(|spec| spec.members).flat_map(|members| members());
                binding.extend(members.map(|(name, value)| (name.to_owned(), value)));
            }
            binding
        });
    let results = results
        .iter()
        .enumerate()
        .filter(|(_, declared)| declared.is_bound())
        .map(|(index, declared)| {
            let given = outputs.iter().find(|output| output.index == index);
            let arguments = declared.arguments.or(given.map(|given| given.arguments));
            binding(declared.name, "out", &declared.spec, arguments.unwrap_or_default())
        });
    inputs.chain(results).collect()
}

fn binding(name: &str, direction: &str, spec: &BindingSpec, arguments: &[Given]) -> Map<String, Value> {
    let mut binding = Map::new();
    binding.insert("name".to_owned(), name.into());
    binding.insert("type".to_owned(), spec.type_name.into());
    binding.insert("direction".to_owned(), direction.into());
    for (key, value) in spec.fixed {
        binding.insert((*key).to_owned(), (*value).into());
    }
    if spec.many && spec.role == Role::Trigger {
        binding.insert("cardinality".to_owned(), "many".into());
    }
    if spec.deferred {
        binding.insert("properties".to_owned(), json!({"supportsDeferredBinding": "true"}));
    }
    for given in arguments {
        let argument = spec.argument(given.name);
        let key = argument.map_or_else(|| camel_case(given.name), Argument::member);
        let value = match (argument.map(|argument| argument.kind), given.value) {
            (Some(ArgumentKind::SomeOf(_)), Literal::Text(list)) => {
                list.split('|').map(|item| Value::from(item.trim())).collect()
            }
            (_, value) => literal(value),
        };
        binding.insert(key, value);
    }
    binding
}

fn literal(literal: Literal) -> Value {
    match literal {
        Literal::Text(text) => text.into(),
        Literal::Flag(flag) => flag.into(),
        Literal::Integer(number) => number.into(),
        Literal::Number(number) => number.into(),
        Literal::List(items) => items.iter().copied().map(self::literal).collect(),
    }
}

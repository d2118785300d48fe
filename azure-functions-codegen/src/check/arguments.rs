//! Mistakes in the arguments of a binding.

use crate::{
    arguments::{Given, Literal},
    errors::Errors,
    names, route, schedule,
    table::{ArgumentKind as Kind, Binding, Fallback, wrong_name},
};
use proc_macro2::Span;
use syn::Type;

/// Where the arguments of a binding stand, for messages.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Before a parameter, of a function that has a doc comment or has none.
    Parameter { has_docs: bool },
    /// On the function, for an output.
    Function,
    /// Before a field of a struct of outputs.
    Field,
}

impl Place {
    fn missing(self, name: &str) -> String {
        match self {
            Self::Parameter { .. } => format!("`#[binding({name} = \"...\")]` before the parameter"),
            Self::Function => format!(
                "`#[binding(name = \"$return\", {name} = \"...\")]` on the function (`output1` for the second of a tuple)"
            ),
            Self::Field => format!("`#[binding({name} = \"...\")]` before the field"),
        }
    }
}

/// The arguments of a binding whose type has this name.
pub(crate) fn arguments(all: &[Given], binding: &Binding, name: &str, ty: &Type, place: Place, errors: &mut Errors) {
    let names: Vec<_> = binding.arguments.iter().map(|argument| argument.name).collect();
    for given in all {
        let key = given.key.to_string();
        match binding.arguments.iter().find(|argument| argument.name == key) {
            Some(argument) => value(given, argument.kind, errors),
            None if binding.any_argument => {}
            None => {
                let hint = names::nearest(&key, names.iter().copied());
                let text = match hint {
                    Some(hint) => format!("did you mean `{hint}`?"),
                    None if names.is_empty() => "it takes none".to_owned(),
                    None => format!("it takes {}", names::list(&names)),
                };
                errors.at(&given.key, format!("`{key}` is not an argument of `{name}`; {text}"));
            }
        }
    }
    let is_given = |name: &str| all.iter().any(|given| given.key == name);
    let missing = |name: &str, errors: &mut Errors| {
        errors.at(ty, format!("`{name}` is missing: write {}", place.missing(name)));
    };
    for argument in binding.arguments.iter().filter(|argument| argument.required) {
        match (argument.fallback, place) {
            _ if is_given(argument.name) => {}
            (Fallback::FunctionName, _) | (Fallback::FunctionDocs, Place::Parameter { has_docs: true }) => {}
            (Fallback::FunctionDocs, _) => errors.at(
                ty,
                format!(
                    "`{0}` is missing: write a doc comment (`/// ...`) on the function, or {1}",
                    argument.name,
                    place.missing(argument.name)
                ),
            ),
            (Fallback::None, _) => missing(argument.name, errors),
        }
    }
    let begun: Vec<_> = binding
        .choices
        .iter()
        .filter(|choice| choice.iter().any(|name| is_given(name)))
        .collect();
    match (begun.as_slice(), binding.choices) {
        (_, []) => {}
        ([choice], _) => choice
            .iter()
            .filter(|name| !is_given(name))
            .for_each(|name| missing(name, errors)),
        (_, choices) => {
            let choices: Vec<_> = choices.iter().map(|choice| names::list(choice)).collect();
            errors.at(
                ty,
                format!("`{name}` needs exactly one of these: {}", choices.join("; or ")),
            );
        }
    }
    for (one, other) in binding.conflicts {
        if let Some(given) = all.iter().find(|given| given.key == other)
            && is_given(one)
        {
            errors.at(
                &given.key,
                format!("`{one}` and `{other}` exclude each other: remove one of them"),
            );
        }
    }
}

fn value(given: &Given, kind: Kind, errors: &mut Errors) {
    let key = &given.key;
    match (kind, &given.value) {
        // Its value is checked by the rules, in a constant.
        (_, Literal::Constant(_))
        | (Kind::Any, _)
        | (Kind::Text, Literal::Text(_))
        | (Kind::Flag, Literal::Flag(_))
        | (Kind::Integer, Literal::Integer(_))
        | (Kind::Number, Literal::Integer(_) | Literal::Number(_)) => {}
        (Kind::OneOf(values), Literal::Text(text)) => one_of(key, text, values, given.span, errors),
        (Kind::SomeOf(values), Literal::Text(text)) => {
            for item in text.split('|') {
                one_of(key, item.trim(), values, given.span, errors);
            }
        }
        (Kind::SomeOf(values), Literal::List(items)) => {
            if items.is_empty() {
                errors.span(
                    given.span,
                    format!("`{key}` is empty, so nothing would match: leave it out to allow all"),
                );
            }
            for (item, span) in items {
                match item {
                    Literal::Text(text) => one_of(key, text, values, *span, errors),
                    _ => errors.span(
                        *span,
                        format!("`{key}` takes a list of texts, for example `[\"{}\"]`", values[0]),
                    ),
                }
            }
        }
        (Kind::Schedule, Literal::Text(text)) => {
            if let Some(reason) = schedule::wrong(text) {
                errors.span(given.span, reason);
            }
        }
        (Kind::Route, Literal::Text(text)) => {
            if let Some(reason) = route::wrong(text) {
                errors.span(given.span, reason);
            }
        }
        (kind, Literal::Text(text)) if kind.has_a_rule() => {
            if let Some(reason) = wrong_name(kind, text) {
                errors.span(given.span, reason);
            }
        }
        (Kind::Texts, Literal::List(items)) => {
            for (item, span) in items {
                if !matches!(item, Literal::Text(_)) {
                    errors.span(*span, format!("`{key}` takes a list of texts"));
                }
            }
        }
        (Kind::Texts, _) => errors.span(given.span, format!("`{key}` takes a list of texts: write `[\"...\"]`")),
        (Kind::OneOf(values), _) => errors.span(given.span, format!("`{key}` takes one of {}", quoted(values))),
        (Kind::SomeOf(values), _) => errors.span(
            given.span,
            format!("`{key}` takes a list of texts, for example `[\"{}\"]`", values[0]),
        ),
        (Kind::Flag, _) => errors.span(given.span, format!("`{key}` takes `true` or `false`")),
        (Kind::Integer, _) => errors.span(given.span, format!("`{key}` takes an integer")),
        (Kind::Number, _) => errors.span(given.span, format!("`{key}` takes a number")),
        (kind, _) => {
            debug_assert!(kind.is_text(), "every other kind is above");
            errors.span(given.span, format!("`{key}` takes text: put it in quotes"));
        }
    }
}

fn one_of(key: &syn::Ident, text: &str, values: &[&str], span: Span, errors: &mut Errors) {
    if !values.iter().any(|value| value.eq_ignore_ascii_case(text)) {
        let hint = names::nearest(text, values.iter().copied()).map_or_else(
            || format!("write one of {}", quoted(values)),
            |hint| format!("did you mean `\"{hint}\"`?"),
        );
        errors.span(span, format!("`{text}` cannot be the `{key}`; {hint}"));
    }
}

fn quoted(values: &[&str]) -> String {
    values
        .iter()
        .map(|value| format!("`\"{value}\"`"))
        .collect::<Vec<_>>()
        .join(", ")
}

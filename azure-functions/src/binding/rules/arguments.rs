//! The rules for the arguments of bindings.

use crate::binding::{
    Argument, BindingSpec,
    signature::{Given, Literal},
    table::{ArgumentKind, Fallback, wrong_name},
    text::{Text, equal},
};

/// The arguments that a binding must have are there, and none that exclude each other.
pub const fn required(spec: &BindingSpec, given: &[Given]) {
    required_of_parameter(spec, given, false);
}

/// As [`required`], of a parameter of a function that has a doc comment or has none.
pub const fn required_of_parameter(spec: &BindingSpec, given: &[Given], has_docs: bool) {
    let mut i = 0;
    while i < spec.arguments.len() {
        let argument = &spec.arguments[i];
        if argument.required && !is_given(given, argument.name) {
            match argument.fallback {
                Fallback::FunctionName => {}
                Fallback::FunctionDocs if has_docs => {}
                Fallback::FunctionDocs => panic!(
                    "{}",
                    Text::new()
                        .push("`")
                        .push(argument.name)
                        .push("` is missing: write a doc comment on the function, or `#[binding(")
                        .push(argument.name)
                        .push(" = \"...\")]` before the parameter")
                        .as_str()
                ),
                Fallback::None => missing(argument.name),
            }
        }
        i += 1;
    }
    choice(spec.choices, given);
    let mut i = 0;
    while i < spec.conflicts.len() {
        let (one, other) = spec.conflicts[i];
        if is_given(given, one) && is_given(given, other) {
            panic!(
                "{}",
                Text::new()
                    .push("`")
                    .push(one)
                    .push("` and `")
                    .push(other)
                    .push("` exclude each other: remove one of them")
                    .as_str()
            );
        }
        i += 1;
    }
}

const fn is_given(given: &[Given], name: &str) -> bool {
    let mut i = 0;
    while i < given.len() {
        if equal(given[i].name, name) {
            return true;
        }
        i += 1;
    }
    false
}

const fn missing(name: &str) {
    panic!(
        "{}",
        Text::new()
            .push("`")
            .push(name)
            .push("` is missing: write `#[binding(")
            .push(name)
            .push(" = \"...\")]` before the parameter or field, or on the function with the `name` of the parameter or output")
            .as_str()
    );
}

/// Exactly one of the sets is given, as a whole.
const fn choice(choices: &[&[&str]], given: &[Given]) {
    let mut begun = 0;
    let mut i = 0;
    while i < choices.len() {
        let mut found = 0;
        let mut first_missing = None;
        let mut j = 0;
        while j < choices[i].len() {
            if is_given(given, choices[i][j]) {
                found += 1;
            } else if first_missing.is_none() {
                first_missing = Some(choices[i][j]);
            }
            j += 1;
        }
        if found > 0 {
            begun += 1;
            if let Some(name) = first_missing {
                missing(name);
            }
        }
        i += 1;
    }
    if !choices.is_empty() && begun != 1 {
        let mut text = Text::new().push("give ");
        let mut i = 0;
        while i < choices.len() {
            text = text
                .push(if i == 0 { "either " } else { ", or " })
                .push_list(choices[i]);
            i += 1;
        }
        panic!("{}", text.as_str());
    }
}

/// The binding knows the argument.
pub const fn argument_name(spec: &BindingSpec, name: &str) {
    // Without a binding, another rule reports the mistake.
    if spec.any_argument || spec.type_name.is_empty() || spec.argument(name).is_some() {
        return;
    }
    let text = Text::new()
        .push("`")
        .push(name)
        .push("` is not an argument of this binding (`")
        .push(spec.type_name)
        .push("`)");
    let mut names = [""; 32];
    let mut i = 0;
    while i < spec.arguments.len() && i < names.len() {
        names[i] = spec.arguments[i].name;
        i += 1;
    }
    let text = if i == 0 {
        text.push(", which takes none")
    } else {
        text.push("; it takes ").push_list(names.split_at(i).0)
    };
    panic!("{}", text.as_str());
}

/// The value is one that the argument can have.
pub const fn argument_value(spec: &BindingSpec, given: &Given) {
    let Some(argument) = spec.argument(given.name) else {
        return;
    };
    match (argument.kind, given.value) {
        (ArgumentKind::Any, _)
        | (ArgumentKind::Text, Literal::Text(_))
        | (ArgumentKind::Flag, Literal::Flag(_))
        | (ArgumentKind::Integer, Literal::Integer(_))
        | (ArgumentKind::Number, Literal::Integer(_) | Literal::Number(_)) => {}
        (ArgumentKind::OneOf(values), Literal::Text(text)) => one_of(argument, values, text),
        (ArgumentKind::SomeOf(values), Literal::Text(text)) => {
            let mut rest = text;
            while let Some((item, tail)) = split(rest) {
                one_of(argument, values, item.trim_ascii());
                rest = tail;
            }
            one_of(argument, values, rest.trim_ascii());
        }
        (ArgumentKind::SomeOf(values), Literal::List(items)) => {
            let mut i = 0;
            while i < items.len() {
                match items[i] {
                    Literal::Text(text) => one_of(argument, values, text),
                    _ => wrong_kind(argument, "a list of texts"),
                }
                i += 1;
            }
        }
        (ArgumentKind::Schedule, Literal::Text(_)) => {
            if let Some(reason) = given.wrong_schedule {
                panic!("{}", reason);
            }
        }
        (ArgumentKind::Route, Literal::Text(_)) => {
            if let Some(reason) = given.wrong_route {
                panic!("{}", reason);
            }
        }
        (kind, Literal::Text(text)) if kind.has_a_rule() => {
            if let Some(reason) = wrong_name(kind, text) {
                panic!("{}", reason);
            }
        }
        (ArgumentKind::Texts, Literal::List(items)) => {
            let mut i = 0;
            while i < items.len() {
                if !matches!(items[i], Literal::Text(_)) {
                    wrong_kind(argument, "a list of texts");
                }
                i += 1;
            }
        }
        (kind, _) if kind.is_text() => wrong_kind(argument, "text in quotes"),
        (ArgumentKind::Flag, _) => wrong_kind(argument, "`true` or `false`"),
        (ArgumentKind::Integer, _) => wrong_kind(argument, "an integer"),
        (ArgumentKind::Number, _) => wrong_kind(argument, "a number"),
        // What is left are lists.
        _ => wrong_kind(argument, "a list of texts"),
    }
}

/// Splits at the first `|`.
const fn split(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'|' {
            let (head, tail) = text.split_at(i);
            return Some((head, tail.split_at(1).1));
        }
        i += 1;
    }
    None
}

const fn one_of(argument: &Argument, values: &[&str], text: &str) {
    let mut i = 0;
    while i < values.len() {
        if values[i].eq_ignore_ascii_case(text) {
            return;
        }
        i += 1;
    }
    panic!(
        "{}",
        Text::new()
            .push("`")
            .push(text)
            .push("` cannot be the `")
            .push(argument.name)
            .push("`: write one of ")
            .push_list(values)
            .as_str()
    );
}

const fn wrong_kind(argument: &Argument, wanted: &str) {
    panic!(
        "{}",
        Text::new()
            .push("`")
            .push(argument.name)
            .push("` takes ")
            .push(wanted)
            .as_str()
    );
}

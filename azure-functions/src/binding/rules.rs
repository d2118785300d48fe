//! The rules for signatures, as constants: `#[func]` evaluates each one with the span of what it is about.
//!
//! The attribute itself refuses what it can see; these catch the same mistakes behind an alias or in a type that it does not know.

use super::{
    Argument, BindingSpec, FunctionReturn, Returns, Role,
    signature::{DeclaredOutput, Given, Literal, Parameter},
    table::{self, ArgumentKind, Fallback, wrong_name},
    text::{Text, equal},
    travels::Travels,
};

/// How the worker calls a function, as a number that a const generic can take.
pub const PLAIN: u8 = 0;
/// See [`PLAIN`].
pub const ORCHESTRATION: u8 = 1;
/// See [`PLAIN`].
pub const ENTITY: u8 = 2;

/// The mode of a function with these parameters.
pub const fn mode(parameters: &[Parameter]) -> u8 {
    if has(parameters, Role::Orchestration) {
        ORCHESTRATION
    } else if has(parameters, Role::Entity) {
        ENTITY
    } else {
        PLAIN
    }
}

const fn has(parameters: &[Parameter], role: Role) -> bool {
    let mut i = 0;
    while i < parameters.len() {
        if parameters[i].spec.role as u8 == role as u8 {
            return true;
        }
        i += 1;
    }
    false
}

/// The position of what starts the function.
const fn trigger(parameters: &[Parameter]) -> Option<usize> {
    let mut i = 0;
    while i < parameters.len() {
        if parameters[i].spec.is_trigger() {
            return Some(i);
        }
        i += 1;
    }
    let mut i = 0;
    while i < parameters.len() {
        if matches!(parameters[i].spec.role, Role::TriggerOrPart) {
            return Some(i);
        }
        i += 1;
    }
    None
}

/// What a function returns that an MCP client starts.
const fn mcp_answer(parameters: &[Parameter]) -> Option<&'static str> {
    match trigger(parameters) {
        Some(i) if equal(parameters[i].spec.type_name, table::MCP_TOOL_TRIGGER.type_name) => Some("McpToolResult"),
        Some(i) if equal(parameters[i].spec.type_name, table::MCP_RESOURCE_TRIGGER.type_name) => {
            Some("McpResourceContents")
        }
        Some(i) if equal(parameters[i].spec.type_name, table::MCP_PROMPT_TRIGGER.type_name) => Some("McpPromptResult"),
        _ => None,
    }
}

/// The name of the binding that brings the batch of an entity.
pub(crate) const fn entity_trigger(parameters: &[Parameter]) -> &'static str {
    let mut i = 0;
    while i < parameters.len() {
        if matches!(parameters[i].spec.role, Role::Entity) {
            return parameters[i].binding;
        }
        i += 1;
    }
    ""
}

const fn is_http(parameters: &[Parameter]) -> bool {
    match trigger(parameters) {
        Some(i) => equal(parameters[i].spec.type_name, "httpTrigger"),
        None => false,
    }
}

/// Something starts the function.
pub const fn has_trigger(parameters: &[Parameter]) {
    assert!(
        trigger(parameters).is_some(),
        "nothing starts this function: add a trigger parameter, for example `request: HttpRequest`, `timer: TimerInfo`, \
         `context: DurableActivityContext` or `context: DurableOrchestrationContext`"
    );
}

/// An orchestration is asynchronous.
pub const fn is_async(parameters: &[Parameter], is_async: bool) {
    assert!(
        is_async || mode(parameters) != ORCHESTRATION,
        "an orchestration must be asynchronous: write `async fn`"
    );
}

/// A host starts a warm-up function by its name, and says nothing about one of another.
pub const fn warmup_name(parameters: &[Parameter], index: usize, function: &str) {
    let this = &parameters[index];
    let mut type_name = this.spec.type_name;
    let mut i = 0;
    while i < this.arguments.len() {
        if let Literal::Text(text) = this.arguments[i].value
            && equal(this.arguments[i].name, "type")
        {
            type_name = text;
        }
        i += 1;
    }
    if type_name.eq_ignore_ascii_case("warmupTrigger") && !function.eq_ignore_ascii_case("warmup") {
        panic!(
            "{}",
            Text::new()
                .push("a host starts this function only if it is called `warmup`, and `")
                .push(function)
                .push("` never: rename it")
                .as_str()
        );
    }
}

/// A parameter goes with those before it.
pub const fn parameter(parameters: &[Parameter], index: usize) {
    let this = &parameters[index];
    if mode(parameters) == ORCHESTRATION {
        assert!(
            !matches!(this.spec.role, Role::Shared),
            "an orchestration cannot take what the app shares: it is replayed, and a value that changes between two replays would make it \
             non-deterministic; take it in an activity, and call that"
        );
        assert!(
            matches!(this.spec.role, Role::Orchestration),
            "an orchestration takes its `DurableOrchestrationContext` and nothing else: call an activity to use other bindings"
        );
        assert!(
            !this.by_reference,
            "an orchestration takes its context by value: remove the `&`"
        );
    }
    if matches!(this.spec.role, Role::Part) && !is_http(parameters) {
        panic!("this reads an HTTP request: add a parameter `request: HttpRequest`, or remove it");
    }
    let mut i = 0;
    while i < index {
        let other = &parameters[i];
        if matches!(this.spec.role, Role::Activity) && matches!(other.spec.role, Role::Activity) {
            panic!(
                "an activity has one input: put both values into a tuple or a struct, or read them from the context's `input`"
            );
        }
        if this.spec.is_trigger() && other.spec.is_trigger() {
            panic!(
                "{}",
                Text::new()
                    .push("a function has one trigger, and `")
                    .push(other.name)
                    .push("` is it: remove one of the two")
                    .as_str()
            );
        }
        if matches!(this.spec.role, Role::TriggerOrPart) && matches!(other.spec.role, Role::TriggerOrPart) {
            panic!("a request has one body: remove this parameter");
        }
        i += 1;
    }
    if matches!(this.spec.role, Role::TriggerOrPart) && !is_http(parameters) {
        panic!(
            "this reads the body of an HTTP request, but another trigger starts the function: remove one of the two"
        );
    }
}

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

/// The parameter has a binding that arguments can be for.
pub const fn takes_arguments(parameters: &[Parameter], index: usize) {
    assert!(
        is_bound(parameters, index),
        "this parameter has no binding of its own: put the arguments on the trigger's parameter"
    );
}

const fn is_bound(parameters: &[Parameter], index: usize) -> bool {
    match parameters[index].spec.role {
        Role::Part | Role::Shared => false,
        Role::TriggerOrPart => matches!(trigger(parameters), Some(i) if i == index),
        _ => true,
    }
}

/// A field of a struct of outputs has arguments only if it has a binding, and shows that it is the result of an activity if it is.
pub const fn field(spec: &BindingSpec, given: &[Given], is_named_activity_output: bool) {
    assert!(
        given.is_empty() || matches!(spec.role, Role::Output),
        "this output has no binding, so there is nothing to give arguments to"
    );
    assert!(
        is_named_activity_output || !matches!(spec.role, Role::ActivityResult),
        "the result of an activity stands behind an alias here: name `ActivityOutput` itself, so that callers know its type"
    );
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

/// What the function returns; its type fits what starts the function.
///
/// `with_arguments` are the places of the outputs that have a `#[binding(...)]`: those are looked at where it stands.
pub const fn returns<R: FunctionReturn>(parameters: &[Parameter], with_arguments: &[usize]) -> Returns<R> {
    fits(R::OUTPUTS, parameters);
    different_names(R::OUTPUTS, parameters);
    let mut i = 0;
    while i < R::OUTPUTS.len() {
        let mut j = 0;
        while j < with_arguments.len() && with_arguments[j] != i {
            j += 1;
        }
        // Those in a struct are looked at there.
        if j == with_arguments.len() && R::OUTPUTS[i].arguments.is_none() {
            required(&R::OUTPUTS[i].spec, &[]);
        }
        i += 1;
    }
    Returns::NEW
}

/// No two bindings of the function have one name, in any case.
const fn different_names(outputs: &[DeclaredOutput], parameters: &[Parameter]) {
    let mut i = 0;
    while i < outputs.len() {
        let name = outputs[i].name;
        let mut j = 0;
        while j < i {
            if outputs[i].is_return_value() && outputs[j].is_return_value() {
                panic!("the return value is one of the outputs, and two of these are it: remove one of the two");
            }
            j += 1;
        }
        let mut j = 0;
        while outputs[i].is_bound() && j < parameters.len() {
            if is_bound(parameters, j) && name.eq_ignore_ascii_case(parameters[j].binding) {
                panic!(
                    "{}",
                    Text::new()
                        .push("the parameter `")
                        .push(parameters[j].name)
                        .push("` and an output both name the binding `")
                        .push(name)
                        .push("`: rename one of them")
                        .as_str()
                );
            }
            j += 1;
        }
        i += 1;
    }
}

/// As [`returns`], of a function that can be called by type.
pub const fn returns_typed<R: Travels>(parameters: &[Parameter], with_arguments: &[usize]) -> Returns<R> {
    returns(parameters, with_arguments)
}

const fn fits(results: &[DeclaredOutput], parameters: &[Parameter]) {
    if mode(parameters) == ORCHESTRATION {
        assert!(
            results.len() == 1 && matches!(results[0].spec.role, Role::Nothing | Role::OrchestrationResult),
            "an orchestration whose context stands behind an alias returns nothing, `OrchestrationOutput` or \
             `Result<OrchestrationOutput, E>`: name `DurableOrchestrationContext` itself to return any value"
        );
        return;
    }
    if mode(parameters) == ENTITY {
        assert!(
            results.len() == 1 && matches!(results[0].spec.role, Role::Nothing | Role::EntityResult),
            "an entity returns nothing, `EntityOutput` or `Result<EntityOutput, E>`"
        );
        return;
    }
    let is_activity = has(parameters, Role::Activity);
    let mut i = 0;
    while i < results.len() {
        match results[i].spec.role {
            Role::OrchestrationResult => {
                panic!(
                    "`OrchestrationOutput` is what an orchestration returns: take a `DurableOrchestrationContext`, or return something else"
                )
            }
            Role::EntityResult => {
                panic!(
                    "`EntityOutput` is what an entity returns: take a `DurableEntityContext`, or return something else"
                )
            }
            Role::ActivityResult if !is_activity => {
                panic!(
                    "`ActivityOutput` is what an activity returns: take a `DurableActivityContext`, or return something else"
                )
            }
            Role::ActivityResult if !results[i].is_return_value() => {
                panic!("`ActivityOutput` comes first: write `(ActivityOutput, ...)`")
            }
            Role::Answer => {
                let started = match trigger(parameters) {
                    Some(i) => parameters[i].spec.type_name,
                    None => "",
                };
                if !equal(started, results[i].spec.type_name) {
                    panic!(
                        "{}",
                        Text::new()
                            .push("this answers a `")
                            .push(results[i].spec.type_name)
                            .push("`, but another trigger starts the function")
                            .as_str()
                    );
                }
                assert!(
                    results[i].is_return_value(),
                    "what answers the trigger comes first in the returned tuple"
                );
            }
            Role::Output if is_activity && results[i].is_return_value() => {
                panic!(
                    "an activity returns nothing or `ActivityOutput` in the first place: write `((), ...)` or `(ActivityOutput, ...)`"
                )
            }
            Role::Output if equal(results[i].spec.type_name, "http") && !is_http(parameters) => {
                panic!("this answers an HTTP request, but another trigger starts the function")
            }
            // The extension reads it as the answer to the client, and the worker makes one of an error.
            Role::Output if results[i].is_return_value() => {
                if let Some(answer) = mcp_answer(parameters) {
                    panic!(
                        "{}",
                        Text::new()
                            .push("the first output is what the client of MCP gets: write `(")
                            .push(answer)
                            .push(", ...)`, or a struct of outputs with names")
                            .as_str()
                    );
                }
            }
            _ => {}
        }
        i += 1;
    }
}

/// What the type of an output says; nothing, if there is no such output: [`output`] reports that.
pub const fn output_spec<R>(returns: &Returns<R>, index: usize) -> &'static BindingSpec {
    if index < returns.outputs.len() && returns.outputs[index].is_bound() && returns.outputs[index].arguments.is_none()
    {
        &returns.outputs[index].spec
    } else {
        const { &BindingSpec::nothing() }
    }
}

/// The output has a binding that arguments can be for.
pub const fn output<R>(returns: &Returns<R>, index: usize) -> &'static BindingSpec {
    assert!(
        index < returns.outputs.len(),
        "the function has no such output: the first is `$return`, those that follow it in a tuple are `output1`, `output2`, ..."
    );
    let output = &returns.outputs[index];
    assert!(
        output.arguments.is_none(),
        "the arguments of this output stand before its field: put them there"
    );
    assert!(
        output.is_bound(),
        "this output has no binding, so there is nothing to give arguments to"
    );
    &output.spec
}

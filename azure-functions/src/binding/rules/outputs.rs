//! The rules for what functions return.

use super::{
    arguments::required,
    trigger::{ENTITY, ORCHESTRATION, has, is_bound, is_http, mode, trigger},
};
use crate::binding::{
    BindingSpec, FunctionReturn, Returns, Role,
    signature::{DeclaredOutput, Given, Parameter},
    table,
    text::{Text, equal},
    travels::Travels,
};

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

/// As [`returns`], of a function that can be called by type.
pub const fn returns_typed<R: Travels>(parameters: &[Parameter], with_arguments: &[usize]) -> Returns<R> {
    returns(parameters, with_arguments)
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

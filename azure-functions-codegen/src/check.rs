//! Every mistake that the text of a signature shows.

use crate::{
    arguments::{Given, Literal},
    errors::Errors,
    known::{Known, OTHER_TRIGGERS, Role},
    names,
    returned::Kind as Output,
    route, schedule,
    signature::{Parameter, Signature},
    table::{ArgumentKind as Kind, Binding, Flow, wrong_name},
    typed,
};
use proc_macro2::Span;
use syn::Type;

/// Reports the mistakes of a signature.
pub(crate) fn check(signature: &Signature, errors: &mut Errors) {
    function_name(signature, errors);
    binding_names(signature, errors);
    if !kind(signature, errors) {
        return;
    }
    if signature.has(Role::Orchestration) {
        orchestration(signature, errors);
    } else {
        triggers(signature, errors);
        if signature.has(Role::Entity) {
            entity_output(signature, errors);
        } else {
            outputs(signature, errors);
        }
    }
    for parameter in &signature.parameters {
        if let Some(known) = parameter.known {
            // A part of a request without the request is asked for that, with the arguments.
            if known.role != Role::HttpPart || starts(signature) {
                parameter_arguments(parameter, known, errors);
            }
        }
    }
    route_parameters(signature, errors);
    default_retry(signature, errors);
    host_retry(signature, errors);
    warmup_name(signature, errors);
}

/// A host never starts a warm-up function of another name, and says nothing.
fn warmup_name(signature: &Signature, errors: &mut Errors) {
    let (name, _) = &signature.name;
    let is_warmup = |parameter: &&Parameter| {
        let given = parameter.arguments.iter().find(|given| given.key == "type");
        let named = match given.map(|given| &given.value) {
            Some(Literal::Text(text)) => text.eq_ignore_ascii_case("warmupTrigger"),
            _ => false,
        };
        let binding = parameter.known.and_then(|known| known.binding);
        named || binding.is_some_and(|binding| binding.type_name == "warmupTrigger")
    };
    if let Some(parameter) = signature.parameters.iter().find(is_warmup)
        && !name.eq_ignore_ascii_case("warmup")
    {
        errors.at(
            &parameter.ty,
            format!("a host starts this function only if it is called `warmup`, and `{name}` never: rename it"),
        );
    }
}

fn host_retry(signature: &Signature, errors: &mut Errors) {
    let Some((_, place)) = &signature.host_retry else {
        return;
    };
    if signature.is_activity() {
        errors.span(
            *place,
            "an activity is called again by its orchestration, not by the host: write `retry = POLICY`",
        );
    } else if signature.has(Role::Orchestration) || signature.has(Role::Entity) {
        errors.span(
            *place,
            "a host does not run an orchestration or an entity again: remove `retry`, and give the calls in it a `RetryOptions`",
        );
    }
}

fn default_retry(signature: &Signature, errors: &mut Errors) {
    let Some(policy) = &signature.retry else { return };
    if !signature.is_activity() {
        errors.at(
            policy,
            "`retry` is for activities: remove it, or say that this is one with `#[func(activity, retry = ..)]`",
        );
    } else if !typed::is_typed(signature) {
        errors.at(
            policy,
            "`retry` is for calls by type, which this activity has none of, because several parameters may be its input: take \
             one of them in a `DurableActivityContext<..>`",
        );
    }
}

fn function_name(signature: &Signature, errors: &mut Errors) {
    let (name, span) = &signature.name;
    if let Some(reason) = names::wrong_function_name(name) {
        let fix = if signature.ident == name {
            "; give it another one with `#[func(name = \"...\")]`"
        } else {
            ""
        };
        errors.span(*span, format!("{reason}{fix}"));
    }
}

/// Whether the kind that `#[func]` names, if it names one, is what the parameters say.
fn kind(signature: &Signature, errors: &mut Errors) -> bool {
    let has_context = signature.has(Role::Orchestration);
    match signature.kind {
        Some((Role::Activity, span)) if has_context => errors.span(
            span,
            "a `DurableOrchestrationContext` makes an orchestration of this function: remove `activity`, or take the input of the \
             activity itself",
        ),
        Some((Role::Orchestration, span)) if !has_context && !signature.is_method => errors.span(
            span,
            "an orchestration takes its context and nothing else: write `context: DurableOrchestrationContext<T>`, where `T` is \
             the type of its input",
        ),
        _ => return true,
    }
    false
}

fn binding_names(signature: &Signature, errors: &mut Errors) {
    for (index, parameter) in signature.parameters.iter().enumerate() {
        let Parameter { name, binding, .. } = parameter;
        if !parameter.readable {
            continue;
        }
        if let Some(reason) = names::wrong_binding_name(binding) {
            errors.span(
                parameter.name_span,
                format!("the host cannot take `{binding}` for the name of a binding: {reason}; rename the parameter"),
            );
        }
        // The host compares names without case.
        let same = signature.parameters[..index]
            .iter()
            .find(|other| other.readable && other.binding.eq_ignore_ascii_case(binding));
        if let Some(other) = same {
            errors.span(
                parameter.name_span,
                format!(
                    "`{name}` and `{}` both name the binding `{binding}`: rename one of them",
                    other.name
                ),
            );
        }
        let output =
            (1..signature.returned.outputs.len()).find(|i| binding.eq_ignore_ascii_case(&format!("output{i}")));
        if output.is_some() {
            errors.span(
                parameter.name_span,
                format!("`{binding}` is the name of an output in the returned tuple: rename the parameter"),
            );
        }
    }
}

fn orchestration(signature: &Signature, errors: &mut Errors) {
    if !signature.is_async {
        errors.span(
            signature.fn_span,
            "an orchestration must be asynchronous: write `async fn`",
        );
    }
    let mut contexts = 0;
    for parameter in &signature.parameters {
        if parameter.role() == Some(Role::Orchestration) {
            contexts += 1;
            if let Some(span) = parameter.reference {
                errors.span(span, "an orchestration takes its context by value: remove the `&`");
            }
            if contexts == 1 {
                continue;
            }
        }
        if let Some(Known {
            name,
            role: Role::Shared,
            ..
        }) = parameter.known
        {
            errors.at(
                &parameter.ty,
                format!(
                    "an orchestration cannot take `{name}<T>`: it is replayed, and a value that changes between two replays would make \
                     it non-deterministic; take it in an activity, and call that"
                ),
            );
            continue;
        }
        errors.at(
            &parameter.ty,
            "an orchestration takes its `DurableOrchestrationContext` and nothing else: call an activity to use other bindings",
        );
    }
    let returned = &signature.returned;
    let allowed = returned.outputs.len() <= 1
        && returned.outputs.iter().all(|output| {
            matches!(
                output.kind,
                Output::Nothing | Output::Orchestration | Output::Data | Output::Unknown
            )
        });
    if let (false, Some(ty)) = (allowed, &returned.ty) {
        errors.at(
            ty,
            "an orchestration returns a value that serde can write, such as `Receipt` or `Vec<String>`, nothing, or a `Result` of these",
        );
    }
    for (_, binding) in &signature.outputs {
        errors.at(
            &binding.attribute,
            "the output of an orchestration has no binding: remove this attribute",
        );
    }
}

/// Whether a parameter is, or may be, what starts the function.
fn starts(signature: &Signature) -> bool {
    signature.is_method
        || signature.names_trigger
        || signature.parameters.iter().any(|parameter| match parameter.role() {
            Some(role) => role.is_trigger() || role == Role::HttpBody,
            None => true,
        })
}

fn triggers(signature: &Signature, errors: &mut Errors) {
    let is_activity = signature.activity || signature.has(Role::Activity);
    let mut first: Option<&Parameter> = None;
    let mut body: Option<&Parameter> = None;
    let mut unknown = signature.is_method || signature.names_trigger;
    for parameter in &signature.parameters {
        unknown |= !parameter.readable;
        let is_input = is_activity && is_data(parameter);
        match parameter.role() {
            Some(role) if role.is_trigger() => {}
            None if is_input => {}
            Some(Role::HttpBody) => {
                if body.is_some() {
                    errors.at(&parameter.ty, "a request has one body: remove this parameter");
                }
                body = Some(parameter);
                continue;
            }
            Some(_) => continue,
            None if is_data(parameter) && parameter.readable && signature.has(Role::Entity) => {
                errors.at(
                    &parameter.ty,
                    "this is no binding: read the input of an operation with the context's `input_as`",
                );
                continue;
            }
            None if is_data(parameter) && parameter.readable => {
                if !signature.names_trigger {
                    errors.at(
                        &parameter.ty,
                        format!(
                            "this is no binding: to make it the input of an activity, return `ActivityOutput` or write \
                             `#[func(activity)]`; to read it from a request, use `Route<T>` or `Json<T>`; {OTHER_TRIGGERS}"
                        ),
                    );
                }
                unknown = true;
                continue;
            }
            None => {
                unknown = true;
                continue;
            }
        }
        match first {
            None => first = Some(parameter),
            Some(other) if is_input || is_data(other) => errors.at(
                &parameter.ty,
                format!(
                    "an activity has one input, and `{}` is it: put both values into a tuple or a struct",
                    other.name
                ),
            ),
            Some(other) => errors.at(
                &parameter.ty,
                format!(
                    "a function has one trigger, and `{}` is it: remove one of the two",
                    other.name
                ),
            ),
        }
    }
    let http = signature.has(Role::Http) || (first.is_none() && body.is_some());
    if let (Some(_), Some(body), false) = (first, body, signature.has(Role::Http)) {
        errors.at(
            &body.ty,
            "this reads the body of an HTTP request, but another trigger starts the function: remove one of the two",
        );
    }
    let nothing = first.is_none() && body.is_none();
    if !(http || nothing && unknown) {
        for parameter in signature.parameters.iter().filter(|p| p.role() == Some(Role::HttpPart)) {
            errors.at(
                &parameter.ty,
                "this reads an HTTP request: add a parameter `request: HttpRequest`, with the arguments of the binding, or remove it",
            );
        }
    }
    if nothing && !unknown && !signature.has(Role::HttpPart) {
        let message = if is_activity {
            "nothing starts this activity: add its input, for example `context: DurableActivityContext` or `name: String`"
                .to_owned()
        } else {
            format!(
                "nothing starts this function: add a trigger parameter, for example `request: HttpRequest`, `timer: TimerInfo`, \
                 `context: DurableActivityContext` or `context: DurableOrchestrationContext`; {OTHER_TRIGGERS}"
            )
        };
        errors.at(&signature.ident, message);
    }
}

/// Whether a parameter is surely a value, and no binding.
fn is_data(parameter: &Parameter) -> bool {
    parameter.known.is_none() && crate::known::is_data(&parameter.ty)
}

fn entity_output(signature: &Signature, errors: &mut Errors) {
    let returned = &signature.returned;
    let allowed = returned.outputs.len() <= 1
        && returned
            .outputs
            .iter()
            .all(|output| matches!(output.kind, Output::Nothing | Output::Entity | Output::Unknown));
    if let (false, Some(ty)) = (allowed, &returned.ty) {
        errors.at(
            ty,
            "an entity returns nothing, `EntityOutput` or `Result<EntityOutput, E>`: write `EntityOutput` and `.into()`",
        );
    }
    for (_, binding) in &signature.outputs {
        errors.at(
            &binding.attribute,
            "the output of an entity has no binding: remove this attribute",
        );
    }
}

fn outputs(signature: &Signature, errors: &mut Errors) {
    let is_activity = signature.has(Role::Activity) || signature.activity;
    // Where only a part of a request is taken, the request is asked for.
    let has_http = [Role::Http, Role::HttpBody, Role::HttpPart]
        .into_iter()
        .any(|role| signature.has(role));
    // With a type that only the compiler knows, nothing is sure.
    let unknown = signature
        .parameters
        .iter()
        .any(|parameter| parameter.known.is_none() && !is_data(parameter));
    for (index, output) in signature.returned.outputs.iter().enumerate() {
        match output.kind {
            Output::Orchestration => errors.at(
                &output.ty,
                "`OrchestrationOutput` is what an orchestration returns: take a `DurableOrchestrationContext`, or return \
                 something else",
            ),
            Output::Entity => errors.at(
                &output.ty,
                "`EntityOutput` is what an entity returns: take a `DurableEntityContext`, or return something else",
            ),
            Output::Activity if index > 0 => {
                errors.at(&output.ty, "`ActivityOutput` comes first: write `(ActivityOutput, ...)`");
            }
            Output::Activity if has_http || signature.has(Role::Trigger) => errors.at(
                &output.ty,
                "`ActivityOutput` is what an activity returns: take a `DurableActivityContext`, or return something else",
            ),
            Output::Data if signature.returned.is_plain => {}
            Output::Http if is_activity && index == 0 => errors.at(
                &output.ty,
                "an activity returns a value that serde can write: write its type here, or `((), ...)` to return other outputs only",
            ),
            // Said of the other one.
            Output::Data if index == 0 && signature.returned.has("ActivityOutput") => {}
            Output::Data if is_activity && index == 0 => errors.at(
                &output.ty,
                "before other outputs an activity returns `()` or `ActivityOutput`: write `(ActivityOutput, ...)`",
            ),
            Output::Http if !has_http && !unknown => errors.at(
                &output.ty,
                "this answers an HTTP request, but another trigger starts the function",
            ),
            // Whether it is one is asked where its input stands.
            Output::Data if signature.parameters.iter().any(is_data) => {}
            Output::Data => errors.at(
                &output.ty,
                "this is no output: return `HttpResponse` or `Json<T>` from an HTTP function; write `#[func(activity)]` for an activity",
            ),
            _ => {}
        }
    }
    if !signature.returned.is_plain {
        for (index, output) in signature.returned.outputs.iter().enumerate() {
            let Some(binding) = output.binding else { continue };
            let given = signature.outputs.iter().find(|(other, _)| *other == index);
            let given = given.map_or(&[][..], |(_, arguments)| &arguments.given);
            arguments(given, binding, output.name(), &output.ty, errors);
        }
    }
    for (index, binding) in &signature.outputs {
        let count = signature.returned.outputs.len();
        // The arguments of an unknown type are checked with its trait; a tuple may hide behind one, too.
        match signature.returned.outputs.get(*index) {
            Some(output) if matches!(output.kind, Output::Activity | Output::Nothing) => errors.at(&binding.attribute,
                "this output has no binding, so there is nothing to give arguments to: remove this attribute",
            ),
            Some(output) if output.kind == Output::Http => {
                if let Some(given) = binding.given.first() {
                    errors.at(&given.key, "an HTTP response has no binding arguments: remove this");
                }
            }
            Some(_) => {}
            None if count == 1 && signature.returned.outputs[0].kind == Output::Unknown => {}
            None => errors.at(&binding.attribute,
                format!("the function has {count} output{}: `$return` is the first, `output1` the second of a tuple, and so on", if count == 1 { "" } else { "s" }),
            ),
        }
    }
}

fn parameter_arguments(parameter: &Parameter, known: Known, errors: &mut Errors) {
    match known.binding {
        Some(binding) => arguments(&parameter.arguments, binding, known.name, &parameter.ty, errors),
        None => {
            if let Some(given) = parameter.arguments.first() {
                errors.at(
                    &given.key,
                    "this parameter has no binding of its own: put the arguments on the trigger's parameter",
                );
            }
        }
    }
}

/// The arguments of a binding whose type has this name.
fn arguments(all: &[Given], binding: &Binding, name: &str, ty: &Type, errors: &mut Errors) {
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
    let place = match binding.flow {
        Flow::Output => {
            "`#[binding(name = \"$return\", {} = \"...\")]` on the function (`output1` for the second of a tuple)"
        }
        _ => "`#[binding({} = \"...\")]` before the parameter",
    };
    let mut missing = |name: &str| {
        errors.at(ty, format!("`{name}` is missing: write {}", place.replace("{}", name)));
    };
    for argument in binding.arguments.iter().filter(|argument| argument.required) {
        if !is_given(argument.name) {
            missing(argument.name);
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
            .for_each(|name| missing(name)),
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
        (
            Kind::QueueName | Kind::BlobPath | Kind::BlobPattern | Kind::TriggerType | Kind::BindingType,
            Literal::Text(text),
        ) => {
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
        (
            Kind::Text
            | Kind::Schedule
            | Kind::Route
            | Kind::QueueName
            | Kind::BlobPath
            | Kind::BlobPattern
            | Kind::TriggerType
            | Kind::BindingType,
            _,
        ) => {
            errors.span(given.span, format!("`{key}` takes text: put it in quotes"));
        }
        (Kind::OneOf(values), _) => errors.span(given.span, format!("`{key}` takes one of {}", quoted(values))),
        (Kind::SomeOf(values), _) => errors.span(
            given.span,
            format!("`{key}` takes a list of texts, for example `[\"{}\"]`", values[0]),
        ),
        (Kind::Flag, _) => errors.span(given.span, format!("`{key}` takes `true` or `false`")),
        (Kind::Integer, _) => errors.span(given.span, format!("`{key}` takes an integer")),
        (Kind::Number, _) => errors.span(given.span, format!("`{key}` takes a number")),
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

/// A `Route<T>` must be in the route of its function.
fn route_parameters(signature: &Signature, errors: &mut Errors) {
    let trigger = signature
        .parameters
        .iter()
        .find(|parameter| parameter.role() == Some(Role::Http))
        .or_else(|| {
            signature
                .parameters
                .iter()
                .find(|parameter| parameter.role() == Some(Role::HttpBody))
        });
    let Some(trigger) = trigger else { return };
    let route = trigger.arguments.iter().find(|given| given.key == "route");
    let template = match route.map(|given| &given.value) {
        Some(Literal::Text(template)) if route::wrong(template).is_none() => template.as_str(),
        Some(_) => return,
        // Without a route it is the function's name.
        None => "",
    };
    // What a setting stands for is not known here.
    if template.contains('%') {
        return;
    }
    let names = route::parameters(template);
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    for parameter in signature.parameters.iter().filter(|p| p.role() == Some(Role::HttpPart)) {
        if !names.iter().any(|name| plain(name) == plain(&parameter.name)) {
            if template.is_empty() {
                errors.span(
                    parameter.name_span,
                    format!("the function has no route with a parameter `{0}`: write `route = \"x/{{{0}}}\"` for its trigger", parameter.binding),
                );
                continue;
            }
            errors.span(
                parameter.name_span,
                format!(
                    "the route `{template}` has no parameter `{}`: write `{{{0}}}` into it{}",
                    parameter.binding,
                    names::hint(&parameter.binding, names.iter().map(String::as_str))
                ),
            );
        }
    }
}

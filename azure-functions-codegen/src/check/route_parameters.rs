//! Mistakes about the parts of a route that a function takes.

use crate::{arguments::Literal, errors::Errors, known::Role, names, route, signature::Signature};

/// A `Route<T>` must be in the route of its function.
pub(crate) fn route_parameters(signature: &Signature, errors: &mut Errors) {
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
    let is_blank = |value: &&Literal| matches!(value, Literal::Text(text) if text.is_empty());
    let template = match route.map(|given| &given.value).filter(|value| !is_blank(value)) {
        Some(Literal::Text(template)) if route::wrong(template).is_none() => template.as_str(),
        Some(_) => return,
        // Without a route it is the function's name.
        None => {
            if let Some(word) = route::reserved(&signature.name.0) {
                errors.span(
                    signature.name.1,
                    format!(
                        "the name of a function is its route, and routes that begin with `{word}` are reserved by the host: write \
                         `route = \"...\"` for its trigger"
                    ),
                );
            }
            ""
        }
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

//! The function in our own terms. What cannot even be put so is reported here.

use crate::{
    arguments::{BindingArguments, FuncArguments, Given},
    errors::Errors,
    known::{self, Known, Role},
    lint::Allowance,
    names, place,
    retry::Retry,
    returned::{Kind, Returned},
};
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, Meta, Pat, PatType, ReturnType, Safety,
    Signature as FnSignature, Type, ext::IdentExt, spanned::Spanned,
};

/// A function with `#[func]`.
pub(crate) struct Signature {
    pub(crate) ident: Ident,
    /// The name for the host, and where it stands.
    pub(crate) name: (String, Span),
    pub(crate) is_async: bool,
    pub(crate) fn_span: Span,
    pub(crate) parameters: Vec<Parameter>,
    /// Whether `self` is missing from the parameters.
    pub(crate) is_method: bool,
    pub(crate) returned: Returned,
    /// Whether it says that it is an activity: in `#[func(activity)]` or by returning `ActivityOutput`.
    pub(crate) activity: bool,
    /// Where `#[func(activity)]` or `#[func(orchestration)]` stands.
    pub(crate) kind: Option<(Role, Span)>,
    /// How typed calls of an activity are tried again by default.
    pub(crate) retry: Option<Expr>,
    /// How a host runs it again when it has failed, and where that stands.
    pub(crate) host_retry: Option<(Retry, Span)>,
    /// Whether `#[func(...)]` names a trigger, which is reported.
    pub(crate) names_trigger: bool,
    /// What `#[func(...)]` allows in the whole body.
    pub(crate) allowance: Option<Allowance>,
    /// Arguments for outputs, by position.
    pub(crate) outputs: Vec<(usize, BindingArguments)>,
    /// The doc comment, if it says something.
    pub(crate) docs: Option<String>,
}

/// A parameter.
pub(crate) struct Parameter {
    /// Its name in the source, without `r#`.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) binding: String,
    /// Its type, without the reference.
    pub(crate) ty: Type,
    /// The `&`, if it is a reference.
    pub(crate) reference: Option<Span>,
    pub(crate) known: Option<Known>,
    /// Whether its name and type can be told; if not, that has been reported.
    pub(crate) readable: bool,
    pub(crate) arguments: Vec<Given>,
    pub(crate) has_attribute: bool,
}

impl Signature {
    /// Reads a function, and takes the `#[binding]` attributes off it.
    pub(crate) fn read(arguments: TokenStream, function: &mut ItemFn, errors: &mut Errors) -> Self {
        let arguments = FuncArguments::read(arguments, errors);
        refuse_forms(function, errors);
        let on_function = take_bindings(&mut function.attrs, errors);
        let docs = docs(&function.attrs);
        let sig = &mut function.sig;
        let is_associated = sig.receiver().is_none() && place::is_in_impl_or_trait();
        if is_associated {
            errors.at(
                &sig.ident,
                "an Azure function is a free function: move it out of the `impl` block",
            );
        }
        let is_method = is_associated || sig.receiver().is_some();
        // It is reported; what remains shall not be refused a second time for it.
        sig.constness = None;
        let mut parameters: Vec<_> = sig
            .inputs
            .iter_mut()
            .filter_map(|input| parameter(input, errors))
            .collect();
        let kind = arguments.activity.map(|span| (Role::Activity, span));
        let kind = kind.or_else(|| arguments.orchestration.map(|span| (Role::Orchestration, span)));
        let of_known_kind = kind.is_some()
            || parameters
                .iter()
                .any(|parameter| matches!(parameter.role(), Some(Role::Activity | Role::Orchestration)));
        let returned = Returned::read(&sig.output, of_known_kind, errors);
        let outputs = assign(on_function, &mut parameters, &returned, errors);
        let ident = sig.ident.clone();
        Self {
            name: arguments
                .name
                .unwrap_or_else(|| (ident.unraw().to_string(), ident.span())),
            is_async: sig.asyncness.is_some(),
            fn_span: sig.fn_token.span,
            names_trigger: arguments.names_trigger,
            allowance: arguments.allowance,
            retry: arguments.retry,
            host_retry: arguments
                .host_retry
                .and_then(|(place, arguments)| Retry::read(place, arguments, errors).map(|policy| (policy, place))),
            activity: arguments.activity.is_some() || returned.has("ActivityOutput"),
            kind,
            parameters,
            is_method,
            returned,
            outputs,
            ident,
            docs,
        }
    }

    /// Whether some parameter plays this part, as far as names tell.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.first(role).is_some()
    }

    /// Whether it is an activity, as far as names tell.
    pub(crate) fn is_activity(&self) -> bool {
        self.activity || self.has(Role::Activity)
    }

    /// The first parameter that plays this part.
    pub(crate) fn first(&self, role: Role) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.role() == Some(role))
    }
}

impl Parameter {
    pub(crate) fn role(&self) -> Option<Role> {
        self.known.map(|known| known.role)
    }

    /// Whether it is surely a value, and no binding.
    pub(crate) fn is_data(&self) -> bool {
        self.known.is_none() && known::is_data(&self.ty)
    }
}

/// The text of a doc comment. What a macro makes of it is not known.
fn docs(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<_> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Refuses what no Azure function can be.
fn refuse_forms(function: &ItemFn, errors: &mut Errors) {
    let FnSignature {
        constness,
        safety,
        abi,
        generics,
        variadic,
        output,
        ..
    } = &function.sig;
    if let Some(token) = constness {
        errors.at(
            token,
            "an Azure function cannot be `const`: the host calls it at run time; remove `const`",
        );
    }
    if let Safety::Unsafe(token) = safety {
        errors.at(
            token,
            "an Azure function cannot be `unsafe`: its caller, the host, can keep no promises; use `unsafe` blocks inside",
        );
    }
    if let Some(abi) = abi {
        errors.at(abi, "an Azure function is called from Rust: remove `extern`");
    }
    if !generics.params.is_empty() {
        errors.at(
            generics,
            "an Azure function cannot be generic: the host knows one set of bindings; write the types (and no lifetimes)",
        );
    } else if let Some(clause) = &generics.where_clause {
        errors.at(clause, "an Azure function cannot be generic: remove the `where` clause");
    }
    if let Some(variadic) = variadic {
        errors.at(
            variadic,
            "an Azure function has a fixed list of parameters: remove the `...`",
        );
    }
    if let ReturnType::Type(_, ty) = output {
        match &**ty {
            Type::ImplTrait(ty) => errors.at(
                ty,
                "the bindings of an Azure function follow from its types: write a type here instead of `impl Trait`",
            ),
            Type::Reference(ty) => errors.at(
                ty,
                "an Azure function returns values: remove the `&`, or return `String` for text",
            ),
            _ => {}
        }
    }
}

fn parameter(input: &mut FnArg, errors: &mut Errors) -> Option<Parameter> {
    let PatType { attrs, pat, ty, .. } = match input {
        FnArg::Typed(parameter) => parameter,
        FnArg::Receiver(receiver) => {
            errors.at(
                receiver,
                "an Azure function is a free function: move it out of the `impl` block and remove `self`",
            );
            return None;
        }
    };
    let mut bindings = take_bindings(attrs, errors).into_iter();
    let arguments = bindings.next();
    for surplus in bindings {
        errors.at(
            surplus.attribute,
            "a parameter has one `#[binding(...)]`: put all arguments into the first",
        );
    }
    if let Some((_, span)) = arguments.as_ref().and_then(|arguments| arguments.name.as_ref()) {
        errors.span(
            *span,
            "before a parameter, `#[binding(...)]` needs no `name`: the binding is named like the parameter",
        );
    }
    let mut readable = true;
    let ident = match &**pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => pat.ident.clone(),
        pat => {
            let message = match pat {
                Pat::Wild(_) => "a binding needs a name: write `_name` for a parameter that is not used",
                Pat::Ident(_) => "a binding needs a plain name: remove `ref` and `@`",
                _ => "a binding needs a name: write a plain one here and take the value apart inside the function",
            };
            errors.at(pat, message);
            readable = false;
            Ident::new("unnamed", pat.span())
        }
    };
    let (ty, reference): (&Type, _) = match &**ty {
        Type::Reference(reference) => {
            if let Some(token) = &reference.mutability {
                errors.at(
                    token,
                    "a binding cannot be changed in place: take the value itself, as `mut name: Type`",
                );
            }
            if let Some(lifetime) = &reference.lifetime {
                errors.at(lifetime, "a parameter lives as long as the call: remove the lifetime");
            }
            (&*reference.elem, Some(reference.and_token.span))
        }
        ty => (ty, None),
    };
    let owned = match ty {
        Type::Path(path) if path.path.is_ident("str") => Some("String"),
        Type::Slice(_) => Some("Vec"),
        _ => None,
    };
    if let Some(owned) = owned {
        errors.at(
            ty,
            format!("nothing lends this to the function: take the value itself, as `{owned}`"),
        );
        readable = false;
    }
    match ty {
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            errors.at(
                ty,
                "the bindings of an Azure function follow from its types: write one type here",
            );
            readable = false;
        }
        Type::Infer(_) => {
            errors.at(
                ty,
                "the bindings of an Azure function follow from its types: write the type",
            );
            readable = false;
        }
        _ => {}
    }
    let name = match &**pat {
        Pat::Ident(_) => ident.unraw().to_string(),
        pattern => pattern.to_token_stream().to_string(),
    };
    let has_attribute = arguments.is_some();
    Some(Parameter {
        binding: names::binding_name(&name),
        name,
        name_span: ident.span(),
        known: Known::find(ty),
        readable,
        ty: ty.clone(),
        reference,
        arguments: arguments.map_or_else(Vec::new, |arguments| arguments.given),
        has_attribute,
    })
}

/// Takes the `#[binding]` attributes out of a list.
fn take_bindings(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Vec<BindingArguments> {
    let is_binding = |attribute: &Attribute| known::is_binding_attribute(attribute.path());
    let (bindings, others) = std::mem::take(attributes).into_iter().partition(is_binding);
    *attributes = others;
    let bindings: Vec<Attribute> = bindings;
    bindings
        .iter()
        .map(|attribute| BindingArguments::read(attribute, errors))
        .collect()
}

/// Gives the attributes of the function to its parameters and outputs.
fn assign(
    bindings: Vec<BindingArguments>,
    parameters: &mut [Parameter],
    returned: &Returned,
    errors: &mut Errors,
) -> Vec<(usize, BindingArguments)> {
    let mut outputs: Vec<(usize, BindingArguments)> = Vec::new();
    for binding in bindings {
        let Some((name, span)) = &binding.name else {
            errors.at(&binding.attribute,
                "on a function, `#[binding(...)]` says what it is for: write `name = \"...\"`, or put it before the parameter",
            );
            continue;
        };
        if let Some(index) = output_index(name) {
            if returned.is_nothing() {
                errors.span(
                    *span,
                    format!("the function returns nothing, so there is no `{name}`: add a return type"),
                );
            } else if outputs.iter().any(|(other, _)| *other == index) {
                errors.span(
                    *span,
                    format!("`{name}` has two `#[binding(...)]`: put all arguments into one"),
                );
            } else {
                outputs.push((index, binding));
            }
            continue;
        }
        let found = parameters
            .iter_mut()
            .find(|parameter| parameter.name == *name || parameter.binding == *name);
        match found {
            Some(parameter) if parameter.has_attribute => errors.span(
                *span,
                format!("`{name}` has two `#[binding(...)]`: put all arguments into one"),
            ),
            Some(parameter) => {
                parameter.has_attribute = true;
                parameter.arguments = binding.given;
            }
            None => {
                let candidates: Vec<_> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                let hint = names::hint(name, candidates.iter().copied().chain(["$return"]));
                let of_struct = match &*returned.outputs {
                    [only] if only.kind == Kind::Unknown && only.binding.is_none() => {
                        " (the fields of a struct have their own `#[binding(...)]`)"
                    }
                    _ => "",
                };
                errors.span(
                    *span,
                    format!(
                        "the function has no parameter `{name}`, and outputs are `$return`, `output1`, ...{of_struct}{hint}"
                    ),
                );
            }
        }
    }
    outputs
}

/// The position of the output that has this name.
fn output_index(name: &str) -> Option<usize> {
    if name == "$return" {
        return Some(0);
    }
    let index = name.strip_prefix("output")?.parse().ok()?;
    (index > 0).then_some(index)
}

/// Where a type stands, as one span: the last name in it.
pub(crate) fn type_span(ty: &Type) -> Span {
    known::last_segment(ty).map_or_else(|| ty.span(), |segment| segment.ident.span())
}

//! The `#[entity]` attribute: the operations of an `impl` block in our own terms, and every mistake in them.

mod block;
mod expand;

use self::block::{Entity, Operation, Parameter};
use crate::{
    arguments::{self, Literal},
    errors::Errors,
    known::{self, Known, Role},
    names,
};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, ReceiverKind, ReturnType, Safety, Type, ext::IdentExt,
    spanned::Spanned,
};

/// Expands the attribute.
pub(crate) fn entity(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let block = match syn::parse2::<syn::Item>(item.clone()) {
        Ok(syn::Item::Impl(block)) => block,
        Ok(other) => {
            let span = quote!(#other)
                .into_iter()
                .next()
                .map_or_else(Span::call_site, |token| token.span());
            let message = "`#[entity]` goes on the `impl` block that has the operations of the entity";
            let error = syn::Error::new(span, message).to_compile_error();
            return quote!(#item #error);
        }
        // The compiler says what is wrong with it.
        Err(_) => return item.clone(),
    };
    let mut errors = Errors::default();
    let entity = Entity::read(arguments, &block, &mut errors);
    match (errors.into_compile_errors(), entity) {
        (Some(errors), _) => quote!(#item #errors),
        (None, Some(entity)) => {
            let generated = expand::entity(&entity);
            // An operation owns its input, as JSON is read into it.
            quote!(#[allow(clippy::needless_pass_by_value)] #item #generated)
        }
        (None, None) => item.clone(),
    }
}

impl Entity {
    /// Reads the block; none if its type has no name.
    fn read(arguments: TokenStream, block: &ItemImpl, errors: &mut Errors) -> Option<Self> {
        let name = name_argument(arguments, errors);
        if let Some((path, _)) = &block.trait_ {
            errors.at(
                path,
                "`#[entity]` goes on the type's own `impl` block: its methods become operations, those of a trait do not",
            );
            return None;
        }
        if !block.generics.params.is_empty() {
            errors.at(
                &block.generics,
                "an entity cannot be generic: its state is stored, and read again as one type",
            );
        }
        let operations: Vec<_> = block
            .items
            .iter()
            .filter_map(|item| match item {
                ImplItem::Fn(method) => Operation::read(method, &block.self_ty, errors),
                _ => None,
            })
            .collect();
        let Some(segment) = known::last_segment(&block.self_ty) else {
            errors.at(&block.self_ty, "an entity is a struct or an enum: write its name here");
            return None;
        };
        let ident = segment.ident.clone();
        let has_methods = block
            .items
            .iter()
            .any(|item| matches!(item, ImplItem::Fn(method) if method.sig.receiver().is_some()));
        if !has_methods {
            errors.at(
                &block.self_ty,
                "an entity needs an operation: a method with `&mut self`, or with `&self` if it only reads",
            );
        }
        let (name, span, fix) = match name {
            Some((name, span)) => (name, span, ""),
            None => (
                ident.unraw().to_string(),
                ident.span(),
                "; give it another one with `#[entity(name = \"...\")]`",
            ),
        };
        if let Some(reason) = names::wrong_function_name(&name) {
            errors.span(span, format!("{reason}{fix}"));
        }
        Some(Self {
            ty: (*block.self_ty).clone(),
            ident,
            name,
            operations,
        })
    }
}

/// `name = "..."`.
fn name_argument(tokens: TokenStream, errors: &mut Errors) -> Option<(String, Span)> {
    let mut name = None;
    for argument in arguments::arguments(tokens, errors) {
        let key = argument.key.to_string();
        match (key.as_str(), argument.value) {
            ("name", Some(_)) if name.is_some() => errors.at(&argument.key, "`name` is given twice"),
            ("name", Some(value)) => match arguments::literal(&value) {
                Ok(Literal::Text(text)) => name = Some((text, value.span())),
                _ => errors.at(&value, "the entity's name is text: write `name = \"...\"`"),
            },
            ("name", None) => errors.at(&argument.key, "write `name = \"...\"`"),
            _ => {
                let hint = names::hint(&key, ["name"]);
                errors.at(
                    &argument.key,
                    format!("`#[entity]` takes `name = \"...\"`, not `{key}`{hint}"),
                );
            }
        }
    }
    name
}

impl Operation {
    /// Reads a method; none if it takes no `self`, and so is no operation.
    fn read(method: &ImplItemFn, self_ty: &Type, errors: &mut Errors) -> Option<Self> {
        let sig = &method.sig;
        let receiver = sig.receiver()?;
        let writes = match &receiver.kind {
            ReceiverKind::Reference(_, _, mutable) => mutable.is_some(),
            _ => {
                errors.at(
                    receiver,
                    "the state outlives the operation: take `&mut self`, or `&self` if it only reads",
                );
                false
            }
        };
        refuse_forms(method, errors);
        let parameters = parameters(method, self_ty, errors);
        let (answer, answer_span, is_result) = match &sig.output {
            ReturnType::Default => (quote!(()), sig.ident.span(), false),
            ReturnType::Type(_, ty) => {
                let result = known::inside(ty, "Result");
                let answer = result.unwrap_or(ty);
                refuse_answer(answer, errors);
                (without_self(answer, self_ty), ty.span(), result.is_some())
            }
        };
        let attributes = |name: &str| {
            let named = method.attrs.iter().filter(|attribute| attribute.path().is_ident(name));
            named.cloned().collect()
        };
        Some(Self {
            name: sig.ident.unraw().to_string(),
            ident: sig.ident.clone(),
            is_async: sig.asyncness.is_some(),
            writes,
            parameters,
            answer,
            answer_span,
            is_result,
            conditions: attributes("cfg"),
            docs: attributes("doc"),
        })
    }
}

fn refuse_forms(method: &ImplItemFn, errors: &mut Errors) {
    let sig = &method.sig;
    if let Some(token) = &sig.constness {
        errors.at(token, "an operation is called at run time: remove `const`");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.at(
            token,
            "an operation cannot be `unsafe`: its caller, the host, can keep no promises; use `unsafe` blocks inside",
        );
    }
    if let Some(abi) = &sig.abi {
        errors.at(abi, "an operation is called from Rust: remove `extern`");
    }
    if !sig.generics.params.is_empty() {
        errors.at(
            &sig.generics,
            "an operation cannot be generic: its input and answer travel as JSON of one type; write the types (and no lifetimes)",
        );
    } else if let Some(clause) = &sig.generics.where_clause {
        errors.at(clause, "an operation cannot be generic: remove the `where` clause");
    }
}

fn parameters(method: &ImplItemFn, self_ty: &Type, errors: &mut Errors) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    let (mut has_input, mut has_context) = (false, false);
    for parameter in method.sig.inputs.iter().skip(1) {
        let FnArg::Typed(parameter) = parameter else { continue };
        let (ty, reference) = match &*parameter.ty {
            Type::Reference(reference) => (&*reference.elem, Some(reference)),
            ty => (ty, None),
        };
        if known::last_segment(ty).is_some_and(|segment| segment.ident == "DurableEntityContext") {
            if has_context {
                errors.at(&parameter.ty, "an operation has one context: remove this parameter");
            }
            if let Some(token) = reference.and_then(|reference| reference.mutability.as_ref()) {
                errors.at(token, "the context changes itself: remove `mut`");
            }
            has_context = true;
            parameters.push(Parameter::Context {
                by_reference: reference.is_some(),
            });
            continue;
        }
        if Known::find(ty).is_some_and(|known| known.role == Role::Shared) {
            if let Some(token) = reference.and_then(|reference| reference.mutability.as_ref()) {
                errors.at(token, "what functions share cannot be changed in place: remove `mut`");
            }
            parameters.push(Parameter::Shared {
                ty: without_self(ty, self_ty),
                by_reference: reference.is_some(),
            });
            continue;
        }
        if let Some(binding) = other_binding(ty) {
            errors.at(
                &parameter.ty,
                format!(
                    "an operation takes one input and the context, and `{binding}` is neither: an entity that needs another \
                     binding is written as a function, with `#[func]` and a `DurableEntityContext`"
                ),
            );
            continue;
        }
        if has_input {
            errors.at(
                &parameter.ty,
                "an operation takes one input, and the context: put both values into a tuple or a struct; other bindings need an \
                 entity that is a function, with `#[func]`",
            );
        }
        has_input = true;
        if reference.is_some() {
            let owned = match ty {
                Type::Path(path) if path.path.is_ident("str") => "`String`".to_owned(),
                Type::Slice(slice) => format!("`Vec<{}>`", text(&slice.elem)),
                ty => format!("`{}`", text(ty)),
            };
            errors.at(
                &parameter.ty,
                format!("the input is read from JSON, and nothing lends it: take the value itself, as {owned}"),
            );
        }
        match ty {
            Type::ImplTrait(_) | Type::TraitObject(_) | Type::Infer(_) => {
                errors.at(ty, "the input is read from JSON as one type: write it here");
            }
            _ => {}
        }
        let ident = match &*parameter.pat {
            Pat::Ident(pat) => Ident::new(
                match pat.ident.unraw().to_string().trim_start_matches('_') {
                    "" | "self" => "input",
                    name if syn::parse_str::<Ident>(name).is_ok() => name,
                    _ => "input",
                },
                pat.ident.span(),
            ),
            pat => Ident::new("input", pat.span()),
        };
        parameters.push(Parameter::Input {
            ident,
            ty: without_self(ty, self_ty),
            span: ty.span(),
        });
    }
    parameters
}

/// The name of a binding type that only a function can take.
fn other_binding(ty: &Type) -> Option<&'static str> {
    let Known { name, role, .. } = Known::find(ty)?;
    // Data of the user may have the name of the others, say a `Route`.
    let surely = matches!(role, Role::Input | Role::Http | Role::Activity | Role::Orchestration);
    surely.then_some(name)
}

fn refuse_answer(answer: &Type, errors: &mut Errors) {
    match answer {
        Type::Reference(_) => errors.at(
            answer,
            "the answer leaves the entity: return the value itself, as `String` for text, or a clone",
        ),
        Type::ImplTrait(_) => errors.at(answer, "the answer travels as JSON of one type: write it here"),
        Type::Never(_) => errors.at(answer, "an operation must return: remove `-> !`"),
        _ => {}
    }
}

/// A type that means the same outside the `impl` block.
fn without_self(ty: &Type, self_ty: &Type) -> TokenStream {
    replace(ty.to_token_stream(), &self_ty.to_token_stream())
}

fn replace(tokens: TokenStream, by: &TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => by.clone(),
            TokenTree::Group(group) => {
                let mut replaced = proc_macro2::Group::new(group.delimiter(), replace(group.stream(), by));
                replaced.set_span(group.span());
                TokenTree::Group(replaced).into()
            }
            token => token.into(),
        })
        .collect()
}

/// A type as one would write it.
fn text(ty: &Type) -> String {
    ty.to_token_stream().to_string().replace(' ', "")
}

//! The code for a function without mistakes: its description, the rules that only types can tell, and its handler.

use crate::{
    arguments::{Given, Literal},
    crate_path::crate_path,
    plain::{self, Plain},
    route, schedule,
    signature::{Parameter, Signature, type_span},
    table::Fallback,
    typed,
};
use proc_macro2::{Ident, Literal as Token, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

/// Registers a function.
pub(crate) fn registration(signature: &Signature) -> TokenStream {
    let Signature {
        ident,
        name: (name, _),
        is_async,
        fn_span,
        parameters,
        returned,
        ..
    } = signature;
    let az = crate_path();
    let is_activity = signature.is_activity();
    let span = ident.span();
    let plain = Plain::of(signature);
    let return_type = plain::return_type(signature);
    let return_span = returned.ty.as_ref().map_or(span, type_span);
    let descriptions = parameters.iter().map(|parameter| description(parameter, is_activity));
    let output_arguments = signature.outputs.iter().map(|(index, binding)| {
        let given = binding.given.iter().map(given);
        quote!(__az::Output { index: #index, arguments: &[#(#given),*] })
    });
    let returns = quote_spanned!(return_span=> &__AZ_RETURNS);
    let rules = rules(signature, &return_type, return_span);

    let locals: Vec<_> = (0..parameters.len())
        .map(|i| Ident::new(&format!("p{i}"), Span::mixed_site()))
        .collect();
    let (call, source, error, result) = (local("call"), local("source"), local("error"), local("result"));
    let takes = parameters
        .iter()
        .zip(&locals)
        .enumerate()
        .map(|(i, (parameter, local))| {
            let ty = &parameter.ty;
            let span = type_span(ty);
            let index = Token::usize_unsuffixed(i);
            let take = if is_activity && parameter.known.is_none() {
                quote_spanned!(span=> __az::ActivityParameter::<#ty>::take(&mut #call, &__AZ_PARAMETERS[#index]))
            } else {
                quote_spanned!(span=> #call.take::<#ty>(&__AZ_PARAMETERS[#index]))
            };
            quote! {
                let #local = match #take {
                    ::core::result::Result::Ok(value) => value,
                    ::core::result::Result::Err(#error) => return #call.refuse(#returns, #error),
                };
            }
        });
    let values: Vec<_> = parameters
        .iter()
        .zip(&locals)
        .map(|(parameter, local)| match parameter.reference {
            Some(_) => quote!(&#local),
            None => quote!(#local),
        })
        .collect();
    let body = |dot_await: TokenStream| {
        let returned = quote!(#ident(#(#values),*) #dot_await);
        let returned = match &plain {
            Some(plain) => plain.wrapped(&returned),
            None => returned,
        };
        let finish = if is_activity {
            // Only here is its type known: whether the error travels follows from it.
            quote! {
                let #result = #returned;
                let #error = __az::OwnError::<__AzReturn>::write(&#result);
                #call.finish_activity(#returns, #result, #error)
            }
        } else {
            quote!(#call.finish(#returns, #returned))
        };
        quote! {
            let mut #call = <__AzMode>::begin(#source);
            #(#takes)*
            #finish
        }
    };
    let handler = if *is_async {
        let body = body(quote!(.await));
        quote_spanned!(span=> <__AzMode>::asynchronous(__AZ_PARAMETERS, |#source| ::std::boxed::Box::pin(async move { #body })))
    } else {
        let body = body(TokenStream::new());
        quote_spanned!(span=> <__AzMode>::blocking(__AZ_PARAMETERS, |#source| { #body }))
    };
    let retry = match &signature.host_retry {
        Some((policy, _)) => {
            let policy = policy.tokens();
            quote!(::core::option::Option::Some(#policy))
        }
        None => quote!(::core::option::Option::None),
    };
    let docs = docs(signature);
    let is_async_rule = quote_spanned!(*fn_span=> const _: () = __az::rules::is_async(__AZ_PARAMETERS, #is_async););
    // Only in a scope of its own is an item's name no trouble, and only through an alias does a missing trait speak once.
    quote! {
        #[doc(hidden)]
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::restriction,
            clippy::nursery,
            deprecated,
            unused_qualifications,
            non_camel_case_types,
            missing_docs
        )]
        const _: () = {
            use #az::__private as __az;
            #[allow(unused_imports)]
            use #az::__private::{NoErrorReturned as _, PlainParameter as _};

            type __AzReturn = #return_type;
            type __AzMode = __az::Mode<{ __az::rules::mode(__AZ_PARAMETERS) }>;
            const __AZ_PARAMETERS: &[__az::Parameter] = &[#(#descriptions),*];
            const __AZ_OUTPUTS: &[__az::Output] = &[#(#output_arguments),*];
            #is_async_rule
            #rules

            __az::inventory::submit! {
                __az::Function {
                    name: #name,
                    module: ::core::module_path!(),
                    file: ::core::file!(),
                    line: ::core::line!(),
                    retry: #retry,
                    parameters: __AZ_PARAMETERS,
                    bindings: || __az::bindings(#name, #docs, __AZ_PARAMETERS, #returns, __AZ_OUTPUTS),
                    handler: #handler,
                }
            }
        };
    }
}

/// The doc comment, where a binding may take it for an argument.
fn docs(signature: &Signature) -> &str {
    let is_read = signature.parameters.iter().any(|parameter| match parameter.known {
        None => true,
        Some(known) => known.binding.is_some_and(|binding| {
            let mut arguments = binding.arguments.iter();
            arguments.any(|argument| argument.fallback == Fallback::FunctionDocs)
        }),
    });
    signature.docs.as_deref().filter(|_| is_read).unwrap_or_default()
}

/// A name of ours that no name of the user's can meet.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn description(parameter: &Parameter, is_activity: bool) -> TokenStream {
    let Parameter {
        name,
        binding,
        ty,
        reference,
        known,
        arguments,
        ..
    } = parameter;
    let by_reference = reference.is_some();
    let spec = spec(ty, known.is_some(), is_activity);
    let arguments = arguments.iter().map(given);
    quote! {
        __az::Parameter {
            name: #name,
            binding: #binding,
            spec: #spec,
            by_reference: #by_reference,
            arguments: &[#(#arguments),*],
        }
    }
}

/// What a parameter's type says about itself.
fn spec(ty: &syn::Type, is_known: bool, is_activity: bool) -> TokenStream {
    let span = type_span(ty);
    if is_activity && !is_known {
        quote_spanned!(span=> __az::ActivityParameter::<#ty>::SPEC)
    } else {
        quote_spanned!(span=> <#ty as __az::FromBinding>::SPEC)
    }
}

/// A constant for an argument.
pub(crate) fn given(given: &Given) -> TokenStream {
    let name = given.key.to_string();
    let value = literal(&given.value);
    let text = match &given.value {
        Literal::Text(text) => Some(text),
        _ => None,
    };
    let wrong = |reason: Option<String>| match reason {
        Some(reason) => quote!(::core::option::Option::Some(#reason)),
        None => quote!(::core::option::Option::None),
    };
    let wrong_schedule = wrong(text.and_then(|text| schedule::wrong(text)));
    let wrong_route = wrong(text.and_then(|text| route::wrong(text)));
    quote! {
        __az::Given {
            name: #name,
            value: #value,
            wrong_schedule: #wrong_schedule,
            wrong_route: #wrong_route,
        }
    }
}

fn literal(value: &Literal) -> TokenStream {
    match value {
        Literal::Text(text) => quote!(__az::Literal::Text(#text)),
        Literal::Flag(flag) => quote!(__az::Literal::Flag(#flag)),
        Literal::Integer(number) => quote!(__az::Literal::Integer(#number)),
        Literal::Number(number) => quote!(__az::Literal::Number(#number)),
        Literal::Constant(path) => quote_spanned!(path.span()=> __az::Constant(#path).literal()),
        Literal::List(items) => {
            let items = items.iter().map(|(item, _)| literal(item));
            quote!(__az::Literal::List(&[#(#items),*]))
        }
    }
}

/// The rules, each in a constant of its own: one that fails points at the tokens it was written for.
fn rules(signature: &Signature, return_type: &TokenStream, return_span: Span) -> TokenStream {
    let mut rules = TokenStream::new();
    let ident = &signature.ident;
    let function = &signature.name.0;
    let has_docs = signature.docs.is_some();
    rules.extend(quote_spanned!(ident.span()=> const _: () = __az::rules::has_trigger(__AZ_PARAMETERS);));
    for (i, parameter) in signature.parameters.iter().enumerate() {
        let span = type_span(&parameter.ty);
        let index = Token::usize_unsuffixed(i);
        rules.extend(quote_spanned! {span=>
            const _: () = __az::rules::parameter(__AZ_PARAMETERS, #index);
            const _: () = __az::rules::warmup_name(__AZ_PARAMETERS, #index, #function);
        });
        rules.extend(quote_spanned! {span=>
            const _: () = __az::rules::required_of_parameter(
                &__AZ_PARAMETERS[#index].spec,
                __AZ_PARAMETERS[#index].arguments,
                #has_docs,
            );
        });
        for (j, given) in parameter.arguments.iter().enumerate() {
            let (name, j) = (given.key.to_string(), Token::usize_unsuffixed(j));
            rules.extend(quote_spanned! {given.key.span()=>
                const _: () = __az::rules::takes_arguments(__AZ_PARAMETERS, #index);
                const _: () = __az::rules::argument_name(&__AZ_PARAMETERS[#index].spec, #name);
            });
            rules.extend(quote_spanned! {given.span=>
                const _: () = __az::rules::argument_value(
                    &__AZ_PARAMETERS[#index].spec,
                    &__AZ_PARAMETERS[#index].arguments[#j],
                );
            });
        }
    }
    // What a typed call asks of the return type comes first, so that a type which cannot be returned is reported once.
    let with_arguments = signature.outputs.iter().map(|(index, _)| index);
    let with_arguments = quote!(&[#(#with_arguments),*]);
    rules.extend(if typed::is_typed(signature) {
        quote_spanned! {return_span=>
            const __AZ_RETURNS: __az::Returns<<#return_type as __az::TypedReturn>::Itself> =
                __az::rules::returns_typed::<<#return_type as __az::TypedReturn>::Itself>(__AZ_PARAMETERS, #with_arguments);
        }
    } else {
        quote_spanned! {return_span=>
            const __AZ_RETURNS: __az::Returns<#return_type> = __az::rules::returns::<#return_type>(__AZ_PARAMETERS, #with_arguments);
        }
    });
    let returns = quote_spanned!(return_span=> &__AZ_RETURNS);
    for (index, binding) in &signature.outputs {
        let span = binding.name.as_ref().map_or(ident.span(), |(_, span)| *span);
        let all = binding.given.iter().map(given);
        rules.extend(quote_spanned! {span=>
            const _: () = __az::rules::required(__az::rules::output(#returns, #index), &[#(#all),*]);
        });
        for argument in &binding.given {
            let name = argument.key.to_string();
            rules.extend(quote_spanned! {argument.key.span()=>
                const _: () = __az::rules::argument_name(__az::rules::output_spec(#returns, #index), #name);
            });
            let given = given(argument);
            rules.extend(quote_spanned! {argument.span=>
                const _: () = __az::rules::argument_value(__az::rules::output_spec(#returns, #index), &#given);
            });
        }
    }
    rules
}

//! The type that stands for an activity or an orchestration in typed calls.
//!
//! It has the function's name: a braced struct lives in another namespace than a function. Which types play which part
//! must be seen in the signature's text, so a context behind an alias gets no such type.

use crate::{
    arguments::Literal,
    crate_path::crate_path,
    known::{self, Role},
    plain,
    signature::{Parameter, Signature, type_span},
};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, ItemFn, Type, spanned::Spanned};

/// Whether there is a type for this function.
pub(crate) fn is_typed(signature: &Signature) -> bool {
    signature.has(Role::Orchestration) || signature.is_activity() && input(signature).is_some()
}

/// The type for a function, if it is an activity or an orchestration.
pub(crate) fn declaration(signature: &Signature, function: &ItemFn) -> TokenStream {
    let az = crate_path();
    let ident = &signature.ident;
    let returned = plain::return_type(signature);
    let span = signature.returned.ty.as_ref().map_or(ident.span(), type_span);
    let output = quote_spanned!(span=> type Output = <#returned as __az::TypedReturn>::Output;);
    let error = quote_spanned!(span=> type Error = <#returned as __az::TypedReturn>::Error;);
    let (kind, call, body) = if let Some(context) = signature.first(Role::Orchestration) {
        let name = hub_name(signature, Some(context), "orchestration");
        let input = context_input(&context.ty);
        let body = quote! {
            impl __az::Orchestration for #ident {
                const NAME: &'static str = #name;
                #input
                #output
            }
        };
        ("orchestration", "call_sub", body)
    } else if signature.is_activity()
        && let Some(input) = input(signature)
    {
        let name = hub_name(signature, signature.first(Role::Activity), "activity");
        // At the return type, so that one error tells of a type that cannot be returned.
        let own_error = quote_spanned! {span=>
            fn read_error(json: &str) -> ::core::option::Option<Self::Error> {
                __az::OwnError::<#returned>::read(json)
            }

            fn write_error(error: &Self::Error) -> ::core::option::Option<::std::string::String> {
                __az::OwnError::<#returned>::write_error(error)
            }
        };
        let retry = signature.retry.as_ref().map(|policy| {
            // A mistake in the policy's type is reported where it is named.
            let policy = quote_spanned!(policy.span()=> let policy: &__az::RetryOptions = &#policy;);
            quote! {
                fn default_retry() -> ::core::option::Option<__az::RetryOptions> {
                    #policy
                    ::core::option::Option::Some(*policy)
                }
            }
        });
        let body = quote! {
            #[allow(unused_imports)]
            use #az::__private::NoOwnError as _;

            impl __az::Activity for #ident {
                const NAME: &'static str = #name;
                #input
                #output
                #error
                #own_error
                #retry
            }
        };
        ("activity", "call", body)
    } else {
        return TokenStream::new();
    };
    let vis = &function.vis;
    let conditions: Vec<_> = function
        .attrs
        .iter()
        .filter(|attribute| is_condition(attribute))
        .collect();
    // Whatever is said of the type points at the function's name.
    let structure = quote_spanned!(ident.span()=> #vis struct #ident {});
    let doc = format!("The {kind} `{ident}` as a type, for `context.{call}::<{ident}>(..)`.");
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[allow(
            non_camel_case_types,
            dead_code,
            unreachable_pub,
            missing_debug_implementations,
            missing_copy_implementations,
            clippy::all,
            clippy::pedantic,
            clippy::restriction,
            clippy::nursery
        )]
        #structure

        #(#conditions)*
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery, deprecated, unused_qualifications)]
        const _: () = {
            use #az::__private as __az;
            #body
        };
    }
}

fn is_condition(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

/// The name in the task hub.
fn hub_name(signature: &Signature, context: Option<&Parameter>, argument: &str) -> String {
    let given = context.and_then(|context| context.arguments.iter().find(|given| given.key == argument));
    match given.map(|given| &given.value) {
        Some(Literal::Text(name)) => name.clone(),
        _ => signature.name.0.clone(),
    }
}

/// The declaration of an activity's input. None if several parameters may be it.
fn input(signature: &Signature) -> Option<TokenStream> {
    if let Some(Parameter { ty, .. }) = signature.first(Role::Activity) {
        return Some(context_input(ty));
    }
    let only = |is_input: fn(&Parameter) -> bool| {
        let mut inputs = signature.parameters.iter().filter(|parameter| is_input(parameter));
        inputs.next().filter(|_| inputs.next().is_none()).map(|input| &input.ty)
    };
    only(|parameter| parameter.known.is_none())
        .or_else(|| only(|parameter| parameter.known.is_none() && known::is_data(&parameter.ty)))
        .map(|ty| quote_spanned!(type_span(ty)=> type Input = #ty;))
}

fn context_input(ty: &Type) -> TokenStream {
    quote_spanned!(type_span(ty)=> type Input = <#ty as __az::TypedContext>::Input;)
}

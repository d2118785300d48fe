//! The code for an entity without mistakes: a function that calls the right method, and a proxy that sends operations.

use super::block::{Entity, Operation, Parameter};
use crate::crate_path::{crate_path, crate_path_at};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

/// Everything that stands beside the `impl` block.
pub(super) fn entity(entity: &Entity) -> TokenStream {
    let proxy = proxy(entity);
    let function = function(entity);
    quote!(#proxy #function)
}

/// The function that the host calls. It is a function like others, so `#[func]` registers it.
fn function(entity: &Entity) -> TokenStream {
    let az = crate_path();
    let Entity { name, operations, .. } = entity;
    let arms = operations.iter().map(|operation| arm(entity, operation));
    let delete = (!entity.has("delete")).then(|| quote!("delete" => __az_class::delete(&context),));
    let names = operations.iter().map(|operation| {
        let Operation { name, conditions, .. } = operation;
        quote!(#(#conditions)* #name)
    });
    let names = names.chain(delete.is_some().then(|| quote!("delete")));
    let asyncness = operations
        .iter()
        .any(|operation| operation.is_async)
        .then(|| quote!(async));
    let shared = entity.all_shared().into_iter().enumerate().map(|(index, ty)| {
        let name = shared_name(index);
        quote!(#name: #ty,)
    });
    let rules = operations
        .iter()
        .filter(|operation| !operation.is_result)
        .map(|operation| {
            let Operation {
                answer,
                answer_span,
                conditions,
                ..
            } = operation;
            quote_spanned! {*answer_span=>
                #(#conditions)*
                const _: () = __az_class::returns(__az_class::Returned::<#answer>::IS_RESULT);
            }
        });
    quote! {
        #[doc(hidden)]
        const _: () = {
            // `#[func]` has names of its own, which must not be met.
            use #az::__private::class as __az_class;
            #[allow(unused_imports)]
            use #az::__private::class::NotResult as _;

            #(#rules)*

            #[allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery, deprecated)]
            #[#az::func(name = #name)]
            #asyncness fn operations(
                context: #az::bindings::DurableEntityContext,
                #(#shared)*
            ) -> ::core::result::Result<#az::entities::EntityOutput, __az_class::BoxError> {
                match context.operation() {
                    #(#arms)*
                    #delete
                    _ => ::core::result::Result::Err(context.unknown_operation([#(#names),*]).into()),
                }
            }
        };
    }
}

/// The parameter of the function that brings one of the values that the app shares.
fn shared_name(index: usize) -> Ident {
    format_ident!("shared{index}")
}

impl Entity {
    /// The types of what the operations share with the rest of the app, each once.
    fn all_shared(&self) -> Vec<&TokenStream> {
        let mut all: Vec<&TokenStream> = Vec::new();
        for parameter in self.operations.iter().flat_map(|operation| &operation.parameters) {
            if let Parameter::Shared { ty, .. } = parameter
                && !all.iter().any(|other| other.to_string() == ty.to_string())
            {
                all.push(ty);
            }
        }
        all
    }

    fn shared(&self, ty: &TokenStream) -> Ident {
        let all = self.all_shared();
        let index = all.iter().position(|other| other.to_string() == ty.to_string());
        shared_name(index.unwrap_or_default())
    }
}

/// What one operation does.
fn arm(entity: &Entity, operation: &Operation) -> TokenStream {
    let ty = &entity.ty;
    let Operation {
        ident,
        name,
        is_async,
        writes,
        parameters,
        answer_span,
        is_result,
        conditions,
        ..
    } = operation;
    let input = parameters.iter().find_map(|parameter| match parameter {
        Parameter::Input { ty, span, .. } => {
            Some(quote_spanned!(*span=> let input = __az_class::input::<#ty>(&context)?;))
        }
        Parameter::Context { .. } | Parameter::Shared { .. } => None,
    });
    let values = parameters.iter().map(|parameter| match parameter {
        Parameter::Shared { ty, by_reference } => {
            let shared = entity.shared(ty);
            match by_reference {
                true => quote!(&#shared),
                false => quote!(#shared.clone()),
            }
        }
        Parameter::Context { by_reference: true } => quote!(&context),
        Parameter::Context { by_reference: false } => quote!(context.clone()),
        Parameter::Input { .. } => quote!(input),
    });
    let dot_await = is_async.then(|| quote!(.await));
    let (mutable, receiver) = if *writes {
        (Some(quote!(mut)), quote!(&mut state.value))
    } else {
        (None, quote!(&state.value))
    };
    let checked = is_result.then(|| {
        quote_spanned!(*answer_span=> let returned = returned.map_err(::core::convert::Into::<__az_class::BoxError>::into)?;)
    });
    let answer = quote_spanned!(*answer_span=> __az_class::answer(&context, returned));
    // An error or a panic takes a state with it that may have changed: the next operation reads the one before. What is
    // returned may borrow from a state that is only read.
    let end = if *writes {
        quote! {
            #checked
            __az_class::keep(&context, state)?;
            #answer
        }
    } else {
        quote! {
            let answer = (|| { #checked #answer })();
            __az_class::hand_on(&context, state);
            answer
        }
    };
    quote! {
        #(#conditions)*
        #name => {
            #input
            let #mutable state = __az_class::state::<#ty>(&context)?;
            let returned = <#ty>::#ident(#receiver #(, #values)*) #dot_await;
            #end
        }
    }
}

/// The operations as methods of one who sends them.
fn proxy(entity: &Entity) -> TokenStream {
    let az = crate_path();
    let Entity { ty, ident, name, .. } = entity;
    let proxy = format_ident!("{}Proxy", ident.unraw(), span = ident.span());
    let methods = entity.operations.iter().map(|operation| {
        let Operation {
            ident,
            name,
            answer,
            conditions,
            docs,
            parameters,
            ..
        } = operation;
        let input = parameters.iter().find_map(|parameter| match parameter {
            Parameter::Input { ident, ty, .. } => Some((ident, ty)),
            Parameter::Context { .. } | Parameter::Shared { .. } => None,
        });
        let docs = if docs.is_empty() {
            let text = format!("Sends operation `{name}`.");
            quote!(#[doc = #text])
        } else {
            quote!(#(#docs)*)
        };
        let (parameter, value) = match input {
            Some((ident, ty)) => (Some(quote!(, #ident: #ty)), quote!(#ident)),
            None => (None, quote!(())),
        };
        quote! {
            #docs
            #(#conditions)*
            #[track_caller]
            pub fn #ident(&self #parameter) -> __AzSender::Reply<#answer> {
                self.0.send::<#answer>(#name, #value)
            }
        }
    });
    let delete = (!entity.has("delete")).then(|| {
        quote! {
            /// Deletes the state of the entity.
            #[track_caller]
            pub fn delete(&self) -> __AzSender::Reply<()> {
                self.0.send::<()>("delete", ())
            }
        }
    });
    let taken = entity
        .operations
        .iter()
        .any(|operation| operation.ident.unraw() == "state");
    let state = (!taken).then(|| {
        quote! {
            #[allow(dead_code, unreachable_pub, private_interfaces, private_bounds)]
            impl #proxy<#az::entities::ClientSignals> {
                /// The state of the entity, as it was when the host looked; `None` if it has none.
                pub fn state(
                    &self,
                ) -> #az::durable::ClientFuture<
                    'static,
                    ::core::result::Result<::core::option::Option<#ty>, #az::durable::OrchestrationClientError>,
                > {
                    self.0.state::<#ty>()
                }
            }
        }
    });
    let docs = format!(
        "The operations of entity [`{0}`], as methods of one who sends them. See [`Entity`]({1}::entities::Entity).",
        ident.unraw(),
        az.to_string().replace(' ', ""),
    );
    let path = crate_path_at(ident.span());
    let is_entity = quote_spanned! {ident.span()=> #path::entities::Entity };
    quote! {
        #[doc = #docs]
        #[allow(dead_code, unreachable_pub, unnameable_types, missing_debug_implementations, private_interfaces, private_bounds)]
        pub struct #proxy<__AzSender>(#az::entities::EntityRef<__AzSender>);

        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::restriction,
            clippy::nursery,
            dead_code,
            deprecated,
            unreachable_pub,
            private_interfaces,
            private_bounds
        )]
        impl<__AzSender: #az::entities::EntitySender> #proxy<__AzSender> {
            #(#methods)*
            #delete
        }

        #state

        impl #is_entity for #ty {
            const NAME: &'static str = #name;

            type Proxy<__AzSender: #az::entities::EntitySender> = #proxy<__AzSender>;

            fn proxy<__AzSender: #az::entities::EntitySender>(
                entity: #az::entities::EntityRef<__AzSender>,
            ) -> #proxy<__AzSender> {
                #proxy(entity)
            }
        }
    }
}

//! What an activity or orchestration returns without `ActivityOutput` or `OrchestrationOutput`: the code around the call wraps it.

use crate::{
    crate_path::crate_path,
    known::Role,
    signature::{Signature, type_span},
};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;

/// The types of a value that is to be wrapped.
pub(crate) struct Plain<'a> {
    ty: &'a Type,
    /// The type that wraps it.
    wrap: TokenStream,
}

impl<'a> Plain<'a> {
    /// None if the function returns outputs, or nothing.
    pub(crate) fn of(signature: &'a Signature) -> Option<Self> {
        let ty = signature.returned.ty.as_ref().filter(|_| signature.returned.is_plain)?;
        let span = type_span(ty);
        let az = crate_path();
        let kind = match signature.has(Role::Orchestration) {
            true => quote_spanned!(span=> OfOrchestration),
            false => quote_spanned!(span=> OfActivity),
        };
        // Also behind an alias: an inherent constant comes before that of a trait.
        let is_result = quote_spanned!(span=> {
            #[allow(unused_imports)]
            use #az::__private::NotResult as _;
            #az::__private::Returned::<#ty>::IS_RESULT
        });
        let wrap = quote_spanned!(span=> #az::__private::Wrap<#az::__private::#kind, #is_result>);
        Some(Self { ty, wrap })
    }

    /// The type of the wrapped value.
    pub(crate) fn wrapped_type(&self) -> TokenStream {
        let Self { ty, wrap } = self;
        let az = crate_path();
        quote_spanned!(type_span(ty)=> <#wrap as #az::__private::Wraps<#ty>>::Output)
    }

    /// The value, wrapped.
    pub(crate) fn wrapped(&self, value: &TokenStream) -> TokenStream {
        let Self { ty, wrap } = self;
        quote_spanned!(type_span(ty)=> <#wrap as __az::Wraps<#ty>>::wrap(#value))
    }
}

/// The return type, wrapped if need be.
pub(crate) fn return_type(signature: &Signature) -> TokenStream {
    match (Plain::of(signature), &signature.returned.ty) {
        (Some(plain), _) => plain.wrapped_type(),
        (None, Some(ty)) => quote!(#ty),
        (None, None) => quote!(()),
    }
}

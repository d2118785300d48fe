//! `#[event]`: an external event of the type that it stands before.

use crate::{crate_path::crate_path, names};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Item, LitStr, ext::IdentExt, spanned::Spanned};

/// The type as it is, and its name as an event.
pub(crate) fn event(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    match implement(arguments, item) {
        Ok(implementation) => quote!(#item #implementation),
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#item #error)
        }
    }
}

fn implement(arguments: TokenStream, item: &TokenStream) -> syn::Result<TokenStream> {
    let (ident, generics) = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => (item.ident, item.generics),
        Ok(Item::Enum(item)) => (item.ident, item.generics),
        Ok(other) => {
            let span = quote!(#other)
                .into_iter()
                .next()
                .map_or_else(Span::call_site, |token| token.span());
            return Err(syn::Error::new(
                span,
                "`#[event]` goes on the struct or enum that is the event's payload",
            ));
        }
        // The compiler says what is wrong with it.
        Err(_) => return Ok(TokenStream::new()),
    };
    if !generics.params.is_empty() {
        return Err(syn::Error::new(
            generics.span(),
            "an event has one payload under its name: remove the parameters, and write the types",
        ));
    }
    let name = if arguments.is_empty() {
        LitStr::new(&ident.unraw().to_string(), ident.span())
    } else {
        syn::parse2::<LitStr>(arguments)
            .map_err(|error| syn::Error::new(error.span(), "write the event's name: `#[event(\"approval\")]`"))?
    };
    if let Some(reason) = names::wrong_event_name(&name.value()) {
        return Err(syn::Error::new(name.span(), reason));
    }
    let az = crate_path();
    Ok(quote! {
        impl #az::durable::Event for #ident {
            const NAME: &'static str = #name;
        }
    })
}

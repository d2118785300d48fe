//! By what name the app knows `azure-functions`: its `Cargo.toml` may give it another.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;

/// The path `::azure_functions`, or what it is renamed to.
pub(crate) fn crate_path() -> TokenStream {
    crate_path_at(Span::call_site())
}

/// The path at this place, for messages of the compiler.
pub(crate) fn crate_path_at(span: Span) -> TokenStream {
    let name = match crate_name("azure-functions") {
        Ok(FoundCrate::Name(name)) => name,
        // In the crate itself the name holds by its `extern crate self`. Where nothing is found, the package may get the
        // crate through another one, or is not built by cargo: the usual name is the best guess.
        Ok(FoundCrate::Itself) | Err(_) => "azure_functions".to_owned(),
    };
    let name = Ident::new(&name, span);
    quote_spanned!(span=> ::#name)
}

//! The `#[func]` attribute of `azure-functions`.

use proc_macro::TokenStream;

/// Makes an Azure function of a function.
#[proc_macro_attribute]
pub fn func(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    item
}

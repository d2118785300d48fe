//! The `#[func]` attribute of `azure-functions`.
//!
//! Four steps, each in its own place: `arguments` reads what stands in attributes, `signature` turns the function into our
//! own terms, `check` finds every mistake, and `expand` writes code for a function that has none.

mod arguments;
mod check;
mod errors;
mod expand;
mod known;
mod names;
mod returned;
mod route;
mod schedule;
mod signature;

use errors::Errors;
use proc_macro::TokenStream;
use quote::quote;

/// Makes an Azure function of a function: describes it to the host, and finds it again when the host calls.
///
/// # Arguments
///
/// * `#[func(name = "...")]`: the name that the host knows it by; otherwise that of the Rust function. A letter first, then
///   letters, digits, `_` or `-`, at most 127.
/// * `#[func(activity)]`: an activity that takes its input as a plain parameter and returns nothing. Where
///   `ActivityOutput` stands in the return type, or a parameter is a `DurableActivityContext`, the function is an activity
///   without it.
///
/// # Bindings
///
/// Each parameter is a binding, named like the parameter in camel case (without leading underscores); exactly one is a
/// trigger. Outputs are the return value (`$return`), or the elements of a returned tuple (`$return`, `output1`,
/// `output2`, ...). Arguments of a binding stand before its parameter, or on the function with the `name`:
///
/// ```text
/// #[func]
/// fn greet(#[binding(auth_level = "anonymous", methods = ["get", "post"])] request: HttpRequest) -> HttpResponse { ... }
///
/// #[func]
/// #[binding(name = "request", auth_level = "anonymous", methods = "get|post")]
/// fn greet(request: HttpRequest) -> HttpResponse { ... }
/// ```
///
/// A parameter may be a reference (`&HttpRequest`), except the context of an orchestration.
///
/// # Functions
///
/// * An orchestration is `async`, takes one `DurableOrchestrationContext` and returns nothing, `OrchestrationOutput` or
///   `Result<OrchestrationOutput, E>`.
/// * An activity takes one `DurableActivityContext` or one plain input that serde can read, and any other bindings. It
///   returns nothing, `ActivityOutput`, or a tuple that begins with one of the two; or a `Result` of those.
/// * Every other function takes one trigger and any other bindings, and returns nothing, an output, a tuple of outputs, or
///   a `Result` of those. `Option` around an output sends it only if it is there.
///
/// `E` is any error that converts into `Box<dyn std::error::Error + Send + Sync>`.
#[proc_macro_attribute]
pub fn func(arguments: TokenStream, item: TokenStream) -> TokenStream {
    func_tokens(arguments.into(), &item.into()).into()
}

fn func_tokens(arguments: proc_macro2::TokenStream, item: &proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let Ok(mut function) = syn::parse2::<syn::ItemFn>(item.clone()) else {
        let error = match syn::parse2::<syn::Item>(item.clone()) {
            Ok(other) => {
                let span = quote!(#other)
                    .into_iter()
                    .next()
                    .map_or_else(proc_macro2::Span::call_site, |t| t.span());
                syn::Error::new(span, "`#[func]` goes on a function").to_compile_error()
            }
            // The compiler says what is wrong with it.
            Err(_) => proc_macro2::TokenStream::new(),
        };
        return quote!(#item #error);
    };
    let mut errors = Errors::default();
    let signature = signature::Signature::read(arguments, &mut function, &mut errors);
    check::check(&signature, &mut errors);
    match errors.into_compile_errors() {
        // Without its attributes the function still checks, and so does whatever calls it.
        Some(errors) => quote!(#function #errors),
        None => {
            let registration = expand::registration(&signature);
            // Bindings come by value: an async function has to own them.
            quote!(#[allow(clippy::needless_pass_by_value)] #function #registration)
        }
    }
}

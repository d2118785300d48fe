use azure_functions::prelude::*;

/// Greets its input.
#[func]
pub fn say_hello(name: String) -> ActivityOutput<String> {
    format!("Hello {name}!").into()
}

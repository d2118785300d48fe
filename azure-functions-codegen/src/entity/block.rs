//! An `impl` block with `#[entity]`, in our own terms.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Type};

/// An `impl` block with `#[entity]`.
pub(super) struct Entity {
    pub(super) ty: Type,
    pub(super) ident: Ident,
    /// The name for the host.
    pub(super) name: String,
    pub(super) operations: Vec<Operation>,
}

/// A method.
pub(super) struct Operation {
    pub(super) ident: Ident,
    /// Without `r#`.
    pub(super) name: String,
    pub(super) is_async: bool,
    /// Whether it takes `&mut self`.
    pub(super) writes: bool,
    pub(super) parameters: Vec<Parameter>,
    /// The type of what it answers, inside the `Result` if there is one.
    pub(super) answer: TokenStream,
    pub(super) answer_span: Span,
    pub(super) is_result: bool,
    /// `cfg` attributes, which decide over everything generated for the method.
    pub(super) conditions: Vec<Attribute>,
    pub(super) docs: Vec<Attribute>,
}

pub(super) enum Parameter {
    /// The context, by reference or not.
    Context {
        by_reference: bool,
    },
    Input {
        ident: Ident,
        ty: TokenStream,
        span: Span,
    },
    /// What the app shares, by reference or not.
    Shared {
        ty: TokenStream,
        by_reference: bool,
    },
}

impl Entity {
    pub(super) fn has(&self, operation: &str) -> bool {
        self.operations.iter().any(|other| other.name == operation)
    }
}

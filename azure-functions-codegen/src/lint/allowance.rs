//! `#[allow_non_deterministic = "reason"]`: what is refused is allowed here, for this reason.

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// What it is called in `#[func(...)]` and in the body.
pub(crate) const NAME: &str = "allow_non_deterministic";

/// One permission.
pub(crate) struct Allowance {
    /// Its tokens.
    pub(super) place: TokenStream,
    /// Whether there was something to allow.
    pub(super) used: bool,
}

impl Allowance {
    /// A permission with its reason, the value of the argument or attribute.
    pub(crate) fn new(place: impl ToTokens, reason: Option<&Expr>, errors: &mut Errors) -> Self {
        let given = match reason {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(reason), ..
            })) => !reason.value().trim().is_empty(),
            _ => false,
        };
        if !given {
            errors.at(
                &place,
                format!("say why every replay does the same for all that: write `{NAME} = \"reason\"`"),
            );
        }
        Self {
            place: place.into_token_stream(),
            used: false,
        }
    }

    /// Takes the permissions out of a list of attributes.
    pub(super) fn take(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Vec<Self> {
        let mut allowances = Vec::new();
        attributes.retain(|attribute| {
            let path = attribute.path();
            if path.segments.last().is_none_or(|segment| segment.ident != NAME) {
                return true;
            }
            let reason = match &attribute.meta {
                Meta::NameValue(meta) => Some(&meta.value),
                _ => None,
            };
            allowances.push(Self::new(attribute, reason, errors));
            false
        });
        allowances
    }
}

//! What stands in `#[func(...)]` and `#[binding(...)]`.

use crate::{
    errors::Errors,
    known::OTHER_TRIGGERS,
    lint::{ALLOWANCE, Allowance},
};
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{
    Expr, Ident, Lit, Meta, Token, UnOp,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
    spanned::Spanned,
    token,
};

/// The arguments of `#[func(...)]`.
#[derive(Default)]
pub(crate) struct FuncArguments {
    /// `name = "..."`.
    pub(crate) name: Option<(String, Span)>,
    /// `activity`.
    pub(crate) activity: Option<Span>,
    /// `orchestration`.
    pub(crate) orchestration: Option<Span>,
    /// `retry = POLICY`.
    pub(crate) retry: Option<Expr>,
    /// `retry(...)`, and where it stands.
    pub(crate) host_retry: Option<(Span, Vec<Argument>)>,
    /// `allow_non_deterministic = "..."`.
    pub(crate) allowance: Option<Allowance>,
    /// Whether it names a trigger, which is reported: the parameter that should be it need not be.
    pub(crate) names_trigger: bool,
}

/// The arguments of one `#[binding(...)]`.
pub(crate) struct BindingArguments {
    /// `name = "..."`: what it is for, if it stands on the function.
    pub(crate) name: Option<(String, Span)>,
    /// The others.
    pub(crate) given: Vec<Given>,
    /// The attribute itself.
    pub(crate) attribute: TokenStream,
}

/// `key = value`.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) key: Ident,
    pub(crate) value: Literal,
    /// Where the value stands.
    pub(crate) span: Span,
}

/// A literal, or a list of them.
#[derive(Clone)]
pub(crate) enum Literal {
    Text(String),
    Flag(bool),
    Integer(i64),
    Number(f64),
    List(Vec<(Self, Span)>),
    /// The path of a constant, whose value the compiler knows.
    Constant(Expr),
}

impl FuncArguments {
    pub(crate) fn read(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for argument in arguments(tokens, errors) {
            if let Some(group) = argument.group {
                if argument.key != "retry" {
                    errors.at(&argument.key, "only `retry` has arguments of its own");
                } else if this.host_retry.is_some() {
                    errors.at(&argument.key, "`retry` is given twice");
                } else {
                    this.host_retry = Some((argument.key.span(), arguments(group, errors)));
                }
                continue;
            }
            match (argument.key.to_string().as_str(), argument.value) {
                ("name", Some(value)) => match literal(&value) {
                    Ok(Literal::Text(name)) if this.name.is_none() => this.name = Some((name, value.span())),
                    Ok(Literal::Text(_)) => errors.at(&argument.key, "`name` is given twice"),
                    _ => errors.at(&value, "the function's name is text: write `name = \"...\"`"),
                },
                ("name", None) => errors.at(&argument.key, "write `name = \"...\"`"),
                ("activity", None) => this.activity = Some(argument.key.span()),
                ("orchestration", None) => this.orchestration = Some(argument.key.span()),
                (kind @ ("activity" | "orchestration"), Some(value)) => {
                    errors.at(&value, format!("write `#[func({kind})]`, without a value"));
                }
                ("retry", Some(_)) if this.retry.is_some() => errors.at(&argument.key, "`retry` is given twice"),
                ("retry", Some(policy @ Expr::Path(_))) => this.retry = Some(policy),
                ("retry", _) => errors.at(
                    &argument.key,
                    "write `retry = POLICY`, the name of a constant: `const POLICY: RetryOptions = RetryOptions::new(..)`",
                ),
                (ALLOWANCE, _) if this.allowance.is_some() => {
                    errors.at(&argument.key, format!("`{ALLOWANCE}` is given twice"));
                }
                (ALLOWANCE, value) => this.allowance = Some(Allowance::new(&argument.key, value.as_ref(), errors)),
                ("disabled", _) => errors.at(
                    &argument.key,
                    "hosts no longer read `disabled`: set the app setting `AzureWebJobs.NAME.Disabled` to `true`",
                ),
                (key, _) if is_trigger(key) => {
                    this.names_trigger = true;
                    errors.at(
                        &argument.key,
                        format!("what starts a function is the type of a parameter, not an argument of `#[func]`; {OTHER_TRIGGERS}"),
                    );
                }
                (key, _) => {
                    let hint = crate::names::hint(key, ["name", "activity", "orchestration", "retry", ALLOWANCE]);
                    errors.at(
                        &argument.key,
                        format!(
                            "`#[func]` takes `name = \"...\"`, `activity`, `orchestration`, `retry = POLICY` and `{ALLOWANCE} = \"...\"`, not `{key}`{hint}"
                        ),
                    );
                }
            }
        }
        if let (Some(_), Some(second)) = (this.activity, this.orchestration) {
            errors.span(
                second,
                "a function is an activity or an orchestration, not both: remove one of the two",
            );
            (this.activity, this.orchestration) = (None, None);
        }
        this
    }
}

/// Whether a word names a trigger, as other libraries write it.
fn is_trigger(key: &str) -> bool {
    let key = key.replace('_', "").to_lowercase();
    let name = key.strip_suffix("trigger").unwrap_or(&key);
    name.len() < key.len()
        || [
            "http",
            "timer",
            "schedule",
            "queue",
            "blob",
            "table",
            "eventgrid",
            "eventhub",
            "eventhubs",
            "servicebus",
            "cosmosdb",
            "kafka",
            "rabbitmq",
            "signalr",
            "sql",
            "mysql",
            "dapr",
            "orchestration",
            "entity",
        ]
        .contains(&name)
}

impl BindingArguments {
    /// Reads an attribute that is known to be `#[binding]`.
    pub(crate) fn read(attribute: &syn::Attribute, errors: &mut Errors) -> Self {
        let mut this = Self {
            name: None,
            given: Vec::new(),
            attribute: attribute.to_token_stream(),
        };
        let tokens = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            other => {
                errors.at(other, "write `#[binding(key = value, ...)]`");
                return this;
            }
        };
        for Argument { key, value, .. } in arguments(tokens, errors) {
            let Some(value) = value else {
                errors.at(&key, format!("`{key}` needs a value: write `{key} = ...`"));
                continue;
            };
            let literal = match literal_or_constant(&value) {
                Ok(literal) => literal,
                Err(error) => {
                    errors.add(error);
                    continue;
                }
            };
            if key == "name" {
                match literal {
                    Literal::Text(name) => this.name = Some((name, value.span())),
                    _ => errors.at(
                        &value,
                        "the name of a parameter or output is text: write `name = \"...\"`",
                    ),
                }
            } else if this.given.iter().any(|given| given.key == key) {
                errors.at(&key, format!("`{key}` is given twice"));
            } else {
                let span = value.span();
                this.given.push(Given {
                    key,
                    value: literal,
                    span,
                });
            }
        }
        this
    }
}

/// `key`, `key = value`, or `key(...)`.
pub(crate) struct Argument {
    pub(crate) key: Ident,
    pub(crate) value: Option<Expr>,
    /// What stands in parentheses after the key.
    pub(crate) group: Option<TokenStream>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `type` is a keyword and a fine key.
        let key = input.call(Ident::parse_any)?;
        if input.peek(token::Paren) {
            let content;
            parenthesized!(content in input);
            return Ok(Self {
                key,
                value: None,
                group: Some(content.parse()?),
            });
        }
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self {
            key,
            value,
            group: None,
        })
    }
}

pub(crate) fn arguments(tokens: TokenStream, errors: &mut Errors) -> Vec<Argument> {
    match Punctuated::<Argument, Token![,]>::parse_terminated.parse2(tokens) {
        Ok(arguments) => arguments.into_iter().collect(),
        Err(error) => {
            let message = format!("{error}: arguments are written `key = value`, with a comma between two");
            errors.span(error.span(), message);
            Vec::new()
        }
    }
}

/// As [`literal`], or a constant's name.
fn literal_or_constant(value: &Expr) -> syn::Result<Literal> {
    match value {
        Expr::Path(path) if path.qself.is_none() => Ok(Literal::Constant(value.clone())),
        value => literal(value),
    }
}

pub(crate) fn literal(value: &Expr) -> syn::Result<Literal> {
    match value {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Str(text) => Ok(Literal::Text(text.value())),
            Lit::Bool(flag) => Ok(Literal::Flag(flag.value)),
            Lit::Int(number) => number.base10_parse().map(Literal::Integer),
            Lit::Float(number) => number.base10_parse().map(Literal::Number),
            other => Err(not_literal(other)),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => match &*unary.expr {
            // The lowest integer has no positive twin: parse with the sign.
            Expr::Lit(lit) if matches!(&lit.lit, Lit::Int(_)) => {
                let Lit::Int(number) = &lit.lit else {
                    return Err(not_literal(value));
                };
                format!("-{}", number.base10_digits())
                    .parse()
                    .map(Literal::Integer)
                    .map_err(|error| syn::Error::new_spanned(value, error))
            }
            inner => match literal(inner)? {
                Literal::Number(number) => Ok(Literal::Number(-number)),
                _ => Err(not_literal(value)),
            },
        },
        Expr::Array(array) => array
            .elems
            .iter()
            .map(|item| Ok((literal(item)?, item.span())))
            .collect::<syn::Result<_>>()
            .map(Literal::List),
        Expr::Group(group) => literal(&group.expr),
        other => Err(not_literal(other)),
    }
}

fn not_literal(tokens: impl ToTokens) -> syn::Error {
    syn::Error::new_spanned(
        tokens,
        "write a literal here: text in quotes, a number, `true`, `false`, a list of these in brackets, or the name of a constant",
    )
}

//! Paths in the tokens of a macro's invocation, which may be any language: only what is surely a path counts.

use super::path::name;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Something found in tokens.
pub(super) enum Found {
    /// A call by name or path. Elsewhere a path may be a type, and types are data.
    Call {
        names: Vec<String>,
        /// `!` after the name of a macro.
        mark: &'static str,
        tokens: TokenStream,
    },
    /// `.block_on(..)`.
    BlockOn(TokenTree),
}

/// Looks through tokens, groups in them included.
pub(super) fn look_through(tokens: TokenStream, found: &mut impl FnMut(Found)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => {
                look_through(group.stream(), found);
                at += 1;
            }
            TokenTree::Ident(ident) if is_method(&tokens, at) => {
                if *ident == "block_on" && is_call(&tokens, at + 1) {
                    found(Found::BlockOn(tokens[at].clone()));
                }
                at += 1;
            }
            TokenTree::Ident(first) => {
                let start = at;
                let mut names = vec![name(first)];
                at += 1;
                while let Some((next, ident)) = next_name(&tokens, at) {
                    names.push(name(ident));
                    at = next;
                }
                let end = at;
                if is_path_separator(&tokens, at) && is(&tokens, at + 2, '<') {
                    at = after_generics(&tokens, at + 2);
                }
                let mark = match (tokens.get(at), tokens.get(at + 1)) {
                    (Some(TokenTree::Punct(punct)), Some(TokenTree::Group(_))) if punct.as_char() == '!' => "!",
                    _ if is_call(&tokens, at) => "",
                    _ => continue,
                };
                found(Found::Call {
                    names,
                    mark,
                    tokens: tokens[start..end].iter().cloned().collect(),
                });
            }
            _ => at += 1,
        }
    }
}

/// The name after `::` or `::<..>::`, and where it ends.
fn next_name(tokens: &[TokenTree], at: usize) -> Option<(usize, &proc_macro2::Ident)> {
    if !is_path_separator(tokens, at) {
        return None;
    }
    let mut next = at + 2;
    if is(tokens, next, '<') {
        next = after_generics(tokens, next);
        if !is_path_separator(tokens, next) {
            return None;
        }
        next += 2;
    }
    match tokens.get(next) {
        Some(TokenTree::Ident(ident)) => Some((next + 1, ident)),
        _ => None,
    }
}

/// Where the tokens go on after the `<..>` that begins here.
fn after_generics(tokens: &[TokenTree], start: usize) -> usize {
    let mut depth = 0;
    for at in start..tokens.len() {
        if is(tokens, at, '<') {
            depth += 1;
        } else if is(tokens, at, '>') && !is(tokens, at.wrapping_sub(1), '-') {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    tokens.len()
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens, at, ':') && is(tokens, at + 1, ':')
}

fn is(tokens: &[TokenTree], at: usize, wanted: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Whether this follows a dot, and not the two of a range.
fn is_method(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && is(tokens, at - 1, '.') && !(at > 1 && is(tokens, at - 2, '.'))
}

fn is_call(tokens: &[TokenTree], at: usize) -> bool {
    let is_parenthesis = |group: &Group| group.delimiter() == Delimiter::Parenthesis;
    matches!(tokens.get(at), Some(TokenTree::Group(group)) if is_parenthesis(group))
}

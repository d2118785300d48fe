//! Paths as lists of names, and the patterns that rules are written in.

use syn::{ExprPath, Path, Type};

/// Whether a path is what the pattern means: `Utc|Local::now` is each path that ends in `Utc::now` or `Local::now`; `*` is
/// any name; `tokio::**` is each function or macro in `tokio`.
pub(super) fn matches(pattern: &str, path: &[String]) -> bool {
    let names = |pattern: &str| pattern.split("::").count();
    let same = |pattern: &str, path: &[String]| {
        pattern
            .split("::")
            .zip(path)
            .all(|(names, name)| names == "*" || names.split('|').any(|other| other == name))
    };
    match pattern.strip_suffix("::**") {
        Some(root) => path.len() > names(root) && same(root, path) && path.last().is_some_and(|name| is_called(name)),
        None => path.len() >= names(pattern) && same(pattern, &path[path.len() - names(pattern)..]),
    }
}

/// Functions and macros, as opposed to constants, variants, and unit structs.
fn is_called(name: &str) -> bool {
    name.starts_with(|c: char| c.is_lowercase() || c == '_')
}

/// The names of a path.
pub(super) fn names(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| name(&segment.ident)).collect()
}

/// The names of a path in an expression: `<Utc>::now` and `<Utc as Clock>::now` are `Utc::now`.
pub(super) fn expression_names(path: &ExprPath) -> Vec<String> {
    let rest = names(&path.path);
    let Some(qself) = &path.qself else {
        return rest;
    };
    match &*qself.ty {
        Type::Path(of) if of.qself.is_none() => {
            let mut all = names(&of.path);
            all.extend_from_slice(&rest[qself.position..]);
            all
        }
        _ => Vec::new(),
    }
}

/// A name without `r#`.
pub(super) fn name(ident: &proc_macro2::Ident) -> String {
    syn::ext::IdentExt::unraw(ident).to_string()
}

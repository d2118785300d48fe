//! What names mean inside a body: its `use` declarations and its own items, block by block.

use super::path::name;
use std::collections::HashMap;
use syn::{Block, Item, Stmt, UseTree};

/// The blocks around a place, the innermost last.
#[derive(Default)]
pub(super) struct Scopes(Vec<HashMap<String, Meaning>>);

enum Meaning {
    /// Imported from there.
    Path(Vec<String>),
    /// Defined in the body.
    Own,
}

impl Scopes {
    pub(super) fn enter(&mut self, block: &Block) {
        let mut scope = HashMap::new();
        for statement in &block.stmts {
            let Stmt::Item(item) = statement else { continue };
            let own = match item {
                Item::Use(item) => {
                    declare(&mut scope, &item.tree, &[]);
                    continue;
                }
                Item::Const(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Fn(item) => &item.sig.ident,
                Item::Mod(item) => &item.ident,
                Item::Static(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Trait(item) => &item.ident,
                Item::Type(item) => &item.ident,
                Item::Union(item) => &item.ident,
                _ => continue,
            };
            scope.insert(name(own), Meaning::Own);
        }
        self.0.push(scope);
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    /// What a path stands for; `None` if it leads into the body itself.
    pub(super) fn resolve(&self, mut path: Vec<String>) -> Option<Vec<String>> {
        // An import may begin with another import. None is followed twice, so that `use rand::rand` ends.
        let mut followed: Vec<String> = Vec::new();
        while let Some(first) = path.first().filter(|first| !followed.contains(first)) {
            match self.0.iter().rev().find_map(|scope| scope.get(first)) {
                Some(Meaning::Own) => return None,
                Some(Meaning::Path(target)) => {
                    followed.push(first.clone());
                    path = target.iter().chain(&path[1..]).cloned().collect();
                }
                None => break,
            }
        }
        Some(path)
    }
}

fn declare(scope: &mut HashMap<String, Meaning>, tree: &UseTree, before: &[String]) {
    let with = |last: &syn::Ident| {
        let mut path = before.to_vec();
        if last != "self" || path.is_empty() {
            path.push(name(last));
        }
        path
    };
    match tree {
        UseTree::Path(path) => declare(scope, &path.tree, &with(&path.ident)),
        UseTree::Name(last) => {
            let path = with(&last.ident);
            if let Some(known_as) = path.last().cloned() {
                scope.insert(known_as, Meaning::Path(path));
            }
        }
        UseTree::Rename(last) => {
            scope.insert(name(&last.rename), Meaning::Path(with(&last.ident)));
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| declare(scope, tree, before)),
        // What it brings cannot be seen.
        UseTree::Glob(_) => {}
    }
}

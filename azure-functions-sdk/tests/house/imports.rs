//! Which file of a crate uses which, by the paths in its code.
//!
//! A path is followed through `use` lines and re-exports to the file that has the item. Code for tests is left out, and so
//! is what a file only passes on with `pub use`: a front page is not a dependency.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use syn::{
    Attribute, Item, ItemUse, Macro, Meta, Token, UseTree, Visibility,
    punctuated::Punctuated,
    visit::{self, Visit},
};

/// A module of a crate, inline ones included.
#[derive(Default)]
struct Module {
    /// Its file, from the crate's `src`.
    file: String,
    /// Itself, for the root.
    parent: usize,
    children: BTreeMap<String, usize>,
    /// What its `use` lines call a path.
    names: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// The paths that its code uses, as written.
    used: BTreeSet<Vec<String>>,
}

/// The files of a crate, and which uses which.
pub(crate) struct Imports {
    modules: Vec<Module>,
}

impl Imports {
    /// Reads the crate whose `lib.rs` is in this folder.
    pub(crate) fn of(src: &Path) -> Self {
        let mut this = Self { modules: Vec::new() };
        this.read_file(src, &src.join("lib.rs"), src, 0);
        this
    }

    /// For each file, the files that it uses.
    pub(crate) fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows = BTreeMap::<_, BTreeSet<_>>::new();
        for (index, module) in self.modules.iter().enumerate() {
            let targets = arrows.entry(module.file.as_str()).or_default();
            for path in &module.used {
                if let Some(target) = self.resolve(index, path, 0) {
                    let target = &self.modules[target];
                    if target.file != module.file {
                        targets.insert(target.file.as_str());
                    }
                }
            }
        }
        arrows
    }

    fn read_file(&mut self, src: &Path, file: &Path, children_in: &Path, parent: usize) -> usize {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = file.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
        self.read_module(src, &name, children_in, &parsed.items, parent)
    }

    fn read_module(&mut self, src: &Path, file: &str, children_in: &Path, items: &[Item], parent: usize) -> usize {
        let index = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        });
        for item in items {
            let Item::Mod(module) = item else {
                Reader(&mut self.modules[index]).visit_item(item);
                continue;
            };
            if is_for_tests(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let folder = children_in.join(&name);
            let child = match &module.content {
                Some((_, items)) => self.read_module(src, file, &folder, items, index),
                None => self.read_file(src, &file_of(&folder), &folder, index),
            };
            self.modules[index].children.insert(name, child);
        }
        index
    }

    /// The module that has what a path names, seen from a module; none if that is in another crate.
    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<usize> {
        // A glob may lead back to where the search began.
        if depth > 16 {
            return None;
        }
        match path.first()?.as_str() {
            "crate" => self.descend(0, &path[1..], depth),
            "self" => self.descend(from, &path[1..], depth),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let at = (0..ups).fold(from, |at, _| self.modules[at].parent);
                self.descend(at, &path[ups..], depth)
            }
            first => {
                let module = &self.modules[from];
                // A name alone may be a variable, which is called as a module is.
                let child = path.len() > 1 && module.children.contains_key(first);
                if child {
                    return self.descend(from, path, depth);
                }
                let named = module.names.get(first)?;
                // `use name::…;` of another crate, which gives its name to something in it.
                if named.first().is_some_and(|named| named == first) && !module.children.contains_key(first) {
                    return None;
                }
                self.resolve(from, &[named, &path[1..]].concat(), depth + 1)
            }
        }
    }

    fn descend(&self, at: usize, path: &[String], depth: usize) -> Option<usize> {
        let Some(first) = path.first() else { return Some(at) };
        let module = &self.modules[at];
        if let Some(&child) = module.children.get(first) {
            return self.descend(child, &path[1..], depth);
        }
        if let Some(named) = module.names.get(first) {
            // What a module passes on of another crate is its own, as seen from here.
            let path = [named, &path[1..]].concat();
            return self.resolve(at, &path, depth + 1).or(Some(at));
        }
        let globs = module.globs.iter().filter_map(|glob| self.resolve(at, glob, depth + 1));
        for target in globs {
            let other = &self.modules[target];
            if other.children.contains_key(first) || other.names.contains_key(first) {
                return self.descend(target, path, depth + 1);
            }
        }
        Some(at)
    }
}

fn file_of(module: &Path) -> PathBuf {
    let file = module.with_extension("rs");
    if file.exists() { file } else { module.join("mod.rs") }
}

/// Whether the code is compiled for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    fn needs_test(condition: &Meta) -> bool {
        match condition {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(all) if all.path.is_ident("all") => all
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|all| all.iter().any(needs_test)),
            _ => false,
        }
    }
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .any(|attribute| attribute.parse_args().is_ok_and(|condition| needs_test(&condition)))
}

/// Gathers the paths of a module's code.
struct Reader<'m>(&'m mut Module);

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            let passes_on = !matches!(item.vis, Visibility::Inherited);
            self.read_use(&mut Vec::new(), &item.tree, passes_on);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let path_as_written = path.segments.iter().map(|segment| segment.ident.to_string());
            self.0.used.insert(path_as_written.collect());
        }
        visit::visit_path(self, path);
    }

    /// `pub(super)` says who may use the item, not what it uses.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, called: &'ast Macro) {
        visit::visit_path(self, &called.path);
        read_tokens(called.tokens.clone(), &mut self.0.used);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            read_tokens(list.tokens.clone(), &mut self.0.used);
        }
    }
}

impl Reader<'_> {
    fn read_use(&mut self, prefix: &mut Vec<String>, tree: &UseTree, passes_on: bool) {
        let (path, name) = match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.read_use(prefix, &path.tree, passes_on);
                prefix.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use(prefix, tree, passes_on);
                }
                return;
            }
            UseTree::Glob(_) => (prefix.clone(), None),
            UseTree::Name(name) if name.ident == "self" => (prefix.clone(), prefix.last().cloned()),
            UseTree::Name(name) => (joined(prefix, &name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) if rename.ident == "self" => (prefix.clone(), Some(rename.rename.to_string())),
            UseTree::Rename(rename) => (joined(prefix, &rename.ident), Some(rename.rename.to_string())),
        };
        if !passes_on {
            self.0.used.insert(path.clone());
        }
        match name {
            Some(name) => {
                self.0.names.insert(name, path);
            }
            None => self.0.globs.push(path),
        }
    }
}

fn joined(prefix: &[String], name: &syn::Ident) -> Vec<String> {
    let mut path = prefix.to_vec();
    path.push(name.to_string());
    path
}

/// The paths in what a macro or an attribute is given; also those in texts, as in `#[serde(with = "a::b")]`.
fn read_tokens(tokens: TokenStream, found: &mut BTreeSet<Vec<String>>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut path = Vec::new();
    // What stands before: `::` continues a path, and after `#` or `$` is something that the macro puts in its place.
    let (mut continues, mut placeholder) = (false, false);
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(name) => {
                if !continues {
                    found.insert(std::mem::take(&mut path));
                }
                let belongs = if continues {
                    !path.is_empty()
                } else {
                    // `$crate` is this crate.
                    !placeholder || name == "crate"
                };
                if belongs {
                    path.push(name.to_string());
                }
                (continues, placeholder) = (false, false);
            }
            TokenTree::Punct(first) if first.as_char() == ':' && first.spacing() == Spacing::Joint => {
                let second = tokens.next();
                continues = matches!(second, Some(TokenTree::Punct(second)) if second.as_char() == ':');
                placeholder = false;
            }
            TokenTree::Group(group) => {
                if continues && group.delimiter() == Delimiter::Brace {
                    let mut below = BTreeSet::new();
                    read_tokens(group.stream(), &mut below);
                    found.extend(below.into_iter().map(|below| [path.as_slice(), &below].concat()));
                } else {
                    read_tokens(group.stream(), found);
                }
                found.insert(std::mem::take(&mut path));
                (continues, placeholder) = (false, false);
            }
            TokenTree::Punct(other) => {
                found.insert(std::mem::take(&mut path));
                continues = false;
                placeholder = matches!(other.as_char(), '#' | '$');
            }
            TokenTree::Literal(literal) => {
                found.insert(std::mem::take(&mut path));
                (continues, placeholder) = (false, false);
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                if let Some(path) = text.ok().and_then(|text| text.parse::<syn::Path>().ok()) {
                    found.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
                }
            }
        }
    }
    found.insert(path);
    // A keyword alone leads nowhere.
    found.retain(
        |path| !matches!(path.as_slice(), [] | [_] if path.iter().all(|part| part == "crate" || part == "super")),
    );
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

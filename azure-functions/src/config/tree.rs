//! Settings by the parts of their names.

use std::collections::BTreeMap;

/// Outside Azure's Linux plans, sections may also be written with a colon, as in .NET.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split("__").flat_map(|part| part.split(':'))
}

/// A setting, a section, or both.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub text: Option<String>,
    /// By their names in lower case, with the names as they are.
    children: BTreeMap<String, (String, Self)>,
}

impl Node {
    /// The root of all settings.
    pub(super) fn new(settings: impl Iterator<Item = (String, String)>) -> Self {
        let mut root = Self::default();
        for (name, text) in settings {
            let mut node = &mut root;
            for part in parts(&name) {
                let entry = node.children.entry(part.to_lowercase());
                node = &mut entry.or_insert_with(|| (part.to_owned(), Self::default())).1;
            }
            node.text = Some(text);
        }
        root
    }

    /// A setting or section by its name, ignoring case.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        let mut node = self;
        for part in parts(name) {
            node = &node.children.get(&part.to_lowercase())?.1;
        }
        Some(node)
    }

    pub(super) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }

    /// All within, with their names.
    pub(super) fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.children.values().map(|(name, node)| (name.as_str(), node))
    }

    /// The elements of a list, in the order of their numbers.
    pub(super) fn elements(&self) -> Vec<(&str, &Self)> {
        let numbered = self
            .children()
            .filter_map(|(name, node)| Some((name.parse::<u32>().ok()?, name, node)));
        let mut numbered: Vec<_> = numbered.collect();
        numbered.sort_by_key(|(number, ..)| *number);
        numbered.into_iter().map(|(_, name, node)| (name, node)).collect()
    }
}

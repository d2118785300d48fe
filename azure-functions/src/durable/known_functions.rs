//! Which durable functions the app has: the host swallows calls to others, so the context refuses them.

use std::{collections::BTreeSet, sync::Arc};

/// Kinds of functions that an orchestration calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CalledKind {
    Activity,
    Orchestration,
    Entity,
}

impl CalledKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Orchestration => "orchestration",
            Self::Entity => "entity",
        }
    }
}

/// The functions that an orchestration may call. Names compare ignoring case.
#[derive(Clone, Debug)]
pub(crate) struct KnownFunctions {
    names: Option<Arc<BTreeSet<(CalledKind, String)>>>,
}

impl KnownFunctions {
    /// Only these.
    pub(crate) fn new(names: impl IntoIterator<Item = (CalledKind, String)>) -> Self {
        let names = names
            .into_iter()
            .map(|(kind, name)| (kind, name.to_lowercase()))
            .collect();
        Self {
            names: Some(Arc::new(names)),
        }
    }

    /// Any name will do: for replaying a payload without the app.
    pub(crate) fn any() -> Self {
        Self { names: None }
    }

    pub(crate) fn contains(&self, kind: CalledKind, name: &str) -> bool {
        self.names
            .as_ref()
            .is_none_or(|names| names.contains(&(kind, name.to_lowercase())))
    }

    /// What the app has by this name, for messages.
    pub(crate) fn kind_of(&self, name: &str) -> Option<CalledKind> {
        let name = name.to_lowercase();
        let mut names = self.names.iter().flat_map(|names| names.iter());
        names.find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// The names of a kind, for messages.
    pub(crate) fn names(&self, kind: CalledKind) -> Vec<String> {
        let names = self.names.iter().flat_map(|names| names.iter());
        names
            .filter(|(k, _)| *k == kind)
            .map(|(_, name)| name.clone())
            .collect()
    }
}

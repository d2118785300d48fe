//! Which durable functions the app has: the host swallows calls to others, so the context refuses them.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

/// Kinds of functions that an orchestration calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CalledKind {
    Activity,
    Orchestration,
}

/// The functions that an orchestration may call. Names compare ignoring case.
#[derive(Clone, Debug)]
pub(crate) struct KnownFunctions {
    names: Option<Rc<BTreeSet<(CalledKind, String)>>>,
    /// The last name found: orchestrations call the same few again and again.
    last: RefCell<Option<(CalledKind, String)>>,
}

impl KnownFunctions {
    /// Only these.
    pub(crate) fn new(names: impl IntoIterator<Item = (CalledKind, String)>) -> Self {
        let names = names.into_iter().map(|(kind, name)| (kind, name.to_lowercase())).collect();
        Self { names: Some(Rc::new(names)), last: RefCell::new(None) }
    }

    /// Any name will do: for replaying a payload without the app.
    pub(crate) fn any() -> Self {
        Self { names: None, last: RefCell::new(None) }
    }

    pub(crate) fn contains(&self, kind: CalledKind, name: &str) -> bool {
        let Some(names) = &self.names else { return true };
        if self.last.borrow().as_ref().is_some_and(|(k, n)| *k == kind && n == name) {
            return true;
        }
        let found = names.contains(&(kind, name.to_lowercase()));
        if found {
            *self.last.borrow_mut() = Some((kind, name.to_owned()));
        }
        found
    }

    /// The names of a kind, for messages.
    pub(crate) fn names(&self, kind: CalledKind) -> Vec<String> {
        let names = self.names.iter().flat_map(|names| names.iter());
        names.filter(|(k, _)| *k == kind).map(|(_, name)| name.clone()).collect()
    }
}

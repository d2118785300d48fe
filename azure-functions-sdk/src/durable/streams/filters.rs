//! Which items a worker takes.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
};

use azure_functions_durable::protobuf::{GetWorkItemsRequest, WorkItemFilters};

use crate::durable::work::WorkKind;

/// Items of a kind that a worker runs at a time which does not say how many.
pub(super) const DEFAULT_LIMIT: usize = 100;

/// Names of each kind that are told.
const TOLD: usize = 10;
/// Versions of each name that are told.
const TOLD_VERSIONS: usize = 3;
/// Characters of a name or a version that are told.
const TOLD_OF_NAME: usize = 60;
/// Characters of a reason that are told.
const TOLD_OF_REASON: usize = 2_000;

/// What a worker takes, and how much of it at a time.
#[derive(Debug)]
pub(super) struct Filters {
    kinds: ByKind<Taken>,
    limits: ByKind<usize>,
}

/// The items of a kind that a worker takes.
#[derive(Debug)]
enum Taken {
    All,
    /// The versions of each name, which is in lower case. No versions: all.
    Named(BTreeMap<String, BTreeSet<String>>),
}

/// Something for each kind of work.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByKind<T> {
    pub(super) orchestrations: T,
    pub(super) activities: T,
    pub(super) entities: T,
}

impl<T> ByKind<T> {
    pub(super) fn of(&self, kind: WorkKind) -> &T {
        match kind {
            WorkKind::Orchestration => &self.orchestrations,
            WorkKind::Activity => &self.activities,
            WorkKind::Entity => &self.entities,
        }
    }

    pub(super) fn of_mut(&mut self, kind: WorkKind) -> &mut T {
        match kind {
            WorkKind::Orchestration => &mut self.orchestrations,
            WorkKind::Activity => &mut self.activities,
            WorkKind::Entity => &mut self.entities,
        }
    }
}

impl Filters {
    pub(super) fn new(request: GetWorkItemsRequest) -> Self {
        let limits = limits(&request);
        let kinds = match request.work_item_filters {
            Some(filters) => kinds(filters),
            None => None,
        };
        Self {
            kinds: kinds.unwrap_or(ByKind {
                orchestrations: Taken::All,
                activities: Taken::All,
                entities: Taken::All,
            }),
            limits,
        }
    }

    /// How many items of this kind the worker runs at a time.
    pub(super) fn limit(&self, kind: WorkKind) -> usize {
        *self.limits.of(kind)
    }

    /// Whether the worker takes any item of this kind.
    pub(super) fn take_any(&self, kind: WorkKind) -> bool {
        let none = matches!(self.kinds.of(kind), Taken::Named(names) if names.is_empty());
        !none && self.limit(kind) > 0
    }

    /// `name` is in lower case. No version is the empty one.
    pub(super) fn take(&self, kind: WorkKind, name: &str, version: &str) -> bool {
        if self.limit(kind) == 0 {
            return false;
        }
        match self.kinds.of(kind) {
            Taken::All => true,
            Taken::Named(names) => names
                .get(name)
                .is_some_and(|versions| versions.is_empty() || versions.contains(version)),
        }
    }
}

/// Zero is what a worker sends that names no limit: those of JavaScript name none, those of Python none for entities. Beside a limit of
/// another kind, zero orchestrations or activities mean none of them.
fn limits(request: &GetWorkItemsRequest) -> ByKind<usize> {
    let named = |asked: i32| usize::try_from(asked).ok().filter(|limit| *limit > 0);
    let orchestrations = named(request.max_concurrent_orchestration_work_items);
    let activities = named(request.max_concurrent_activity_work_items);
    let entities = named(request.max_concurrent_entity_work_items);
    let unnamed = match orchestrations.or(activities).or(entities) {
        Some(_) => 0,
        None => DEFAULT_LIMIT,
    };
    ByKind {
        orchestrations: orchestrations.unwrap_or(unnamed),
        activities: activities.unwrap_or(unnamed),
        entities: entities.unwrap_or(DEFAULT_LIMIT),
    }
}

/// A message without filters says nothing: workers of .NET always send one. With some, a worker takes only what they name.
fn kinds(message: WorkItemFilters) -> Option<ByKind<Taken>> {
    let mut names = ByKind::<BTreeMap<String, BTreeSet<String>>>::default();
    let mut add = |kind, name: String, versions: Vec<String>| match names.of_mut(kind).entry(name.to_lowercase()) {
        Entry::Vacant(entry) => drop(entry.insert(versions.into_iter().collect())),
        Entry::Occupied(mut entry) => {
            let known = entry.get_mut();
            // One of them takes every version.
            if known.is_empty() || versions.is_empty() {
                known.clear();
            } else {
                known.extend(versions);
            }
        }
    };
    for filter in message.orchestrations {
        add(WorkKind::Orchestration, filter.name, filter.versions);
    }
    for filter in message.activities {
        add(WorkKind::Activity, filter.name, filter.versions);
    }
    for filter in message.entities {
        add(WorkKind::Entity, filter.name, Vec::new());
    }
    let is_empty = names.orchestrations.is_empty() && names.activities.is_empty() && names.entities.is_empty();
    (!is_empty).then_some(ByKind {
        orchestrations: Taken::Named(names.orchestrations),
        activities: Taken::Named(names.activities),
        entities: Taken::Named(names.entities),
    })
}

/// For people: `all orchestrations (100 at a time), the activities 'charge', 'ship' (5 at a time), no entities`.
impl fmt::Display for Filters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (WorkKind::Orchestration, "orchestrations"),
            (WorkKind::Activity, "activities"),
            (WorkKind::Entity, "entities"),
        ];
        for (place, (kind, plural)) in kinds.into_iter().enumerate() {
            if place > 0 {
                formatter.write_str(", ")?;
            }
            if !self.take_any(kind) {
                write!(formatter, "no {plural}")?;
                continue;
            }
            match self.kinds.of(kind) {
                Taken::All => write!(formatter, "all {plural}")?,
                Taken::Named(names) => {
                    write!(formatter, "the {plural} ")?;
                    tell(formatter, names.iter(), TOLD, ", ", |formatter, (name, versions)| {
                        write!(formatter, "'{}'", Shortened::name(name))?;
                        if !versions.is_empty() {
                            formatter.write_str(" of version ")?;
                            tell(
                                formatter,
                                versions.iter(),
                                TOLD_VERSIONS,
                                " or ",
                                |formatter, version| write!(formatter, "{}", Shortened::name(version)),
                            )?;
                        }
                        Ok(())
                    })?;
                }
            }
            write!(formatter, " ({} at a time)", self.limit(kind))?;
        }
        Ok(())
    }
}

/// The first few, and how many more there are.
fn tell<T>(
    formatter: &mut fmt::Formatter<'_>,
    mut all: impl ExactSizeIterator<Item = T>,
    most: usize,
    between: &str,
    mut one: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (place, item) in all.by_ref().take(most).enumerate() {
        if place > 0 {
            formatter.write_str(between)?;
        }
        one(formatter, item)?;
    }
    match all.len() {
        0 => Ok(()),
        more => write!(formatter, " and {more} more"),
    }
}

/// Text of others as a line shows it, with so many characters.
pub(crate) struct Shortened<'a>(&'a str, usize);

impl<'a> Shortened<'a> {
    pub(crate) const fn name(name: &'a str) -> Self {
        Self(name, TOLD_OF_NAME)
    }

    /// Of a failure.
    pub(crate) const fn reason(text: &'a str) -> Self {
        Self(text, TOLD_OF_REASON)
    }
}

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(self.1) {
            Some((end, _)) => write!(formatter, "{}…", &self.0[..end]),
            None => formatter.write_str(self.0),
        }
    }
}

//! Which items a worker takes.

use std::collections::HashMap;

use azure_functions_durable::protobuf::WorkItemFilters;

use crate::durable::work::WorkKind;

/// The filters of a worker. Without any, it takes everything; with some, only what they name.
#[derive(Debug, Default)]
pub(super) struct Filters(Option<HashMap<(WorkKind, String), Vec<String>>>);

impl Filters {
    /// A filter message without filters says nothing: workers of .NET always send one.
    pub(super) fn new(message: Option<WorkItemFilters>) -> Self {
        let message = message.unwrap_or_default();
        let orchestrations = message.orchestrations.into_iter();
        let activities = message.activities.into_iter();
        let entities = message.entities.into_iter();
        let all = orchestrations
            .map(|filter| (WorkKind::Orchestration, filter.name, filter.versions))
            .chain(activities.map(|filter| (WorkKind::Activity, filter.name, filter.versions)))
            .chain(entities.map(|filter| (WorkKind::Entity, filter.name, Vec::new())));
        let mut filters = HashMap::<_, Vec<String>>::new();
        for (kind, name, versions) in all {
            let key = (kind, name.to_lowercase());
            match filters.get_mut(&key) {
                None => drop(filters.insert(key, versions)),
                // One of them takes every version.
                Some(known) if known.is_empty() || versions.is_empty() => known.clear(),
                Some(known) => known.extend(versions),
            }
        }
        Self((!filters.is_empty()).then_some(filters))
    }

    /// `name` is in lower case. No version is the empty one.
    pub(super) fn take(&self, kind: WorkKind, name: &str, version: &str) -> bool {
        let Some(filters) = &self.0 else { return true };
        let versions = filters.get(&(kind, name.to_owned()));
        versions.is_some_and(|versions| versions.is_empty() || versions.iter().any(|taken| taken == version))
    }
}

//! Which functions of the app a Durable Task server can have run, and by which names.

use super::{limits::Limits, server::Kind};
use crate::{
    functions::Functions,
    registry::{DurableKind, Function},
};
use azure_functions_durable::protobuf::{ActivityFilter, EntityFilter, OrchestrationFilter, WorkItemFilters};
use std::collections::HashMap;

/// What a durable function may be bound to besides its trigger: it is given a client of the same server.
const CLIENTS: [&str; 2] = ["durableClient", "orchestrationClient"];

/// The functions that are served.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// By their names in lower case.
    by_name: HashMap<(Kind, String), &'static Function>,
    filters: WorkItemFilters,
    /// Functions that need a Functions host.
    left_out: Vec<&'static str>,
}

impl Served {
    pub(super) fn of(functions: &Functions) -> Self {
        let mut served = Self::default();
        for function in functions.functions() {
            match function.durable() {
                Some((kind, name)) if !is_bound_to_more(function) => served.add(function, kind, &name),
                _ => served.left_out.push(function.name),
            }
        }
        served
    }

    pub(super) fn add(&mut self, function: &'static Function, kind: DurableKind, name: &str) {
        let kind = match kind {
            DurableKind::Orchestration => {
                self.filters.orchestrations.push(OrchestrationFilter {
                    name: name.to_owned(),
                    versions: Vec::new(),
                });
                Kind::Orchestration
            }
            DurableKind::Activity => {
                self.filters.activities.push(ActivityFilter {
                    name: name.to_owned(),
                    versions: Vec::new(),
                });
                Kind::Activity
            }
            DurableKind::Entity => {
                // Servers know them in lower case.
                let name = name.to_lowercase();
                self.filters.entities.push(EntityFilter { name });
                Kind::Entity
            }
        };
        self.by_name.insert((kind, name.to_lowercase()), function);
    }

    /// A function by its name in the task hub, whatever its case.
    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<&'static Function> {
        self.by_name.get(&(kind, name.to_lowercase())).copied()
    }

    /// How many functions the server may start: orchestrations, activities, entities.
    pub(super) fn counts(&self) -> [usize; 3] {
        let WorkItemFilters {
            orchestrations,
            activities,
            entities,
        } = &self.filters;
        [orchestrations.len(), activities.len(), entities.len()]
    }

    /// Without the kinds of which none may run. A server that gives them out for all that is answered as ever.
    pub(super) fn within(mut self, limits: Limits) -> Self {
        if limits.orchestrations == 0 {
            self.filters.orchestrations.clear();
        }
        if limits.activities == 0 {
            self.filters.activities.clear();
        }
        if limits.entities == 0 {
            self.filters.entities.clear();
        }
        self
    }

    /// Says to the server what it may give out.
    pub(super) fn filters(&self) -> WorkItemFilters {
        self.filters.clone()
    }

    /// One line about the functions that are not served, if there are some.
    pub(super) fn left_out(&self) -> Option<String> {
        (!self.left_out.is_empty()).then(|| {
            format!(
                "these functions need a Functions host, and are not served here, since they have triggers or bindings that are not of \
                 Durable Functions: {}",
                self.left_out.join(", ")
            )
        })
    }
}

fn is_bound_to_more(function: &Function) -> bool {
    (function.bindings)().iter().any(|binding| {
        let kind = binding.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
        let is_trigger = matches!(kind, "orchestrationTrigger" | "activityTrigger" | "entityTrigger");
        !is_trigger && !CLIENTS.contains(&kind)
    })
}

/// The name of the binding that starts a function.
pub(super) fn trigger_name(function: &Function) -> String {
    let bindings = (function.bindings)();
    let trigger = bindings.iter().find(|binding| {
        let kind = binding.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
        kind.ends_with("Trigger")
    });
    let name = trigger.and_then(|binding| binding.get("name")?.as_str());
    name.unwrap_or_default().to_owned()
}

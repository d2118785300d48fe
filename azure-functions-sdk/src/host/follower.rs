//! Follows the worker: tells the front door, the task hub, the timers and the user what the newest one has.

use super::{
    app_timers::AppTimers,
    function::{Binding, Function, FunctionTable},
    http::{FrontDoor, FrontFunction, FrontTrigger, HostState},
    listing,
    output::Log,
    supervisor::WorkerState,
};
use crate::{
    durable::{
        TaskHub,
        work::{DurableFunctions, Wire, WorkKind},
    },
    project::LogLevel,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Tells everybody what the newest worker has.
pub(crate) struct Follower {
    pub(crate) front: FrontDoor,
    /// Ends it, and closes the front door.
    pub(crate) close: CancellationToken,
    pub(crate) hub: Arc<TaskHub>,
    /// Where workers and clients of every language connect, if they are served.
    pub(crate) languages: Option<String>,
    pub(crate) timers: AppTimers,
    pub(crate) log: Log,
    /// `http://localhost:7071`.
    pub(crate) origin: String,
    pub(crate) route_prefix: String,
    /// What was printed last.
    pub(crate) shown: Vec<String>,
}

impl Follower {
    pub(crate) async fn run(
        mut self,
        mut states: watch::Receiver<WorkerState>,
        tables: watch::Receiver<Arc<FunctionTable>>,
    ) {
        loop {
            let state = states.borrow_and_update().clone();
            match state {
                WorkerState::Ready(_) => {
                    let functions = Arc::clone(&tables.borrow());
                    self.publish(&functions);
                }
                WorkerState::Starting(why) if why.is_empty() => {}
                WorkerState::Starting(why) => self.front.set_state(HostState::Starting, vec![why]),
                WorkerState::Stopped => break,
            }
            tokio::select! {
                () = self.close.cancelled() => break,
                changed = states.changed() => if changed.is_err() { break },
            }
        }
        tokio::join!(self.front.shutdown(), self.timers.stop());
    }

    fn publish(&mut self, functions: &FunctionTable) {
        let mut problems = self.timers.set(functions);
        let fronts = functions
            .iter()
            .map(|function| front_function(function, &mut problems))
            .collect();
        let routes = self.front.set_functions(fronts);
        for error in routes.errors {
            problems.insert(error.index, error.problem);
        }
        let lines = listing::lines(functions, &problems, &self.origin, &self.route_prefix);
        if lines != self.shown {
            let usable = functions
                .iter()
                .filter(|function| function.is_usable() && !problems.contains_key(&function.index));
            self.log
                .host(LogLevel::Information, &format!("{} functions loaded", usable.count()));
            self.log.print("Worker process started and initialized.");
            lines.iter().for_each(|line| self.log.print(line));
            if let Some(address) = &self.languages {
                self.log
                    .print(&format!("Workers and clients of other languages: {address} (gRPC)"));
            }
            for route in routes.shadowed {
                self.log.host(LogLevel::Warning, &route.to_string());
            }
            self.shown = lines;
        }
        self.hub.set_functions(DurableFunctions {
            open: self.languages.is_some(),
            ..durable_functions(functions)
        });
        self.front.set_state(HostState::Running, Vec::new());
    }
}

fn front_function(function: &Function, problems: &mut BTreeMap<usize, String>) -> FrontFunction {
    let trigger = function.trigger().map_or_else(
        || Ok(FrontTrigger::Other("unknown".to_owned())),
        |binding| FrontTrigger::from_binding(&binding.kind, &binding.attributes),
    );
    let trigger = trigger.unwrap_or_else(|problem| {
        problems.insert(function.index, problem);
        FrontTrigger::Other("httpTrigger".to_owned())
    });
    let mut front = FrontFunction::new(function.name.as_str(), trigger);
    front.disabled = function.disabled;
    front.error = function
        .error
        .clone()
        .or_else(|| problems.get(&function.index).cloned());
    let bindings: Vec<_> = function.bindings.iter().map(|binding| &binding.attributes).collect();
    front.config = serde_json::json!({
        "name": function.name,
        "entryPoint": function.entry_point,
        "scriptFile": function.script_file,
        "functionDirectory": function.directory,
        "bindings": bindings,
    });
    front
}

/// The durable functions by the names that orchestrations use.
fn durable_functions(functions: &FunctionTable) -> DurableFunctions {
    let kinds = [
        ("orchestrationTrigger", "orchestration", WorkKind::Orchestration),
        ("activityTrigger", "activity", WorkKind::Activity),
        ("entityTrigger", "entityName", WorkKind::Entity),
    ];
    let mut durable = DurableFunctions::default();
    for function in functions.iter().filter(|function| function.is_usable()) {
        let Some(trigger) = function.trigger() else { continue };
        if let Some((_, attribute, kind)) = kinds.into_iter().find(|(name, ..)| trigger.is(name)) {
            let name = trigger.text(attribute).unwrap_or(&function.name).to_ascii_lowercase();
            durable.functions.insert((kind, name), function.name.clone());
        }
    }
    if functions.iter().any(|function| asks_for_protobuf(function)) {
        durable.wire = Wire::Protobuf;
    }
    durable
}

/// Whether the worker says so of a durable trigger or client. One of them decides for all, as with the extension.
fn asks_for_protobuf(function: &Function) -> bool {
    const DURABLE: [&str; 5] = [
        "orchestrationTrigger",
        "activityTrigger",
        "entityTrigger",
        "durableClient",
        "orchestrationClient",
    ];
    let durable = |binding: &&Binding| DURABLE.iter().any(|kind| binding.is(kind));
    let is_true = |value: &Value| match value {
        Value::Bool(asked) => *asked,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let mut bindings = function.bindings.iter().filter(durable);
    bindings.any(|binding| binding.attribute("durableRequiresGrpc").is_some_and(is_true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{
        metadata::{AppSettings, read},
        tests::described::{ACTIVITY, metadata},
    };

    #[test]
    fn durable_functions_are_known_by_the_names_that_orchestrations_use() {
        let renamed = r#"{"type":"activityTrigger","name":"c","activity":"Greet"}"#;
        let described = vec![
            metadata("Say_Hello", &[ACTIVITY]),
            metadata("greet_v2", &[renamed]),
            metadata("flow", &[r#"{"type":"orchestrationTrigger","name":"c"}"#]),
            metadata("bad", &[ACTIVITY, ACTIVITY]),
        ];
        let table = FunctionTable::new(read(described, &AppSettings::default()));
        let known: Vec<_> = durable_functions(&table).functions.into_iter().collect();
        let entry = |kind, name: &str, function: &str| ((kind, name.to_owned()), function.to_owned());
        assert_eq!(
            known,
            [
                entry(WorkKind::Orchestration, "flow", "flow"),
                entry(WorkKind::Activity, "greet", "greet_v2"),
                entry(WorkKind::Activity, "say_hello", "Say_Hello"),
            ]
        );
    }

    #[test]
    fn one_durable_binding_that_asks_for_it_makes_protobuf_the_wire() {
        let client = |asks: &str| {
            format!(r#"{{"type":"durableClient","name":"d","direction":"in","durableRequiresGrpc":{asks}}}"#)
        };
        let http = r#"{"type":"httpTrigger","name":"h","authLevel":"anonymous","durableRequiresGrpc":true}"#;
        let wire = |bindings: &[&str]| {
            let described = vec![metadata("say_hello", &[ACTIVITY]), metadata("front", bindings)];
            durable_functions(&FunctionTable::new(read(described, &AppSettings::default()))).wire
        };
        assert_eq!(wire(&[http]), Wire::Json);
        assert_eq!(wire(&[http, &client("false")]), Wire::Json);
        assert_eq!(wire(&[http, &client("true")]), Wire::Protobuf);
        assert_eq!(wire(&[http, &client("\"True\"")]), Wire::Protobuf);
    }
}

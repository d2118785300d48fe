//! `replay [NAME] PAYLOAD.json` with a batch of operations of an entity. It has no history that code could contradict: the
//! operations run as under a host, with the states of the app, and the answer is printed. Where one fails, the answer says so.

use super::failure::{Failure, print};
use crate::{
    context::LogLine,
    durable::entity_batch::addressee,
    functions::Functions,
    histories::{ReplayError, on_a_thread},
    in_process::{self, Call, Outputs, Surroundings},
    instead::instead,
    registry::{DurableKind, Function, Handler},
    rpc::{Data, TypedData},
};
use std::{fs, sync::Arc};

/// Runs the batch. `name` is that of the function to run, if not the entity's.
pub(super) fn run(app: &Functions, options: crate::App, name: Option<&str>, path: &str) -> Result<(), Failure> {
    let refused = |error: String| Failure::input(format!("{path}: {error}"));
    let text = fs::read_to_string(path).map_err(|error| refused(ReplayError::Read(error).to_string()))?;
    let payload = text.trim_start_matches('\u{feff}').to_owned();
    let entity = addressee(&payload).map_err(|error| {
        refused(format!(
            "is no batch of operations of an entity that can be read: {error}"
        ))
    })?;
    let (function, trigger) = find(app, name.unwrap_or(entity.name())).map_err(refused)?;
    let call = Call {
        inputs: vec![(
            trigger.to_owned(),
            TypedData {
                data: Some(Data::String(payload)),
            },
        )],
        ..Call::default()
    };
    let surroundings = Surroundings {
        log: Arc::new(|LogLine { level, message, .. }| eprintln!("{}: {message}", level.as_str().to_lowercase())),
        ..Surroundings::default()
    };
    let outcome = on_a_thread(|runtime| {
        runtime.block_on(async {
            let app = in_process::App::start(options).await.map_err(ReplayError::App)?;
            let outputs = app.invoke(function, call, &surroundings).await;
            if let Some(end) = app.end() {
                end.await;
            }
            Ok(outputs)
        })
    });
    let outputs = outcome.map_err(|error| Failure::work(error.to_string()))?;
    match outputs.map_err(Failure::work)? {
        Outputs {
            return_value:
                Some(TypedData {
                    data: Some(Data::Json(answer) | Data::String(answer)),
                }),
            ..
        } => print(&format!("{answer}\n")),
        // Nothing else answers a batch.
        _ => Ok(()),
    }
}

/// The function and the name of its trigger.
fn find(app: &Functions, name: &str) -> Result<(&'static Function, &'static str), String> {
    let entities = || {
        app.functions().iter().filter_map(|f| match f.handler {
            Handler::Entity { trigger, .. } => Some((*f, trigger)),
            _ => None,
        })
    };
    let known_as = |f: &Function| {
        f.durable()
            .is_some_and(|(kind, known)| matches!(kind, DurableKind::Entity) && known.eq_ignore_ascii_case(name))
    };
    // The function's own name comes first; a batch has that by which the task hub knows the entity.
    entities()
        .find(|(f, _)| f.name.eq_ignore_ascii_case(name))
        .or_else(|| entities().find(|(f, _)| known_as(f)))
        .ok_or_else(|| {
            if app.find(name).is_some() {
                return format!("this is a batch of operations of an entity, and `{name}` is not one");
            }
            let known: Vec<_> = entities().map(|(f, _)| f.name).collect();
            format!("this app has no entity named '{name}'; {}", instead(name, &known))
        })
}

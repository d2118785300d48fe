//! Episodes of orchestrations: computed on threads of their own, and given up when they block.
//!
//! Where the host offers sessions, they run on the threads that [keep](super::parking) instances between their turns.
//!
//! An orchestration may only wait by awaiting what its context gives. One that blocks its thread otherwise cannot be interrupted; so it is
//! answered as failed when the time is over, and its thread is left to itself.

use super::{
    call::Reply,
    episode_timeout::TIMEOUT_SETTING,
    execution::{exception, panicked, run_orchestration, user_exception},
    parking::Includes,
    threads::Threads,
};
use crate::{
    app::layer::Layers,
    durable::{
        Episode, KnownFunctions, Orchestrator, ParkedInstances, Trigger, failed_response, instance_of_request,
        seeming_session,
    },
    invocation::{Invocation, Outputs},
    registry::{Function, place},
    rpc::{RpcException, status_result::Status, typed_data::Data},
};
use std::{sync::Arc, time::Duration};

/// Starts an episode; never waits for it.
pub(super) fn start(
    function: &'static Function,
    orchestrator: Orchestrator,
    invocation: Invocation,
    reply: Reply,
    threads: &Threads,
    known: KnownFunctions,
    layers: Option<Arc<Layers>>,
) {
    let trigger = match trigger(invocation) {
        Ok(trigger) => trigger,
        Err(message) => return reply.fail(Status::Failure, exception(message)),
    };
    let wire = Wire::of(&trigger);
    let episodes = threads.episodes();
    let limit = episodes.limit();
    // The first one answers.
    let late = Reply {
        context: reply.context.clone(),
        asker: reply.asker.clone(),
        late_answer: None,
    };
    let answered = wire.clone();
    let outside = wire.clone();
    let session = wire.session(&trigger, reply.asker.is_local());
    let session = session.map(|(instance_id, includes)| (instance_id.to_owned(), includes));
    let work = move |parking: Option<&mut ParkedInstances>| {
        let ended = run_orchestration(
            function,
            orchestrator,
            trigger,
            &known,
            &reply.context,
            layers.as_deref(),
            parking,
        );
        match ended {
            Ok(episode) => answer(function, reply, episode),
            Err(panic) => {
                let exception = panicked(function, panic, reply.asker.wire());
                answered.fail(reply, exception);
            }
        }
    };
    let give_up = move || wire.fail(late, blocked(function, limit));
    match session {
        Some((instance_id, includes)) => threads.parking().start(&instance_id, includes, work, give_up),
        None => {
            if let Wire::Protobuf { instance_id } = &outside {
                threads.parking().forget(instance_id);
            }
            episodes.start(move || work(None), give_up);
        }
    }
}

/// How to answer for an episode that does not answer itself.
#[derive(Clone)]
enum Wire {
    /// With a failed invocation.
    Json,
    /// With a message that says so: a failed invocation would fail the instance with a text of the extension's.
    Protobuf { instance_id: String },
}

impl Wire {
    fn of(trigger: &Trigger) -> Self {
        match instance_of_request(trigger) {
            Some(instance_id) => Self::Protobuf { instance_id },
            None => Self::Json,
        }
    }

    /// The instance, if this is a request of a session that it is in, and what that request includes. The local host sends the history
    /// as soon as it is asked.
    fn session(&self, trigger: &Trigger, is_local: bool) -> Option<(&str, Includes)> {
        let (Self::Protobuf { instance_id }, Trigger::Text(text)) = (self, trigger) else {
            return None;
        };
        let session = seeming_session(text);
        let includes = match session.is_without_history && !is_local {
            true => Includes::NewEvents,
            false => Includes::Everything,
        };
        session.is_in_session.then_some((instance_id, includes))
    }

    fn fail(self, reply: Reply, exception: RpcException) {
        match self {
            Self::Json => reply.fail(Status::Failure, exception),
            Self::Protobuf { instance_id } => {
                reply.context.enter(|| log::error!("{}", exception.message));
                let response = failed_response(instance_id, &exception.r#type, &exception.message);
                reply.turn(response, None);
            }
        }
    }
}

/// The trigger's value.
fn trigger(invocation: Invocation) -> Result<Trigger, String> {
    match invocation.inputs.into_iter().next().and_then(|(_, value)| value.data) {
        Some(Data::String(text) | Data::Json(text)) => Ok(Trigger::Text(text)),
        Some(Data::Bytes(message)) => Ok(Trigger::Message(message)),
        _ => Err(format!(
            "the host sent no history for the orchestration `{}`",
            invocation.function
        )),
    }
}

fn answer(function: &Function, reply: Reply, episode: Episode) {
    match episode {
        Episode::Answer(json) => reply.succeed(Outputs::returned(Data::Json(json))),
        // The message is exactly what the extension expects: nothing may be added to it.
        Episode::Failed { message, failure } => {
            let exception = RpcException {
                message,
                ..RpcException::default()
            };
            reply.fail(Status::Failure, user_exception(function, failure.error_type, exception));
        }
        Episode::Protobuf { answer, failure, ended } => {
            // The host sees an invocation that succeeds.
            if let Some((text, _)) = failure {
                reply.context.enter(|| log::error!("{text}"));
            }
            reply.turn(*answer, ended);
        }
    }
}

fn blocked(function: &Function, limit: Duration) -> RpcException {
    exception(format!(
        "orchestration '{}' ({}) blocked its thread for longer than {limit:?}: an orchestration may only wait by awaiting what its \
         context gives. Move whatever blocks (std::thread::sleep, a channel or lock, blocking input or output, block_on) or computes \
         for long into an activity. {TIMEOUT_SETTING} sets the limit.",
        function.name,
        place(function),
    ))
}

//! The task hub as the service `TaskHubSidecarService`, which clients of the protobuf wire speak to, and workers that take their work
//! from a stream: what a call does, by the bytes of its messages. Whoever serves it brings HTTP/2.
//!
//! Status codes are those of the extension. Where the local host can do more (terminate recursively), it does. Callers of SDKs get
//! other answers where the extension's would not help them: no wait for what is not there, no error for what there is not to purge, nor for
//! what an instance that has ended is told.

mod entities;
mod entries;
mod history;
mod instances;
mod query;
mod refusal;
mod state;
mod workers;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

pub use self::{
    refusal::{Code, Refused},
    workers::WorkItems,
};
use super::{
    hub::{Inner, TaskHub, waits::Until},
    json,
};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client of an app: it hears what the durable extension would answer.
    App,
    /// A client or a worker of a Durable Task SDK, which needs no Functions host.
    Sdk,
}

/// The messages that answer a call: one, or any number where the method streams.
pub type Reply = Vec<Bytes>;

impl TaskHub {
    /// Answers a call of a method of `TaskHubSidecarService`; `GetWorkItems` is [`TaskHub::work_items`].
    ///
    /// # Errors
    /// The status that the call ends with.
    pub async fn call(&self, caller: Caller, method: &str, message: Bytes) -> Result<Reply, Refused> {
        call(&self.inner, caller, method, message).await
    }
}

/// What is JSON must be such as can be read back, at this door as at that of HTTP; what is none is a text.
fn readable(what: &str, text: Option<&str>) -> Result<(), Refused> {
    match text.map(json::check_if_json) {
        Some(Err(error)) => {
            let message = format!("the {what} is JSON that cannot be read back: {error}");
            Err(Refused::new(Code::InvalidArgument, message))
        }
        _ => Ok(()),
    }
}

/// One call, as the methods see it.
struct Call<'a> {
    hub: &'a Arc<Inner>,
    caller: Caller,
}

async fn call(hub: &Arc<Inner>, caller: Caller, method: &str, message: Bytes) -> Result<Reply, Refused> {
    let call = Call { hub, caller };
    match method {
        "Hello" => one(&()),
        "StartInstance" => one(&call.start(read(message)?).await?),
        "GetInstance" => one(&call.get(read(message)?).await?),
        "WaitForInstanceStart" => one(&call.wait(read(message)?, Until::Begun).await?),
        "WaitForInstanceCompletion" => one(&call.wait(read(message)?, Until::Ended).await?),
        "RaiseEvent" => one(&call.raise_event(read(message)?).await?),
        "TerminateInstance" => one(&call.terminate(read(message)?).await?),
        "SuspendInstance" => one(&call.suspend(read(message)?).await?),
        "ResumeInstance" => one(&call.resume(read(message)?).await?),
        "RestartInstance" => one(&call.restart(read(message)?).await?),
        "RewindInstance" => one(&call.rewind(read(message)?).await?),
        "PurgeInstances" => one(&call.purge(read(message)?).await?),
        "QueryInstances" => one(&call.query(read(message)?).await?),
        // The extension has none.
        "ListInstanceIds" if caller == Caller::Sdk => one(&call.list_ids(read(message)?).await?),
        "StreamInstanceHistory" => call.history(read(message)?).await,
        "SignalEntity" => one(&call.signal_entity(read(message)?).await?),
        "GetEntity" => one(&call.get_entity(read(message)?).await?),
        "QueryEntities" => one(&call.query_entities(read(message)?).await?),
        "CleanEntityStorage" => one(&call.clean_entities(read(message)?).await?),
        "CompleteOrchestratorTask" => one(&call.complete_orchestrator(message)?),
        "CompleteActivityTask" => one(&call.complete_activity(read(message)?)?),
        "CompleteEntityTask" => one(&call.complete_entity(message)?),
        "AbandonTaskEntityWorkItem" => one(&call.abandon_entity(read(message)?)),
        "AbandonTaskOrchestratorWorkItem" => one(&call.abandon_orchestrator(read(message)?)),
        "AbandonTaskActivityWorkItem" => one(&call.abandon_activity(read(message)?)),
        "CreateTaskHub" => one(&call.create_hub(read(message)?)?),
        "DeleteTaskHub" => Err(call.in_use("deleted")),
        other => Err(Refused::new(
            Code::Unimplemented,
            format!("The local host has no method '{other}'."),
        )),
    }
}

fn read<M: Message + Default>(message: Bytes) -> Result<M, Refused> {
    M::decode(message).map_err(|error| {
        Refused::new(
            Code::InvalidArgument,
            format!("The message of the call cannot be read: {error}"),
        )
    })
}

fn one(message: &impl Message) -> Result<Reply, Refused> {
    Ok(vec![message.encode_to_vec().into()])
}

#[cfg(all(test, feature = "sqlite"))]
mod tests;

//! What a worker is given: a `WorkItem`.

use azure_functions_durable::protobuf::{ActivityRequest, EntityRequest, HealthPing, WorkItem, work_item};
use bytes::Bytes;
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, string},
};

use crate::durable::work::WorkKind;

/// Field of a `WorkItem` with an `OrchestratorRequest`.
const ORCHESTRATOR_REQUEST: u32 = 1;
/// Field with the token that the answer has to have.
const COMPLETION_TOKEN: u32 = 10;

/// Work for one worker.
#[derive(Debug)]
pub(crate) enum Work {
    /// An episode: its instance, and an `OrchestratorRequest`. The worker fetches the past of the instance, where there are chunks of it.
    Orchestration {
        instance_id: String,
        request: Vec<u8>,
        past: Vec<Bytes>,
    },
    /// An activity.
    Activity(ActivityRequest),
    /// Operations of an entity, in the second form of the protocol: to the first one, workers of .NET answer without a token.
    /// Workers that know entities take both, and say nothing of which they like.
    Entity(EntityRequest),
}

impl Work {
    pub(super) fn kind(&self) -> WorkKind {
        match self {
            Self::Orchestration { .. } => WorkKind::Orchestration,
            Self::Activity(_) => WorkKind::Activity,
            Self::Entity(_) => WorkKind::Entity,
        }
    }

    /// The instance whose episode this is.
    pub(super) fn episode_of(&self) -> Option<&str> {
        match self {
            Self::Orchestration { instance_id, .. } => Some(instance_id),
            Self::Activity(_) | Self::Entity(_) => None,
        }
    }

    pub(super) fn past(&self) -> &[Bytes] {
        match self {
            Self::Orchestration { past, .. } => past,
            Self::Activity(_) | Self::Entity(_) => &[],
        }
    }

    /// The item with its token.
    pub(super) fn encode(&self, token: &String) -> Bytes {
        let request = match self {
            // It is encoded already, and may be large.
            Self::Orchestration { request, .. } => {
                let mut out = Vec::with_capacity(request.len() + token.len() + 32);
                encode_key(ORCHESTRATOR_REQUEST, WireType::LengthDelimited, &mut out);
                encode_varint(request.len() as u64, &mut out);
                out.extend_from_slice(request);
                string::encode(COMPLETION_TOKEN, token, &mut out);
                return out.into();
            }
            Self::Activity(request) => work_item::Request::ActivityRequest(request.clone()),
            Self::Entity(request) => work_item::Request::EntityRequestV2(request.clone()),
        };
        let item = WorkItem {
            completion_token: token.clone(),
            request: Some(request),
        };
        item.encode_to_vec().into()
    }
}

/// Says that the stream is alive.
pub(super) fn health_ping() -> Bytes {
    let item = WorkItem {
        completion_token: String::new(),
        request: Some(work_item::Request::HealthPing(HealthPing {})),
    };
    item.encode_to_vec().into()
}

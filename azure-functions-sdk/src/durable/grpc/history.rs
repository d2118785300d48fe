//! The history of an instance, in chunks.

use azure_functions_durable::protobuf::{HistoryChunk, StreamInstanceHistoryRequest};
use prost::Message;

use super::{Call, Code, Refused, Reply};
use crate::durable::engine::{event::parse_events, history_messages};

/// Bytes of events in one chunk, about.
const CHUNK: usize = 2 * 1024 * 1024;

impl Call<'_> {
    pub(super) async fn history(&self, request: StreamInstanceHistoryRequest) -> Result<Reply, Refused> {
        let id = &request.instance_id;
        let Some(row) = self.hub.find(id).await? else {
            return Err(Refused::new(
                Code::NotFound,
                format!("Orchestration instance with ID {id} was not found."),
            ));
        };
        let texts = self.hub.history(row.key).await?;
        let events = parse_events(&texts.join(","))
            .map_err(|error| Refused::new(Code::Internal, format!("instance '{id}': {error}")))?;
        let mut reply = Reply::new();
        let mut chunk = HistoryChunk::default();
        let mut bytes = 0;
        for event in history_messages(&events) {
            bytes += event.encoded_len();
            chunk.events.push(event);
            if bytes >= CHUNK {
                reply.push(std::mem::take(&mut chunk).encode_to_vec().into());
                bytes = 0;
            }
        }
        if !chunk.events.is_empty() {
            reply.push(chunk.encode_to_vec().into());
        }
        Ok(reply)
    }
}

//! The history of an instance, in chunks: for clients, and for workers that get a work item without it.

use azure_functions_durable::protobuf::StreamInstanceHistoryRequest;

use super::{Call, Caller, Code, Refused, Reply};
use crate::durable::{
    engine::{event::parse_events, played::Played},
    work::Wire,
};

impl Call<'_> {
    pub(super) async fn history(&self, request: StreamInstanceHistoryRequest) -> Result<Reply, Refused> {
        let id = &request.instance_id;
        if request.for_work_item_processing {
            // What the item belongs to, which may not be on disk yet.
            let past = self.hub.streams.past(id);
            return past.ok_or_else(|| {
                let text =
                    format!("No worker has a work item of orchestration instance '{id}': it is given out again.");
                Refused::new(Code::FailedPrecondition, text)
            });
        }
        let Some(row) = self.hub.find(id).await? else {
            return Err(Refused::new(
                Code::NotFound,
                format!("Orchestration instance with ID {id} was not found."),
            ));
        };
        let texts = self.hub.history(row.key).await?;
        let events = parse_events(&texts.join(","))
            .map_err(|error| Refused::new(Code::Internal, format!("instance '{id}': {error}")))?;
        let wire = match self.caller {
            Caller::App => Wire::Protobuf,
            Caller::Sdk => Wire::Stream,
        };
        Ok(Played::of(wire, &events).chunks().unwrap_or_default())
    }
}

//! R4 and R5: forgetting instances that have ended.

use http::StatusCode;
use serde_json::json;

use super::{
    Answer, Call,
    response::{empty, json as json_response},
};
use crate::durable::hub::{purge::Below, request_error::RequestError};

/// What narrows other requests down, and would delete everything if it were passed over here.
const NO_FILTERS: [(&str, &str); 5] = [
    ("instanceidprefix", "instanceIdPrefix"),
    ("lastoperationtimefrom", "lastOperationTimeFrom"),
    ("lastoperationtimeto", "lastOperationTimeTo"),
    ("top", "top"),
    ("name", "name"),
];
impl Call<'_> {
    pub(super) async fn purge(&self, id: &str) -> Answer {
        let (key, status) = match self.hub.find(id).await {
            Ok(row) => {
                let row = row.ok_or(RequestError::NotFound)?;
                (row.key, Some(row.state.status))
            }
            // What cannot be read does not run, unless it was read before.
            Err(RequestError::Damaged(row)) => (row.key, self.hub.status(id).await.ok()),
            Err(error) => return Err(error),
        };
        if let Some(status) = status.filter(|status| !status.is_terminal()) {
            let text = format!(
                "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID {id} has \
                 status {}",
                status.name()
            );
            return Ok(json_response(StatusCode::PRECONDITION_FAILED, &text));
        }
        match self.hub.purge(&[(id, key)]).await? {
            0 => Ok(empty(StatusCode::NOT_FOUND)),
            count => Ok(json_response(StatusCode::OK, &json!({ "instancesDeleted": count }))),
        }
    }

    /// Only instances that have ended are purged, whatever the filter says.
    pub(super) async fn purge_many(&self) -> Answer {
        if let Some((_, name)) = NO_FILTERS.iter().find(|(lower, _)| self.query.text(lower).is_some()) {
            return Err(RequestError::InvalidQuery(format!(
                "'{name}' does not narrow down what is purged: give createdTimeFrom, createdTimeTo and runtimeStatus."
            )));
        }
        let Some(from) = self.query.time("createdtimefrom")? else {
            return Ok(json_response(
                StatusCode::BAD_REQUEST,
                &"Please provide value for 'createdTimeFrom' parameter.",
            ));
        };
        let to = self
            .query
            .time("createdtimeto")?
            .unwrap_or_else(|| self.hub.options.clock.now());
        let (from, to) = (from.timestamp_micros(), to.timestamp_micros());
        let statuses = self.query.statuses("runtimestatus")?;
        let purged = self
            .hub
            .purge_ended(Some(from), Some(to), statuses, Below::Kept)
            .await?;
        match purged {
            0 => Ok(empty(StatusCode::NOT_FOUND)),
            count => Ok(json_response(StatusCode::OK, &json!({ "instancesDeleted": count }))),
        }
    }
}

//! R4 and R5: forgetting instances that have ended.

use http::StatusCode;
use serde_json::json;

use super::{
    Answer, Call,
    response::{empty, json as json_response},
};
use crate::durable::{engine::runtime_status::RuntimeStatus, hub::request_error::RequestError, store::InstanceQuery};

const TERMINAL: [RuntimeStatus; 4] = [
    RuntimeStatus::Completed,
    RuntimeStatus::Failed,
    RuntimeStatus::Canceled,
    RuntimeStatus::Terminated,
];
/// What narrows other requests down, and would delete everything if it were passed over here.
const NO_FILTERS: [(&str, &str); 5] = [
    ("instanceidprefix", "instanceIdPrefix"),
    ("lastoperationtimefrom", "lastOperationTimeFrom"),
    ("lastoperationtimeto", "lastOperationTimeTo"),
    ("top", "top"),
    ("name", "name"),
];
/// Instances that are looked up at a time.
const PAGE: usize = 1_000;

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
        let statuses = match self.query.statuses("runtimestatus")? {
            None => TERMINAL.to_vec(),
            Some(asked) => asked.into_iter().filter(|status| status.is_terminal()).collect(),
        };
        let mut query = InstanceQuery {
            created_from: Some(from.timestamp_micros()),
            created_to: Some(to.timestamp_micros()),
            statuses: Some(statuses),
            id_prefix: None,
            with_input: false,
            limit: PAGE,
            after: None,
        };
        let mut purged = 0;
        loop {
            let page = self.hub.list(query.clone()).await?;
            // Those that cannot be read have been asked for, too: of them, the filter could be read.
            let damaged = page.damaged.iter().map(|row| (row.id.as_str(), row.key));
            let rows: Vec<_> = page.instances.iter().map(|row| (row.id.as_str(), row.key)).collect();
            let rows: Vec<_> = rows.into_iter().chain(damaged).collect();
            purged += self.hub.purge(&rows).await.map_err(|error| error.after(purged))?;
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        match purged {
            0 => Ok(empty(StatusCode::NOT_FOUND)),
            count => Ok(json_response(StatusCode::OK, &json!({ "instancesDeleted": count }))),
        }
    }
}

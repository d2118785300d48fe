//! Calls about many instances.

use azure_functions_durable::protobuf::{PurgeInstanceFilter, QueryInstancesRequest, QueryInstancesResponse};

use super::{
    Call, Code, Refused,
    state::{Shown, micros, state},
};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    store::{InstanceKey, InstanceQuery},
};

/// Instances of a page that asks for no number.
const DEFAULT_PAGE: usize = 100;
/// And the most that one has.
const LARGEST_PAGE: usize = 1_000;

const TERMINAL: [RuntimeStatus; 4] = [
    RuntimeStatus::Completed,
    RuntimeStatus::Failed,
    RuntimeStatus::Canceled,
    RuntimeStatus::Terminated,
];

impl Call<'_> {
    pub(super) async fn query(&self, request: QueryInstancesRequest) -> Result<QueryInstancesResponse, Refused> {
        let asked = request.query.unwrap_or_default();
        let statuses: Vec<RuntimeStatus> = asked
            .runtime_status
            .iter()
            .filter_map(|number| RuntimeStatus::from_number(*number))
            .collect();
        let query = InstanceQuery {
            created_from: asked.created_time_from.as_ref().map(micros),
            created_to: asked.created_time_to.as_ref().map(micros),
            statuses: Some(statuses).filter(|_| !asked.runtime_status.is_empty()),
            id_prefix: asked.instance_id_prefix.filter(|prefix| !prefix.is_empty()),
            with_input: asked.fetch_inputs_and_outputs,
            limit: page_size(asked.max_instance_count),
            after: asked.continuation_token.as_deref().map(after).transpose()?.flatten(),
        };
        let page = self.hub.list(query).await?;
        for row in &page.damaged {
            log::warn!("instance '{}' is left out of a list: {}", row.id, row.problem());
        }
        let shown = Shown {
            payloads: asked.fetch_inputs_and_outputs,
            listed: true,
        };
        Ok(QueryInstancesResponse {
            orchestration_state: page.instances.iter().map(|row| state(row, shown)).collect(),
            // The token of the extension ends in a blank, so that clients which trim it are found out.
            continuation_token: page.next.map(|next| format!("{:x} ", next.0)),
        })
    }

    /// Only instances that have ended are purged, whatever the filter says.
    pub(super) async fn purge_many(&self, filter: &PurgeInstanceFilter) -> Result<usize, Refused> {
        let asked: Vec<RuntimeStatus> = filter
            .runtime_status
            .iter()
            .filter_map(|number| RuntimeStatus::from_number(*number))
            .filter(|status| status.is_terminal())
            .collect();
        let statuses = match filter.runtime_status.is_empty() {
            true => TERMINAL.to_vec(),
            false => asked,
        };
        let mut query = InstanceQuery {
            created_from: filter.created_time_from.as_ref().map(micros),
            created_to: filter.created_time_to.as_ref().map(micros),
            statuses: Some(statuses),
            id_prefix: None,
            with_input: false,
            limit: LARGEST_PAGE,
            after: None,
        };
        let mut purged = 0;
        loop {
            let page = self.hub.list(query.clone()).await?;
            let damaged = page.damaged.iter().map(|row| (row.id.as_str(), row.key));
            let rows = page.instances.iter().map(|row| (row.id.as_str(), row.key));
            let rows: Vec<_> = rows.chain(damaged).collect();
            purged += self.hub.purge(&rows).await.map_err(|error| error.after(purged))?;
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(purged),
            }
        }
    }
}

pub(super) fn page_size(asked: i32) -> usize {
    match usize::try_from(asked) {
        Ok(0) | Err(_) => DEFAULT_PAGE,
        Ok(size) => size.min(LARGEST_PAGE),
    }
}

fn after(token: &str) -> Result<Option<InstanceKey>, Refused> {
    let token = token.trim();
    if token.is_empty() {
        return Ok(None);
    }
    match i64::from_str_radix(token, 16) {
        Ok(key) => Ok(Some(InstanceKey(key))),
        Err(_) => Err(Refused::new(
            Code::InvalidArgument,
            "The continuation token is none that this host has given out.",
        )),
    }
}

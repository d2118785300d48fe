//! Calls about many instances.

use azure_functions_durable::protobuf::{
    ListInstanceIdsRequest, ListInstanceIdsResponse, OrchestrationState, PurgeInstanceFilter, QueryInstancesRequest,
    QueryInstancesResponse,
};

use super::{
    Call, Caller, Code, Refused,
    state::{Shown, micros, state},
};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    hub::purge::Below,
    store::{InstanceKey, InstanceQuery},
};

/// Instances of a page that asks for no number.
const DEFAULT_PAGE: usize = 100;
/// And the most that one has.
const LARGEST_PAGE: usize = 1_000;

impl Call<'_> {
    pub(super) async fn query(&self, request: QueryInstancesRequest) -> Result<QueryInstancesResponse, Refused> {
        let asked = request.query.unwrap_or_default();
        let query = InstanceQuery {
            created_from: asked.created_time_from.as_ref().map(micros),
            created_to: asked.created_time_to.as_ref().map(micros),
            statuses: statuses(&asked.runtime_status),
            id_prefix: asked.instance_id_prefix.filter(|prefix| !prefix.is_empty()),
            with_input: asked.fetch_inputs_and_outputs,
            limit: page_size(asked.max_instance_count),
            after: asked.continuation_token.as_deref().map(after).transpose()?.flatten(),
            ..InstanceQuery::default()
        };
        let page = self.hub.list(query).await?;
        for row in &page.damaged {
            log::warn!("instance '{}' is left out of a list: {}", row.id, row.problem());
        }
        let shown = Shown {
            payloads: asked.fetch_inputs_and_outputs,
            listed: true,
            whole: self.caller == Caller::Sdk,
        };
        let mut orchestration_state = Vec::with_capacity(page.instances.len());
        for row in &page.instances {
            let failure_details = match shown.payloads {
                true => self.failure(row).await,
                false => None,
            };
            orchestration_state.push(OrchestrationState {
                failure_details,
                ..state(row, shown)
            });
        }
        Ok(QueryInstancesResponse {
            orchestration_state,
            // The token of the extension ends in a blank, so that clients which trim it are found out.
            continuation_token: page.next.map(|next| format!("{:x} ", next.0)),
        })
    }

    /// Only instances that have ended are purged, whatever the filter says.
    pub(super) async fn purge_many(&self, filter: &PurgeInstanceFilter, below: Below) -> Result<usize, Refused> {
        let from = filter.created_time_from.as_ref().map(micros);
        let to = filter.created_time_to.as_ref().map(micros);
        Ok(self
            .hub
            .purge_ended(from, to, statuses(&filter.runtime_status), below)
            .await?)
    }

    /// The ids of instances that have ended, in pages: those of these statuses, if any are named, that ended in this time.
    pub(super) async fn list_ids(&self, request: ListInstanceIdsRequest) -> Result<ListInstanceIdsResponse, Refused> {
        let mut wanted = statuses(&request.runtime_status).unwrap_or_else(|| RuntimeStatus::TERMINAL.to_vec());
        wanted.retain(|status| status.is_terminal());
        let query = InstanceQuery {
            // The last change of one that has ended is its end.
            updated_from: request.completed_time_from.as_ref().map(micros),
            updated_to: request.completed_time_to.as_ref().map(micros),
            statuses: Some(wanted),
            limit: page_size(request.page_size),
            after: request.last_instance_key.as_deref().map(after).transpose()?.flatten(),
            ..InstanceQuery::default()
        };
        let page = self.hub.list(query).await?;
        let instance_ids: Vec<String> = page.instances.into_iter().map(|row| row.id).collect();
        let last = instance_ids.last().map_or("", String::as_str);
        Ok(ListInstanceIdsResponse {
            last_instance_key: page.next.map(|next| format!("{:x} {last}", next.0)),
            instance_ids,
        })
    }
}

/// `None`: all.
fn statuses(numbers: &[i32]) -> Option<Vec<RuntimeStatus>> {
    let known = numbers.iter().filter_map(|number| RuntimeStatus::from_number(*number));
    (!numbers.is_empty()).then(|| known.collect())
}

pub(super) fn page_size(asked: i32) -> usize {
    match usize::try_from(asked) {
        Ok(0) | Err(_) => DEFAULT_PAGE,
        Ok(size) => size.min(LARGEST_PAGE),
    }
}

/// What a token begins with is the place; behind it may stand the id of the instance that was last.
fn after(token: &str) -> Result<Option<InstanceKey>, Refused> {
    let token = token.trim();
    if token.is_empty() {
        return Ok(None);
    }
    let (place, _) = token.split_once(' ').unwrap_or((token, ""));
    match i64::from_str_radix(place, 16) {
        Ok(key) => Ok(Some(InstanceKey(key))),
        Err(_) => Err(Refused::new(
            Code::InvalidArgument,
            "The continuation token is none that this host has given out.",
        )),
    }
}

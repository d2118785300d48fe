//! Lists of instances, page by page or to the end, and the purge of many.

use super::address::{Query, Route};
use super::error::OrchestrationClientError;
use super::listing::Listing;
use super::wire::ClientWire;
use super::{Call, OrchestrationClient, names};
use crate::{OrchestrationRuntimeStatus, OrchestrationStatusQueryResult, PurgeHistoryResult};
use chrono::{DateTime, Utc};
use http::Method;
use serde_json::Value;
use std::collections::BTreeMap;

/// Which instances to list, and how many at a time. The default is all of them, with their input.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use = "a query does nothing until it is given to `OrchestrationClient::query_page`"]
pub struct StatusQuery {
    pub(super) created_from: Option<DateTime<Utc>>,
    pub(super) created_to: Option<DateTime<Utc>>,
    pub(super) runtime_statuses: Vec<OrchestrationRuntimeStatus>,
    pub(super) instance_id_prefix: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) hide_input: bool,
    pub(super) hide_payloads: bool,
    pub(super) top: Option<u32>,
    pub(super) continuation_token: Option<String>,
}

/// One page of a list of instances.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StatusPage {
    /// The instances. There may be fewer than asked for, even none, although there are more pages.
    pub statuses: Vec<OrchestrationStatusQueryResult>,
    /// Where the next page begins; `None` after the last one.
    pub continuation_token: Option<String>,
}

impl StatusQuery {
    /// All instances.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only instances created at this time or later.
    pub fn created_from(mut self, time: DateTime<Utc>) -> Self {
        self.created_from = Some(time);
        self
    }

    /// Only instances created at this time or earlier.
    pub fn created_to(mut self, time: DateTime<Utc>) -> Self {
        self.created_to = Some(time);
        self
    }

    /// Only instances in one of these states; none given means any.
    pub fn runtime_statuses(mut self, statuses: impl IntoIterator<Item = OrchestrationRuntimeStatus>) -> Self {
        self.runtime_statuses = statuses.into_iter().collect();
        self
    }

    /// Only instances whose id begins so.
    pub fn instance_id_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.instance_id_prefix = Some(prefix.into());
        self
    }

    /// Only instances with this tag; with several tags, those that have them all. Not over HTTP, where statuses have no tags.
    ///
    /// Hosts cannot filter by tags and leave them out of lists, so the client asks for each listed instance: narrow the list with the
    /// other filters.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Leaves out inputs, outputs and custom statuses: over gRPC they are not sent.
    pub fn without_payloads(mut self) -> Self {
        self.hide_payloads = true;
        self.show_input(false)
    }

    /// Whether to fill in the inputs.
    pub fn show_input(mut self, show: bool) -> Self {
        self.hide_input = !show;
        self
    }

    /// The size of a page, at least 1. Hosts take 100 if it is not set.
    pub fn top(mut self, top: u32) -> Self {
        self.top = Some(top.max(1));
        self
    }

    /// Goes on where a page ended: [`StatusPage::continuation_token`].
    pub fn continuation_token(mut self, token: Option<String>) -> Self {
        self.continuation_token = token;
        self
    }

    fn to_query(&self) -> Query {
        let mut query = Query::default();
        if let Some(time) = self.created_from {
            query.push("createdTimeFrom", &names::wire_time(time));
        }
        if let Some(time) = self.created_to {
            query.push("createdTimeTo", &names::wire_time(time));
        }
        push_statuses(&mut query, &self.runtime_statuses);
        if let Some(prefix) = &self.instance_id_prefix {
            query.push("instanceIdPrefix", prefix);
        }
        query.push_bool("showInput", !self.hide_input);
        if let Some(top) = self.top {
            query.push("top", &top.to_string());
        }
        query
    }
}

impl OrchestrationClient {
    /// The statuses of all instances of the task hub, without their histories. Entities are left out.
    ///
    /// # Errors
    /// The host cannot be reached, or refuses the request.
    pub async fn query_all_statuses(&self) -> Result<Vec<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        self.instances(StatusQuery::new()).into_vec().await
    }

    /// The statuses of the instances created between two times (both included; without the second, up to now) that
    /// are in one of these states (any, if none is given). Entities are left out.
    ///
    /// # Errors
    /// The host cannot be reached, or refuses the request;
    /// [`InvalidInput`](OrchestrationClientError::InvalidInput) for `Unknown` among the states.
    pub async fn query_statuses(
        &self,
        created_time_from: DateTime<Utc>,
        created_time_to: Option<DateTime<Utc>>,
        runtime_statuses: impl IntoIterator<Item = OrchestrationRuntimeStatus>,
    ) -> Result<Vec<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        let mut query = StatusQuery::new()
            .created_from(created_time_from)
            .runtime_statuses(runtime_statuses);
        query.created_to = created_time_to;
        self.instances(query).into_vec().await
    }

    /// The instances that a query asks for, one after the other, from its page on to the end of the list. Entities are left out.
    pub fn instances(&self, query: StatusQuery) -> Listing<OrchestrationStatusQueryResult> {
        let client = self.clone();
        Listing::new(query.continuation_token.clone(), move |token| {
            let (client, query) = (client.clone(), query.clone().continuation_token(token));
            Box::pin(async move {
                let page = client.query_page(&query).await?;
                Ok((page.statuses, page.continuation_token))
            })
        })
    }

    /// One page of the instances that a query asks for. Entities are left out.
    ///
    /// # Errors
    /// As [`query_statuses`](Self::query_statuses), and a host whose next page is the same one again.
    pub async fn query_page(&self, query: &StatusQuery) -> Result<StatusPage, OrchestrationClientError> {
        const OPERATION: &str = "query instances";
        check_statuses(OPERATION, &query.runtime_statuses)?;
        let mut page = self.ask_for_page(OPERATION, query).await?;
        check_progress(
            OPERATION,
            query.continuation_token.as_deref(),
            page.continuation_token.as_deref(),
        )?;
        // Entities are instances to the storage, and the HTTP API lists them.
        page.statuses.retain(|status| !status.instance_id.starts_with('@'));
        if query.hide_payloads {
            for status in &mut page.statuses {
                status.output = Value::Null;
                status.custom_status = Value::Null;
            }
        }
        Ok(page)
    }

    async fn ask_for_page(&self, operation: &str, query: &StatusQuery) -> Result<StatusPage, OrchestrationClientError> {
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.instances(operation, query).await;
        }
        if !query.tags.is_empty() {
            return Err(OrchestrationClientError::unsupported(
                operation,
                ClientWire::Http,
                "the durable HTTP API does not show the tags of instances",
            ));
        }
        let mut call = Call::new(operation, Method::GET, Route::Instances);
        call.query = query.to_query();
        call.continuation_token = query.continuation_token.as_deref();
        let answer = self.send(call).await?;
        if answer.status != 200 {
            return Err(answer.unexpected(operation));
        }
        Ok(StatusPage {
            statuses: answer.json(operation)?,
            continuation_token: answer.continuation_token,
        })
    }

    /// Removes the ended instances created between two times (both included; without `created_time_to` until now) that
    /// are in one of these states (any terminal one, if none is given).
    ///
    /// Instances that have not ended are never touched: states that are not terminal are taken off the list, and if
    /// nothing is left, nothing is sent.
    ///
    /// # Errors
    /// The host cannot be reached, or refuses the request.
    pub async fn purge_histories(
        &self,
        created_time_from: DateTime<Utc>,
        created_time_to: Option<DateTime<Utc>>,
        runtime_statuses: impl IntoIterator<Item = OrchestrationRuntimeStatus>,
    ) -> Result<PurgeHistoryResult, OrchestrationClientError> {
        const OPERATION: &str = "purge instances";
        // A host that finds no terminal state on the list takes it for no filter at all, and purges running instances.
        let mut asked = runtime_statuses.into_iter().peekable();
        let statuses: Vec<_> = match asked.peek() {
            None => OrchestrationRuntimeStatus::TERMINAL.to_vec(),
            Some(_) => asked.filter(|status| status.is_terminal()).collect(),
        };
        if statuses.is_empty() {
            return Ok(PurgeHistoryResult::default());
        }
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc
                .purge_many(OPERATION, created_time_from, created_time_to, &statuses)
                .await;
        }
        let mut call = Call::new(OPERATION, Method::DELETE, Route::Instances);
        call.query.push("createdTimeFrom", &names::wire_time(created_time_from));
        if let Some(time) = created_time_to {
            call.query.push("createdTimeTo", &names::wire_time(time));
        }
        push_statuses(&mut call.query, &statuses);
        let answer = self.send(call).await?;
        match answer.status {
            200 => answer.json(OPERATION),
            404 => Ok(PurgeHistoryResult::default()),
            _ => Err(answer.unexpected(OPERATION)),
        }
    }
}

/// `Unknown` is no state that a host could look for.
fn check_statuses(operation: &str, statuses: &[OrchestrationRuntimeStatus]) -> Result<(), OrchestrationClientError> {
    if statuses.contains(&OrchestrationRuntimeStatus::Unknown) {
        return Err(OrchestrationClientError::input(
            operation,
            "`Unknown` is no state to filter by",
        ));
    }
    Ok(())
}

/// A list whose next page is the same one again would never end.
pub(super) fn check_progress(
    operation: &str,
    token: Option<&str>,
    next: Option<&str>,
) -> Result<(), OrchestrationClientError> {
    if next.is_some() && next == token {
        return Err(OrchestrationClientError::InvalidResponse {
            operation: operation.to_owned(),
            source: "the continuation token leads back to the same page".into(),
        });
    }
    Ok(())
}

/// One list, by exact names: a host drops a name that it does not know, and with the last one the whole filter.
fn push_statuses(query: &mut Query, statuses: &[OrchestrationRuntimeStatus]) {
    if !statuses.is_empty() {
        let names: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
        query.push_verbatim(&format!("runtimeStatus={}", names.join(",")));
    }
}

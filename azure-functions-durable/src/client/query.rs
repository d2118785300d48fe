//! Lists of instances, page by page or to the end, and the purge of many.

use super::address::{Query, Route};
use super::error::OrchestrationClientError;
use super::{Call, OrchestrationClient, names};
use crate::{OrchestrationRuntimeStatus, OrchestrationStatusQueryResult, PurgeHistoryResult};
use chrono::{DateTime, Utc};
use http::Method;

/// Which instances to list, and how many at a time. The default is all of them, with their input.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use = "a query does nothing until it is given to `OrchestrationClient::query_page`"]
pub struct StatusQuery {
    created_from: Option<DateTime<Utc>>,
    created_to: Option<DateTime<Utc>>,
    runtime_statuses: Vec<OrchestrationRuntimeStatus>,
    instance_id_prefix: Option<String>,
    hide_input: bool,
    top: Option<u32>,
    continuation_token: Option<String>,
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

    fn to_query(&self, operation: &str) -> Result<Query, OrchestrationClientError> {
        let mut query = Query::default();
        if let Some(time) = self.created_from {
            query.push("createdTimeFrom", &names::wire_time(time));
        }
        if let Some(time) = self.created_to {
            query.push("createdTimeTo", &names::wire_time(time));
        }
        push_statuses(&mut query, operation, &self.runtime_statuses)?;
        if let Some(prefix) = &self.instance_id_prefix {
            query.push("instanceIdPrefix", prefix);
        }
        query.push_bool("showInput", !self.hide_input);
        if let Some(top) = self.top {
            query.push("top", &top.to_string());
        }
        Ok(query)
    }
}

impl OrchestrationClient {
    /// The statuses of all instances of the task hub, without their histories. Entities are left out.
    ///
    /// # Errors
    /// The host cannot be reached, or refuses the request.
    pub async fn query_all_statuses(&self) -> Result<Vec<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        self.query_to_the_end(StatusQuery::new()).await
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
        self.query_to_the_end(query).await
    }

    async fn query_to_the_end(
        &self,
        mut query: StatusQuery,
    ) -> Result<Vec<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        let mut statuses = Vec::new();
        loop {
            let page = self.query_page(&query).await?;
            statuses.extend(page.statuses);
            if page.continuation_token.is_none() {
                return Ok(statuses);
            }
            query.continuation_token = page.continuation_token;
        }
    }

    /// One page of the instances that a query asks for. Entities are left out.
    ///
    /// # Errors
    /// As [`query_statuses`](Self::query_statuses), and a host whose next page is the same one again.
    pub async fn query_page(&self, query: &StatusQuery) -> Result<StatusPage, OrchestrationClientError> {
        const OPERATION: &str = "query instances";
        let mut call = Call::new(OPERATION, Method::GET, Route::Instances);
        call.query = query.to_query(OPERATION)?;
        call.continuation_token = query.continuation_token.as_deref();
        let answer = self.send(call).await?;
        if answer.status != 200 {
            return Err(answer.unexpected(OPERATION));
        }
        if answer.continuation_token.is_some() && answer.continuation_token == query.continuation_token {
            return Err(OrchestrationClientError::InvalidResponse {
                operation: OPERATION.to_owned(),
                source: "the continuation token leads back to the same page".into(),
            });
        }
        let mut statuses: Vec<OrchestrationStatusQueryResult> = answer.json(OPERATION)?;
        // Entities are instances to the storage, and the HTTP API lists them.
        statuses.retain(|status| !status.instance_id.starts_with('@'));
        Ok(StatusPage {
            statuses,
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
        let mut call = Call::new(OPERATION, Method::DELETE, Route::Instances);
        call.query.push("createdTimeFrom", &names::wire_time(created_time_from));
        if let Some(time) = created_time_to {
            call.query.push("createdTimeTo", &names::wire_time(time));
        }
        push_statuses(&mut call.query, OPERATION, &statuses)?;
        let answer = self.send(call).await?;
        match answer.status {
            200 => answer.json(OPERATION),
            404 => Ok(PurgeHistoryResult::default()),
            _ => Err(answer.unexpected(OPERATION)),
        }
    }
}

/// One list, by exact names: a host drops a name that it does not know, and with the last one the whole filter.
fn push_statuses(
    query: &mut Query,
    operation: &str,
    statuses: &[OrchestrationRuntimeStatus],
) -> Result<(), OrchestrationClientError> {
    if statuses.contains(&OrchestrationRuntimeStatus::Unknown) {
        return Err(OrchestrationClientError::input(
            operation,
            "`Unknown` is no state to filter by",
        ));
    }
    if !statuses.is_empty() {
        let names: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
        query.push_verbatim(&format!("runtimeStatus={}", names.join(",")));
    }
    Ok(())
}

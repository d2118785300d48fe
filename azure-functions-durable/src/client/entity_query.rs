//! Lists of entities, page by page or to the end.

use super::address::{Query, Route};
use super::error::OrchestrationClientError;
use super::listing::Listing;
use super::wire::ClientWire;
use super::{Call, OrchestrationClient, names};
use crate::{EntityId, EntityStatus};
use chrono::{DateTime, Utc};
use http::Method;

/// Which entities to list, and how many at a time. The default is all of them, without their states.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use = "a query does nothing until it is given to `OrchestrationClient::list_entities`"]
pub struct EntityQuery {
    pub(super) name: Option<String>,
    pub(super) key_prefix: Option<String>,
    pub(super) last_operation_from: Option<DateTime<Utc>>,
    pub(super) last_operation_to: Option<DateTime<Utc>>,
    pub(super) fetch_state: bool,
    pub(super) transient: bool,
    pub(super) top: Option<u32>,
    pub(super) continuation_token: Option<String>,
}

/// One page of a list of entities.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EntityPage {
    /// The entities. There may be fewer than asked for, even none, although there are more pages.
    pub entities: Vec<EntityStatus>,
    /// Where the next page begins; `None` after the last one.
    pub continuation_token: Option<String>,
}

impl EntityQuery {
    /// All entities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only entities of the function with this name, in any case.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only entities whose key begins so, of the function that [`name`](Self::name) says. Not over HTTP.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = Some(prefix.into());
        self
    }

    /// Whether to list entities without a state, too, which wait for messages or are locked. Not over HTTP.
    pub fn include_transient(mut self, include: bool) -> Self {
        self.transient = include;
        self
    }

    /// Only entities that last ran an operation at this time or later.
    pub fn last_operation_from(mut self, time: DateTime<Utc>) -> Self {
        self.last_operation_from = Some(time);
        self
    }

    /// Only entities that last ran an operation at this time or earlier.
    pub fn last_operation_to(mut self, time: DateTime<Utc>) -> Self {
        self.last_operation_to = Some(time);
        self
    }

    /// Whether to fill in the states.
    pub fn fetch_state(mut self, fetch: bool) -> Self {
        self.fetch_state = fetch;
        self
    }

    /// The size of a page, at least 1. Hosts take 100 if it is not set.
    pub fn top(mut self, top: u32) -> Self {
        self.top = Some(top.max(1));
        self
    }

    /// Goes on where a page ended: [`EntityPage::continuation_token`].
    pub fn continuation_token(mut self, token: Option<String>) -> Self {
        self.continuation_token = token;
        self
    }

    fn to_query(&self) -> Query {
        let mut query = Query::default();
        if let Some(time) = self.last_operation_from {
            query.push("lastOperationTimeFrom", &names::wire_time(time));
        }
        if let Some(time) = self.last_operation_to {
            query.push("lastOperationTimeTo", &names::wire_time(time));
        }
        query.push_bool("fetchState", self.fetch_state);
        if let Some(top) = self.top {
            query.push("top", &top.to_string());
        }
        query
    }
}

impl OrchestrationClient {
    /// The entities that a query asks for, from its page on to the end of the list.
    ///
    /// ```no_run
    /// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use azure_functions_durable::EntityQuery;
    ///
    /// for counter in client.list_entities(&EntityQuery::new().name("counter").fetch_state(true)).await? {
    ///     println!("{}: {}", counter.entity_id, counter.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The host cannot be reached, or refuses the request; a host whose next page is the same one again;
    /// [`InvalidInput`](OrchestrationClientError::InvalidInput) if no entity can have the name asked for.
    pub async fn list_entities(&self, query: &EntityQuery) -> Result<Vec<EntityStatus>, OrchestrationClientError> {
        self.entities(query.clone()).into_vec().await
    }

    /// The entities that a query asks for, one after the other, from its page on to the end of the list.
    pub fn entities(&self, query: EntityQuery) -> Listing<EntityStatus> {
        let client = self.clone();
        Listing::new(query.continuation_token.clone(), move |token| {
            let (client, query) = (client.clone(), query.clone().continuation_token(token));
            Box::pin(async move {
                let page = client.list_entities_page(&query).await?;
                Ok((page.entities, page.continuation_token))
            })
        })
    }

    /// One page of the entities that a query asks for.
    ///
    /// # Errors
    /// As [`list_entities`](Self::list_entities).
    pub async fn list_entities_page(&self, query: &EntityQuery) -> Result<EntityPage, OrchestrationClientError> {
        const OPERATION: &str = "list entities";
        // Checked, and in the case that the host knows.
        let name = match &query.name {
            Some(name) => Some(
                EntityId::new(name, "")
                    .map_err(|error| OrchestrationClientError::input(OPERATION, error.to_string()))?,
            ),
            None => None,
        };
        let name = name.as_ref().map(EntityId::name);
        if query.key_prefix.is_some() && name.is_none() {
            return Err(OrchestrationClientError::input(
                OPERATION,
                "a prefix of keys needs the name of the entities",
            ));
        }
        let page = self.ask_for_entities(OPERATION, query, name).await?;
        super::query::check_progress(
            OPERATION,
            query.continuation_token.as_deref(),
            page.continuation_token.as_deref(),
        )?;
        Ok(page)
    }

    async fn ask_for_entities(
        &self,
        operation: &str,
        query: &EntityQuery,
        name: Option<&str>,
    ) -> Result<EntityPage, OrchestrationClientError> {
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.entities(operation, query, name).await;
        }
        if query.key_prefix.is_some() || query.transient {
            return Err(OrchestrationClientError::unsupported(
                operation,
                ClientWire::Http,
                "the durable HTTP API filters neither by a prefix of keys nor for entities without a state",
            ));
        }
        let mut call = Call::new(operation, Method::GET, Route::Entities(name));
        call.query = query.to_query();
        call.continuation_token = query.continuation_token.as_deref();
        let answer = self.send(call).await?;
        if answer.status != 200 {
            return Err(answer.unexpected(operation));
        }
        Ok(EntityPage {
            entities: answer.json(operation)?,
            continuation_token: answer.continuation_token,
        })
    }
}

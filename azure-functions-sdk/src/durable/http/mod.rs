//! The durable HTTP API: what management URLs, clients of all languages and plain `curl` speak.
//!
//! Status codes are those of the newest extension, except that starting an unknown function is refused with 400 as
//! older ones did. Instances and entities are kept apart: listings, status and purges of instances know no entities.

mod entities;
mod history_events;
mod list;
mod operations;
mod purge;
mod query;
mod response;
mod route;
mod start;
mod status;

use std::sync::Arc;

use azure_functions_durable::TraceContext;
use bytes::Bytes;
use http::{Request, Response, StatusCode};

use self::{
    query::Query,
    response::{bad_argument, empty, error, json},
    route::{Route, decode, route},
};
use super::{
    binding::UrlBase,
    hub::{Inner, TaskHub, request_error::RequestError},
};

/// How a request reached the API: what the URLs in its answer begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Via {
    /// Absolute URL of what was stripped from the request's path; without a trailing slash.
    pub base: String,
    /// Public webhook base for management URLs; without a trailing slash.
    pub webhook: String,
    /// Key for management URLs, as it is to stand in them.
    pub code: Option<String>,
}

impl Via {
    /// A request to the public webhook.
    #[must_use]
    pub fn webhook(base: impl Into<String>) -> Self {
        let base = base.into().trim_end_matches('/').to_owned();
        Self {
            webhook: base.clone(),
            base,
            code: None,
        }
    }

    /// A request to the loopback listener; the webhook base is where management URLs point.
    #[must_use]
    pub fn rpc(base: impl Into<String>, webhook: impl Into<String>) -> Self {
        Self {
            base: base.into().trim_end_matches('/').to_owned(),
            ..Self::webhook(webhook)
        }
    }

    /// Sets the key for management URLs.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

/// The task hub that a request names in its query.
#[cfg(feature = "host")]
pub(crate) fn asked_hub(uri: &http::Uri) -> Option<String> {
    let query = Query::parse(uri.query().unwrap_or_default());
    query.first("taskhub").map(str::to_owned)
}

/// One request, as the routes see it.
struct Call<'a> {
    hub: &'a Arc<Inner>,
    request: &'a Request<Bytes>,
    query: Query,
    via: &'a Via,
}

impl TaskHub {
    /// Answers one request of the durable HTTP API; the path has lost its base.
    pub async fn handle(&self, request: Request<Bytes>, via: &Via) -> Response<Bytes> {
        handle(&self.inner, request, via).await
    }
}

async fn handle(hub: &Arc<Inner>, request: Request<Bytes>, via: &Via) -> Response<Bytes> {
    let Some(path) = decode(request.uri().path()) else {
        return error(StatusCode::BAD_REQUEST, "The path of the request is not UTF-8.", None);
    };
    let Some(route) = route(request.method(), &path) else {
        return empty(StatusCode::NOT_FOUND);
    };
    if request.body().len() > hub.options.max_request_body {
        let limit = format!("The request body is larger than {} bytes", hub.options.max_request_body);
        return error(StatusCode::PAYLOAD_TOO_LARGE, &limit, None);
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    if let Some(other) = query
        .first("taskhub")
        .filter(|name| !name.eq_ignore_ascii_case(hub.options.name.as_str()))
    {
        log::debug!("a request for task hub '{other}', which is not this one, was answered with 404");
        return empty(StatusCode::NOT_FOUND);
    }
    let call = Call {
        hub,
        request: &request,
        query,
        via,
    };
    let answer = match route {
        Route::Start { function, instance } => call.start(function, instance).await,
        Route::Status(id) => call.status(id).await,
        Route::List => call.list().await,
        Route::Purge(id) => call.purge(id).await,
        Route::PurgeMany => call.purge_many().await,
        Route::RaiseEvent { instance, event } => call.raise_event(instance, event).await,
        Route::Terminate(id) => call.terminate(id).await,
        Route::Suspend(id) => call.suspend(id).await,
        Route::Resume(id) => call.resume(id).await,
        Route::Rewind(id) => call.rewind(id).await,
        Route::Restart(id) => call.restart(id).await,
        Route::ReadEntity { name, key } => call.read_entity(name, key).await,
        Route::ListEntities(name) => call.list_entities(name).await,
        Route::SignalEntity { name, key } => call.signal_entity(name, key, None).await,
        Route::DeleteEntity { name, key } => call.signal_entity(name, key, Some("delete")).await,
        Route::MakePrimary => Ok(empty(StatusCode::OK)),
    };
    answer.unwrap_or_else(|refused| refusal(&refused))
}

impl Call<'_> {
    /// The trace that the request belongs to.
    fn trace(&self) -> Option<TraceContext> {
        TraceContext::from_headers(self.request.headers())
    }

    fn urls(&self) -> UrlBase<'_> {
        UrlBase {
            webhook: &self.via.webhook,
            task_hub: self.hub.options.name.as_str(),
            connection: self.query.first("connection").unwrap_or(&self.hub.options.connection),
            code: self.via.code.as_deref(),
        }
    }

    /// The URL that the client called.
    fn own_url(&self) -> String {
        let uri = self.request.uri();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}/{}{query}", self.via.base, uri.path().trim_start_matches('/'))
    }
}

/// The answer to a request that failed, where the route has no other.
fn refusal(error: &RequestError) -> Response<Bytes> {
    let text = error.to_string();
    match error {
        RequestError::NotFound => empty(StatusCode::NOT_FOUND),
        RequestError::Ended(_) => empty(StatusCode::GONE),
        RequestError::NotFailed(_) | RequestError::FailedLocked { .. } => json(StatusCode::PRECONDITION_FAILED, &text),
        RequestError::InUse(_) => self::error(StatusCode::CONFLICT, &text, None),
        RequestError::InvalidEntity(_) => self::error(StatusCode::BAD_REQUEST, &text, None),
        RequestError::InvalidJson(_) => self::error(StatusCode::BAD_REQUEST, "Invalid JSON content", Some(&text)),
        RequestError::InvalidId(_) | RequestError::InvalidQuery(_) | RequestError::UnknownFunction(_) => {
            bad_argument(&text)
        }
        RequestError::Unavailable(_) => self::error(StatusCode::SERVICE_UNAVAILABLE, &text, None),
        RequestError::Unconfirmed(_) => self::error(StatusCode::GATEWAY_TIMEOUT, &text, None),
        RequestError::WrongState(_) | RequestError::Damaged(_) | RequestError::Broken(_) => self::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong while processing your request",
            Some(&text),
        ),
    }
}

type Answer = Result<Response<Bytes>, RequestError>;

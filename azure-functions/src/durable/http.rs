//! Durable HTTP calls: requests that the host makes for an orchestration.

use super::{
    CallError, DurableOrchestrationContext, RetryOptions,
    replay::{
        core::Core,
        history::Event,
        http_call::{Identity, Request},
        operation::Answered,
    },
    task_future::Handle,
};
use crate::durable::replay::ids::{OpId, Site};
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};
use url::Url;

/// A request for [`call_http`](DurableOrchestrationContext::call_http).
///
/// ```
/// use azure_functions::durable::{DurableHttpRequest, RetryOptions};
/// use std::time::Duration;
///
/// let request = DurableHttpRequest::post("https://example.org/jobs")
///     .header("x-trace", "b-17")
///     .json(&["resize", "crop"])
///     .timeout(Duration::from_secs(30))
///     .retry(&RetryOptions::new(Duration::from_secs(5), 3));
/// # let _ = request;
/// ```
#[derive(Clone)]
#[must_use = "a request does nothing until it is given to `context.call_http(..)`"]
pub struct DurableHttpRequest {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    content: Result<Option<String>, String>,
    timeout: Option<Duration>,
    polling: bool,
    retry: Option<RetryOptions>,
    retry_statuses: Vec<u16>,
    identity: Option<ManagedIdentity>,
}

impl DurableHttpRequest {
    /// A request of any method to an absolute `http` or `https` address.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            content: Ok(None),
            timeout: None,
            polling: true,
            retry: None,
            retry_statuses: Vec::new(),
            identity: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. What it says is kept in the history of the instance, so give secrets by
    /// [`managed_identity`](Self::managed_identity), or make the request in an activity.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, as text; `text/plain` unless a header says otherwise.
    pub fn body(mut self, content: impl Into<String>) -> Self {
        self.content = Ok(Some(content.into()));
        self
    }

    /// The body, as JSON, with its content type.
    pub fn json<T: Serialize + ?Sized>(mut self, content: &T) -> Self {
        match serde_json::to_string(content) {
            Ok(json) => self.body(json).header("Content-Type", "application/json"),
            Err(error) => {
                self.content = Err(error.to_string());
                self
            }
        }
    }

    /// How long each single request may take; the host has a limit of its own otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Tries a request again that fails or is answered by no success (200 to 299). Applies to each poll too, counted anew.
    /// When no attempt is left, the last answer is the result.
    pub fn retry(mut self, options: &RetryOptions) -> Self {
        self.retry = Some(*options);
        self
    }

    /// Which statuses are tried again, if not all that are no success. Needs [`retry`](Self::retry).
    pub fn retry_statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.retry_statuses = statuses.into_iter().collect();
        self
    }

    /// Takes an answer of 202 as the result. By default its `Location` is asked again, as its `Retry-After` says, until
    /// the answer is another; the orchestration sleeps meanwhile. Without a `Retry-After`, it is asked again after 30 seconds, or
    /// what the host is configured to wait.
    pub fn without_polling(mut self) -> Self {
        self.polling = false;
        self
    }

    /// Has the host add a token of its managed identity.
    pub fn managed_identity(mut self, identity: ManagedIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The first request, if it can be made.
    fn check(self) -> Result<Request, CallError> {
        let refused = |reason: String| CallError::HttpRequest { reason };
        let url = Url::parse(&self.url).map_err(|e| {
            let kind = if e == url::ParseError::RelativeUrlWithoutBase {
                "is not absolute"
            } else {
                "cannot be read"
            };
            refused(format!("its address `{}` {kind}: {e}", without_secrets(&self.url)))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(format!("`{}` is not `http` or `https`", url.scheme())));
        }
        if self.method.parse::<Method>().is_err() {
            return Err(refused(format!("`{}` is no method", self.method)));
        }
        for (name, value) in &self.headers {
            if name.parse::<HeaderName>().is_err() {
                return Err(refused(format!("`{name}` is no name of a header")));
            }
            if value.parse::<HeaderValue>().is_err() {
                return Err(refused(format!("the value of the header `{name}` is none")));
            }
        }
        Ok(Request {
            method: self.method,
            url,
            headers: self.headers,
            content: self
                .content
                .map_err(|e| refused(format!("its body cannot be written as JSON: {e}")))?,
            timeout: self.timeout,
            identity: self.identity.map(|identity| identity.0),
        })
    }
}

/// An address that is none, for a message: without user and password, query and fragment.
fn without_secrets(address: &str) -> String {
    let (path, rest) = address.split_at(address.find(['?', '#']).unwrap_or(address.len()));
    let scheme = path.find("//").map_or("", |slashes| &path[..slashes + 2]);
    // What cannot be parsed has no sure end of its userinfo: a password may hold a question mark.
    match path.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}{place}"),
        None if rest.contains('@') && !scheme.is_empty() => format!("{scheme}..."),
        None => path.to_owned(),
    }
}

impl fmt::Debug for DurableHttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address, headers and body may hold secrets.
        f.debug_struct("DurableHttpRequest")
            .field("method", &self.method)
            .field("polling", &self.polling)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// The managed identity of the function app in Azure, as the source of a token.
#[derive(Clone, Debug)]
pub struct ManagedIdentity(Identity);

impl ManagedIdentity {
    /// A token for this resource, as `https://management.core.windows.net`.
    pub fn new(resource: impl Into<String>) -> Self {
        Self(Identity {
            resource: resource.into(),
            authority_host: None,
            tenant_id: None,
        })
    }

    /// Who gives the token, if not the authority of the public cloud.
    #[must_use]
    pub fn authority_host(mut self, host: impl Into<String>) -> Self {
        self.0.authority_host = Some(host.into());
        self
    }

    /// The tenant to ask.
    #[must_use]
    pub fn tenant_id(mut self, tenant: impl Into<String>) -> Self {
        self.0.tenant_id = Some(tenant.into());
        self
    }
}

/// The answer to a durable HTTP call. The host leaves out headers about the content, such as its type.
///
/// serde reads and writes it as hosts do, so that it can be the input of an activity, or the output of an orchestration: an object
/// with `statusCode`, `headers` and `content`, where a header with several values has them as a list.
///
/// ```
/// # use azure_functions::durable::DurableHttpResponse;
/// let text = r#"{"statusCode":200,"headers":{"Server":"x","Set-Cookie":["a=1","b=2"]},"content":"hi"}"#;
/// let answer: DurableHttpResponse = serde_json::from_str(text)?;
/// assert_eq!(answer.headers().filter(|(name, _)| *name == "Set-Cookie").count(), 2);
/// assert_eq!(serde_json::to_string(&answer)?, text);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DurableHttpResponse {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Values>>,
    #[serde(default)]
    content: Option<String>,
}

/// The values of a header: one as a text, others as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Values(Vec<String>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [value] => value.serialize(serializer),
            values => values.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::String(value) => vec![value],
            Value::Array(values) => values.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }))
    }
}

impl DurableHttpResponse {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_code
    }

    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status_code)
    }

    /// The first value of a header. Names compare ignoring case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All headers, ordered by name; one that has several values comes several times.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter().flatten();
        headers.flat_map(|(name, values)| values.0.iter().map(move |value| (name.as_str(), value.as_str())))
    }

    /// The body as text; empty if there is none.
    #[must_use]
    pub fn text(&self) -> &str {
        self.content.as_deref().unwrap_or_default()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// If it has another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }
}

impl<T> DurableOrchestrationContext<T> {
    /// Has the host make an HTTP request, and waits for the answer. Whatever its status, an answer is a result; an error is
    /// a request that got none. An answer of 202 with a `Location` is no result yet: that place is asked again after the time that
    /// `Retry-After` gives, or after 30 seconds if there is none, until the answer is another
    /// ([`without_polling`](DurableHttpRequest::without_polling) takes it as the result).
    ///
    /// ```
    /// # use azure_functions::{bindings::DurableOrchestrationContext, durable::DurableHttpRequest, func};
    /// # use std::error::Error;
    /// #[func]
    /// pub async fn resize(context: DurableOrchestrationContext) -> Result<(), Box<dyn Error + Send + Sync>> {
    ///     let job = DurableHttpRequest::post("https://example.org/jobs").json(&context.input());
    ///     let answer = context.call_http(job).await?;
    ///     if !answer.is_success() {
    ///         return Err(format!("the job ended with {}: {}", answer.status(), answer.text()).into());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn call_http(&self, request: DurableHttpRequest) -> HttpCall {
        let (core, site) = (&self.core, Location::caller());
        let (polling, retry, statuses) = (request.polling, request.retry, request.retry_statuses.clone());
        let request = request.check();
        if !core.touch(site) {
            return HttpCall::made(core, core.inert(site), site);
        }
        match request {
            Ok(request) => {
                let op = core.issue_http(request, polling, retry, statuses, site);
                HttpCall::made(core, op, site)
            }
            Err(error) => HttpCall {
                core: Rc::clone(core),
                state: State::Refused(Some(error)),
            },
        }
    }
}

/// Future of [`call_http`](DurableOrchestrationContext::call_http): the answer.
#[must_use = "the request has been made, but its answer is lost unless you `.await` it"]
#[derive(Debug)]
pub struct HttpCall {
    core: Rc<Core>,
    state: State,
}

#[derive(Debug)]
enum State {
    Refused(Option<CallError>),
    Made(Handle),
}

impl HttpCall {
    fn made(core: &Rc<Core>, op: OpId, site: Site) -> Self {
        Self {
            core: Rc::clone(core),
            state: State::Made(Handle::new(core, op, site)),
        }
    }
}

impl HttpCall {
    /// A name for this call in reports, as that of [`ActivityCall::named`](super::ActivityCall::named).
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        let site = Location::caller();
        if let State::Made(Handle { core, op, .. }) = &self.state
            && core.touch(site)
        {
            core.amend_label(*op, name, site);
        }
        self
    }
}

impl Future for HttpCall {
    type Output = Result<DurableHttpResponse, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { core, state } = &mut *self;
        let answered = match state {
            State::Refused(error) => match error.take() {
                Some(error) => return Poll::Ready(Err(error)),
                None => core.refuse_repoll(),
            },
            State::Made(handle) => ready!(handle.poll(cx)),
        };
        let history = &core.history;
        let result = match answered {
            Answered::Event(place) => match history.event(place) {
                Some(Event::Completed { result, .. }) => history.nested_json(result),
                _ => return Poll::Ready(Err(CallError::http_from_history(history, place))),
            },
            // Nothing else answers a request.
            _ => Ok(Value::Null),
        };
        Poll::Ready(
            result
                .and_then(serde_json::from_value)
                .map_err(|source| CallError::HttpResponse { source }),
        )
    }
}

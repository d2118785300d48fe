//! The client itself: how it is made, its options, and the one place from which requests are sent.

mod address;
mod answer;
mod binding;
mod check_status;
mod entity;
mod entity_query;
mod error;
#[cfg(feature = "grpc")]
mod grpc;
mod history;
mod instance;
mod listing;
mod names;
mod query;
mod retries;
mod start;
mod status;
mod storage;
mod template;
mod trace;
mod transport;
mod wait;
mod wire;

#[cfg(test)]
mod tests;

pub use check_status::CheckStatusResponse;
pub use entity_query::{EntityPage, EntityQuery};
pub use error::OrchestrationClientError;
pub use history::HistoryStream;
pub use listing::Listing;
pub use query::{StatusPage, StatusQuery};
pub use retries::Retries;
pub use start::StartOrchestration;
pub use status::QueryStatus;
pub use storage::{CleanEntityStorage, CleanEntityStorageResult};
pub use transport::{Exchange, Pause, Transport, TransportError};
pub use wait::WaitOutcome;
pub use wire::ClientWire;

/// What an operation with options becomes when it is awaited: a future that any thread can run.
pub type ClientFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

use crate::TraceContext;
use address::{Query, Route};
use answer::{Answer, CONTINUATION_HEADER};
use binding::{Binding, Endpoint};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use transport::Tcp;
use url::Url;

/// How long a request may take, unless [`OrchestrationClient::with_request_timeout`] says otherwise: what other clients
/// of this API allow.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(100);

/// The task hub of a server that is told of none.
#[cfg(feature = "grpc")]
const DEFAULT_TASK_HUB: &str = "default";

/// Starts, queries and manages orchestrations of one task hub, through the durable HTTP API of the host or its gRPC service.
///
/// It is made from the JSON text of a durable client binding and works in any tokio program, or on any executor if another
/// [`Transport`] needs no tokio. A clone costs a few reference counts; all clients of a process share their connections: one for each
/// address over gRPC, as many as there are requests at a time over HTTP.
///
/// Instance ids must not be blank, `.` or `..`, nor have `/`, `\`, `?`, `#` or control characters: the routes of the
/// HTTP API cannot carry those. Such an id is refused before anything is sent, over gRPC, too.
#[derive(Clone)]
pub struct OrchestrationClient {
    binding: Arc<Binding>,
    transport: Arc<dyn Transport>,
    #[cfg(feature = "grpc")]
    grpc: Option<grpc::address::Address>,
    public_base: Option<Arc<str>>,
    request_timeout: Duration,
    retries: Retries,
    /// What asks for starts and signals.
    trace: Option<TraceContext>,
}

impl OrchestrationClient {
    /// Sets the trace that the orchestrations belong to which this client starts, and the signals that it sends. The client that a function
    /// has as its parameter belongs to the trace of the invocation. With the feature `opentelemetry`, the span that is current when
    /// something is asked for counts more.
    #[must_use]
    pub fn with_trace_context(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// What asks for a start or a signal now.
    fn trace(&self) -> Option<TraceContext> {
        trace::current().or_else(|| self.trace.clone())
    }

    /// Begins the span of a start that is asked for here.
    fn begin_start(&self, name: &str, version: Option<&str>, instance_id: Option<&str>) -> trace::StartSpan {
        trace::StartSpan::begin(self.trace(), name, version, instance_id)
    }
}

impl OrchestrationClient {
    /// A client from the data that a host gives a `durableClient` (or `orchestrationClient`) binding.
    ///
    /// Only `taskHubName` must be there; unknown members are ignored. Requests go to the host's loopback listener
    /// (`rpcBaseUrl`) if there is one, over gRPC if there are no `creationUrls` beside it; else to the public webhook (`baseUrl`
    /// with `requiredQueryStringParameters`), else to the ready-made URLs in `creationUrls` and `managementUrls`.
    ///
    /// # Errors
    /// [`InvalidBinding`](OrchestrationClientError::InvalidBinding) if the text is no such data, and
    /// [`UnsupportedBinding`](OrchestrationClientError::UnsupportedBinding) if the host offers the API over gRPC only and the
    /// feature `grpc` is off.
    pub fn from_binding(json: &str) -> Result<Self, OrchestrationClientError> {
        let binding = Binding::parse(json)?;
        Ok(Self {
            transport: Tcp::shared(),
            #[cfg(feature = "grpc")]
            grpc: grpc::address::Address::of(&binding)?,
            public_base: None,
            request_timeout: match &binding.endpoint {
                Endpoint::Grpc(_) => binding.grpc_timeout.unwrap_or(REQUEST_TIMEOUT),
                _ => REQUEST_TIMEOUT,
            },
            retries: Retries::default(),
            trace: None,
            binding: Arc::new(binding),
        })
    }

    /// A client of a Durable Task server: the Durable Task Scheduler, its emulator, `cargo func host`, or any other that serves its gRPC
    /// API.
    ///
    /// Connections are made when they are needed. [`task_hub`](Self::task_hub) is `default` where the address names none. Servers need not
    /// serve the durable HTTP API, to which the links of [`create_check_status_response`](Self::create_check_status_response) lead.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use azure_functions_durable::OrchestrationClient;
    ///
    /// let client = OrchestrationClient::open(&"http://127.0.0.1:4001".parse()?)?;
    /// let id = client.start_orchestration("greet", "Tokyo").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ServerAddressError`](crate::ServerAddressError) says: TLS or tokens are asked for and cannot be had, or the name of the task
    /// hub cannot be sent.
    #[cfg(feature = "grpc")]
    pub fn open(server: &crate::ServerAddress) -> Result<Self, crate::ServerAddressError> {
        let grpc = grpc::address::Address::of_server(server)?;
        Ok(Self {
            transport: Tcp::shared(),
            grpc: Some(grpc),
            public_base: None,
            request_timeout: REQUEST_TIMEOUT,
            retries: Retries::default(),
            trace: None,
            binding: Arc::new(Binding::of_server(
                server.origin(),
                server.task_hub().unwrap_or(DEFAULT_TASK_HUB),
            )),
        })
    }

    /// Whether requests go over HTTP or over gRPC.
    pub fn wire(&self) -> ClientWire {
        match self.binding.endpoint {
            Endpoint::Grpc(_) => ClientWire::Grpc,
            _ => ClientWire::Http,
        }
    }

    /// Sets what callers from outside see in front of `/runtime/webhooks/durabletask`: scheme, host, port, and a path if
    /// a proxy puts the app below one. It goes into the links of
    /// [`create_check_status_response`](Self::create_check_status_response), not into the client's own requests.
    ///
    /// # Errors
    /// [`InvalidInput`](OrchestrationClientError::InvalidInput) if `url` is not an absolute http or https URL.
    pub fn with_public_base(mut self, url: &str) -> Result<Self, OrchestrationClientError> {
        let parsed = Url::parse(url).ok().filter(binding::is_web);
        let Some(parsed) = parsed else {
            return Err(OrchestrationClientError::input(
                "set the public base",
                format!("`{}` is not an absolute http or https URL", error::excerpt(url)),
            ));
        };
        let path = parsed.path().trim_end_matches('/');
        self.public_base = Some(format!("{}{path}", parsed.origin().ascii_serialization()).into());
        Ok(self)
    }

    /// Sets how long one request may take until its whole answer is there, over gRPC with all [its attempts](Retries). The default is
    /// 100 seconds, or over gRPC what the binding says (`grpcHttpClientTimeout`). Waits for an instance have limits of their own.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets how often, and with which delays, calls over gRPC are tried. Requests over HTTP are sent once.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Sends requests another way than over TCP; see [`Transport`]. What would go over gRPC then goes through the durable HTTP API, too.
    #[must_use]
    pub fn with_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = transport;
        #[cfg(feature = "grpc")]
        if self.grpc.take().is_some() {
            self.binding = Arc::new(Binding::clone(&self.binding).over_http());
        }
        self
    }

    /// The name of the task hub this client works on.
    pub fn task_hub(&self) -> &str {
        &self.binding.task_hub
    }

    /// Sends one request; 401 and 403 mean the same on every route.
    async fn send(&self, call: Call<'_>) -> Result<Answer, OrchestrationClientError> {
        let operation = call.operation;
        let url = self.binding.url(call.route, &call.query, call.task_hub)?;
        let origin = || url[..template::origin_end(&url)].to_owned();
        let uri: Uri = url.parse().map_err(|e| OrchestrationClientError::InvalidInput {
            operation: operation.to_owned(),
            message: "the URL of the request would be too long or malformed".to_owned(),
            source: Some(Box::new(e)),
        })?;
        let mut request = Request::new(call.body.unwrap_or_default());
        *request.method_mut() = call.method;
        *request.uri_mut() = uri;
        // On every request: hosts refuse an event whose media type is not exactly this.
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = call.continuation_token {
            let token = HeaderValue::from_str(token)
                .map_err(|_| OrchestrationClientError::input(operation, "the continuation token is not the host's"))?;
            headers.insert(CONTINUATION_HEADER, token);
        }
        if let Some(trace) = call.trace {
            trace::insert(&trace, headers);
        }

        let timeout = self.request_timeout.saturating_add(call.extra_time);
        let answer = self.transport.send(request, timeout).await;
        let answer = answer.map_err(|error| {
            let operation = operation.to_owned();
            match error {
                TransportError::Timeout => OrchestrationClientError::Timeout {
                    operation,
                    after: timeout,
                },
                TransportError::TlsUnavailable => OrchestrationClientError::TlsUnavailable {
                    operation,
                    origin: origin(),
                },
                TransportError::Failed(source) => OrchestrationClientError::Transport {
                    operation,
                    origin: origin(),
                    sent: transport::was_sent(source.as_ref()),
                    source,
                },
            }
        })?;
        let status = answer.status().as_u16();
        if matches!(status, 401 | 403) {
            let said = String::from_utf8_lossy(answer.body());
            return Err(OrchestrationClientError::Unauthorized {
                operation: operation.to_owned(),
                status,
                message: error::with_words(&format!("HTTP {status}"), &said),
            });
        }
        Ok(Answer {
            status,
            continuation_token: answer
                .headers()
                .get(CONTINUATION_HEADER)
                .and_then(|token| token.to_str().ok())
                .filter(|token| !token.is_empty())
                .map(str::to_owned),
            body: answer.into_body(),
        })
    }
}

impl fmt::Debug for OrchestrationClient {
    // Not derived: the URLs have the host's key in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestrationClient")
            .field("task_hub", &self.binding.task_hub)
            .field("endpoint", &self.binding.endpoint)
            .field("public_base", &self.public_base)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}

/// One request as the methods of the client describe it.
struct Call<'a> {
    /// For error messages: what follows "cannot".
    operation: &'a str,
    method: Method,
    route: Route<'a>,
    query: Query,
    task_hub: Option<&'a str>,
    body: Option<Bytes>,
    continuation_token: Option<&'a str>,
    /// What asks for a start or a signal.
    trace: Option<TraceContext>,
    /// For requests that the host holds on purpose.
    extra_time: Duration,
}

impl<'a> Call<'a> {
    fn new(operation: &'a str, method: Method, route: Route<'a>) -> Self {
        Self {
            operation,
            method,
            route,
            query: Query::default(),
            task_hub: None,
            body: None,
            continuation_token: None,
            trace: None,
            extra_time: Duration::ZERO,
        }
    }
}

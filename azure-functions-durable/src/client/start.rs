//! The start of an orchestration, with its options.

use super::address::Route;
use super::answer::Answer;
use super::error::OrchestrationClientError;
use super::wire::ClientWire;
use super::{Call, ClientFuture, OrchestrationClient, names};
use crate::{OrchestrationRuntimeStatus, TraceContext};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The part of a check-status body that the client reads.
#[derive(Deserialize)]
pub(super) struct Started {
    pub(super) id: String,
}

/// An orchestration to be started, with its options. Nothing is sent before it is awaited; that gives the id of the new instance.
///
/// ```no_run
/// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
/// use chrono::{Duration, Utc};
///
/// let id = client
///     .start_orchestration("checkout", 17)
///     .instance_id("order-17")
///     .version("2.1")
///     .tag("customer", "ada")
///     .start_at(Utc::now() + Duration::hours(1))
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// | Option | HTTP | gRPC |
/// |---|---|---|
/// | [`instance_id`](Self::instance_id) | yes | yes |
/// | [`version`](Self::version) | extensions from October 2025 on; older ones ignore it | yes |
/// | [`tag`](Self::tag) | no | yes |
/// | [`start_at`](Self::start_at) | no | yes |
/// | [`keep_existing`](Self::keep_existing) | no | yes |
///
/// # Errors
/// [`AlreadyExists`](OrchestrationClientError::AlreadyExists) if an instance of this id has not ended, or is one to keep;
/// [`UnknownOrchestration`](OrchestrationClientError::UnknownOrchestration) over HTTP if there is no such orchestration; over gRPC, and with
/// version 3 of the extension, the instance is started and fails instead;
/// [`Unsupported`](OrchestrationClientError::Unsupported), before anything is sent, for an option that the wire does not have.
#[must_use = "no orchestration is started unless you `.await` this"]
#[derive(Debug)]
pub struct StartOrchestration<'a> {
    client: &'a OrchestrationClient,
    pub(super) name: String,
    // Written at once, so that the future is `Send` whatever the input is; a mistake is kept until then.
    input: Result<Bytes, serde_json::Error>,
    pub(super) instance_id: Option<String>,
    pub(super) version: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) start_at: Option<DateTime<Utc>>,
    pub(super) keep: Option<Vec<OrchestrationRuntimeStatus>>,
}

impl StartOrchestration<'_> {
    /// The id of the new instance; the task hub makes one up if none is given. An instance of this id that has ended is replaced, and its
    /// history is gone, unless it is one to [keep](Self::keep_existing). The rule for ids is
    /// [`check_instance_id`](crate::check_instance_id).
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.instance_id = Some(id.into());
        self
    }

    /// The version of the instance. Without one it is the `defaultVersion` of the host's `host.json`, if there is one.
    ///
    /// Where orchestrations travel as protobuf messages, a host takes up only instances of versions that match its own, as
    /// `versionMatchStrategy` says. Without a `defaultVersion` that is none: the instance stays `Pending`, or fails if
    /// `versionFailureStrategy` says so. Where they travel as JSON, the host takes up all.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Attaches a tag, which stays with the instance and goes on to its sub-orchestrations. The last value of a name counts.
    ///
    /// Hosts keep `MS_DurableFunctions_SourceInstanceId` for themselves, and refuse it.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Not before this time: until then the instance is `Pending`. With the storage of Azure it may begin a second early.
    pub fn start_at(mut self, time: DateTime<Utc>) -> Self {
        self.start_at = Some(time);
        self
    }

    /// Keeps an instance of the same id that is in one of these states: the start is then refused as
    /// [`AlreadyExists`](OrchestrationClientError::AlreadyExists). Without this, one that has ended is replaced. One that has not ended is
    /// kept in any case.
    ///
    /// ```no_run
    /// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use azure_functions_durable::OrchestrationRuntimeStatus::Completed;
    ///
    /// // Once it has been done, it is not done again; what has failed may be.
    /// client.start_orchestration("charge", 17).instance_id("order-17").keep_existing([Completed]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_existing(mut self, statuses: impl IntoIterator<Item = OrchestrationRuntimeStatus>) -> Self {
        self.keep.get_or_insert_default().extend(statuses);
        self
    }

    /// What the HTTP API has no word for.
    fn unknown_to_http(&self) -> Option<&'static str> {
        if !self.tags.is_empty() {
            return Some("tags");
        }
        if self.start_at.is_some() {
            return Some("a start time");
        }
        self.keep.is_some().then_some("instances to keep")
    }

    async fn send(self) -> Result<String, OrchestrationClientError> {
        let span = self
            .client
            .begin_start(&self.name, self.version.as_deref(), self.instance_id.as_deref());
        let started = self.send_in(span.trace()).await;
        span.end(&started);
        started
    }

    /// Sends it as part of a trace.
    async fn send_in(self, trace: Option<TraceContext>) -> Result<String, OrchestrationClientError> {
        let operation = format!("start orchestration `{}`", self.name);
        names::check_function(&operation, &self.name)?;
        if let Some(id) = &self.instance_id {
            names::check_new_instance_id(&operation, id)?;
        }
        let unknown_to_http = self.unknown_to_http();
        let input = written(&operation, "input", self.input)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.client.grpc() {
            let start = StartOrchestration {
                input: Ok(Bytes::new()),
                ..self
            };
            return grpc.start(&operation, start, &input, trace.as_ref()).await;
        }
        if let Some(what) = unknown_to_http {
            return Err(OrchestrationClientError::unsupported(
                &operation,
                ClientWire::Http,
                format!("the durable HTTP API does not take {what} at a start"),
            ));
        }
        let route = Route::Start {
            function: &self.name,
            instance_id: self.instance_id.as_deref(),
        };
        let mut call = Call::new(&operation, Method::POST, route);
        if let Some(version) = &self.version {
            call.query.push("version", version);
        }
        call.body = Some(input);
        call.trace = trace;
        let answer = self.client.send(call).await?;
        match answer.status {
            200..=202 => Ok(answer.json::<Started>(&operation)?.id),
            _ => Err(refused_start(
                &answer,
                &operation,
                self.instance_id.as_deref().unwrap_or_default(),
            )),
        }
    }
}

impl<'a> IntoFuture for StartOrchestration<'a> {
    type Output = Result<String, OrchestrationClientError>;
    type IntoFuture = ClientFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl OrchestrationClient {
    /// Starts an orchestration by name; awaiting it gives the id of the new instance, and does not wait for the first step. It takes
    /// [options](StartOrchestration).
    pub fn start_orchestration(
        &self,
        function_name: impl Into<String>,
        input: impl Serialize,
    ) -> StartOrchestration<'_> {
        StartOrchestration {
            client: self,
            name: function_name.into(),
            input: serde_json::to_vec(&input).map(Bytes::from),
            instance_id: None,
            version: None,
            tags: BTreeMap::new(),
            start_at: None,
            keep: None,
        }
    }

    /// Starts an orchestration and returns the id of the new instance: [`start_orchestration`](Self::start_orchestration) with no
    /// other option than the id.
    ///
    /// # Errors
    /// Those of [`StartOrchestration`].
    pub async fn start_new(
        &self,
        function_name: &str,
        instance_id: Option<&str>,
        input: impl Serialize,
    ) -> Result<String, OrchestrationClientError> {
        let mut start = self.start_orchestration(function_name, input);
        start.instance_id = instance_id.map(str::to_owned);
        start.await
    }
}

/// Why a start was refused. Older hosts say that the id is taken with a 500 and a sentence, and that there is no such
/// orchestration with another: it alone tells this 400 from others.
pub(super) fn refused_start(answer: &Answer, operation: &str, instance_id: &str) -> OrchestrationClientError {
    match answer.status {
        409 => {}
        500 if answer.message().to_ascii_lowercase().contains("already exists") => {}
        400 if answer.message().contains("is not an orchestrator function") => {
            return OrchestrationClientError::UnknownOrchestration {
                operation: operation.to_owned(),
                message: answer.message(),
            };
        }
        _ => return answer.unexpected(operation),
    }
    OrchestrationClientError::AlreadyExists {
        operation: operation.to_owned(),
        instance_id: instance_id.to_owned(),
        message: answer.message(),
    }
}

/// The JSON text of what a caller gave.
pub(super) fn to_json(operation: &str, what: &str, value: &impl Serialize) -> Result<Bytes, OrchestrationClientError> {
    written(operation, what, serde_json::to_vec(value).map(Bytes::from))
}

fn written(
    operation: &str,
    what: &str,
    json: Result<Bytes, serde_json::Error>,
) -> Result<Bytes, OrchestrationClientError> {
    json.map_err(|e| OrchestrationClientError::InvalidInput {
        operation: operation.to_owned(),
        message: format!("the {what} cannot be written as JSON: {e}"),
        source: Some(Box::new(e)),
    })
}

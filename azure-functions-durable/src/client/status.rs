//! The status of an instance, with as much as is asked for.

use super::address::Route;
use super::answer::Answer;
use super::error::OrchestrationClientError;
use super::{Call, ClientFuture, OrchestrationClient, names};
use crate::OrchestrationStatusQueryResult;
use http::Method;
use serde_json::Value;

/// A look at an instance, with its options. Awaiting it gives its status; `None` if there is no such instance.
///
/// ```no_run
/// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
/// if let Some(status) = client.status("order-17").with_input().await? {
///     println!("{} of {} is {}", status.name, status.input, status.runtime_status);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The host cannot be reached, or refuses the request.
#[must_use = "the host is not asked unless you `.await` this"]
#[derive(Debug)]
pub struct QueryStatus<'a> {
    client: &'a OrchestrationClient,
    pub(super) instance_id: String,
    pub(super) show: Show,
}

/// How much of an instance to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show {
    pub(super) history: bool,
    pub(super) history_output: bool,
    pub(super) input: bool,
    pub(super) payloads: bool,
}

impl QueryStatus<'_> {
    /// Fills [`history_events`](OrchestrationStatusQueryResult::history_events). Inputs of activities are in it only if
    /// [the input](Self::with_input) is asked for, too, and the host keeps them.
    ///
    /// Over gRPC it is a request of its own, and the events are put into the form that the HTTP API has for them;
    /// [`stream_history`](OrchestrationClient::stream_history) gives them as they are.
    pub fn with_history(mut self) -> Self {
        self.show.history = true;
        self
    }

    /// [The history](Self::with_history), with the results of activities and sub-orchestrations.
    pub fn with_history_output(mut self) -> Self {
        self.show.history_output = true;
        self.with_history()
    }

    /// Fills [`input`](OrchestrationStatusQueryResult::input).
    pub fn with_input(mut self) -> Self {
        self.show.input = true;
        self
    }

    /// Leaves out output and custom status, for who needs the state of an instance only: over gRPC they are not sent.
    pub fn without_payloads(mut self) -> Self {
        self.show.payloads = false;
        self
    }

    async fn send(self) -> Result<Option<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        let (instance_id, show) = (self.instance_id.as_str(), self.show);
        let operation = format!("query instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.client.grpc() {
            return grpc.status(&operation, instance_id, show).await;
        }
        let mut call = Call::new(&operation, Method::GET, Route::Instance(instance_id));
        call.query.push_bool("showHistory", show.history);
        call.query.push_bool("showHistoryOutput", show.history_output);
        call.query.push_bool("showInput", show.input);
        let answer = self.client.send(call).await?;
        let mut status: OrchestrationStatusQueryResult = match answer.status {
            200 | 202 => answer.json(&operation)?,
            404 => return Ok(None),
            // A failed instance, or one in a state that the host itself does not know: it is in the body all the same.
            500 if has_status(&answer) => answer.json(&operation)?,
            _ => return Err(answer.unexpected(&operation)),
        };
        if !show.payloads {
            status.output = Value::Null;
            status.custom_status = Value::Null;
        }
        Ok(Some(status))
    }
}

impl<'a> IntoFuture for QueryStatus<'a> {
    type Output = Result<Option<OrchestrationStatusQueryResult>, OrchestrationClientError>;
    type IntoFuture = ClientFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl OrchestrationClient {
    /// The status of an instance; `None` if there is none with this id. What goes beyond its state, output and custom status is
    /// [asked for](QueryStatus).
    pub fn status(&self, instance_id: impl AsRef<str>) -> QueryStatus<'_> {
        QueryStatus {
            client: self,
            instance_id: instance_id.as_ref().to_owned(),
            show: Show {
                history: false,
                history_output: false,
                input: false,
                payloads: true,
            },
        }
    }

    /// [`status`](Self::status) in the words of the HTTP API.
    ///
    /// * `show_history`: fill `history_events`.
    /// * `show_history_output`: keep the results of activities in the history.
    /// * `show_input`: fill `input`, and keep the inputs in the history.
    ///
    /// # Errors
    /// Those of [`QueryStatus`].
    pub async fn query_status(
        &self,
        instance_id: impl AsRef<str>,
        show_history: bool,
        show_history_output: bool,
        show_input: bool,
    ) -> Result<Option<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        let mut query = self.status(instance_id);
        query.show.history = show_history;
        query.show.history_output = show_history_output;
        query.show.input = show_input;
        query.await
    }
}

/// Whether a body is a status and not an error object.
fn has_status(answer: &Answer) -> bool {
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body.get("runtimeStatus").is_some())
}

//! The operations on a single instance: events, terminate, suspend, resume, rewind, restart, purge, and the start with a wait.
//!
//! Hosts of two vintages must be understood: the older ones answer 500 where the newer ones answer 409 or 412.

use super::address::{Action, Change, Query, Route};
use super::answer::Answer;
use super::error::OrchestrationClientError;
use super::start::{Started, refused_start, to_json};
use super::wire::ClientWire;
use super::{Call, OrchestrationClient, names};
use crate::{OrchestrationRuntimeStatus, PurgeHistoryResult, TerminateResult};
use http::Method;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

impl OrchestrationClient {
    /// Removes an ended instance and its history. An instance that does not exist counts as zero removed. Its sub-orchestrations
    /// stay.
    ///
    /// # Errors
    /// [`Conflict`](OrchestrationClientError::Conflict) if the instance has not ended (hosts of version 2 remove it
    /// anyway).
    pub async fn purge_history(
        &self,
        instance_id: impl AsRef<str>,
    ) -> Result<PurgeHistoryResult, OrchestrationClientError> {
        self.purge_with(instance_id.as_ref(), false).await
    }

    /// Removes an ended instance, and asks the host to remove its sub-orchestrations, too.
    ///
    /// What the host makes of it depends on where it keeps its task hub: the Durable Task extension with Azure Storage removes the
    /// instance alone, and says 1.
    ///
    /// # Errors
    /// As [`purge_history`](Self::purge_history); [`Unsupported`](OrchestrationClientError::Unsupported) over HTTP, whose API has no such
    /// option.
    pub async fn purge_history_recursive(
        &self,
        instance_id: impl AsRef<str>,
    ) -> Result<PurgeHistoryResult, OrchestrationClientError> {
        self.purge_with(instance_id.as_ref(), true).await
    }

    async fn purge_with(
        &self,
        instance_id: &str,
        recursive: bool,
    ) -> Result<PurgeHistoryResult, OrchestrationClientError> {
        let operation = format!("purge instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.purge(&operation, instance_id, recursive).await;
        }
        if recursive {
            return Err(OrchestrationClientError::unsupported(
                &operation,
                ClientWire::Http,
                "the durable HTTP API purges an instance without its sub-orchestrations; purge each of them",
            ));
        }
        let call = Call::new(&operation, Method::DELETE, Route::Instance(instance_id));
        let answer = self.send(call).await?;
        match answer.status {
            200 => answer.json(&operation),
            404 => Ok(PurgeHistoryResult::default()),
            _ => Err(self.refused(&answer, &operation, instance_id)),
        }
    }

    /// Sends an external event to an instance, which may not be waiting for it yet. `data` may be `()` or `None` for an event without
    /// any.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance,
    /// [`AlreadyDone`](OrchestrationClientError::AlreadyDone) if it has ended.
    pub async fn raise_event(
        &self,
        instance_id: impl AsRef<str>,
        event_name: &str,
        data: impl Serialize,
    ) -> Result<(), OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        self.raise_event_in(None, instance_id, event_name, data).await
    }

    /// Sends an external event to an instance in another task hub of the same storage.
    ///
    /// # Errors
    /// As [`raise_event`](Self::raise_event); a hub that does not exist is [`NotFound`](OrchestrationClientError::NotFound)
    /// as well.
    pub async fn raise_event_for_hub(
        &self,
        task_hub: &str,
        instance_id: impl AsRef<str>,
        event_name: &str,
        data: impl Serialize,
    ) -> Result<(), OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        self.raise_event_in(Some(task_hub), instance_id, event_name, data).await
    }

    async fn raise_event_in(
        &self,
        task_hub: Option<&str>,
        instance_id: &str,
        event_name: &str,
        data: impl Serialize,
    ) -> Result<(), OrchestrationClientError> {
        let operation = format!("raise event `{event_name}` on instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        names::check_event_name(&operation, event_name)?;
        if task_hub.is_some_and(|hub| hub.trim().is_empty()) {
            return Err(OrchestrationClientError::input(&operation, "the task hub has no name"));
        }
        let data = to_json(&operation, "data", &data)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc
                .raise_event(&operation, task_hub, instance_id, event_name, &data)
                .await;
        }
        let route = Route::RaiseEvent {
            instance_id,
            event_name,
        };
        let mut call = Call::new(&operation, Method::POST, route);
        call.task_hub = task_hub;
        call.body = Some(data);
        let answer = self.send(call).await?;
        match answer.status {
            200..=202 => Ok(()),
            404 => Err(self.not_found(operation, instance_id, task_hub)),
            _ => Err(self.refused(&answer, &operation, instance_id)),
        }
    }

    /// Ends an instance; `reason` becomes its output: a text, any other value, or `()` for none. Activities under way are not stopped,
    /// and sub-orchestrations go on: the local host tells how many.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance,
    /// [`AlreadyDone`](OrchestrationClientError::AlreadyDone) if it has ended already.
    pub async fn terminate(
        &self,
        instance_id: impl AsRef<str>,
        reason: impl Serialize,
    ) -> Result<TerminateResult, OrchestrationClientError> {
        self.terminate_with(instance_id.as_ref(), reason, false).await
    }

    /// Ends an instance and all sub-orchestrations below it that run, also where the instance itself has ended and left them
    /// behind; `reason` becomes the output of each. The local host does so; the Durable Task extension ends the instance
    /// alone. Both are the same over HTTP and gRPC.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance,
    /// [`AlreadyDone`](OrchestrationClientError::AlreadyDone) if it has ended already and nothing below it runs.
    pub async fn terminate_recursive(
        &self,
        instance_id: impl AsRef<str>,
        reason: impl Serialize,
    ) -> Result<TerminateResult, OrchestrationClientError> {
        self.terminate_with(instance_id.as_ref(), reason, true).await
    }

    async fn terminate_with(
        &self,
        instance_id: &str,
        reason: impl Serialize,
        recursive: bool,
    ) -> Result<TerminateResult, OrchestrationClientError> {
        let operation = format!("terminate instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        let reason = to_json(&operation, "reason", &reason)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            grpc.terminate(&operation, instance_id, &reason, recursive).await?;
            return Ok(TerminateResult::default());
        }
        // The API takes the reason as a text, and reads it as JSON if it is JSON.
        let reason = match serde_json::from_slice(&reason) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) => String::new(),
            _ => String::from_utf8_lossy(&reason).into_owned(),
        };
        let mut query = Query::default();
        if recursive {
            query.push_bool("recursive", true);
        }
        let answer = self.control(instance_id, Action::Terminate, &reason, query).await?;
        // Other hosts answer without a body.
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Holds an instance: it takes no further step until it is resumed. Events are kept for it.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound), [`AlreadyDone`](OrchestrationClientError::AlreadyDone), or
    /// [`Conflict`](OrchestrationClientError::Conflict) if it is suspended already.
    pub async fn suspend(&self, instance_id: impl AsRef<str>, reason: &str) -> Result<(), OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        self.change(instance_id, Change::Suspend, reason).await
    }

    /// Lets a suspended instance go on.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound), [`AlreadyDone`](OrchestrationClientError::AlreadyDone), or
    /// [`Conflict`](OrchestrationClientError::Conflict) if it is not suspended.
    pub async fn resume(&self, instance_id: impl AsRef<str>, reason: &str) -> Result<(), OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        self.change(instance_id, Change::Resume, reason).await
    }

    /// Brings a failed instance back to where it was before its failures, and runs only the failed work again.
    ///
    /// The local host leaves a failure alone that the code has handled, by calling something else at once: nothing is done, or undone,
    /// twice, and the instance ends as before unless its code has changed. [Restart](Self::restart) a saga that has undone its steps.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance. If it has not failed,
    /// [`Conflict`](OrchestrationClientError::Conflict), or from hosts of version 2
    /// [`AlreadyDone`](OrchestrationClientError::AlreadyDone) when it has ended otherwise. The local host answers
    /// [`Conflict`](OrchestrationClientError::Conflict), too, if it failed in a critical section: its locks ended with it, and
    /// others may have changed what it had seen under them. [Restart](Self::restart) that one.
    pub async fn rewind(&self, instance_id: impl AsRef<str>, reason: &str) -> Result<(), OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        self.change(instance_id, Change::Rewind, reason).await
    }

    async fn change(&self, instance_id: &str, change: Change, reason: &str) -> Result<(), OrchestrationClientError> {
        names::check_instance_id(&format!("{} instance `{instance_id}`", change.segment()), instance_id)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.control(instance_id, change, reason).await;
        }
        self.control(instance_id, Action::Change(change), reason, Query::default())
            .await
            .map(drop)
    }

    async fn control(
        &self,
        instance_id: &str,
        action: Action,
        reason: &str,
        query: Query,
    ) -> Result<Answer, OrchestrationClientError> {
        let operation = format!("{} instance `{instance_id}`", action.segment());
        let route = Route::Control {
            instance_id,
            action,
            reason,
        };
        let mut call = Call::new(&operation, Method::POST, route);
        call.query = query;
        let answer = self.send(call).await?;
        use OrchestrationRuntimeStatus as Status;
        match (answer.status, action) {
            (200..=202, _) => Ok(answer),
            (500, Action::Change(Change::Suspend)) => Err(self
                .sort_500(&answer, operation, instance_id, |s| s == Status::Suspended)
                .await),
            (500, Action::Change(Change::Resume)) => Err(self
                .sort_500(&answer, operation, instance_id, |s| s != Status::Suspended)
                .await),
            (500, Action::Change(Change::Rewind)) => Err(self
                .sort_500(&answer, operation, instance_id, |s| s != Status::Failed)
                .await),
            _ => Err(self.refused(&answer, &operation, instance_id)),
        }
    }

    /// Starts the orchestration of an instance once more with the same input, and returns the id of the instance that
    /// was started: a new one, or the same one, whose history is then replaced. The Durable Task extension starts it without the version
    /// that it had.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance;
    /// [`Conflict`](OrchestrationClientError::Conflict) if it is to keep its id and has not ended.
    pub async fn restart(
        &self,
        instance_id: impl AsRef<str>,
        with_new_instance_id: bool,
    ) -> Result<String, OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        let operation = format!("restart instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.restart(&operation, instance_id, with_new_instance_id).await;
        }
        let mut call = Call::new(&operation, Method::POST, Route::Restart(instance_id));
        call.query.push_bool("restartWithNewInstanceId", with_new_instance_id);
        let answer = self.send(call).await?;
        match answer.status {
            200..=202 => Ok(answer.json::<Started>(&operation)?.id),
            // The host's way to say that there is no such instance.
            400 if answer
                .message()
                .contains("does not match a valid orchestration instance") =>
            {
                Err(self.not_found(operation, instance_id, None))
            }
            500 if !with_new_instance_id => Err(self
                .sort_500(&answer, operation, instance_id, |s| !s.is_terminal())
                .await),
            _ => Err(self.refused(&answer, &operation, instance_id)),
        }
    }

    /// Starts an orchestration and lets the host hold the request until it has ended, or until `timeout` has passed; the
    /// host looks every `poll_interval`. Over gRPC it is a start and [a wait](Self::wait_for_completion).
    ///
    /// The id must be given, since the answer of the host does not always name it.
    ///
    /// # Errors
    /// As [`start_new`](Self::start_new);
    /// [`InvalidInput`](OrchestrationClientError::InvalidInput) if the interval is zero or longer than the timeout.
    pub async fn start_new_and_wait(
        &self,
        function_name: &str,
        instance_id: impl AsRef<str>,
        input: impl Serialize,
        timeout: Duration,
        poll_interval: Duration,
    ) -> Result<super::WaitOutcome, OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        let operation = format!("start orchestration `{function_name}` and wait");
        names::check_function(&operation, function_name)?;
        names::check_new_instance_id(&operation, instance_id)?;
        // The host would start the instance first and then complain.
        super::wait::check_interval(&operation, timeout, poll_interval)?;
        #[cfg(feature = "grpc")]
        if self.grpc().is_some() {
            self.start_new(function_name, Some(instance_id), input).await?;
            return self.wait_for_completion(instance_id, timeout, poll_interval).await;
        }
        let route = Route::StartAndWait {
            function: function_name,
            instance_id,
            timeout,
            interval: poll_interval,
        };
        let mut call = Call::new(&operation, Method::POST, route);
        call.body = Some(to_json(&operation, "input", &input)?);
        call.extra_time = timeout;
        let answer = self.send(call).await?;
        // 200 brings the bare output or a whole status, and the two cannot be told apart: so ask.
        match answer.status {
            200..=202 => {
                self.wait_for_completion(instance_id, Duration::ZERO, poll_interval)
                    .await
            }
            _ => Err(refused_start(&answer, &operation, instance_id)),
        }
    }

    /// The errors that the operations on an instance have in common.
    fn refused(&self, answer: &Answer, operation: &str, instance_id: &str) -> OrchestrationClientError {
        match answer.status {
            404 => self.not_found(operation.to_owned(), instance_id, None),
            410 => OrchestrationClientError::AlreadyDone {
                operation: operation.to_owned(),
                instance_id: instance_id.to_owned(),
            },
            409 | 412 => conflict(answer, operation.to_owned(), instance_id),
            _ => answer.unexpected(operation),
        }
    }

    /// Tells an older host's 500 for "not in this state" from a real failure: by the state.
    async fn sort_500(
        &self,
        answer: &Answer,
        operation: String,
        instance_id: &str,
        is_wrong: impl Fn(OrchestrationRuntimeStatus) -> bool,
    ) -> OrchestrationClientError {
        match self.status(instance_id).await {
            Ok(Some(status)) if is_wrong(status.runtime_status) => conflict(answer, operation, instance_id),
            // The first failure tells more than that of the question about it.
            _ => answer.unexpected(&operation),
        }
    }

    pub(super) fn not_found(
        &self,
        operation: String,
        instance_id: &str,
        task_hub: Option<&str>,
    ) -> OrchestrationClientError {
        OrchestrationClientError::NotFound {
            operation,
            instance_id: instance_id.to_owned(),
            task_hub: task_hub.unwrap_or(self.task_hub()).to_owned(),
        }
    }
}

fn conflict(answer: &Answer, operation: String, instance_id: &str) -> OrchestrationClientError {
    OrchestrationClientError::Conflict {
        operation,
        instance_id: instance_id.to_owned(),
        status: answer.status,
        message: answer.message(),
    }
}

//! Waiting for an instance to begin, and to end.

use super::check_status::CheckStatusResponse;
use super::error::OrchestrationClientError;
use super::transport::Pause;
use super::{OrchestrationClient, names};
use crate::{OrchestrationRuntimeStatus, OrchestrationStatusQueryResult};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// The longest that an HTTP function may take to answer: front ends cut the connection after this time.
const FRONT_END_LIMIT: Duration = Duration::from_secs(230);

/// How often a wait for a start looks over HTTP.
const START_POLL_INTERVAL: Duration = Duration::from_millis(250);

/// How a wait ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use = "the instance may have failed, or may still run"]
pub enum WaitOutcome {
    /// The instance has ended, well or not: see its `runtime_status`.
    Finished(OrchestrationStatusQueryResult),
    /// The time was up first; this is the status last seen.
    TimedOut(OrchestrationStatusQueryResult),
}

impl WaitOutcome {
    /// Whether the instance has ended.
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Finished(_))
    }

    /// The status last seen.
    pub fn status(&self) -> &OrchestrationStatusQueryResult {
        match self {
            Self::Finished(status) | Self::TimedOut(status) => status,
        }
    }

    /// The final status; `None` if the time was up first.
    pub fn finished(self) -> Option<OrchestrationStatusQueryResult> {
        match self {
            Self::Finished(status) => Some(status),
            Self::TimedOut(_) => None,
        }
    }
}

/// What a wait is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    Begun,
    Ended,
}

/// What came of a request that the host holds.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "grpc"),
    expect(dead_code, reason = "over HTTP the host does not hold requests")
)]
pub(super) enum Held {
    /// The instance has come so far.
    Until(Box<OrchestrationStatusQueryResult>),
    TimeIsUp,
    /// The host does not, or does no longer: look every now and then.
    Not,
}

impl OrchestrationClient {
    /// Waits until an instance has ended, or until `timeout` has passed; looks at once, then every `poll_interval`, and
    /// once more at the end. Over gRPC the host waits, and says so at once; only if more than 50 waits at one host are under way,
    /// further ones look every `poll_interval`.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance, or no longer;
    /// [`InvalidInput`](OrchestrationClientError::InvalidInput) if the interval is zero.
    pub async fn wait_for_completion(
        &self,
        instance_id: impl AsRef<str>,
        timeout: Duration,
        poll_interval: Duration,
    ) -> Result<WaitOutcome, OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        let operation = format!("wait for instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        check_not_zero(&operation, poll_interval)?;
        // Nothing but pauses: the time is the transport's, and what it calls an hour need not take one.
        let mut end = self.transport.sleep(timeout);
        let mut time_is_up = timeout.is_zero();
        loop {
            let Some(status) = self.status(instance_id).with_input().await? else {
                return Err(self.not_found(operation, instance_id, None));
            };
            if status.runtime_status.is_terminal() {
                return Ok(WaitOutcome::Finished(status));
            }
            if time_is_up {
                return Ok(WaitOutcome::TimedOut(status));
            }
            time_is_up = match self
                .held_by_the_host(&operation, instance_id, Until::Ended, &mut end)
                .await?
            {
                Held::Until(status) => return Ok(WaitOutcome::Finished(*status)),
                Held::TimeIsUp => true,
                Held::Not => ends_first(&mut end, self.transport.sleep(poll_interval)).await,
            };
        }
    }

    /// Waits until an instance has begun, which is to say that it is no longer `Pending`, or until `timeout` has passed; then there is
    /// `None`. Over HTTP it looks four times a second; over gRPC the host waits.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance, or no longer.
    pub async fn wait_for_start(
        &self,
        instance_id: impl AsRef<str>,
        timeout: Duration,
    ) -> Result<Option<OrchestrationStatusQueryResult>, OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        let operation = format!("wait for the start of instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        let mut end = self.transport.sleep(timeout);
        let mut time_is_up = timeout.is_zero();
        loop {
            let Some(status) = self.status(instance_id).with_input().await? else {
                return Err(self.not_found(operation, instance_id, None));
            };
            if status.runtime_status != OrchestrationRuntimeStatus::Pending {
                return Ok(Some(status));
            }
            if time_is_up {
                return Ok(None);
            }
            time_is_up = match self
                .held_by_the_host(&operation, instance_id, Until::Begun, &mut end)
                .await?
            {
                Held::Until(status) => return Ok(Some(*status)),
                Held::TimeIsUp => true,
                Held::Not => ends_first(&mut end, self.transport.sleep(START_POLL_INTERVAL)).await,
            };
        }
    }

    /// Over gRPC the host holds the request until the instance has come so far.
    #[cfg_attr(
        not(feature = "grpc"),
        expect(clippy::unused_async, reason = "there is nothing to wait for over HTTP")
    )]
    async fn held_by_the_host(
        &self,
        operation: &str,
        instance_id: &str,
        until: Until,
        end: &mut Pause,
    ) -> Result<Held, OrchestrationClientError> {
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.wait(operation, instance_id, until, end).await;
        }
        let (_, _, _, _) = (operation, instance_id, until, end);
        Ok(Held::Not)
    }

    /// Waits for an instance and makes the answer to an HTTP request: the output if the instance ends in time, else the links to
    /// ask again.
    ///
    /// | The instance | Answer |
    /// |---|---|
    /// | is Completed | 200, its output |
    /// | is Canceled or Terminated | 200, its status |
    /// | is Failed | 500, its status |
    /// | has not ended in time | as [`create_check_status_response`](Self::create_check_status_response) |
    ///
    /// Other SDKs wait for 10 seconds and check every second by default. A `timeout` over 230 seconds is cut to that: front ends
    /// break off a request that takes longer.
    ///
    /// # Errors
    /// As [`wait_for_completion`](Self::wait_for_completion);
    /// [`InvalidInput`](OrchestrationClientError::InvalidInput), before anything is sent, if the interval is zero or longer
    /// than the timeout.
    pub async fn wait_for_completion_or_create_check_status_response(
        &self,
        request_url: Option<&str>,
        instance_id: impl AsRef<str>,
        timeout: Duration,
        poll_interval: Duration,
    ) -> Result<CheckStatusResponse, OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        let operation = format!("wait for instance `{instance_id}`");
        check_interval(&operation, timeout, poll_interval)?;
        let timeout = timeout.min(FRONT_END_LIMIT);
        match self.wait_for_completion(instance_id, timeout, poll_interval).await? {
            WaitOutcome::TimedOut(_) => Ok(self.create_check_status_response(request_url, instance_id)),
            WaitOutcome::Finished(status) => match status.runtime_status {
                OrchestrationRuntimeStatus::Completed => Ok(CheckStatusResponse::json(200, status.output)),
                ended => {
                    let code = if ended == OrchestrationRuntimeStatus::Failed {
                        500
                    } else {
                        200
                    };
                    let body =
                        serde_json::to_value(&status).map_err(|e| OrchestrationClientError::InvalidResponse {
                            operation,
                            source: Box::new(e),
                        })?;
                    Ok(CheckStatusResponse::json(code, body))
                }
            },
        }
    }
}

/// Waits for either, and says whether it was `end`.
async fn ends_first(end: &mut Pause, mut other: Pause) -> bool {
    poll_fn(|cx| match end.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => other.as_mut().poll(cx).map(|()| false),
    })
    .await
}

/// Refuses what a host would refuse only after it has started the instance.
pub(crate) fn check_interval(
    operation: &str,
    timeout: Duration,
    poll_interval: Duration,
) -> Result<(), OrchestrationClientError> {
    check_not_zero(operation, poll_interval)?;
    if poll_interval > timeout {
        return Err(OrchestrationClientError::input(
            operation,
            format!(
                "the poll interval ({} s) is longer than the timeout ({} s)",
                poll_interval.as_secs_f64(),
                timeout.as_secs_f64()
            ),
        ));
    }
    Ok(())
}

fn check_not_zero(operation: &str, poll_interval: Duration) -> Result<(), OrchestrationClientError> {
    if poll_interval.is_zero() {
        return Err(OrchestrationClientError::input(operation, "the poll interval is zero"));
    }
    Ok(())
}

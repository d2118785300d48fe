//! Waits that the host holds.

use super::super::error::OrchestrationClientError;
use super::super::transport::Pause;
use super::super::wait::{Held, Until};
use super::ask::Ask;
use super::call::Caller;
use super::instances::found;
use crate::OrchestrationRuntimeStatus;
use crate::protobuf;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

impl Caller<'_> {
    /// Lets the host wait, until the time is up. It also waits for an instance that is not there: the caller has looked.
    pub(in super::super) async fn wait(
        self,
        operation: &str,
        instance_id: &str,
        until: Until,
        end: &mut Pause,
    ) -> Result<Held, OrchestrationClientError> {
        let Ok(_permit) = self.address.held.try_acquire() else {
            return Ok(Held::Not);
        };
        let message = protobuf::GetInstanceRequest {
            instance_id: instance_id.to_owned(),
            get_inputs_and_outputs: true,
        };
        let ask = Ask {
            instance_id: Some(instance_id),
            // The caller's own time ends it.
            limit: Duration::MAX,
            ..self.read(operation)
        };
        let mut answer = pin!(self.call(&ask, message, |mut sidecar, request| async move {
            match until {
                Until::Begun => sidecar.wait_for_instance_start(request).await,
                Until::Ended => sidecar.wait_for_instance_completion(request).await,
            }
        }));
        let answer = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => end.as_mut().poll(cx).map(|()| None),
        })
        .await;
        let Some(answer) = answer else {
            return Ok(Held::TimeIsUp);
        };
        Ok(match found(operation, answer?, true)? {
            Some(status) if has_come(&status.runtime_status, until) => Held::Until(Box::new(status)),
            _ => Held::Not,
        })
    }
}

fn has_come(status: &OrchestrationRuntimeStatus, until: Until) -> bool {
    match until {
        Until::Begun => *status != OrchestrationRuntimeStatus::Pending,
        Until::Ended => status.is_terminal(),
    }
}

//! How the conversation ends.

use super::{DEFAULT_GRACE, Session, error::SessionError, incoming::next};
use crate::{
    app::Shutdown,
    rpc::{InvocationResponse, StatusResult, status_result::Status, streaming_message::Content},
    worker::{call::result, execution::exception},
};
use std::{mem, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// How long the host may take to end the stream after we ended our half.
const GOODBYE: Duration = Duration::from_secs(1);

impl Session {
    /// The end of the conversation, whichever side made it.
    pub(in crate::worker) async fn close(&mut self) {
        self.out.release();
        self.serving = None;
        // There is no caller to answer.
        self.running.cancel_all();
        self.shut_down(Instant::now() + DEFAULT_GRACE).await;
        if let Some(threads) = self.threads.take() {
            threads.stop();
        }
    }

    /// Lets running invocations finish, answers for those that do not in time, and says goodbye.
    pub(super) async fn stop(&mut self, grace: Duration) -> Result<(), SessionError> {
        self.serving = None;
        // From here on, what is read does not leave this step.
        if let Some(threads) = &self.threads {
            threads.pool().read_no_more();
        }
        // The host kills us when the grace is over: keep a little of it for what must still be sent.
        let drain = grace - (grace / 5).min(Duration::from_millis(500));
        let end = Instant::now() + drain.min(Duration::from_secs(86_400));
        let deadline = match self.shutdowns.is_empty() {
            true => end,
            false => end - (grace / 4).min(end.duration_since(Instant::now())),
        };
        self.refuse_held();
        self.running.cancel_all();
        let running = Arc::clone(&self.running);
        let mut drained = Box::pin(timeout_at(deadline, running.drained()));
        loop {
            tokio::select! {
                _ = &mut drained => break,
                message = next(&mut self.incoming) => match message? {
                    // A second request to stop changes nothing.
                    Some(message) => {
                        self.handle(message)?;
                        self.refuse_held();
                    }
                    None => return Ok(()),
                },
            }
        }
        for id in self.running.ids() {
            let status = stopped();
            self.running.answer(&id, || InvocationResponse {
                invocation_id: id.clone(),
                result: Some(status),
                ..InvocationResponse::default()
            });
        }
        self.shut_down(end).await;
        log::logger().flush();
        self.out.end();
        // The host ends its half when it has read ours to the end.
        let _ = timeout(GOODBYE, async {
            while let Ok(Some(_)) = next(&mut self.incoming).await {}
        })
        .await;
        Ok(())
    }

    /// Runs the app's shutdowns, unless the app never started; what has not ended by then is given up.
    async fn shut_down(&mut self, end: Instant) {
        let shutdowns = mem::take(&mut self.shutdowns);
        let (Some(started), Some(threads), false) = (self.start.started(), &self.threads, shutdowns.is_empty()) else {
            return;
        };
        let ran = threads
            .handle()
            .spawn(Shutdown::run_all(shutdowns, started.states.clone()));
        if timeout_at(end, ran).await.is_err() {
            log::warn!("the shutdown of the app did not end in the time that the host gives, and was given up");
        }
    }

    /// Answers the invocations that wait for the start of an app which the host stops.
    fn refuse_held(&mut self) {
        for message in self.start.give_up() {
            if let Some(Content::InvocationRequest(request)) = message.content {
                let response = InvocationResponse {
                    invocation_id: request.invocation_id,
                    result: Some(stopped()),
                    ..InvocationResponse::default()
                };
                self.out.send(message.request_id, Content::InvocationResponse(response));
            }
        }
    }
}

fn stopped() -> StatusResult {
    let text = "the host stopped the worker before the function completed";
    result(Status::Cancelled, Some(exception(text)))
}

//! One activity: the worker runs it, and its result becomes a message to the instance. At least once: the result is
//! recorded together with the end of the activity, and what is not recorded runs again.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use super::{
    Inner,
    dispatch::{Committed, MAX_DEATHS},
    state::{Activity, Source},
};
use crate::durable::{
    engine::{
        decision::HTTP_ACTIVITY,
        event::Failure,
        message::Message,
        outcome::{activity_crashed, activity_ended, activity_failure, activity_missing},
    },
    http_call,
    store::{Commit, InboxRow},
    work::{ReturnValue, WorkError, WorkItem, WorkKind, WorkResult},
};

impl Inner {
    pub(super) async fn run_activity(self: Arc<Self>, mut activity: Activity) {
        // A bug that one activity meets must not take its place from the others.
        let answer = AssertUnwindSafe(self.answer(&activity)).catch_unwind().await;
        match answer.unwrap_or_else(|_| Answer::Again("the host panicked in it; this is a bug of the host".to_owned()))
        {
            Answer::Result(result) => {
                let Activity {
                    execution_id,
                    task_id,
                    name,
                    ..
                } = &activity;
                let message = activity_ended(self.now(), execution_id, *task_id, name, &result);
                self.record_result(&activity, message).await;
            }
            Answer::Failed(failure) => {
                let message = Message::task_failed(self.now(), &activity.execution_id, activity.task_id, failure);
                self.record_result(&activity, message).await;
            }
            Answer::Again(reason) => {
                log::warn!("activity '{}' will be tried again: {reason}", activity.name);
                activity.deaths += 1;
                self.activity_ended(&mut self.state());
                self.after_pause(activity.deaths, move |hub| {
                    let mut state = hub.state();
                    state.enqueue_activity(activity);
                    hub.pump(&mut state);
                });
            }
            Answer::Leave => {
                let mut state = self.state();
                state.paused = true;
                state.enqueue_activity(activity);
                self.activity_ended(&mut state);
            }
        }
    }

    async fn answer(&self, activity: &Activity) -> Answer {
        let name = &activity.name;
        if name == HTTP_ACTIVITY {
            let request = activity.input.as_deref().unwrap_or_default();
            return match http_call::make(&*self.options.http_caller, request).await {
                Ok(response) => Answer::Result(WorkResult::Succeeded(ReturnValue::Json(response))),
                // The extension gives the bare message for these.
                Err(reason) => Answer::Failed(Failure {
                    reason,
                    details: String::new(),
                }),
            };
        }
        let Some(function) = self.state().function(WorkKind::Activity, name) else {
            return Answer::Failed(activity_missing(name));
        };
        let item = WorkItem {
            kind: WorkKind::Activity,
            function,
            instance_id: activity.instance_id.to_string(),
            payload: activity.input.clone(),
        };
        match self.worker.run(item).await {
            Ok(result) => Answer::Result(result),
            Err(WorkError::ShuttingDown) => Answer::Leave,
            Err(error @ WorkError::TimedOut(_)) => Answer::Failed(activity_failure(name, &error.to_string())),
            Err(WorkError::WorkerDied(death)) if self.options.crash_as_host => {
                Answer::Failed(activity_crashed(name, death.as_host()))
            }
            Err(error) if activity.deaths + 1 >= MAX_DEATHS => {
                let text = format!(
                    "it was tried {MAX_DEATHS} times and never ended; the last time {error}. Look for what ends the \
                     worker: an abort, a stack overflow, no memory left."
                );
                Answer::Failed(activity_failure(name, &text))
            }
            Err(error) => Answer::Again(error.to_string()),
        }
    }

    /// One small commit: the activity goes, its result comes. A result that nobody waits for only lets it go.
    async fn record_result(self: &Arc<Self>, activity: &Activity, message: Message) {
        let json = message.to_json();
        let mut commit = Commit {
            activities_removed: vec![activity.row],
            ..Commit::default()
        };
        let place = self.writer.place().await;
        let mut state = self.state();
        // Closed: it runs again when the hub is opened.
        if let Ok(place) = place {
            let wanted = state
                .instances
                .get(&activity.instance)
                .is_some_and(|live| !live.ended() && *live.state.execution_id == *activity.execution_id);
            let row = self.new_row();
            if wanted {
                commit.inbox_added.push(InboxRow {
                    row,
                    instance: activity.instance,
                    message: json,
                });
            }
            place.submit(commit, Committed::Nothing);
            if wanted {
                state.deliver(activity.instance, Source::Inbox(row), message);
            }
        }
        self.activity_ended(&mut state);
    }
}

enum Answer {
    Result(WorkResult),
    /// It fails without the worker's word.
    Failed(Failure),
    Again(String),
    Leave,
}

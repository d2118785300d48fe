//! One activity: the worker runs it, and its result becomes a message to the instance. At least once: the result is
//! recorded together with the end of the activity, and what is not recorded runs again.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use super::{
    Inner,
    committed::Committed,
    quarantine::{Item, MAX_DEATHS, Suspect, Verdict},
    state::Source,
    waiting::Activity,
};
use crate::durable::{
    engine::{
        event::{Failure, HTTP_ACTIVITY},
        message::Message,
        outcome::{activity_crashed, activity_ended, activity_failure, activity_missing},
    },
    http_call,
    store::{Commit, InboxRow},
    work::{ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, WorkerDeath},
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
                let wire = self.state().wire_of(activity.instance);
                let message = activity_ended(self.now(), execution_id, *task_id, name, wire, &result);
                self.record_result(&activity, message).await;
            }
            Answer::Failed(failure) => {
                let message = Message::task_failed(self.now(), &activity.execution_id, activity.task_id, failure);
                self.record_result(&activity, message).await;
            }
            Answer::Died(death) => self.activity_died(activity, &death).await,
            Answer::Again(reason) => {
                log::warn!("activity '{}' will be tried again: {reason}", activity.name);
                activity.failures += 1;
                self.activity_ended(&mut self.state(), activity.row);
                self.after_pause(activity.failures, move |hub| {
                    let mut state = hub.state();
                    state.enqueue_activity(activity);
                    hub.pump(&mut state);
                });
            }
            Answer::Leave => {
                let mut state = self.state();
                let row = activity.row;
                state.paused = true;
                state.enqueue_activity(activity);
                self.activity_ended(&mut state, row);
            }
        }
    }

    /// The worker process ended while it ran the activity.
    async fn activity_died(self: &Arc<Self>, activity: Activity, death: &WorkerDeath) {
        let item = Item::Activity(activity.row);
        {
            let mut state = self.state();
            let verdict = state.quarantine.died(&item, death, 0);
            if verdict != Verdict::Guilty {
                let Activity { name, instance_id, .. } = &activity;
                let what = format!("activity '{name}' of instance '{instance_id}'");
                log_death(&what, state.quarantine.deaths(&item), death);
                let row = activity.row;
                match verdict {
                    Verdict::Innocent => state.enqueue_activity(activity),
                    _ => state.quarantine.wait(Suspect::Activity(activity)),
                }
                return self.activity_ended(&mut state, row);
            }
        }
        let failure = activity_failure(&activity.name, &too_often(death));
        let message = Message::task_failed(self.now(), &activity.execution_id, activity.task_id, failure);
        self.record_result(&activity, message).await;
    }

    async fn answer(self: &Arc<Self>, activity: &Activity) -> Answer {
        let name = &activity.name;
        if name == HTTP_ACTIVITY {
            let request = activity.input.as_deref().unwrap_or_default();
            return match http_call::make(&*self.options.http_caller, request).await {
                Ok(response) => Answer::Result(WorkResult::Succeeded(ReturnValue::Json(response))),
                // The extension gives the bare message for these.
                Err(reason) => Answer::Failed(Failure::text(reason)),
            };
        }
        let Some(function) = self.state().function(WorkKind::Activity, name) else {
            return Answer::Failed(activity_missing(name));
        };
        let row = Item::Activity(activity.row);
        let item = WorkItem {
            kind: WorkKind::Activity,
            function,
            instance_id: activity.instance_id.to_string(),
            payload: activity.input.clone(),
            as_json: None,
            whole: None,
            solitude: self.state().quarantine.solitude(&row),
            begun: self.begun(row),
        };
        match self.worker.run(item).await {
            Ok(result) => Answer::Result(result),
            Err(WorkError::ShuttingDown) => Answer::Leave,
            Err(error @ WorkError::TimedOut(_)) => Answer::Failed(activity_failure(name, &error.to_string())),
            Err(WorkError::WorkerDied(death)) if self.options.crash_as_host => {
                Answer::Failed(activity_crashed(name, death.as_host()))
            }
            Err(WorkError::WorkerDied(death)) => Answer::Died(death),
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
        self.activity_ended(&mut state, activity.row);
    }
}

enum Answer {
    Result(WorkResult),
    /// It fails without the worker's word.
    Failed(Failure),
    Again(String),
    /// The worker process ended.
    Died(WorkerDeath),
    Leave,
}

/// Why an item fails that has ended too many processes.
pub(super) fn too_often(death: &WorkerDeath) -> String {
    format!(
        "it ended the worker process {MAX_DEATHS} times while nothing else ran in it, the last time: {death}. Look in this \
         function for what ends a process: an abort, `std::process::exit`, a stack overflow, no memory left."
    )
}

/// Tells what becomes of an item that was in flight when the worker process ended.
pub(super) fn log_death(what: &str, alone: u32, death: &WorkerDeath) {
    if death.alone && !death.by_host {
        log::warn!("{what} ended the worker process, {alone} of {MAX_DEATHS} times that it may: {death}");
    } else {
        log::warn!("{what} runs again, which was in flight when the worker process ended: {death}");
    }
}

//! One activity: the worker runs it, and its result becomes a message to the instance. At least once: the result is
//! recorded together with the end of the activity, and what is not recorded runs again.

use std::{panic::AssertUnwindSafe, sync::Arc};

use azure_functions_durable::protobuf::{ActivityRequest, ActivityResponse, OrchestrationInstance};
use futures_util::FutureExt;

use super::{
    Inner,
    attempts::{MAX_DEATHS, Next},
    committed::Committed,
    quarantine::{Item, Suspect, Verdict},
    state::Source,
    turns::Waiting,
    waiting::Activity,
};
use crate::durable::{
    engine::{
        event::{Failure, HTTP_ACTIVITY},
        message::Message,
        outcome::{activity_answered, activity_crashed, activity_ended, activity_failure, activity_missing},
    },
    http_call,
    store::{Commit, InboxRow},
    streams::{self, Lost, Seat, Work},
    work::{ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, WorkerDeath},
};

impl Inner {
    pub(super) async fn run_activity(self: Arc<Self>, mut activity: Activity, seat: Option<Seat>) {
        // A bug that one activity meets must not take its place from the others.
        let answer = async {
            match seat {
                Some(seat) => self.answer_of_stream(&activity, seat).await,
                None => self.answer(&activity).await,
            }
        };
        let answer = AssertUnwindSafe(answer).catch_unwind().await;
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
            Answer::OfStream(response) => {
                let message = activity_answered(self.now(), &activity.execution_id, activity.task_id, *response);
                self.record_result(&activity, message).await;
            }
            Answer::Failed(failure) => {
                let message = Message::task_failed(self.now(), &activity.execution_id, activity.task_id, failure);
                self.record_result(&activity, message).await;
            }
            Answer::Died(death) => self.activity_died(activity, &death).await,
            Answer::Again(reason) => self.activity_again(activity, &reason),
            Answer::AtOnce => self.activity_at_once(activity),
            Answer::Abandoned(worker) => {
                activity.attempts.abandoned(worker);
                self.activity_again(activity, "a worker has abandoned it");
            }
            Answer::Lost(worker) => match activity.attempts.lost_with(worker) {
                Next::AtOnce => self.activity_at_once(activity),
                Next::Later(reason) => self.activity_again(activity, &reason),
                Next::Fails(problem) => {
                    let failure = Failure::text(format!("Activity function '{}' failed: {problem}.", activity.name));
                    let message = Message::task_failed(self.now(), &activity.execution_id, activity.task_id, failure);
                    self.record_result(&activity, message).await;
                }
            },
            Answer::Leave => {
                let mut state = self.state();
                let row = activity.row;
                state.paused = true;
                state.activities.push(activity);
                self.activity_ended(&mut state, row);
            }
        }
    }

    fn activity_again(self: &Arc<Self>, mut activity: Activity, reason: &str) {
        activity.failures += 1;
        let level = match activity.failures.is_power_of_two() {
            true => log::Level::Warn,
            false => log::Level::Debug,
        };
        log::log!(level, "activity '{}' will be tried again: {reason}", activity.name);
        self.activity_ended(&mut self.state(), activity.row);
        self.after_pause(activity.failures, move |hub| {
            let mut state = hub.state();
            state.activities.push(activity);
            hub.pump(&mut state);
        });
    }

    fn activity_at_once(self: &Arc<Self>, activity: Activity) {
        let mut state = self.state();
        let row = activity.row;
        state.activities.push(activity);
        self.activity_ended(&mut state, row);
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
                    Verdict::Innocent => state.activities.push(activity),
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
            trace: activity.trace.as_deref().cloned(),
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

    async fn answer_of_stream(&self, activity: &Activity, seat: Seat) -> Answer {
        let request = ActivityRequest {
            name: activity.name.clone(),
            version: activity.version.clone(),
            input: activity.input.clone(),
            tags: activity.tags.clone().into_iter().collect(),
            orchestration_instance: Some(OrchestrationInstance {
                instance_id: activity.instance_id.to_string(),
                execution_id: Some(activity.execution_id.to_string()),
            }),
            task_id: activity.task_id,
            parent_trace_context: activity.trace.as_deref().map(Into::into),
        };
        match seat.run(Work::Activity(request)).await {
            Ok(streams::Answer::Activity(response)) => Answer::OfStream(Box::new(response)),
            // It has the token of another kind of work.
            Ok(_) => Answer::Again("a worker has abandoned it".to_owned()),
            Err(Lost::Abandoned(worker)) => Answer::Abandoned(worker),
            Err(Lost::Gone(worker)) => Answer::Lost(worker),
            Err(Lost::Unserved) => Answer::AtOnce,
            Err(Lost::Unusable(problem)) => Answer::Failed(Failure::text(problem)),
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
            place.submit_unawaited(commit, Committed::Nothing);
            if wanted {
                state.deliver(activity.instance, Source::Inbox(row), message);
            }
        }
        self.activity_ended(&mut state, activity.row);
    }
}

enum Answer {
    Result(WorkResult),
    /// Of a worker that takes its work from a stream.
    OfStream(Box<ActivityResponse>),
    /// It fails without the worker's word.
    Failed(Failure),
    Again(String),
    /// No worker has had it.
    AtOnce,
    /// The worker of this number gave it back.
    Abandoned(u64),
    /// The stream of the worker of this number has ended.
    Lost(u64),
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

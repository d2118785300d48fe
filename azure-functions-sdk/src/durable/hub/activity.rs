//! One activity: the worker runs it, and its result becomes a message to the instance. At least once: the result is
//! recorded together with the end of the activity, and what is not recorded runs again.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Inner,
    dispatch::{Committed, MAX_DEATHS},
    state::{Activity, Source},
};
use crate::durable::{
    engine::{
        decision::HTTP_ACTIVITY,
        event::{Failure, json_string},
        message::Message,
    },
    store::{Commit, InboxRow},
    work::{ReturnValue, WorkError, WorkItem, WorkKind, WorkResult},
};

impl Inner {
    pub(super) async fn run_activity(self: Arc<Self>, mut activity: Activity) {
        match self.answer(&mut activity).await {
            Answer::Result(result) => self.record_result(&activity, result).await,
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

    async fn answer(&self, activity: &mut Activity) -> Answer {
        let name = &activity.name;
        if name == HTTP_ACTIVITY {
            return Answer::failed(name, "this version of the local host makes no HTTP calls for orchestrations; call an activity that does");
        }
        let Some(function) = self.state().function(WorkKind::Activity, name) else {
            return Answer::failed(name, &format!("Activity function '{name}' does not exist."));
        };
        let item = WorkItem {
            kind: WorkKind::Activity,
            function,
            instance_id: activity.instance_id.to_string(),
            payload: activity.input.clone(),
        };
        match self.worker.run(item).await {
            Ok(WorkResult::Succeeded(value)) => Answer::Result(Ok(result_text(value))),
            // The host cuts its own text after a colon, so the message keeps a blank of its own.
            Ok(WorkResult::Failed(message)) => Answer::failed(name, &format!(" {}", user_message(&message))),
            Err(WorkError::ShuttingDown) => Answer::Leave,
            Err(error @ WorkError::TimedOut(_)) => Answer::failed(name, &error.to_string()),
            Err(error) if activity.deaths + 1 >= MAX_DEATHS => Answer::failed(
                name,
                &format!(
                    "it was tried {MAX_DEATHS} times and never ended; the last time {error}. Look for what ends the \
                     worker: an abort, a stack overflow, no memory left."
                ),
            ),
            Err(error) => Answer::Again(error.to_string()),
        }
    }

    /// One small commit: the activity goes, its result comes. A result that nobody waits for only lets it go.
    async fn record_result(self: &Arc<Self>, activity: &Activity, result: Result<Option<String>, Failure>) {
        let now = self.now();
        let message = match result {
            Ok(result) => Message::task_completed(now, &activity.execution_id, activity.task_id, result),
            Err(failure) => Message::task_failed(now, &activity.execution_id, activity.task_id, failure),
        };
        let json = message.to_json();
        let mut commit = Commit { activities_removed: vec![activity.row], ..Commit::default() };
        let place = self.writer.place().await;
        let mut state = self.state();
        // Closed: it runs again when the hub is opened.
        if let Ok(place) = place {
            let wanted = state.instances.get(&activity.instance).is_some_and(|live| {
                !live.ended() && *live.state.execution_id == *activity.execution_id
            });
            let row = self.new_row();
            if wanted {
                commit.inbox_added.push(InboxRow { row, instance: activity.instance, message: json });
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
    Result(Result<Option<String>, Failure>),
    Again(String),
    Leave,
}

impl Answer {
    fn failed(name: &str, text: &str) -> Self {
        Self::Result(Err(Failure {
            reason: format!("Activity function '{name}' failed: {text}"),
            details: String::new(),
        }))
    }
}

/// What a function returned, as JSON text.
fn result_text(value: ReturnValue) -> Option<String> {
    match value {
        ReturnValue::None => None,
        ReturnValue::Json(json) if json.trim().is_empty() => None,
        ReturnValue::Json(json) => {
            let valid = serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok();
            Some(if valid { json } else { json_string(&json) })
        }
        ReturnValue::Text(text) => Some(json_string(&text)),
        ReturnValue::Bytes(bytes) => Some(json_string(&STANDARD.encode(&bytes))),
        ReturnValue::Integer(number) => Some(number.to_string()),
        ReturnValue::Double(number) => Some(serde_json::Number::from_f64(number).map_or_else(
            || json_string(&number.to_string()),
            |number| number.to_string(),
        )),
    }
}

/// What user code said: between the labels of the host's wrapper where they are, and without data for the host.
fn user_message(exception: &str) -> &str {
    let text = exception.split_once("\nException: ").map_or(exception, |(_, rest)| rest);
    let text = text.split_once("\nStack:").map_or(text, |(text, _)| text);
    text.split_once("$OutOfProcData$").map_or(text, |(text, _)| text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_json_text() {
        assert_eq!(result_text(ReturnValue::None), None);
        assert_eq!(result_text(ReturnValue::Json(r#"{"a":1}"#.into())).as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(result_text(ReturnValue::Json("not json".into())).as_deref(), Some("\"not json\""));
        assert_eq!(result_text(ReturnValue::Text("hi".into())).as_deref(), Some("\"hi\""));
        assert_eq!(result_text(ReturnValue::Bytes((&b"hi"[..]).into())).as_deref(), Some("\"aGk=\""));
        assert_eq!(result_text(ReturnValue::Integer(-5)).as_deref(), Some("-5"));
        assert_eq!(result_text(ReturnValue::Double(1.5)).as_deref(), Some("1.5"));
        assert_eq!(result_text(ReturnValue::Double(f64::NAN)).as_deref(), Some("\"NaN\""));
    }

    #[test]
    fn messages_lose_the_wrapper() {
        assert_eq!(user_message("boom"), "boom");
        assert_eq!(user_message("Result: Failure\nException: boom\nStack: a\nb"), "boom");
        assert_eq!(user_message("boom\n\n$OutOfProcData$:{}"), "boom");
    }
}

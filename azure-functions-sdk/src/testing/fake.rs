//! Stand-ins for activities, and what is known about calls.

use std::{
    any::Any,
    collections::HashMap,
    fmt::{self, Display},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A stand-in for an activity, made by [`TestHost::fake`](super::TestHost::fake): it answers instead of the activity, from the
/// moment it is made. Its settings can change while orchestrations run.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<Inner>>);

struct Inner {
    activity: String,
    answer: Answer,
    delay: Duration,
    failures: u32,
    failure: String,
}

type Answer = Arc<Mutex<dyn FnMut(Value) -> Result<Value, String> + Send>>;

/// What a fake does with one call.
pub(super) struct Script {
    pub(super) delay: Duration,
    failure: Option<String>,
    answer: Answer,
}

impl Fake {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each call from now on takes this long, in virtual time.
    pub fn taking(self, delay: Duration) -> Self {
        self.inner().delay = delay;
        self
    }

    /// The next `times` calls fail with this message, and do not reach the closure.
    pub fn failing_first(self, times: u32, message: impl Display) -> Self {
        let mut inner = self.inner();
        inner.failures = times;
        inner.failure = message.to_string();
        drop(inner);
        self
    }

    /// All calls from now on fail with this message, and do not reach the closure.
    pub fn failing(self, message: impl Display) -> Self {
        self.failing_first(u32::MAX, message)
    }

    /// What the next call does.
    pub(super) fn script(&self) -> Script {
        let mut inner = self.inner();
        let failure = (inner.failures > 0).then(|| inner.failure.clone());
        if inner.failures < u32::MAX {
            inner.failures = inner.failures.saturating_sub(1);
        }
        Script {
            delay: inner.delay,
            failure,
            answer: Arc::clone(&inner.answer),
        }
    }
}

impl Script {
    pub(super) fn answer(self, input: Value) -> Result<Value, Failed> {
        if let Some(failure) = self.failure {
            return Err(Failed::Meant(failure));
        }
        // A closure that panicked once may be called again: what it captured is its own business.
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        // The world must not end by a panic, of an assertion perhaps.
        match catch_unwind(AssertUnwindSafe(|| answer(input))) {
            Ok(answer) => answer.map_err(Failed::Meant),
            Err(panic) => Err(Failed::Panicked(message_of(&*panic).to_owned())),
        }
    }
}

/// What a panic said.
pub(super) fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message")
}

/// How a call of a fake failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// As the test wants it.
    #[error("{0}")]
    Meant(String),
    /// An assertion, say: the test fails.
    #[error("the fake panicked: {0}")]
    Panicked(String),
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake")
            .field("activity", &self.inner().activity)
            .finish_non_exhaustive()
    }
}

/// A call of an activity, as [`TestHost::calls`](super::TestHost::calls) tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ActivityCall {
    /// Name of the activity.
    pub activity: String,
    /// Id of the instance that made it.
    pub instance_id: String,
    /// When it began, in virtual time.
    pub time: DateTime<Utc>,
    /// Its input; null if there was none.
    pub input: Value,
    /// What it returned, or the message that it failed with; `None` while it runs.
    pub result: Option<Result<Value, String>>,
}

impl ActivityCall {
    /// The input as a `T`.
    ///
    /// # Panics
    /// If the input has another shape.
    #[track_caller]
    pub fn input_as<T: DeserializeOwned>(&self) -> T {
        match T::deserialize(&self.input) {
            Ok(input) => input,
            Err(error) => panic!(
                "the input of activity '{}' has another shape: {error}: {}",
                self.activity, self.input
            ),
        }
    }
}

/// The fakes of a test host, by the lower-cased names of their activities.
#[derive(Debug, Default)]
pub(super) struct Fakes(HashMap<String, Fake>);

impl Fakes {
    pub(super) fn add<I, O, E>(
        &mut self,
        activity: &str,
        mut answer: impl FnMut(I) -> Result<O, E> + Send + 'static,
    ) -> Fake
    where
        I: DeserializeOwned,
        O: Serialize,
        E: Display,
    {
        let name = activity.to_owned();
        let answer = move |input: Value| {
            let input = I::deserialize(&input)
                .map_err(|error| format!("the fake of activity '{name}' takes another input: {error}: {input}"))?;
            let output = answer(input).map_err(|error| error.to_string())?;
            serde_json::to_value(output)
                .map_err(|error| format!("the output of the fake of activity '{name}' cannot be JSON: {error}"))
        };
        let fake = Fake(Arc::new(Mutex::new(Inner {
            activity: activity.to_owned(),
            answer: Arc::new(Mutex::new(answer)),
            delay: Duration::ZERO,
            failures: 0,
            failure: String::new(),
        })));
        self.0.insert(activity.to_lowercase(), fake.clone());
        fake
    }

    pub(super) fn get(&self, activity: &str) -> Option<Fake> {
        self.0.get(&activity.to_lowercase()).cloned()
    }
}

//! The test host by type: what it starts, fakes and raises, checked when the test is compiled.

use azure_functions::{
    durable::{self, Activity, Event, Orchestration},
    in_process::message_of,
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Display;

use super::{Fake, TestHost, TestInstance, Wire};

impl TestHost {
    /// Starts an orchestration by type, under an id that the task hub chooses.
    ///
    /// # Panics
    /// If the input cannot be JSON.
    #[track_caller]
    pub fn start_typed<F: Orchestration>(&self, input: F::Input) -> TestInstance<'_>
    where
        F::Input: Serialize,
    {
        self.start(F::NAME, &input)
    }

    /// As [`try_fake`](Self::try_fake), with the activity's own types: its error comes back to the orchestration as itself.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// # use azure_functions_sdk::testing::TestHost;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
    /// #[error("the card was declined")]
    /// struct Declined;
    ///
    /// #[func]
    /// fn charge(amount: u32) -> Result<ActivityOutput<u32>, Declined> {
    ///     Ok(amount.into())
    /// }
    ///
    /// #[func]
    /// async fn pay(context: DurableOrchestrationContext<u32>) -> OrchestrationOutput<String> {
    ///     match context.call::<charge>(context.input()).returned().await {
    ///         Ok(Ok(amount)) => format!("paid {amount}").into(),
    ///         Ok(Err(Declined)) => "cash, please".into(),
    ///         Err(error) => error.to_string().into(),
    ///     }
    /// }
    ///
    /// let host = TestHost::new();
    /// host.fake_typed::<charge>(|_amount| Err(Declined));
    /// assert_eq!(host.start_typed::<pay>(5).output::<String>(), "cash, please");
    /// ```
    ///
    /// # Panics
    /// If the app has no such activity.
    #[track_caller]
    pub fn fake_typed<F: Activity>(
        &self,
        mut answer: impl FnMut(F::Input) -> Result<F::Output, F::Error> + Send + 'static,
    ) -> Fake
    where
        F::Input: DeserializeOwned,
        F::Output: Serialize,
        F::Error: Display,
    {
        let wire = match self.wire() {
            Wire::Json => durable::Wire::Json,
            Wire::Protobuf | Wire::Stream => durable::Wire::Protobuf,
        };
        self.try_fake(F::NAME, move |input| {
            answer(input).map_err(|error| message_of::<F>(&error, wire))
        })
    }
}

impl TestInstance<'_> {
    /// Raises a typed external event for it.
    ///
    /// # Panics
    /// If there is no such instance, it has ended, or the event cannot be JSON.
    #[track_caller]
    pub fn raise<E: Event + Serialize>(&self, event: &E) {
        self.raise_event(E::NAME, event);
    }
}

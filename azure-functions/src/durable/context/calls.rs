//! What the context calls: activities and other orchestrations.

use crate::durable::{
    Activity, ActivityCall, CallError, CalledKind, DurableOrchestrationContext, Orchestration, ReadJson, RetryOptions,
    SubOrchestrationCall,
    call::RawCall,
    replay::{action::ActionKind, ids::Site, texts::Text},
};
use serde::Serialize;
use std::{panic::Location, rc::Rc};

/// Calls by type: the name of a function is also a type.
impl<T> DurableOrchestrationContext<T> {
    /// Calls an activity of this app; name, input and output are checked when the app is compiled. The future takes
    /// [options](ActivityCall), such as [`retry`](ActivityCall::retry).
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// #[func]
    /// fn say_hello(name: String) -> ActivityOutput<String> {
    ///     format!("Hello {name}!").into()
    /// }
    ///
    /// #[func]
    /// async fn greet(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput<String>, CallError> {
    ///     let greeting = context.call::<say_hello>(context.input()).await?;
    ///     Ok(greeting.into())
    /// }
    /// ```
    #[track_caller]
    pub fn call<F: Activity>(&self, input: F::Input) -> ActivityCall<F::Output, F::Error>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        let call = self.make_call(self.activity(F::NAME, &input), F::default_retry(), Location::caller());
        ActivityCall::by_type::<F>(call)
    }

    /// Starts another orchestration of this app and waits for its output; name, input and output are checked when the app
    /// is compiled. The future takes [options](SubOrchestrationCall): an [instance id](SubOrchestrationCall::instance_id),
    /// [retries](SubOrchestrationCall::retry).
    #[track_caller]
    pub fn call_sub<F: Orchestration>(&self, input: F::Input) -> SubOrchestrationCall<F::Output>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        let call = self.make_call(self.sub_orchestration(F::NAME, &input), None, Location::caller());
        SubOrchestrationCall::by_type::<F>(call)
    }
}

/// Calls by name.
impl<T> DurableOrchestrationContext<T> {
    /// Calls an activity. The future takes [options](ActivityCall), such as [`retry`](ActivityCall::retry).
    #[track_caller]
    pub fn call_activity<D: Serialize>(&self, name: &str, input: D) -> ActivityCall {
        ActivityCall::by_name(self.make_call(self.activity(name, &input), None, Location::caller()))
    }

    /// Calls an activity, and again when it fails: [`call_activity`](Self::call_activity) with the option
    /// [`retry`](ActivityCall::retry).
    #[track_caller]
    pub fn call_activity_with_retry<D: Serialize>(&self, name: &str, options: RetryOptions, input: D) -> ActivityCall {
        self.call_activity(name, input).retry(&options)
    }

    /// Starts another orchestration and waits for its output. Without an instance id it gets one made from this
    /// execution's and a number. The future takes [options](SubOrchestrationCall).
    #[track_caller]
    pub fn call_sub_orchestrator<D: Serialize>(
        &self,
        name: &str,
        instance_id: Option<&str>,
        input: D,
    ) -> SubOrchestrationCall {
        let call = self.make_call(self.sub_orchestration(name, &input), None, Location::caller());
        SubOrchestrationCall::by_name(call).instance_id(instance_id.unwrap_or_default())
    }

    /// Starts another orchestration and waits for its output, and again when it fails:
    /// [`call_sub_orchestrator`](Self::call_sub_orchestrator) with the option [`retry`](SubOrchestrationCall::retry).
    #[track_caller]
    pub fn call_sub_orchestrator_with_retry<D: Serialize>(
        &self,
        name: &str,
        instance_id: Option<&str>,
        options: RetryOptions,
        input: D,
    ) -> SubOrchestrationCall {
        self.call_sub_orchestrator(name, instance_id, input).retry(&options)
    }

    fn activity<D: Serialize>(&self, name: &str, input: &D) -> Result<ActionKind, CallError> {
        Ok(ActionKind::CallActivity {
            name: self.known(CalledKind::Activity, name)?,
            input: self.json(name, input)?,
            tags: None,
        })
    }

    fn sub_orchestration<D: Serialize>(&self, name: &str, input: &D) -> Result<ActionKind, CallError> {
        Ok(ActionKind::CallSubOrchestration {
            name: self.known(CalledKind::Orchestration, name)?,
            input: self.json(name, input)?,
            options: None,
        })
    }

    pub(in crate::durable) fn text(&self, name: &str, text: &str) -> Result<Text, CallError> {
        self.core.text(text).map_err(|source| CallError::Input {
            name: name.to_owned(),
            source,
        })
    }

    pub(in crate::durable) fn json<D: Serialize>(&self, name: &str, input: &D) -> Result<Text, CallError> {
        self.core.json(input).map_err(|source| CallError::Input {
            name: name.to_owned(),
            source,
        })
    }

    pub(in crate::durable) fn known(&self, kind: CalledKind, name: &str) -> Result<Rc<str>, CallError> {
        if let Some(name) = self.core.known(kind, name) {
            return Ok(name);
        }
        let known = self.core.functions.names(kind);
        Err(CallError::NotRegistered {
            kind: kind.word(),
            found: self.core.functions.kind_of(name).map(CalledKind::word),
            name: name.to_owned(),
            known,
        })
    }

    fn make_call(&self, call: Result<ActionKind, CallError>, retry: Option<RetryOptions>, site: Site) -> RawCall {
        let core = &self.core;
        let call = match call {
            Ok(call) => call,
            Err(error) => {
                core.touch(site);
                return RawCall::refused(core, error);
            }
        };
        if !core.touch(site) {
            return RawCall::made(core, core.inert(site), site);
        }
        let op = match retry {
            None => core.issue_call(call, site),
            Some(options) => core.issue_retry(call, options, site),
        };
        RawCall::made(core, op, site)
    }
}

//! What the context calls: activities and other orchestrations.

use crate::durable::{
    CallError, CallFuture, CalledKind, DurableOrchestrationContext, RetryOptions,
    replay::{action::ActionKind, core::Site},
};
use azure_functions_durable::check_instance_id;
use serde::Serialize;
use std::{panic::Location, rc::Rc};

impl<T> DurableOrchestrationContext<T> {
    /// Calls an activity.
    #[track_caller]
    pub fn call_activity<D: Serialize>(&self, name: &str, input: D) -> CallFuture {
        self.make_call(self.activity(name, &input), None, Location::caller())
    }

    /// Calls an activity, and again when it fails.
    #[track_caller]
    pub fn call_activity_with_retry<D: Serialize>(&self, name: &str, options: RetryOptions, input: D) -> CallFuture {
        self.make_call(self.activity(name, &input), Some(options), Location::caller())
    }

    /// Starts another orchestration and waits for its output. Without an instance id it gets one made from this
    /// execution's and a number.
    #[track_caller]
    pub fn call_sub_orchestrator<D: Serialize>(&self, name: &str, instance_id: Option<&str>, input: D) -> CallFuture {
        self.make_call(
            self.sub_orchestration(name, instance_id, &input),
            None,
            Location::caller(),
        )
    }

    /// Starts another orchestration and waits for its output, and again when it fails. A given instance id is used by
    /// every attempt.
    #[track_caller]
    pub fn call_sub_orchestrator_with_retry<D: Serialize>(
        &self,
        name: &str,
        instance_id: Option<&str>,
        options: RetryOptions,
        input: D,
    ) -> CallFuture {
        self.make_call(
            self.sub_orchestration(name, instance_id, &input),
            Some(options),
            Location::caller(),
        )
    }

    pub(in crate::durable) fn activity<D: Serialize>(&self, name: &str, input: &D) -> Result<ActionKind, CallError> {
        Ok(ActionKind::CallActivity {
            name: self.known(CalledKind::Activity, name)?,
            input: self.json(name, input)?,
        })
    }

    pub(in crate::durable) fn sub_orchestration<D: Serialize>(
        &self,
        name: &str,
        id: Option<&str>,
        input: &D,
    ) -> Result<ActionKind, CallError> {
        let known = self.known(CalledKind::Orchestration, name)?;
        let id = id.filter(|id| !id.is_empty());
        // The host swallows these mistakes, and every later id would shift.
        let same = |other: &str| id.is_some_and(|id| id.eq_ignore_ascii_case(other));
        let reason = id.and_then(|id| match check_instance_id(id) {
            Err(rule) => Some(rule.to_string()),
            Ok(()) if same(self.instance_id()) => Some("it is the id of this instance".to_owned()),
            Ok(()) if self.parent_instance_id().is_some_and(same) => {
                Some("it is the id of the parent instance".to_owned())
            }
            Ok(()) => None,
        });
        if let (Some(reason), Some(id)) = (reason, id) {
            return Err(CallError::InstanceId {
                name: name.to_owned(),
                id: id.to_owned(),
                reason,
            });
        }
        let instance_id = id.map(str::to_owned);
        Ok(ActionKind::CallSubOrchestration {
            name: known,
            instance_id,
            input: self.json(name, input)?,
        })
    }

    pub(in crate::durable) fn json<D: Serialize>(&self, name: &str, input: &D) -> Result<String, CallError> {
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

    pub(in crate::durable) fn make_call(
        &self,
        call: Result<ActionKind, CallError>,
        retry: Option<RetryOptions>,
        site: Site,
    ) -> CallFuture {
        let core = &self.core;
        let call = match call {
            Ok(call) => call,
            Err(error) => {
                core.touch(site);
                return CallFuture::refused(core, error);
            }
        };
        if !core.touch(site) {
            return CallFuture::called(core, core.inert(site), site);
        }
        let op = match retry {
            None => core.issue_call(call, site),
            Some(options) => core.issue_retry(call, options, site),
        };
        CallFuture::called(core, op, site)
    }
}

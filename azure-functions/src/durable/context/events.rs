//! Events that an orchestration sends to other instances.

use crate::durable::{CallError, DurableOrchestrationContext, Event, Unsupported, Wire, replay::ids::Site};
use azure_functions_durable::check_instance_id;
use serde::Serialize;
use std::panic::Location;

impl<T> DurableOrchestrationContext<T> {
    /// Sends an external event to another instance, which may not be waiting for it yet. Nothing says whether there is such an
    /// instance, and the event is lost where there is none.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// #[func]
    /// async fn ship(context: DurableOrchestrationContext<String>) -> Result<(), CallError> {
    ///     context.send_event(context.input(), "shipped", 3)?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CallError::Unsupported`] on the JSON wire, which has no such action: raise the event from an activity there, with a
    /// client. Otherwise if the id is none that an instance can have, or the data cannot be written as JSON. Nothing is sent then.
    #[track_caller]
    pub fn send_event<D: Serialize>(&self, instance_id: impl AsRef<str>, name: &str, data: D) -> Result<(), CallError> {
        self.send_to(instance_id.as_ref(), name, &data, Location::caller())
    }

    /// Sends an external event of this type to another instance: [`send_event`](Self::send_event) by type.
    ///
    /// # Errors
    /// As [`send_event`](Self::send_event).
    #[track_caller]
    pub fn send<E: Event + Serialize>(&self, instance_id: impl AsRef<str>, event: &E) -> Result<(), CallError> {
        self.send_to(instance_id.as_ref(), E::NAME, event, Location::caller())
    }

    fn send_to<D: Serialize>(&self, instance_id: &str, name: &str, data: &D, site: Site) -> Result<(), CallError> {
        let core = &self.core;
        if !core.touch(site) {
            return Ok(());
        }
        if core.history.has_shim() {
            return Err(CallError::Unsupported(Unsupported::new(
                "an event to another instance",
                Wire::Json,
                "raise it in an activity, with a client, or have the host speak protobuf",
            )));
        }
        check_instance_id(instance_id).map_err(|rule| CallError::InstanceId {
            name: name.to_owned(),
            id: instance_id.to_owned(),
            reason: rule.to_string(),
        })?;
        let data = self.json(name, data)?;
        core.issue_event(instance_id.into(), name.into(), data, site);
        Ok(())
    }
}

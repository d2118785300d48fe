//! What the futures of all calls have in common: a call that was made or refused, its options, and its answer as JSON.

use crate::durable::{
    CallError, RetryOptions, Unsupported, Wire,
    call_error::RESERVED_TAGS,
    replay::{
        core::Core,
        history::Event,
        ids::{OpId, Site},
        operation::Answered,
        recorded::read_response,
    },
    task_future::Handle,
};
use azure_functions_durable::check_instance_id;
use serde_json::Value;
use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// A call without the types of its output and its error.
#[derive(Debug)]
pub(in crate::durable) enum RawCall {
    Made(Handle),
    /// The call was not made, or was taken back.
    Refused {
        core: Rc<Core>,
        error: Option<Box<CallError>>,
    },
}

impl RawCall {
    pub(in crate::durable) fn made(core: &Rc<Core>, op: OpId, site: Site) -> Self {
        Self::Made(Handle::new(core, op, site))
    }

    pub(in crate::durable) fn refused(core: &Rc<Core>, error: CallError) -> Self {
        Self::Refused {
            core: Rc::clone(core),
            error: Some(Box::new(error)),
        }
    }

    /// The call that an option is for; `None` if nothing is to be done.
    fn open(&self, site: Site) -> Option<&Handle> {
        match self {
            Self::Made(handle) => handle.core.touch(site).then_some(handle),
            Self::Refused { .. } => None,
        }
    }

    pub(super) fn retry(&self, options: RetryOptions, site: Site) {
        if let Some(Handle { core, op, .. }) = self.open(site) {
            core.amend_retry(*op, options, site);
        }
    }

    pub(super) fn named(&self, label: &str, site: Site) {
        if let Some(Handle { core, op, .. }) = self.open(site) {
            core.amend_label(*op, label, site);
        }
    }

    /// Gives the instance id of a sub-orchestration; an empty one is none.
    pub(super) fn instance_id(&mut self, id: &str, site: Site) {
        let Some(Handle { core, op, .. }) = self.open(site) else {
            return;
        };
        let given: Option<Rc<str>> = (!id.is_empty()).then(|| id.into());
        // The host swallows these mistakes, and every later id would shift.
        let same = |other: &str| id.eq_ignore_ascii_case(other);
        let parent = core.history.parent_instance_id.as_deref();
        let reason = match check_instance_id(id) {
            _ if id.is_empty() => None,
            Err(rule) => Some(rule.to_string()),
            Ok(()) if same(&core.history.instance_id) => Some("it is the id of this instance".to_owned()),
            Ok(()) if parent.is_some_and(same) => Some("it is the id of the parent instance".to_owned()),
            Ok(()) => None,
        };
        let check = |name: &str| match reason {
            Some(reason) => Err(CallError::InstanceId {
                name: name.to_owned(),
                id: id.to_owned(),
                reason,
            }),
            None => Ok(()),
        };
        let changed = core.amend_call(*op, "instance_id", site, check, |call| {
            if let Some(options) = call.sub_options() {
                options.instance_id.clone_from(&given);
            }
        });
        if let Err(error) = changed {
            *self = Self::refused(&Rc::clone(core), error);
        }
    }

    /// Gives the version of a sub-orchestration.
    pub(super) fn version(&mut self, version: &str, site: Site) {
        let Some(Handle { core, op, .. }) = self.open(site) else {
            return;
        };
        let given: Rc<str> = version.into();
        let changed = core.amend_call(
            *op,
            "version",
            site,
            |_| Ok(()),
            |call| {
                if let Some(options) = call.sub_options() {
                    options.version = Some(Rc::clone(&given));
                }
            },
        );
        if let Err(error) = changed {
            *self = Self::refused(&Rc::clone(core), error);
        }
    }

    /// Adds a tag.
    pub(super) fn tag(&mut self, tag: &str, value: &str, site: Site) {
        let Some(Handle { core, op, .. }) = self.open(site) else {
            return;
        };
        let check = |name: &str| match tag {
            _ if core.history.has_shim() => Err(CallError::Unsupported(Unsupported::new(
                "a call with tags",
                Wire::Json,
                "leave them out, or have the host speak protobuf",
            ))),
            reserved if reserved.starts_with(RESERVED_TAGS) => Err(CallError::Tag {
                name: name.to_owned(),
                tag: tag.to_owned(),
            }),
            _ => Ok(()),
        };
        let changed = core.amend_call(*op, "tag", site, check, |call| {
            if let Some(tags) = call.tags() {
                tags.insert(tag.to_owned(), value.to_owned());
            }
        });
        if let Err(error) = changed {
            *self = Self::refused(&Rc::clone(core), error);
        }
    }
}

impl Future for RawCall {
    type Output = Result<Value, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Made(handle) => {
                let answered = ready!(handle.poll(cx));
                Poll::Ready(read_answer(&handle.core, answered))
            }
            Self::Refused { core, error } => match error.take() {
                Some(error) => Poll::Ready(Err(*error)),
                None => core.refuse_repoll(),
            },
        }
    }
}

fn read_answer(core: &Core, answered: Answered) -> Result<Value, CallError> {
    let history = &core.history;
    match answered {
        Answered::Event(place) => match history.event(place) {
            Some(Event::Completed { id, result, .. }) => {
                history.nested_json(result).map_err(|source| CallError::Unreadable {
                    name: core.called_name(id),
                    source,
                })
            }
            Some(Event::Failed { id, .. }) => Err(CallError::from_history(history, place, &core.called_name(id))),
            // Nothing else answers a call.
            _ => Ok(Value::Null),
        },
        Answered::Response { place, action } => match history.event(place) {
            Some(Event::Raised { input, .. }) => {
                let (entity, operation) = core.called_entity(action);
                read_response(history, input, &entity, &operation)
            }
            _ => Ok(Value::Null),
        },
        // Only timers and waits are answered otherwise.
        Answered::Fired | Answered::Arrival(_) => Ok(Value::Null),
    }
}

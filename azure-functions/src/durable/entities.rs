//! Entities from orchestrations: calls, signals and critical sections.

use super::{
    CallError, CalledKind, DurableOrchestrationContext, EntityCall,
    call::RawCall,
    replay::{core::Core, refusal::Refusal, texts::Text},
};
use crate::durable::replay::ids::{OpId, Site};
use azure_functions_durable::EntityId;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{
    borrow::Borrow,
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

impl<T> DurableOrchestrationContext<T> {
    /// Calls an operation of an entity and waits for what it returns. An entity that is not there yet is made by the call.
    ///
    /// ```
    /// # use azure_functions::{bindings::DurableOrchestrationContext, entities::EntityId, func};
    /// # use serde_json::Value;
    /// #[func]
    /// pub async fn restock(context: DurableOrchestrationContext) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     let item = EntityId::new("stock", "b-17")?;
    ///     let left = context.call_entity(&item, "left", Value::Null).await?;
    ///     if left.as_i64() < Some(10) {
    ///         context.signal_entity(&item, "add", 50)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn call_entity<D: Serialize>(&self, entity: &EntityId, operation: &str, input: D) -> EntityCall {
        let call = self.raw_call_entity(entity, operation, &input, Location::caller());
        EntityCall::new(call, "the operation of an entity")
    }

    pub(super) fn raw_call_entity<D: Serialize>(
        &self,
        entity: &EntityId,
        operation: &str,
        input: &D,
        site: Site,
    ) -> RawCall {
        let message = self.message(entity, operation, input);
        if !self.core.touch(site) {
            return RawCall::made(&self.core, self.core.inert(site), site);
        }
        match message {
            Ok((target, operation, input)) => {
                let op = self.core.issue_entity_call(&target, operation, input, site);
                RawCall::made(&self.core, op, site)
            }
            Err(error) => RawCall::refused(&self.core, error),
        }
    }

    /// Sends an operation to an entity, without waiting for it or learning what came of it.
    ///
    /// # Errors
    /// If the app has no such entity, or the input cannot be written as JSON. Nothing is sent then.
    #[track_caller]
    pub fn signal_entity<D: Serialize>(&self, entity: &EntityId, operation: &str, input: D) -> Result<(), CallError> {
        self.send_signal(entity, operation, &input, None, Location::caller())
    }

    /// Sends an operation to an entity that it is to receive at a time, at once if that has passed.
    ///
    /// # Errors
    /// If the app has no such entity, or the input cannot be written as JSON. Nothing is sent then.
    #[track_caller]
    pub fn signal_entity_at<D: Serialize>(
        &self,
        entity: &EntityId,
        operation: &str,
        input: D,
        when: DateTime<Utc>,
    ) -> Result<(), CallError> {
        self.send_signal(entity, operation, &input, Some(when), Location::caller())
    }

    fn send_signal<D: Serialize>(
        &self,
        entity: &EntityId,
        operation: &str,
        input: &D,
        at: Option<DateTime<Utc>>,
        site: Site,
    ) -> Result<(), CallError> {
        let message = self.message(entity, operation, input);
        if self.core.touch(site) {
            let (target, operation, input) = message?;
            self.core.issue_signal(target, operation, input, at, site);
        }
        Ok(())
    }

    /// The instance id of an entity that the app has, the operation, and the input's JSON.
    fn message<D: Serialize>(
        &self,
        entity: &EntityId,
        operation: &str,
        input: &D,
    ) -> Result<(Rc<str>, Text, Text), CallError> {
        self.known(CalledKind::Entity, entity.name())?;
        let operation = self.text(entity.name(), operation)?;
        Ok((entity.to_string().into(), operation, self.json(entity.name(), input)?))
    }

    /// Waits until this orchestration has all these entities to itself: the critical section, which lasts until the guard
    /// is dropped, or the orchestration ends. Operations that others ask for wait meanwhile.
    ///
    /// ```
    /// # use azure_functions::{bindings::DurableOrchestrationContext, entities::EntityId, func};
    /// # use serde_json::Value;
    /// #[func]
    /// pub async fn transfer(context: DurableOrchestrationContext) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     let (from, to, amount): (EntityId, EntityId, i64) = context.input_as()?;
    ///     let section = context.lock([&from, &to]).await;
    ///     let balance = section.call_entity(&from, "balance", Value::Null).await?;
    ///     if balance.as_i64() >= Some(amount) {
    ///         section.call_entity(&from, "withdraw", amount).await?;
    ///         section.call_entity(&to, "deposit", amount).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// Bind the section to a name, as above: `let _ = context.lock(..).await;` gives the locks back at once, without a
    /// warning of the compiler, and what follows is no critical section.
    ///
    /// The locks are asked for in one order by everybody, so no two orchestrations wait for each other. While they are
    /// held, the orchestration may call the locked entities only, each once at a time, signal only others, start no
    /// sub-orchestration and ask for no other lock. What breaks these rules is refused in the same episode, as are a lock
    /// of nothing and one of an entity that the app does not have. Activities, timers and events are free.
    ///
    /// Whatever ends the orchestration ends the section. One that failed in it cannot be rewound on the local host, which has
    /// no way to give it back what others may have changed since; it can be restarted.
    ///
    /// A section needs version 3.13.0 or newer of the Durable Task extension, or the local host.
    #[track_caller]
    pub fn lock<I>(&self, entities: I) -> LockFuture
    where
        I: IntoIterator<Item: Borrow<EntityId>>,
    {
        let (core, site) = (&self.core, Location::caller());
        let mut list: Vec<EntityId> = Vec::new();
        for entity in entities {
            core.check_items(list.len(), site);
            list.push(entity.borrow().clone());
        }
        let op = if core.touch(site) {
            let unknown = list
                .iter()
                .find(|entity| core.known(CalledKind::Entity, entity.name()).is_none());
            if let Some(unknown) = unknown {
                core.refuse_about(Refusal::UnknownEntity, &unknown.to_string(), site);
            }
            core.issue_lock(list, site)
        } else {
            core.inert(site)
        };
        LockFuture {
            locks: Some(Locks {
                context: self.untyped(),
                op,
                site,
            }),
        }
    }
}

/// Locks that are given back on drop.
struct Locks {
    context: DurableOrchestrationContext,
    op: OpId,
    site: Site,
}

impl Locks {
    fn core(&self) -> &Rc<Core> {
        &self.context.core
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        self.core().drop_lock(self.op, self.site);
    }
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.site.file(), self.site.line())
    }
}

/// Future of [`lock`](DurableOrchestrationContext::lock): the critical section. Dropping it gives the locks back as soon as
/// they are granted.
#[must_use = "await this, and bind what comes of it to a name (`let section = ..`): the critical section begins when it is ready"]
#[derive(Debug)]
pub struct LockFuture {
    /// None once it has been ready.
    locks: Option<Locks>,
}

impl Future for LockFuture {
    type Output = CriticalSection;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CriticalSection> {
        let Some(locks) = &self.locks else {
            Core::refuse_current(Refusal::PolledAfterReady);
        };
        std::task::ready!(locks.core().poll_operation(locks.op, locks.site, cx));
        match self.locks.take() {
            Some(locks) => Poll::Ready(CriticalSection { locks }),
            None => Poll::Pending,
        }
    }
}

/// A critical section of an orchestration: the locks of entities, given back on drop. So it needs a name; `let _ = ..` drops it
/// at once.
#[must_use = "bind it to a name, as in `let section = context.lock(..).await`, and keep it as long as the critical section is to \
              last: without a name, and with `let _ = ..`, the locks are given back at once"]
#[derive(Debug)]
pub struct CriticalSection {
    locks: Locks,
}

impl CriticalSection {
    pub(super) fn context(&self) -> &DurableOrchestrationContext {
        &self.locks.context
    }

    /// Calls an operation of a locked entity, as [`call_entity`](DurableOrchestrationContext::call_entity) of the context
    /// does.
    #[track_caller]
    pub fn call_entity<D: Serialize>(&self, entity: &EntityId, operation: &str, input: D) -> EntityCall {
        self.locks.context.call_entity(entity, operation, input)
    }

    /// Gives the locks back, as dropping it does.
    pub fn release(self) {
        drop(self);
    }
}

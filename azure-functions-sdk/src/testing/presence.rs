//! Which functions run at present, and whether the world can only wait for them: one that waits for the task hub or for
//! virtual time does not hold up the world.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// The functions that run.
#[derive(Clone, Debug, Default)]
pub(super) struct Presences(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    next: u64,
    functions: BTreeMap<u64, Function>,
}

#[derive(Debug)]
struct Function {
    what: String,
    /// It ends with the task hub.
    of_hub: bool,
    since: Instant,
    /// How many times at once it waits for something inside the world.
    waits: usize,
}

/// One run of a function; it has ended when this is dropped.
#[derive(Debug)]
pub(super) struct Presence {
    presences: Presences,
    number: u64,
}

/// The function waits for something inside the world, until this is dropped.
#[derive(Debug)]
pub(super) struct Inside(Arc<Presence>);

impl Presences {
    fn running(&self) -> MutexGuard<'_, Running> {
        // Nothing in here panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A function begins; `what` is what a message about it says. One of the hub ends when the hub does.
    pub(super) fn enter(&self, what: String, of_hub: bool) -> Arc<Presence> {
        let mut running = self.running();
        let number = running.next;
        running.next += 1;
        let function = Function {
            what,
            of_hub,
            since: Instant::now(),
            waits: 0,
        };
        running.functions.insert(number, function);
        drop(running);
        Arc::new(Presence {
            presences: self.clone(),
            number,
        })
    }

    /// The hub has ended, and its functions with it. Their futures may be dropped later: one that a thread is just waking
    /// is out of reach.
    pub(super) fn end_of_hub(&self) {
        self.running().functions.retain(|_, function| !function.of_hub);
    }

    /// How many functions do something that only real time ends.
    pub(super) fn busy(&self) -> usize {
        self.running()
            .functions
            .values()
            .filter(|function| function.waits == 0)
            .count()
    }
}

/// What runs, one per line.
impl fmt::Display for Presences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for function in self.running().functions.values() {
            let Function { what, since, waits, .. } = function;
            let doing = if *waits == 0 { "runs" } else { "waits for the task hub" };
            write!(f, "\n  {what}: {doing}, for {:.1?} of real time", since.elapsed())?;
        }
        Ok(())
    }
}

impl Presence {
    /// It waits for something inside the world.
    pub(super) fn inside(self: &Arc<Self>) -> Inside {
        self.count(1);
        Inside(Arc::clone(self))
    }

    fn count(&self, change: isize) {
        if let Some(function) = self.presences.running().functions.get_mut(&self.number) {
            function.waits = function.waits.saturating_add_signed(change);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.presences.running().functions.remove(&self.number);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.count(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_waits_inside_does_not_hold_up_the_world() {
        let presences = Presences::default();
        let (one, other) = (
            presences.enter("one".into(), true),
            presences.enter("other".into(), false),
        );
        assert_eq!(presences.busy(), 2);
        let waits = [one.inside(), other.inside(), one.inside()];
        assert_eq!(presences.busy(), 0);
        drop(waits);
        assert_eq!(presences.busy(), 2);
        drop(one);
        assert!(presences.to_string().contains("other: runs"), "{presences}");
        drop(other);
        assert_eq!(presences.busy(), 0);
    }

    #[test]
    fn the_end_of_the_hub_ends_its_functions() {
        let presences = Presences::default();
        let (of_hub, outside) = (
            presences.enter("one".into(), true),
            presences.enter("other".into(), false),
        );
        presences.end_of_hub();
        assert_eq!(presences.busy(), 1);
        drop(of_hub.inside());
        drop((of_hub, outside));
        assert_eq!(presences.busy(), 0);
    }
}

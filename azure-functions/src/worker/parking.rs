//! The threads that keep orchestrations between their turns. What waits cannot leave its thread, so each instance has one: that of
//! its id. A thread that runs one turn for long keeps no other waiting: what is for it runs [elsewhere](super::episodes) meanwhile, where
//! nothing is kept. A request that brings the new events only can do nothing there but ask for the history, so it waits as long as that
//! would take.

#[cfg(test)]
mod tests;

use super::episodes::Episodes;
use crate::{
    durable::{MAX_BYTES, MAX_COUNT, ParkedInstances},
    only_process::is_only_process,
    panics,
};
use std::{
    collections::{HashSet, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// Setting with the number of orchestrations that are kept at most; zero keeps none.
const SETTING: &str = "AZURE_FUNCTIONS_PARKED_INSTANCES";

/// A thread that takes longer for a turn is not waited for.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long the durable extension takes to send a turn again after the worker has asked for its history.
const HISTORY_COMES_AFTER: Duration = Duration::from_secs(2);
/// How often is looked at the turns that run, while there are any.
const TICK: Duration = Duration::from_millis(50);

/// A turn. It is given what its thread keeps, or nothing where nothing is kept.
type Work = Box<dyn FnOnce(Option<&mut ParkedInstances>) + Send>;
type GiveUp = Box<dyn FnOnce() + Send>;

/// Runs the turns of instances in sessions; none of its methods waits.
pub(super) struct Parking {
    handle: Handle,
    /// Where turns run whose thread is busy.
    elsewhere: Arc<Episodes>,
    patience: Duration,
    history_comes_after: Duration,
    keepers: Vec<Keeper>,
    /// Whether a task watches those that run.
    watched: AtomicBool,
}

struct Keeper {
    room: usize,
    bytes: usize,
    /// Of the thread there is; one that is given up has its own still.
    shared: Mutex<Arc<Shared>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    started: bool,
    stopped: bool,
    queue: VecDeque<Turn>,
    running: Option<Running>,
    /// Instances that had a turn elsewhere: what is kept of them is old.
    outdated: HashSet<String>,
}

/// What the request of a turn includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Includes {
    /// The whole history, or the host sends it as soon as it is asked.
    Everything,
    /// Only the new events: the host takes [some time](HISTORY_COMES_AFTER) to send the history.
    NewEvents,
}

struct Turn {
    since: Instant,
    includes: Includes,
    instance_id: String,
    work: Work,
    give_up: GiveUp,
}

struct Running {
    since: Instant,
    /// Nothing once it was given up.
    give_up: Option<GiveUp>,
}

impl fmt::Debug for Parking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parking").finish_non_exhaustive()
    }
}

impl Parking {
    /// As many threads at most, for as many instances as the setting says; none where another process may have an instance's next turn.
    pub(super) fn new(handle: Handle, elsewhere: Arc<Episodes>, threads: usize) -> Self {
        let count = if is_only_process() { setting() } else { 0 };
        Self::with_room_for(count, MAX_BYTES, handle, elsewhere, threads)
    }

    fn with_room_for(count: usize, bytes: usize, handle: Handle, elsewhere: Arc<Episodes>, threads: usize) -> Self {
        let threads = threads.min(count);
        let keepers = (0..threads).map(|_| Keeper {
            room: count / threads,
            bytes: bytes / threads,
            shared: Mutex::default(),
        });
        Self {
            handle,
            patience: PATIENCE.min(elsewhere.limit()),
            history_comes_after: HISTORY_COMES_AFTER,
            elsewhere,
            keepers: keepers.collect(),
            watched: AtomicBool::new(false),
        }
    }

    /// Runs a turn of an instance on the thread that keeps it. If the turn takes too long, `give_up` is called while it still runs, and
    /// the instance is not kept. Neither may panic.
    pub(super) fn start(
        self: &Arc<Self>,
        instance_id: &str,
        includes: Includes,
        work: impl FnOnce(Option<&mut ParkedInstances>) + Send + 'static,
        give_up: impl FnOnce() + Send + 'static,
    ) {
        let turn = Turn {
            since: Instant::now(),
            includes,
            instance_id: instance_id.to_owned(),
            work: Box::new(work),
            give_up: Box::new(give_up),
        };
        let Some(keeper) = self.keeper(instance_id) else {
            return self.run_elsewhere(turn);
        };
        let shared = keeper.shared();
        let mut state = shared.state();
        state.queue.push_back(turn);
        let has_thread = !state.stopped && keeper.is_started(&self.handle, &shared, &mut state);
        let diverted = match (has_thread, state.is_busy(self.patience)) {
            (true, false) => VecDeque::new(),
            (true, true) => state.divert(self.history_comes_after),
            (false, _) => state.divert(Duration::ZERO),
        };
        drop(state);
        shared.news.notify_one();
        diverted.into_iter().for_each(|turn| self.run_elsewhere(turn));
        if !self.watched.swap(true, Ordering::AcqRel) {
            self.handle.spawn(Arc::clone(self).watch());
        }
    }

    /// A turn of the instance runs elsewhere: what is kept of it is old.
    pub(super) fn forget(&self, instance_id: &str) {
        let Some(keeper) = self.keeper(instance_id) else { return };
        let shared = keeper.shared();
        let mut state = shared.state();
        if state.started && !state.stopped {
            state.outdated.insert(instance_id.to_owned());
            shared.news.notify_one();
        }
    }

    fn keeper(&self, instance_id: &str) -> Option<&Keeper> {
        let mut hasher = DefaultHasher::new();
        instance_id.hash(&mut hasher);
        let count = u64::try_from(self.keepers.len()).ok().filter(|count| *count > 0)?;
        self.keepers.get(usize::try_from(hasher.finish() % count).ok()?)
    }

    fn run_elsewhere(&self, turn: Turn) {
        let Turn { work, give_up, .. } = turn;
        self.elsewhere.start(move || work(None), give_up);
    }

    /// Looks after those that run, until there are none.
    async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TICK.min(self.patience)).await;
            let mut goes_on = false;
            for keeper in &self.keepers {
                let shared = keeper.shared();
                let mut state = shared.state();
                // It may never be free again. Another thread takes its place; it ends when its turn does, and drops what it keeps.
                let is_late = state.is_busy(self.elsewhere.limit());
                let diverted = match state.is_busy(self.patience) {
                    _ if is_late => state.divert(Duration::ZERO),
                    true => state.divert(self.history_comes_after),
                    false => VecDeque::new(),
                };
                let give_up = match &mut state.running {
                    Some(running) if is_late => running.give_up.take(),
                    _ => None,
                };
                state.stopped |= is_late;
                goes_on |= !is_late && !state.is_idle();
                drop(state);
                if is_late {
                    keeper.replace(&shared);
                }
                diverted.into_iter().for_each(|turn| self.run_elsewhere(turn));
                match give_up {
                    Some(give_up) => give_up(),
                    None if is_late => log::warn!(
                        "what an orchestration held has blocked its thread while it was dropped, for {:?}: do not wait in `Drop`",
                        self.elsewhere.limit()
                    ),
                    None => {}
                }
            }
            if goes_on {
                continue;
            }
            self.watched.store(false, Ordering::Release);
            // A turn may have begun between the look and this.
            let is_idle = |keeper: &Keeper| keeper.shared().state().is_idle();
            if self.keepers.iter().all(is_idle) || self.watched.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }

    /// The threads end when their turns do, and drop what they keep.
    pub(super) fn stop(&self) {
        for keeper in &self.keepers {
            let shared = keeper.shared();
            shared.state().stopped = true;
            shared.news.notify_one();
        }
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Keeper {
    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.lock())
    }

    /// The next turn starts another thread.
    fn replace(&self, given_up: &Arc<Shared>) {
        let mut shared = self.lock();
        if Arc::ptr_eq(&shared, given_up) {
            *shared = Arc::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Shared>> {
        // Nothing in here panics while it holds the lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a thread; starts one if there was none.
    fn is_started(&self, handle: &Handle, shared: &Arc<Shared>, state: &mut State) -> bool {
        if !state.started {
            let (handle, shared, room, bytes) = (handle.clone(), Arc::clone(shared), self.room, self.bytes);
            let thread = thread::Builder::new().name("orchestrations".to_owned());
            let started = thread.spawn(move || {
                // Layers may use the runtime's timers.
                let _runtime = handle.enter();
                shared.run(ParkedInstances::with_room_for(room, bytes));
            });
            state.started = started.is_ok();
        }
        state.started
    }
}

impl Shared {
    /// The thread.
    fn run(&self, mut parked: ParkedInstances) {
        let mut state = self.state();
        loop {
            if state.stopped {
                return;
            }
            if !state.outdated.is_empty() {
                let outdated = mem::take(&mut state.outdated);
                outdated.iter().for_each(|id| parked.forget(id));
                continue;
            }
            if parked.has_aside() {
                // Between two turns, so that it is no part of either.
                state = self.apart(state, None, || parked.drop_aside()).0;
                continue;
            }
            if let Some(turn) = state.queue.pop_front() {
                let Turn {
                    instance_id,
                    work,
                    give_up,
                    ..
                } = turn;
                let (next, given_up) = self.apart(state, Some(give_up), || work(Some(&mut parked)));
                state = next;
                if given_up {
                    state.outdated.insert(instance_id);
                }
                continue;
            }
            let next = parked.set_idle_aside(Instant::now());
            if parked.has_aside() {
                continue;
            }
            state = match next {
                None => self.news.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(next) => {
                    let pause = next.saturating_duration_since(Instant::now());
                    let woken = self.news.wait_timeout(state, pause);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Does something without holding the state; whether that was given up meanwhile.
    fn apart<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        give_up: Option<GiveUp>,
        work: impl FnOnce(),
    ) -> (MutexGuard<'a, State>, bool) {
        let can_be_given_up = give_up.is_some();
        state.running = Some(Running {
            since: Instant::now(),
            give_up,
        });
        drop(state);
        // A panic that gets here would end the thread, which the instances that it keeps would wait for.
        if let Err(panic) = panics::catch(work) {
            log::error!(
                "a turn of an orchestration panicked outside its code: {}",
                panic.message
            );
        }
        let mut state = self.state();
        let running = state.running.take();
        let is_left = running.is_some_and(|running| running.give_up.is_some());
        (state, can_be_given_up && !is_left)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_busy(&self, patience: Duration) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.since.elapsed() >= patience)
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty() || !self.outdated.is_empty()
    }

    /// There is nothing to look after: a thread that is stopped is not waited for.
    fn is_idle(&self) -> bool {
        self.stopped || self.running.is_none() && !self.has_work()
    }

    /// Takes the turns that wait for the thread: they run elsewhere, and what the thread keeps of their instances is old. A turn with new
    /// events only stays until it has waited for `for_new_events`, because elsewhere it could only ask for the history.
    fn divert(&mut self, for_new_events: Duration) -> VecDeque<Turn> {
        let stays = |turn: &Turn| turn.includes == Includes::NewEvents && turn.since.elapsed() < for_new_events;
        let (stay, turns) = mem::take(&mut self.queue).into_iter().partition(stays);
        self.queue = stay;
        let turns: VecDeque<Turn> = turns;
        if self.started {
            self.outdated.extend(turns.iter().map(|turn| turn.instance_id.clone()));
        }
        turns
    }
}

fn setting() -> usize {
    let Some(text) = std::env::var_os(SETTING) else {
        return MAX_COUNT;
    };
    let text = text.to_string_lossy();
    text.trim().parse().unwrap_or_else(|_| {
        log::warn!("{SETTING} is `{text}`, expected a number of instances: using {MAX_COUNT}");
        MAX_COUNT
    })
}

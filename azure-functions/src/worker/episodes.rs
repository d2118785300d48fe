//! The threads of episodes. An episode only computes, so a few places are enough; a thread that ends one goes on with the
//! next that waits, and nothing has to be woken for it. One that does not end gives its place to others, and is given up
//! when its time is over.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// An episode that takes longer gives its place to the next: it no longer computes, or it is one of very few.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often is looked at the episodes that run, while there are any.
const TICK: Duration = Duration::from_millis(50);

type Task = Box<dyn FnOnce() + Send>;

/// Runs episodes; all of its methods return at once.
pub(super) struct Episodes {
    handle: Handle,
    patience: Duration,
    limit: Duration,
    state: Mutex<State>,
}

struct State {
    free: usize,
    waiting: VecDeque<Episode>,
    running: Vec<Running>,
    next: u64,
    /// Whether a task watches those that run.
    watched: bool,
}

struct Episode {
    work: Task,
    give_up: Task,
}

struct Running {
    number: u64,
    since: Instant,
    has_place: bool,
    /// Nothing once it was given up.
    give_up: Option<Task>,
}

impl fmt::Debug for Episodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Episodes").finish_non_exhaustive()
    }
}

impl Episodes {
    /// As many at a time as there are places; `limit` is the time that one may take.
    pub(super) fn new(handle: Handle, places: usize, limit: Duration) -> Self {
        Self {
            handle,
            patience: PATIENCE.min(limit),
            limit,
            state: Mutex::new(State {
                free: places,
                waiting: VecDeque::new(),
                running: Vec::new(),
                next: 0,
                watched: false,
            }),
        }
    }

    /// The time that an episode may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Runs `work` on a thread that may block, when it is its turn. If it takes too long, `give_up` is called while it
    /// still runs. Neither may panic.
    pub(super) fn start(
        self: &Arc<Self>,
        work: impl FnOnce() + Send + 'static,
        give_up: impl FnOnce() + Send + 'static,
    ) {
        let episode = Episode {
            work: Box::new(work),
            give_up: Box::new(give_up),
        };
        let mut state = self.state();
        if state.free == 0 {
            state.waiting.push_back(episode);
        } else {
            state.free -= 1;
            self.begin(&mut state, episode);
        }
    }

    /// On a thread that has nothing else to do; the place is taken.
    fn begin(self: &Arc<Self>, state: &mut State, episode: Episode) {
        let (number, work) = state.enter(episode);
        let episodes = Arc::clone(self);
        self.handle.spawn_blocking(move || episodes.run(number, work));
        if !mem::replace(&mut state.watched, true) {
            self.handle.spawn(Arc::clone(self).watch());
        }
    }

    fn run(&self, mut number: u64, mut work: Task) {
        loop {
            work();
            let mut state = self.state();
            if !state.leave(number) {
                return;
            }
            let Some(next) = state.waiting.pop_front() else {
                state.free += 1;
                return;
            };
            (number, work) = state.enter(next);
        }
    }

    /// Looks after those that run, until there are none.
    async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TICK.min(self.patience)).await;
            let mut late: Vec<Task> = Vec::new();
            let mut state = self.state();
            let mut freed = 0;
            for running in &mut state.running {
                let age = running.since.elapsed();
                if age >= self.patience && mem::take(&mut running.has_place) {
                    freed += 1;
                }
                if age >= self.limit {
                    late.extend(running.give_up.take());
                }
            }
            for _ in 0..freed {
                match state.waiting.pop_front() {
                    Some(next) => self.begin(&mut state, next),
                    None => state.free += 1,
                }
            }
            state.watched = state.running.iter().any(|running| running.give_up.is_some());
            let goes_on = state.watched;
            drop(state);
            late.into_iter().for_each(|give_up| give_up());
            if !goes_on {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, episode: Episode) -> (u64, Task) {
        let number = self.next;
        self.next += 1;
        self.running.push(Running {
            number,
            since: Instant::now(),
            has_place: true,
            give_up: Some(episode.give_up),
        });
        (number, episode.work)
    }

    /// The episode has ended; whether it still had its place.
    fn leave(&mut self, number: u64) -> bool {
        let found = self.running.iter().position(|running| running.number == number);
        found.is_some_and(|index| self.running.swap_remove(index).has_place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const LONG: Duration = Duration::from_secs(30);

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    }

    #[test]
    fn all_run_and_never_more_at_a_time_than_there_are_places() {
        let runtime = runtime();
        let episodes = Arc::new(Episodes::new(runtime.handle().clone(), 2, LONG));
        let (ended, numbers) = mpsc::channel();
        let now = Arc::new(Mutex::new((0, 0)));
        for number in 0..500 {
            let (ended, now) = (ended.clone(), Arc::clone(&now));
            let work = move || {
                {
                    let (running, most) = &mut *now.lock().unwrap();
                    *running += 1;
                    *most = (*most).max(*running);
                }
                std::thread::yield_now();
                now.lock().unwrap().0 -= 1;
                ended.send(number).unwrap();
            };
            episodes.start(work, || panic!("given up"));
        }
        let mut seen: Vec<i32> = (0..500).map(|_| numbers.recv_timeout(LONG).unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..500).collect::<Vec<_>>());
        assert!(now.lock().unwrap().1 <= 2);
    }

    #[test]
    fn one_that_blocks_gives_its_place_away_and_is_given_up() {
        let runtime = runtime();
        let episodes = Arc::new(Episodes::new(runtime.handle().clone(), 1, Duration::from_millis(400)));
        let (told, news) = mpsc::channel();
        let (release, blocked) = mpsc::channel::<()>();
        let (given_up, next) = (told.clone(), told.clone());
        let stuck = move || {
            let _ = blocked.recv();
            told.send("ended").unwrap();
        };
        episodes.start(stuck, move || given_up.send("given up").unwrap());
        episodes.start(move || next.send("next").unwrap(), || panic!("given up"));
        assert_eq!(news.recv_timeout(LONG).unwrap(), "next");
        assert_eq!(news.recv_timeout(LONG).unwrap(), "given up");
        drop(release);
        assert_eq!(news.recv_timeout(LONG).unwrap(), "ended");
        // Its place was counted once.
        let deadline = Instant::now() + LONG;
        while episodes.state().free != 1 || !episodes.state().running.is_empty() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }
}

//! What a connection waits for, as its parts report it: the stream, the body of the request, the body of the answer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pace::{MinRate, Pace};

/// What a client has to send is on its way, as far as the host can know.
const LATE_AT_LEAST: Duration = Duration::from_millis(10);

/// It would be here if the client had sent it.
const SLOW_AT_LEAST: Duration = Duration::from_millis(250);

/// A client that keeps its connection for its next request may be about to send it.
const IDLE_AT_LEAST: Duration = Duration::from_secs(1);

/// The other end of one connection.
#[derive(Debug)]
pub(super) struct Client {
    rate: MinRate,
    state: Mutex<State>,
    /// Ends the connection.
    pub(super) cut: CancellationToken,
}

#[derive(Debug)]
struct State {
    sends: Sends,
    reads: Pace,
    /// The system takes no more of the answer until the client reads.
    blocked: bool,
    too_slow: bool,
    waker: Option<Waker>,
}

/// What the client has to send.
#[derive(Debug)]
enum Sends {
    /// The head of a request. From the connection's first moment, and from a later request's first byte.
    Head(Pace),
    Body(Pace),
    /// Another request, if it likes.
    Idle(Instant),
    /// It is the host's turn.
    Nothing,
    /// Nothing, as it has closed its half of the connection, or broken it. It is the host's turn, for an answer that may have no
    /// reader.
    NoMore(Instant),
}

/// How well a connection can be spared, the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spare {
    /// Behind the rate by no more than the way through the network may take.
    Late(Duration),
    /// Hung up so long ago, and its function still runs: it has gone, or waits for its answer.
    HungUp(Duration),
    /// Idle for so long.
    Idle(Duration),
    /// Behind the rate by so much.
    Slow(Duration),
}

impl Client {
    pub(super) fn new(rate: MinRate) -> Self {
        let now = Instant::now();
        Self {
            rate,
            state: Mutex::new(State {
                sends: Sends::Head(Pace::new(now)),
                reads: Pace::new(now),
                blocked: false,
                too_slow: false,
                waker: None,
            }),
            cut: CancellationToken::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came, of a head or of anything else.
    pub(super) fn received(&self, bytes: usize) {
        let now = Instant::now();
        let mut state = self.state();
        match &mut state.sends {
            Sends::Head(pace) => pace.moved(bytes, now, self.rate),
            Sends::Idle(_) => state.sends = Sends::Head(Pace::new(now)),
            Sends::Body(_) | Sends::Nothing | Sends::NoMore(_) => {}
        }
    }

    /// The head of a request is whole.
    pub(super) fn request_began(&self) {
        let mut state = self.state();
        state.sends = Sends::Nothing;
        state.too_slow = false;
    }

    /// The host waits for more of the body; true if it came too slowly.
    pub(super) fn await_body(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        if !matches!(state.sends, Sends::Body(_)) {
            state.sends = Sends::Body(Pace::new(Instant::now()));
        }
        state.waker = Some(waker.clone());
        state.too_slow
    }

    pub(super) fn body_received(&self, bytes: usize) {
        if let Sends::Body(pace) = &mut self.state().sends {
            pace.moved(bytes, Instant::now(), self.rate);
        }
    }

    pub(super) fn body_ended(&self) {
        let mut state = self.state();
        if matches!(state.sends, Sends::Body(_)) {
            state.sends = Sends::Nothing;
            state.waker = None;
        }
    }

    /// The client sends no more, and has no answer yet.
    pub(super) fn hung_up(&self) {
        self.state().sends = Sends::NoMore(Instant::now());
    }

    /// The answer is there: how the client reads it shows whether it has gone.
    pub(super) fn answer_began(&self) {
        let mut state = self.state();
        if matches!(state.sends, Sends::NoMore(_)) {
            state.sends = Sends::Nothing;
        }
    }

    /// All of the answer is on its way.
    pub(super) fn answered(&self) {
        self.state().sends = Sends::Idle(Instant::now());
    }

    /// The system took this much of the answer; `all` if it would take more at once.
    pub(super) fn wrote(&self, bytes: usize, all: bool) {
        let now = Instant::now();
        let mut state = self.state();
        if !state.blocked {
            state.reads.resume(now);
        }
        state.reads.moved(bytes, now, self.rate);
        state.blocked &= !all;
    }

    pub(super) fn write_blocked(&self) {
        let mut state = self.state();
        if !state.blocked {
            state.blocked = true;
            state.reads.resume(Instant::now());
        }
    }

    /// Ends what is too slow.
    pub(super) fn check(&self, now: Instant) {
        let mut state = self.state();
        if state.blocked && state.reads.behind(now) > self.rate.grace {
            self.cut.cancel();
        }
        if let Sends::Body(pace) = state.sends
            && pace.behind(now) > self.rate.grace
        {
            state.too_slow = true;
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        }
    }

    /// How well the connection can be spared; `None` if it cannot.
    pub(super) fn spare(&self, now: Instant) -> Option<Spare> {
        if self.cut.is_cancelled() {
            return None;
        }
        let state = self.state();
        let slow = match state.sends {
            Sends::Head(pace) | Sends::Body(pace) => pace.behind(now),
            Sends::Idle(_) | Sends::Nothing | Sends::NoMore(_) => Duration::ZERO,
        };
        let slow = match state.blocked {
            true => slow.max(state.reads.behind(now)),
            false => slow,
        };
        if slow >= SLOW_AT_LEAST {
            return Some(Spare::Slow(slow));
        }
        if slow > Duration::ZERO {
            return (slow >= LATE_AT_LEAST).then_some(Spare::Late(slow));
        }
        match state.sends {
            Sends::Idle(since) if !state.blocked => {
                let idle = now.saturating_duration_since(since);
                (idle >= IDLE_AT_LEAST).then_some(Spare::Idle(idle))
            }
            Sends::NoMore(since) => Some(Spare::HungUp(now.saturating_duration_since(since))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::Wake,
    };
    use tokio::time::advance;

    const SECOND: Duration = Duration::from_secs(1);

    fn client() -> Client {
        Client::new(MinRate::default())
    }

    #[tokio::test(start_paused = true)]
    async fn slow_clients_are_spared_before_idle_ones_and_running_functions_never() {
        let (slow, idle, running) = (client(), client(), client());
        idle.request_began();
        idle.answered();
        running.request_began();
        advance(SECOND / 2).await;
        let spare = |client: &Client| client.spare(Instant::now());
        assert_eq!(spare(&slow), Some(Spare::Slow(SECOND / 2)));
        assert_eq!(spare(&idle), None, "its next request may be on its way");
        advance(SECOND).await;
        assert_eq!(spare(&idle), Some(Spare::Idle(SECOND * 3 / 2)));
        assert!(spare(&slow) > spare(&idle));
        assert_eq!(spare(&running), None);
        slow.cut.cancel();
        assert_eq!(spare(&slow), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_hung_up_is_spared_while_the_function_runs_before_one_who_has_just_come() {
        let (gone, idle) = (client(), client());
        for client in [&gone, &idle] {
            client.request_began();
        }
        gone.hung_up();
        idle.answered();
        advance(SECOND * 2).await;
        let new = client();
        let spare = |client: &Client| client.spare(Instant::now());
        advance(SECOND / 1000).await;
        assert_eq!(spare(&new), None, "its request is on its way");
        advance(SECOND * 99 / 1000).await;
        assert_eq!(spare(&gone), Some(Spare::HungUp(SECOND * 21 / 10)));
        assert!(spare(&idle) > spare(&gone), "it may still wait for its answer");
        assert!(spare(&gone) > spare(&new), "{:?}", spare(&new));
        // It waited, and reads.
        gone.answer_began();
        assert_eq!(spare(&gone), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_reads_at_the_rate_is_served_to_the_end_and_one_who_stops_is_cut() {
        let client = client();
        client.request_began();
        client.write_blocked();
        for _ in 0..100 {
            advance(SECOND).await;
            client.wrote(240, false);
            client.write_blocked();
            client.check(Instant::now());
            assert!(!client.cut.is_cancelled());
        }
        advance(SECOND * 6).await;
        client.check(Instant::now());
        assert!(client.cut.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_time_that_the_host_waits_for_a_body_counts() {
        struct Woken(AtomicBool);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let client = client();
        client.request_began();
        // A worker is being started, say.
        advance(SECOND * 20).await;
        assert!(!client.await_body(&waker));
        advance(SECOND * 4).await;
        client.check(Instant::now());
        assert!(!client.await_body(&waker));
        advance(SECOND * 2).await;
        client.check(Instant::now());
        assert!(woken.0.load(Ordering::SeqCst) && client.await_body(&waker));
        // The next request on the connection begins anew.
        client.body_ended();
        client.answered();
        client.request_began();
        assert!(!client.await_body(&waker));
    }
}

//! The world of a test host: a task hub, the functions of the app, and the only thread on which they take their turns.
//!
//! It does one thing after another until nothing can go on at the present moment of virtual time. Then the clock jumps to
//! the next moment at which something is due, provided that something waits for it: a test that drives the world, or a
//! client in the middle of a wait. The same requests therefore always meet the same order of events.

use std::{sync::Arc, thread};

use async_executor::Executor;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Method, Request, Response, StatusCode};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use super::{
    clock::VirtualClock,
    command::{Command, Drive, Exchanged, Settled, Stuck, Until},
    disk::Disk,
    stuck::why_stuck,
    transport::{BASES, LISTENER, WEBHOOK},
    worker::AppWorker,
};
use crate::durable::{Clock, TaskHub, TaskHubError, TaskHubOptions, Via, hub::HubRuntime};

/// See the module.
pub(super) struct World {
    runtime: Handle,
    commands: mpsc::UnboundedReceiver<Command>,
    clock: VirtualClock,
    worker: AppWorker,
    options: TaskHubOptions,
    disk: Box<dyn Disk>,
    /// What dies with the hub: its tasks, and the activities.
    work: Arc<Executor<'static>>,
    /// The hub's answers to requests.
    exchanges: Arc<Executor<'static>>,
    /// What lives outside of the hub and survives its end: HTTP functions, and what the test itself asked for.
    outside: Arc<Executor<'static>>,
    hub: Arc<TaskHub>,
    in_flight: Vec<InFlight>,
    settled: Vec<Settled>,
    settling: mpsc::UnboundedReceiver<Settled>,
    settles: mpsc::UnboundedSender<Settled>,
    drives: Vec<Drive>,
}

/// A request that the hub works on.
struct InFlight {
    exchanged: Exchanged,
    answer: oneshot::Receiver<Response<Bytes>>,
}

impl World {
    pub(super) fn new(
        runtime: Handle,
        commands: mpsc::UnboundedReceiver<Command>,
        clock: VirtualClock,
        worker: AppWorker,
        options: TaskHubOptions,
        disk: Box<dyn Disk>,
    ) -> Result<Self, TaskHubError> {
        let work = Arc::new(Executor::new());
        let hub = open(&options, &worker, &*disk, &work)?;
        let (settles, settling) = mpsc::unbounded_channel();
        Ok(Self {
            runtime,
            commands,
            clock,
            worker,
            options,
            disk,
            work,
            exchanges: Arc::new(Executor::new()),
            outside: Arc::new(Executor::new()),
            hub,
            in_flight: Vec::new(),
            settled: Vec::new(),
            settling,
            settles,
            drives: Vec::new(),
        })
    }

    /// Runs until the last handle is gone.
    pub(super) fn run(mut self) {
        let runtime = self.runtime.clone();
        // Activities find tokio here, as they do in a worker.
        let _inside = runtime.enter();
        loop {
            self.turn();
            let command = match self.commands.try_recv() {
                Ok(Command::End) => return,
                Ok(command) => Some(command),
                Err(mpsc::error::TryRecvError::Disconnected) => return,
                Err(mpsc::error::TryRecvError::Empty) => {
                    if self.worker.give_turn() || (self.worker.presences().busy() == 0 && self.idle()) {
                        continue;
                    }
                    self.wait()
                }
            };
            match command {
                Some(Command::End) => return,
                Some(command) => self.accept(command),
                None => {}
            }
        }
    }

    /// Everything that can go on now does so.
    fn turn(&mut self) {
        loop {
            let ran = self.exchanges.try_tick() || self.work.try_tick() || self.outside.try_tick();
            if self.disk.crashed() {
                self.restart();
                continue;
            }
            self.collect_answers();
            if !ran {
                return;
            }
        }
    }

    /// Until there is news from outside: a command, or the end of something that only real time ends.
    fn wait(&mut self) -> Option<Command> {
        let (work, exchanges, outside) = (&self.work, &self.exchanges, &self.outside);
        let commands = &mut self.commands;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                command = commands.recv() => command,
                () = exchanges.tick() => None,
                () = work.tick() => None,
                () = outside.tick() => None,
            }
        })
    }

    fn accept(&mut self, command: Command) {
        match command {
            Command::Exchange(mut exchanged) => {
                let path = self.path_of(&exchanged.request);
                if let Ok(path) = path.parse() {
                    *exchanged.request.uri_mut() = path;
                }
                self.exchange(*exchanged);
            }
            Command::Run(future) => {
                let settles = self.settles.clone();
                let run = async move {
                    // The world has the other end.
                    let _ = settles.send(future.await);
                };
                self.outside.spawn(run).detach();
            }
            Command::Drive(drive) => self.drives.push(drive),
            Command::Inspect(look) => look(&self.hub, &*self.disk.store()),
            Command::Restart(done) => {
                self.restart();
                // The test may have given up.
                let _ = done.send(());
            }
            Command::Look | Command::End => {}
        }
    }

    /// The path as the hub wants it: it begins below the listener, and a start names its instance, so that a start that is asked
    /// for again after a crash is the same start.
    fn path_of(&self, request: &Request<Bytes>) -> String {
        let uri = request.uri();
        let path = BASES.iter().find_map(|base| uri.path().strip_prefix(base));
        let mut path = path.unwrap_or(uri.path()).to_owned();
        let name = path.strip_prefix("/orchestrators/");
        if request.method() == Method::POST && name.is_some_and(|name| !name.contains('/')) {
            path.push('/');
            path.push_str(&self.clock.new_id());
        }
        if let Some(query) = uri.query() {
            path.push('?');
            path.push_str(query);
        }
        path
    }

    fn exchange(&mut self, exchanged: Exchanged) {
        let hub = Arc::clone(&self.hub);
        let request = exchanged.request.clone();
        let (reply, answer) = oneshot::channel();
        let handle = async move {
            let answer = hub.handle(request, &Via::rpc(LISTENER, WEBHOOK)).await;
            // After a crash nothing waits for it.
            let _ = reply.send(answer);
        };
        self.exchanges.spawn(handle).detach();
        self.in_flight.push(InFlight { exchanged, answer });
    }

    fn collect_answers(&mut self) {
        let mut index = 0;
        while index < self.in_flight.len() {
            match self.in_flight[index].answer.try_recv() {
                Ok(answer) => {
                    let exchanged = self.in_flight.remove(index).exchanged;
                    self.answered(exchanged, answer);
                }
                Err(_) => index += 1,
            }
        }
        while let Ok(settled) = self.settling.try_recv() {
            self.settled.push(settled);
        }
    }

    fn answered(&mut self, exchanged: Exchanged, answer: Response<Bytes>) {
        let Exchanged { reply, settled, .. } = exchanged;
        let tell: Settled = Box::new(move || drop(reply.send(answer)));
        if settled {
            self.settled.push(tell);
        } else {
            tell();
        }
    }

    /// Nothing can go on at this moment. Says whether the next moment has come, or a caller was told that nothing is left.
    fn idle(&mut self) -> bool {
        if !self.settled.is_empty() {
            self.settled.drain(..).for_each(|answer| answer());
            return true;
        }
        let now = self.clock.now();
        let next = self.clock.next_due();
        let waiting = std::mem::take(&mut self.drives);
        for drive in waiting {
            if let Some(result) = self.driven(&drive, now, next) {
                // A test that went away does not care.
                let _ = drive.reply.send(result);
            } else {
                self.drives.push(drive);
            }
        }
        if self.drives.is_empty() && self.clock.a_caller_is_late() {
            // It says when it has noticed; unless it cannot, because its thread waits for a drive.
            return false;
        }
        let impatient = !self.in_flight.is_empty() || self.clock.a_caller_insists();
        let wished = self.drives.iter().filter_map(|drive| match drive.until {
            Until::Moment(moment) => Some(next.map_or(moment, |next| next.min(moment))),
            _ => next,
        });
        let Some(moment) = wished.chain(next.filter(|_| impatient)).min() else {
            return false;
        };
        for drive in &mut self.drives {
            drive.jumps += 1;
        }
        self.clock.set(moment);
        true
    }

    /// How a drive has ended, if it has.
    fn driven(&self, drive: &Drive, now: DateTime<Utc>, next: Option<DateTime<Utc>>) -> Option<Result<(), Stuck>> {
        let over = match &drive.until {
            Until::Idle => next.is_none(),
            Until::Moment(moment) => now >= *moment,
            Until::Ended(id) => match self.disk.find(id) {
                Ok(Some(row)) => row.state.status.is_terminal(),
                Ok(None) => return Some(Err(Stuck::Unknown(id.clone()))),
                Err(error) => return Some(Err(Stuck::Store(error.to_string()))),
            },
        };
        if over {
            return Some(Ok(()));
        }
        if drive.jumps >= drive.most_jumps {
            let jumps = drive.jumps;
            return Some(Err(Stuck::Endless { jumps, now }));
        }
        match &drive.until {
            Until::Ended(id) if next.is_none() => {
                Some(Err(why_stuck(&self.worker, &self.hub, &*self.disk.store(), id)))
            }
            _ => None,
        }
    }

    /// The process ends: what it had in memory is gone, what it had written is there for the next one. Requests that were not
    /// answered are made again, as their clients would.
    fn restart(&mut self) {
        // Answers that were given before the end are on their way.
        while self.exchanges.try_tick() {}
        let mut unanswered = Vec::new();
        for InFlight { exchanged, mut answer } in std::mem::take(&mut self.in_flight) {
            match answer.try_recv() {
                Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => self.answered(exchanged, answer),
                _ => unanswered.push(exchanged),
            }
        }
        self.open_again();
        unanswered.into_iter().for_each(|exchanged| self.exchange(exchanged));
    }

    /// Another hub takes over from what the last one has written.
    fn open_again(&mut self) {
        self.work = Arc::new(Executor::new());
        self.worker.presences().end_of_hub();
        self.exchanges = Arc::new(Executor::new());
        match self
            .disk
            .reopen()
            .map_err(TaskHubError::from)
            .and_then(|()| open(&self.options, &self.worker, &*self.disk, &self.work))
        {
            Ok(hub) => self.hub = hub,
            // The test hears of it by the panic of this thread.
            Err(error) => panic!("the task hub could not be opened again: {error}"),
        }
    }
}

/// Opens a hub and tells it what the app has.
fn open(
    options: &TaskHubOptions,
    worker: &AppWorker,
    disk: &dyn Disk,
    work: &Arc<Executor<'static>>,
) -> Result<Arc<TaskHub>, TaskHubError> {
    let runtime = HubRuntime::OneByOne(Arc::downgrade(work));
    let hub = TaskHub::open_with(options.clone(), Arc::new(worker.clone()), disk.store(), runtime)?;
    hub.set_functions(worker.functions());
    Ok(Arc::new(hub))
}

/// The world's thread.
pub(super) fn start(world: World) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new()
        .name("test-host".into())
        .spawn(move || world.run())
}

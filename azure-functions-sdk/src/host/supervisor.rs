//! Keeps one worker running: starts it, brings it to where it can be invoked, and replaces it when it ends.

use super::{
    channel::{TERMINATE_GRACE, WorkerChannel},
    crash_limit::CrashLimit,
    function::FunctionTable,
    invocation::InvokeError,
    output::Log,
    process::{Ending, Launch, LaunchError, Running},
    rpc::server::{CONNECT_LIMIT, RpcServer},
    startup::{Startup, StartupError},
};
use crate::{durable::work::WorkerDeath, project::LogLevel};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long the two ends of a worker, its process and its stream, wait for each other.
const LAST_MESSAGES_LIMIT: Duration = Duration::from_secs(1);
/// A worker that was ready this long counts as healthy, even if it had nothing to do.
const HEALTHY_AFTER: Duration = Duration::from_secs(2);

/// Where the worker is.
#[derive(Clone, Debug)]
pub(crate) enum WorkerState {
    /// Being started; the text says why the last one ended, or is empty.
    Starting(String),
    /// Can be invoked.
    Ready(Arc<WorkerChannel>),
    /// The host is stopping, or the app must be built anew; there will be no worker any more.
    Stopped,
}

/// How long to wait before a worker is started again.
#[derive(Clone, Copy, Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(10);
    /// For a worker that starts: what ends it is work, which is soon found out, and other work waits for the next one.
    const LONGEST_IF_READY: Duration = Duration::from_secs(1);

    fn next(&mut self, was_ready: bool) -> Duration {
        let delay = Self::FIRST * 2u32.saturating_pow(self.failures.min(10));
        self.failures += 1;
        delay.min(if was_ready {
            Self::LONGEST_IF_READY
        } else {
            Self::LONGEST
        })
    }

    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Runs workers one after the other until `stop`.
pub(crate) struct Supervisor {
    pub(crate) launcher: Box<dyn Launch>,
    pub(crate) server: RpcServer,
    pub(crate) startup: Startup,
    pub(crate) state: watch::Sender<WorkerState>,
    pub(crate) functions: watch::Sender<Arc<FunctionTable>>,
    pub(crate) stop: CancellationToken,
    /// Crashes that end the host; `None`: it goes on for ever.
    pub(crate) crash_limit: Option<CrashLimit>,
    pub(crate) log: Log,
}

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
enum Loss {
    #[error("it cannot be started: {0}")]
    Launch(LaunchError),
    #[error("it did not connect to the host within {CONNECT_LIMIT:?}")]
    NotConnected,
    #[error("{0}")]
    Startup(StartupError),
    #[error("{0}")]
    Ended(Ending),
    #[error("a function ran longer than functionTimeout, so its worker process was stopped")]
    Overdue,
    #[error("the host is stopping")]
    Stop,
}

/// What became of one worker.
#[derive(Debug)]
struct Life {
    loss: Loss,
    had_connected: bool,
    was_ready: bool,
    was_healthy: bool,
}

impl Life {
    fn not_started(loss: Loss, had_connected: bool) -> Self {
        Self {
            loss,
            had_connected,
            was_ready: false,
            was_healthy: false,
        }
    }
}

impl Loss {
    /// For the log, which has the worker's console lines already.
    fn told(&self) -> String {
        match self {
            Self::Ended(ending) => ending.told(),
            other => other.to_string(),
        }
    }

    /// Whether the real host counts it: neither what the host did itself, nor an end that asks for a restart.
    fn is_crash(&self) -> bool {
        match self {
            Self::Stop | Self::Overdue => false,
            Self::Ended(ending) => !ending.wants_restart(),
            Self::Launch(_) | Self::NotConnected | Self::Startup(_) => true,
        }
    }

    /// What becomes of the invocations that the worker has not answered.
    fn of_invocations(&self) -> InvokeError {
        match self {
            Self::Stop => InvokeError::ShuttingDown,
            Self::Ended(ending) => InvokeError::WorkerDied(WorkerDeath::new(self.to_string(), &ending.exited)),
            Self::Overdue => {
                let mut death = WorkerDeath::new(self.to_string(), "");
                death.by_host = true;
                InvokeError::WorkerDied(death)
            }
            other => InvokeError::WorkerDied(WorkerDeath::new(other.to_string(), "")),
        }
    }
}

impl Supervisor {
    /// Ends when the host stops and the last worker is gone, or no worker of this app can ever run.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let Life {
                loss,
                had_connected,
                was_ready,
                was_healthy,
            } = self.run_one().await;
            let at_once = match &loss {
                Loss::Stop => break,
                Loss::Launch(error @ LaunchError::LargeSetting { .. }) => {
                    let text =
                        format!("The worker process cannot be started, and trying again would not help: {error}.");
                    self.log.host(LogLevel::Error, &text);
                    break;
                }
                Loss::Ended(ending) if ending.needs_rebuild() && !had_connected => {
                    let text = format!(
                        "The app cannot run as it was built, and starting it again would not help: {}",
                        ending.told()
                    );
                    self.log.host(LogLevel::Error, &text);
                    break;
                }
                Loss::Ended(ending) if ending.is_orderly() && !had_connected => {
                    let text = format!(
                        "The program of the app ended without connecting to the host, and starting it again would not help: its \
                         `main` must return `azure_functions::worker_main()` ({}). The real host would wait a minute for it.",
                        ending.told()
                    );
                    self.log.host(LogLevel::Error, &text);
                    break;
                }
                Loss::Ended(ending) => ending.wants_restart(),
                _ => false,
            };
            let what = if was_ready {
                "The worker process ended"
            } else {
                "The worker process did not start"
            };
            if let Some(limit) = self.crash_limit.as_mut().filter(|_| loss.is_crash())
                && limit.reached_by(Instant::now())
            {
                self.log.host(LogLevel::Error, &format!("{what}: {}", loss.told()));
                let runtime = self.startup.settings.settings.get("FUNCTIONS_WORKER_RUNTIME");
                let text = CrashLimit::message(runtime.unwrap_or("native"));
                self.log.host(LogLevel::Error, &text);
                break;
            }
            if was_healthy {
                backoff.reset();
            }
            let delay = if at_once {
                Duration::ZERO
            } else {
                backoff.next(was_ready)
            };
            let hint = match &loss {
                Loss::Ended(ending) => ending.under_the_real_host(had_connected),
                _ => None,
            };
            let text = format!(
                "{what}: {}\n{}{}The next one is started in {} ms.",
                loss.told(),
                hint.unwrap_or_default(),
                hint.map_or("", |_| "\n"),
                delay.as_millis()
            );
            self.log.host(LogLevel::Error, &text);
            self.state.send_replace(WorkerState::Starting(loss.to_string()));
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(delay) => {}
            }
        }
        self.state.send_replace(WorkerState::Stopped);
    }

    /// One worker from start to end.
    async fn run_one(&self) -> Life {
        let (invitation, stream) = self.server.invite(self.launcher.proof());
        let mut process = match self.launcher.launch(&invitation, &self.log) {
            Ok(process) => process,
            Err(error) => return Life::not_started(Loss::Launch(error), false),
        };
        let mut had_connected = false;
        let starting = async {
            let stream = tokio::time::timeout(CONNECT_LIMIT, stream).await;
            let Ok(Ok(stream)) = stream else {
                return Err(Loss::NotConnected);
            };
            had_connected = true;
            self.startup.run(stream).await.map_err(Loss::Startup)
        };
        let started = tokio::select! {
            // Its end says more than the broken stream, so it goes first where both are there.
            biased;
            () = self.stop.cancelled() => Err(Loss::Stop),
            ending = process.ended() => Err(Loss::Ended(ending)),
            started = starting => started,
        };
        let channel = match started {
            Ok(channel) => channel,
            Err(loss) => {
                return Life::not_started(last_words(loss, &mut *process).await, had_connected);
            }
        };
        let ready_since = Instant::now();
        let process_id = process.id().map(|id| format!(" (process {id})")).unwrap_or_default();
        self.log
            .host(LogLevel::Debug, &format!("The worker is ready{process_id}."));
        self.functions.send_replace(Arc::clone(&channel.functions));
        self.state.send_replace(WorkerState::Ready(Arc::clone(&channel)));

        let loss = self.watch(&mut *process, &channel).await;
        let was_healthy = channel.has_answered() || ready_since.elapsed() >= HEALTHY_AFTER;
        // No caller may find this channel any more before what it had in flight fails, or callers would spin.
        let next = match loss {
            Loss::Stop => WorkerState::Stopped,
            _ => WorkerState::Starting(loss.to_string()),
        };
        self.state.send_replace(next);
        channel.close(&loss.of_invocations());
        Life {
            loss,
            had_connected,
            was_ready: true,
            was_healthy,
        }
    }

    /// Waits until the worker is of no more use, and ends it.
    async fn watch(&self, process: &mut dyn Running, channel: &WorkerChannel) -> Loss {
        tokio::select! {
            () = self.stop.cancelled() => {}
            ending = process.ended() => {
                self.let_go(channel);
                // Answers that it sent before it ended are still on their way.
                let _ = tokio::time::timeout(LAST_MESSAGES_LIMIT, channel.ended()).await;
                return Loss::Ended(ending);
            }
            () = channel.ended() => {
                self.let_go(channel);
                if let Ok(ending) = tokio::time::timeout(LAST_MESSAGES_LIMIT, process.ended()).await {
                    return Loss::Ended(ending);
                }
                let mut ending = kill(process).await;
                ending.status = "it closed its connection and went on running, so it was stopped".to_owned();
                return Loss::Ended(ending);
            }
            () = channel.overdue() => {
                self.let_go(channel);
                kill(process).await;
                return Loss::Overdue;
            }
        }
        self.end_in_order(process, channel).await;
        Loss::Stop
    }

    /// Nothing more is sent to a worker that ends: what never reached it must not count among what it ran.
    fn let_go(&self, channel: &WorkerChannel) {
        // First, since callers that the channel refuses look for another one here.
        self.state
            .send_replace(WorkerState::Starting("the worker process has ended".to_owned()));
        channel.freeze();
    }

    /// The host has waited for what ran; what still runs has had its time.
    async fn end_in_order(&self, process: &mut dyn Running, channel: &WorkerChannel) {
        let running = channel.in_flight();
        if running > 0 {
            let text = format!("The worker is stopped with {running} unanswered invocations.");
            self.log.host(LogLevel::Debug, &text);
        } else if channel.terminate() && tokio::time::timeout(TERMINATE_GRACE, process.ended()).await.is_ok() {
            return;
        }
        kill(process).await;
    }
}

/// A worker that failed to start may be about to say why: its end and standard error tell more than a broken stream.
async fn last_words(loss: Loss, process: &mut dyn Running) -> Loss {
    if matches!(loss, Loss::Startup(StartupError::Ended(_)))
        && let Ok(ending) = tokio::time::timeout(LAST_MESSAGES_LIMIT, process.ended()).await
    {
        return Loss::Ended(ending);
    }
    if !matches!(loss, Loss::Ended(_)) {
        kill(process).await;
    }
    loss
}

async fn kill(process: &mut dyn Running) -> Ending {
    process.kill();
    tokio::time::timeout(Duration::from_secs(1), process.ended())
        .await
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! The worker process: how it is started, what its console says, how it ends.

use super::{
    output::Log,
    rpc::server::{Invitation, MAX_MESSAGE_LENGTH, Proof},
};
use crate::project::{LogLevel, Settings};
use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    pin::Pin,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// Exit code by which a worker asks to be started again.
const RESTART_EXIT_CODE: i32 = 200;
/// Exit code by which the worker of an app says that only another build of it can run; see `worker_main`.
const REBUILD_EXIT_CODE: i32 = 78;
/// The variable that tells a worker the secret by which it proves itself; `azure-functions` reads it.
const SECRET_VARIABLE: &str = "AZURE_FUNCTIONS_WORKER_SECRET";
/// How many of the last lines on standard error tell why a process ended.
const LAST_LINES: usize = 12;
/// Longer console lines are cut: one line must not take the host's memory.
const MAX_LINE: usize = 64 << 10;

/// How to start the worker process of an app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    app_directory: PathBuf,
    worker_directory: PathBuf,
    environment: BTreeMap<OsString, OsString>,
    proof: Proof,
}

impl WorkerCommand {
    /// Starts `program` in `app_directory`, which holds `host.json`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, app_directory: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let worker_directory = program.parent().map(Path::to_path_buf).unwrap_or_default();
        Self {
            program,
            arguments: Vec::new(),
            app_directory: app_directory.into(),
            worker_directory,
            environment: BTreeMap::new(),
            proof: Proof::Required,
        }
    }

    /// Adds an argument before those of the host: the script of an interpreter, for instance.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The directory of the worker itself; that of the program, if not set.
    #[must_use]
    pub fn worker_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.worker_directory = directory.into();
        self
    }

    /// Sets a variable of the worker's environment, which otherwise is that of the host.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Lets in a worker that names the id on its command line, even if it does not send the secret in its environment: for
    /// workers of other languages, which do not know of it. Other users of the machine can read command lines.
    #[must_use]
    pub fn without_secret(mut self) -> Self {
        self.proof = Proof::Id;
        self
    }

    /// Adds what the host alone knows to the environment; variables that were set explicitly stay.
    pub(crate) fn with_defaults(mut self, settings: &Settings, site: &str) -> Self {
        let runtime = settings.get("FUNCTIONS_WORKER_RUNTIME").unwrap_or("native").to_owned();
        let own = [
            ("FUNCTIONS_WORKER_RUNTIME", runtime.as_str()),
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
            ("WEBSITE_HOSTNAME", site),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (name, value) in settings.exported().iter().cloned().chain(own) {
            self.environment.entry(name.into()).or_insert_with(|| value.into());
        }
        self
    }

    pub(crate) fn app(&self) -> &Path {
        &self.app_directory
    }

    pub(crate) fn worker(&self) -> &Path {
        &self.worker_directory
    }

    /// Names the largest setting where the environment is too large: one value, or all together.
    fn explain(&self, error: io::Error) -> LaunchError {
        let largest = self.environment.iter().max_by_key(|(_, value)| value.len());
        match largest {
            Some((name, value)) if error.kind() == io::ErrorKind::ArgumentListTooLong => LaunchError::LargeSetting {
                name: name.to_string_lossy().into_owned(),
                bytes: value.len(),
            },
            _ => error.into(),
        }
    }

    /// The arguments that tell the worker where the host is, in both styles: some workers read one, some the other.
    fn host_arguments(worker_id: &str, port: u16) -> Vec<String> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let length = MAX_MESSAGE_LENGTH.to_string();
        let pairs = [
            ("--host", "127.0.0.1".to_owned()),
            ("--port", port.to_string()),
            ("--workerId", worker_id.to_owned()),
            ("--requestId", request_id.clone()),
            ("--grpcMaxMessageLength", length.clone()),
            ("--functions-uri", format!("http://127.0.0.1:{port}/")),
            ("--functions-worker-id", worker_id.to_owned()),
            ("--functions-request-id", request_id),
            ("--functions-grpc-max-message-length", length),
        ];
        pairs
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// Only other settings help.
    #[error(
        "the setting `{name}` has {bytes} bytes, which is more than the environment of a process takes on this system: put the data \
         into a file, and its path into the setting"
    )]
    LargeSetting { name: String, bytes: usize },
    /// Another try may succeed.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Starts workers; the tests have one that needs no process.
pub(crate) trait Launch: Send + Sync + 'static {
    /// Starts a worker that will connect as it is invited.
    fn launch(&self, invitation: &Invitation, log: &Log) -> Result<Box<dyn Running>, LaunchError>;

    /// What these workers can show when they connect.
    fn proof(&self) -> Proof {
        Proof::Required
    }
}

/// A worker that was started.
pub(crate) trait Running: Send + Sync {
    /// Waits for its end. May be called again after that, and dropped at any time.
    fn ended(&mut self) -> Pin<Box<dyn Future<Output = Ending> + Send + '_>>;
    /// Kills it; `ended` then ends.
    fn kill(&mut self);
    /// Process id, for messages.
    fn id(&self) -> Option<u32>;
}

/// How a worker ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// What the system says: an exit code or a signal.
    pub(crate) status: String,
    /// The end in the words of the real host, which writes the code of a signal as a shell does.
    pub(crate) exited: String,
    /// Its exit code, if it ended by itself.
    pub(crate) code: Option<i32>,
    /// All of `last_lines` are in the log.
    pub(crate) lines_shown: bool,
    /// The last lines on its standard error.
    pub(crate) last_lines: Vec<String>,
}

impl Ending {
    /// It asked for a restart.
    pub(crate) fn wants_restart(&self) -> bool {
        self.code == Some(RESTART_EXIT_CODE)
    }

    /// It said that this build of the app can never run; only believed from a worker that has not connected.
    pub(crate) fn needs_rebuild(&self) -> bool {
        self.code == Some(REBUILD_EXIT_CODE)
    }

    /// Its program came to its end; of one that has not connected, `main` does not run the worker.
    pub(crate) fn is_orderly(&self) -> bool {
        self.code == Some(0)
    }

    /// What the real host would make of this end, where that is worse than what this one does.
    pub(crate) fn under_the_real_host(&self, had_connected: bool) -> Option<&'static str> {
        match (self.code, had_connected) {
            (Some(0), true) => Some(
                "It had not been told to end. The real host takes exit code 0 for an orderly end: it would start no other \
                 process, and every call would wait for ever. Find what ends the process.",
            ),
            (Some(RESTART_EXIT_CODE), true) => Some(
                "The real host would start the next one, too, but the callers of what was running would wait for ever.",
            ),
            _ => None,
        }
    }

    /// For the log: without what it shows already.
    pub(crate) fn told(&self) -> String {
        if self.lines_shown {
            self.status.clone()
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.status)?;
        if !self.last_lines.is_empty() {
            write!(formatter, "; its last words:\n    {}", self.last_lines.join("\n    "))?;
        }
        Ok(())
    }
}

impl Launch for WorkerCommand {
    fn proof(&self) -> Proof {
        self.proof
    }

    fn launch(&self, invitation: &Invitation, log: &Log) -> Result<Box<dyn Running>, LaunchError> {
        let mut command = Command::new(&self.program);
        // What `cargo run` says about the host's own crate would be wrong about the app.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
            {
                command.env_remove(&name);
            }
        }
        command
            .args(&self.arguments)
            .args(Self::host_arguments(&invitation.worker_id, invitation.port))
            .current_dir(&self.app_directory)
            .env("FUNCTIONS_WORKER_DIRECTORY", &self.worker_directory)
            .env("FUNCTIONS_APPLICATION_DIRECTORY", &self.app_directory)
            .env("AzureWebJobsScriptRoot", &self.app_directory)
            .envs(&self.environment)
            .env(SECRET_VARIABLE, invitation.secret.reveal())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // In its own group, so that Ctrl-C in the terminal reaches the host only, which then ends the worker in order. A
        // worker whose host was killed sees its stream end, and exits.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| self.explain(error))?;
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let mut consoles = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            let log = log.clone();
            consoles.push(tokio::spawn(read_lines(stdout, move |line| write_stdout(&line, &log))));
        }
        if let Some(stderr) = child.stderr.take() {
            let (log, last_lines) = (log.clone(), Arc::clone(&last_lines));
            consoles.push(tokio::spawn(read_lines(stderr, move |line| {
                let level = stderr_level(&line);
                log.write(level, CONSOLE, None, None, &line);
                let shown = log.shows(level, CONSOLE);
                let mut lines = last_lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LAST_LINES {
                    lines.pop_front();
                }
                lines.push_back((line, shown));
            })));
        }
        Ok(Box::new(WorkerProcess {
            program: self.program.clone(),
            child,
            consoles,
            stopped: false,
            last_lines,
        }))
    }
}

/// A running worker process. It is killed when this is dropped.
struct WorkerProcess {
    program: PathBuf,
    child: Child,
    consoles: Vec<JoinHandle<()>>,
    /// The host has killed it.
    stopped: bool,
    /// With whether each was shown.
    last_lines: Arc<Mutex<VecDeque<(String, bool)>>>,
}

impl Running for WorkerProcess {
    fn ended(&mut self) -> Pin<Box<dyn Future<Output = Ending> + Send + '_>> {
        Box::pin(async {
            let status = self.child.wait().await;
            // What it wrote last is still in the pipes; a child of its own may keep them open, so not for long.
            for console in &mut self.consoles {
                if !console.is_finished() {
                    let _ = tokio::time::timeout(Duration::from_millis(500), console).await;
                }
            }
            let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
            let code = status.as_ref().ok().and_then(ExitStatus::code);
            // What it wrote before it was killed, say of a panic that an invocation answered, is not the reason.
            let was_killed = !self.stopped && status.as_ref().is_ok_and(|status| is_killed(*status));
            Ending {
                exited: exited(&self.program, status.as_ref().ok()),
                code,
                status: status.map_or_else(|error| error.to_string(), describe),
                lines_shown: lines.iter().all(|(_, shown)| *shown),
                last_lines: match was_killed {
                    true => Vec::new(),
                    false => lines.iter().map(|(line, _)| line.clone()).collect(),
                },
            }
        })
    }

    fn kill(&mut self) {
        self.stopped = true;
        // It may have ended by itself, which is as good.
        let _ = self.child.start_kill();
    }

    fn id(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Whether it was ended from outside, and not by a fault of its own, such as SIGABRT or SIGSEGV.
fn is_killed(status: ExitStatus) -> bool {
    const SIGHUP: i32 = 1;
    const SIGINT: i32 = 2;
    const SIGKILL: i32 = 9;
    const SIGTERM: i32 = 15;
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = {
        let _ = status;
        None
    };
    matches!(signal, Some(SIGHUP | SIGINT | SIGKILL | SIGTERM))
}

/// The message of the real host's `WorkerProcessExitException`.
fn exited(program: &Path, status: Option<&ExitStatus>) -> String {
    #[cfg(unix)]
    let signal = status.and_then(std::os::unix::process::ExitStatusExt::signal);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = signal.map(|signal| 128 + signal).or(status.and_then(ExitStatus::code));
    let code = code.unwrap_or(-1);
    format!("{} exited with code {code} (0x{code:X})", program.display())
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("killed by signal {signal}");
    }
    status
        .code()
        .map_or_else(|| "ended".to_owned(), |code| format!("exit code {code}"))
}

const CONSOLE: &str = "Host.Function.Console";

fn write_stdout(line: &str, log: &Log) {
    if let Some(text) = line.strip_prefix("LanguageWorkerConsoleLog") {
        log.write(LogLevel::Information, "Worker", None, None, text.trim_start());
    } else if !line.starts_with("azfuncjsonlog:") {
        log.write(LogLevel::Information, CONSOLE, None, None, line);
    }
}

fn stderr_level(line: &str) -> LogLevel {
    let lower = line.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    if has("warn") {
        LogLevel::Warning
    } else if ["error", "fail", "severe", "unhandled exception", "panicked"]
        .into_iter()
        .any(has)
    {
        LogLevel::Error
    } else {
        LogLevel::Information
    }
}

async fn read_lines(pipe: impl AsyncRead + Unpin, mut each: impl FnMut(String)) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        let available = match pipe.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(available) => available,
        };
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        line.extend_from_slice(&part[..part.len().min(MAX_LINE.saturating_sub(line.len()))]);
        let used = end.map_or(available.len(), |end| end + 1);
        pipe.consume(used);
        if end.is_some() {
            each(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    }
    if !line.is_empty() {
        each(String::from_utf8_lossy(&line).trim_end().to_owned());
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::host::{secret::Secret, tests::captured::Captured};

    fn shell(script: &str) -> WorkerCommand {
        WorkerCommand::new("/bin/sh", "/")
            .argument("-c")
            .argument(script)
            .argument("sh")
    }

    fn invitation() -> Invitation {
        Invitation {
            worker_id: "the-id".to_owned(),
            port: 1234,
            secret: Secret::new(),
        }
    }

    async fn run(script: &str) -> (Ending, Vec<String>) {
        let (captured, log) = Captured::log();
        let mut process = shell(script)
            .variable("FRUIT", "apple")
            .launch(&invitation(), &log)
            .unwrap();
        let ending = process.ended().await;
        assert_eq!(process.ended().await, ending);
        (ending, captured.lines())
    }

    #[tokio::test]
    async fn a_worker_gets_both_styles_of_arguments_and_its_environment() {
        let (_, lines) =
            run("echo $FRUIT $FUNCTIONS_APPLICATION_DIRECTORY $FUNCTIONS_WORKER_DIRECTORY; for a; do echo $a; done")
                .await;
        let lines: Vec<_> = lines
            .iter()
            .map(|line| line.strip_prefix("Information Host.Function.Console -: ").unwrap())
            .collect();
        assert_eq!(lines[0], "apple / /bin");
        let value = |name| lines[lines.iter().position(|line| *line == name).unwrap() + 1];
        assert_eq!(
            (value("--host"), value("--port"), value("--workerId")),
            ("127.0.0.1", "1234", "the-id")
        );
        assert_eq!(value("--functions-uri"), "http://127.0.0.1:1234/");
        assert_eq!(value("--functions-worker-id"), "the-id");
        assert_eq!(value("--requestId"), value("--functions-request-id"));
        assert_eq!(value("--grpcMaxMessageLength"), "2147483647");
        assert_eq!(value("--functions-grpc-max-message-length"), "2147483647");
    }

    #[tokio::test]
    async fn the_secret_is_in_the_environment_and_not_on_the_command_line() {
        let (captured, log) = Captured::log();
        let invitation = invitation();
        let script = shell("echo secret $AZURE_FUNCTIONS_WORKER_SECRET; echo arguments $*");
        script.launch(&invitation, &log).unwrap().ended().await;
        let lines = captured.lines();
        let line = |start| lines.iter().find(|line| line.contains(start)).unwrap();
        assert!(line("secret ").ends_with(invitation.secret.reveal()));
        assert!(line("arguments ").contains("the-id"));
        assert!(!line("arguments ").contains(invitation.secret.reveal()));
    }

    #[tokio::test]
    async fn the_end_comes_with_the_last_words() {
        let (ending, lines) = run("echo out; echo a warning >&2; echo it failed >&2; exit 3").await;
        assert_eq!(
            ending.to_string(),
            "exit code 3; its last words:\n    a warning\n    it failed"
        );
        assert!(
            lines.contains(&"Warning Host.Function.Console -: a warning".to_owned()),
            "{lines:?}"
        );
        assert!(
            lines.contains(&"Error Host.Function.Console -: it failed".to_owned()),
            "{lines:?}"
        );
        assert_eq!(ending.exited, "/bin/sh exited with code 3 (0x3)");
        assert!(run("exit 200").await.0.wants_restart());
    }

    #[tokio::test]
    async fn what_a_worker_wrote_before_it_was_killed_is_not_its_last_words() {
        let (ending, lines) = run("echo thread panicked >&2; kill -9 $$").await;
        assert_eq!(ending.to_string(), "killed by signal 9");
        assert_eq!(ending.exited, "/bin/sh exited with code 137 (0x89)");
        assert!(
            lines.contains(&"Error Host.Function.Console -: thread panicked".to_owned()),
            "{lines:?}"
        );
        let (ending, _) = run("echo thread panicked >&2; kill -6 $$").await;
        assert_eq!(
            ending.to_string(),
            "killed by signal 6; its last words:\n    thread panicked"
        );
    }

    #[tokio::test]
    async fn system_and_tooling_lines_on_standard_output_are_told_apart() {
        let (_, lines) = run("echo 'LanguageWorkerConsoleLog hello'; echo azfuncjsonlog:{}; printf unended").await;
        assert_eq!(
            lines,
            [
                "Information Worker -: hello",
                "Information Host.Function.Console -: unended"
            ]
        );
    }

    #[tokio::test]
    async fn a_killed_worker_ends() {
        let (_, log) = Captured::log();
        let mut process = shell("exec sleep 600").launch(&invitation(), &log).unwrap();
        process.kill();
        assert_eq!(process.ended().await.status, "killed by signal 9");
    }
}

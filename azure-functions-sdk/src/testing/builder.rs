//! How a test host is made.

use std::{fmt, sync::Arc, time::Duration};

use azure_functions::{App as AppOptions, app::State, durable, in_process::App};
use azure_functions_durable::OrchestrationClient;
use chrono::{DateTime, Utc};
use log::LevelFilter;
use tokio::sync::mpsc::unbounded_channel;

use super::{
    TestHost,
    clock::VirtualClock,
    disk::{Disk, Memory},
    fake_servers::FakeServers,
    runtime::{runtime, wait_for},
    transport::{WorldTransport, client_binding},
    worker::{AppWorker, Running},
    world::{self, World},
};
use crate::durable::{HubName, TaskHubOptions, work::Wire};

/// Makes the app of a test host, or changes it.
type MakeApp = Arc<dyn Fn() -> AppOptions + Send + Sync>;
type ChangeApp = Arc<dyn Fn(AppOptions) -> AppOptions + Send + Sync>;

/// Options of a [`TestHost`].
#[derive(Clone)]
pub struct TestHostBuilder {
    app: MakeApp,
    changes: Vec<ChangeApp>,
    start_time: DateTime<Utc>,
    patience: Duration,
    most_jumps: u32,
    id_seed: Option<u64>,
    running: Running,
    wire: Option<Wire>,
    crash_as_host: bool,
}

impl Default for TestHostBuilder {
    fn default() -> Self {
        Self {
            app: Arc::new(azure_functions::app),
            changes: Vec::new(),
            // A round one: 2026-01-01.
            start_time: DateTime::from_timestamp_secs(1_767_225_600).unwrap_or_default(),
            patience: Duration::from_secs(60),
            most_jumps: 10_000,
            id_seed: None,
            running: Running {
                level: LevelFilter::Debug,
                parallel_activities: 1,
                check_determinism: true,
            },
            wire: None,
            crash_as_host: false,
        }
    }
}

impl TestHost {
    /// A host with the usual options.
    ///
    /// # Panics
    /// If no functions are linked into this binary, two have the same name, or one takes a state, which [`TestHostBuilder::app`] gives.
    #[must_use]
    #[track_caller]
    #[allow(clippy::new_without_default, reason = "it starts something, and may panic")]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins to choose options.
    #[must_use]
    pub fn builder() -> TestHostBuilder {
        TestHostBuilder::default()
    }
}

impl TestHostBuilder {
    /// The app to test, with its states, set-ups, shutdowns and layers: the function of the app that makes it. Set-ups run when the host is
    /// built, and shutdowns when it is dropped.
    ///
    /// ```standalone_crate
    /// use azure_functions::{App, app, app::States, prelude::*};
    /// use azure_functions_sdk::testing::TestHost;
    ///
    /// struct Greeting(&'static str);
    ///
    /// #[func(activity)]
    /// fn greet(name: String, greeting: State<Greeting>) -> String {
    ///     format!("{} {name}!", greeting.0)
    /// }
    ///
    /// /// What `main` runs: `my_app().run()`.
    /// fn my_app() -> App {
    ///     app().setup(async |_: States| Ok::<_, std::io::Error>(Greeting("Hello")))
    /// }
    ///
    /// let host = TestHost::builder().app(my_app).build();
    /// assert_eq!(host.run_activity("greet", "Tokyo").unwrap(), "Hello Tokyo!");
    ///
    /// // The same app with another state, in whose place the set-up does not run.
    /// let host = TestHost::builder().app(my_app).state(Greeting("Bonjour")).build();
    /// assert_eq!(host.run_activity("greet", "Tokyo").unwrap(), "Bonjour Tokyo!");
    /// ```
    #[must_use]
    pub fn app(mut self, app: impl Fn() -> AppOptions + Send + Sync + 'static) -> Self {
        self.app = Arc::new(app);
        self
    }

    /// Gives the app this state in place of its own of that type. All hosts of this builder share it.
    ///
    /// The type counts: where functions take a `State<Arc<dyn Gateway>>`, write `.state::<Arc<dyn Gateway>>(Arc::new(Fake))`.
    /// [`build`](Self::build) refuses a state that replaces none of the app's and that no function takes.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let state = State::new(value);
        self.changes.push(Arc::new(move |app| app.with_state(state.clone())));
        self
    }

    /// What the clock shows first; the beginning of 2026, unless this is called.
    #[must_use]
    pub fn start_time(mut self, time: DateTime<Utc>) -> Self {
        self.start_time = time;
        self
    }

    /// How much real time one step of a test may take before it fails; a minute, unless this is called.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// How often the clock may jump before one step of a test fails, as that of an orchestration that never ends would; ten
    /// thousand times, unless this is called.
    #[must_use]
    pub fn most_jumps(mut self, count: u32) -> Self {
        self.most_jumps = count;
        self
    }

    /// What the ids of instances count from, and with them the GUIDs of orchestrations: the same seed gives the same ids. It is
    /// made of the name of the test, unless this is called, so that tests differ and each is the same every time.
    #[must_use]
    pub fn id_seed(mut self, seed: u64) -> Self {
        self.id_seed = Some(seed);
        self
    }

    /// The least important log records that are kept; debug, unless this is called.
    #[must_use]
    pub fn log_level(mut self, level: LevelFilter) -> Self {
        self.running.level = level;
        self
    }

    /// How many real activities run at the same time. One, unless this is called: then their results always come in the
    /// order in which they were called. Fakes need no place.
    #[must_use]
    pub fn parallel_activities(mut self, count: usize) -> Self {
        self.running.parallel_activities = count;
        self
    }

    /// Whether each episode runs twice and must say the same; yes, unless this is called.
    #[must_use]
    pub fn check_determinism(mut self, check: bool) -> Self {
        self.running.check_determinism = check;
        self
    }

    /// How orchestrations and entities travel between host and app. Unless this is called, as the app asks its hosts for it: on the
    /// protobuf wire, if neither [`App::durable_wire`](AppOptions::durable_wire) nor the environment variable
    /// `AZURE_FUNCTIONS_DURABLE_WIRE` says otherwise. To run all tests on the other wire, too, set the variable:
    /// `AZURE_FUNCTIONS_DURABLE_WIRE=json cargo test`.
    #[must_use]
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Whether an [end of the worker process](TestHost::crash_worker_in) does what it does on Azure: activities in flight
    /// fail, and so do, on the JSON wire, instances whose episode was in flight. No, unless this is called: then all of it
    /// runs again, as on the local host.
    #[must_use]
    pub fn crash_as_host(mut self, as_host: bool) -> Self {
        self.crash_as_host = as_host;
        self
    }

    /// Starts the host.
    ///
    /// # Panics
    /// If no functions are linked into this binary, two have the same name, one takes a state that the app does not have, a set-up of
    /// the app fails, or `AZURE_FUNCTIONS_DURABLE_WIRE` names no wire.
    #[must_use]
    #[track_caller]
    pub fn build(self) -> TestHost {
        self.build_on(Box::new(Memory::default()))
    }

    /// On any disk.
    #[track_caller]
    pub(super) fn build_on(self, disk: Box<dyn Disk>) -> TestHost {
        let options = self.changes.iter().fold((self.app)(), |app, change| change(app));
        let app = match wait_for(App::start(options), self.patience) {
            Some(Ok(app)) => app,
            Some(Err(error)) => panic!(
                "the app cannot be tested: {error}\nA test gives states and settings itself, and does not read local.settings.json: \
                 `TestHost::builder().app(|| app().state(..).config(..))`"
            ),
            None => panic!(
                "the app cannot be tested: its set-up has not ended within {:?} of real time",
                self.patience
            ),
        };
        let runtime = runtime().handle().clone();
        let (commands, received) = unbounded_channel();
        let clock = VirtualClock::new(self.start_time, self.id_seed.unwrap_or_else(seed_of_test));
        let wire = self.wire.unwrap_or_else(|| wire_of(&app));
        let worker = AppWorker::new(app, wire, clock.clone(), commands.clone(), &self.running);
        let servers = FakeServers::default();
        // What a file would be named.
        let options = TaskHubOptions::new(HubName::default(), "memory")
            .clock(Arc::new(clock.clone()))
            .http_caller(Arc::new(servers.clone()))
            .crash_as_host(self.crash_as_host)
            .check_replays(self.running.check_determinism)
            // Real activities take turns anyway; the others must not depend on how many cores this machine has.
            .max_concurrent_activities(usize::MAX)
            .max_concurrent_entities(usize::MAX)
            .max_concurrent_orchestrations(usize::MAX);
        let world = World::new(runtime, received, clock.clone(), worker.clone(), options, disk);
        let started = world
            .map_err(|error| error.to_string())
            .and_then(|world| world::start(world).map_err(|error| error.to_string()));
        if let Err(error) = started {
            panic!("the test host cannot start: {error}");
        }
        let transport = WorldTransport {
            commands: commands.clone(),
            clock: clock.clone(),
            function: None,
        };
        let client = match OrchestrationClient::from_binding(&client_binding()) {
            Ok(client) => client.with_transport(Arc::new(transport)),
            Err(error) => panic!("the test host cannot start: {error}"),
        };
        TestHost {
            commands,
            clock,
            worker,
            wire,
            client,
            servers,
            patience: self.patience,
            most_jumps: self.most_jumps,
            start_time: self.start_time,
        }
    }
}

impl fmt::Debug for TestHostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHostBuilder")
            .field("start_time", &self.start_time)
            .field("running", &self.running)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

/// The names of the wires are those of the app, which the task hub does not know.
fn wire_of(app: &App) -> Wire {
    match app.wire() {
        durable::Wire::Json => Wire::Json,
        _ => Wire::Protobuf,
    }
}

/// Tests run on threads that have their names.
fn seed_of_test() -> u64 {
    let thread = std::thread::current();
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, thread.name().unwrap_or_default().as_bytes());
    id.as_u64_pair().0
}

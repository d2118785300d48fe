//! The app: what its functions share, what runs before the first and after the last of them, what stands around each.

mod from_fn;
pub(crate) mod invocation;
pub(crate) mod layer;
pub(crate) mod needs;
mod shutdown;
pub(crate) mod startup;

pub use crate::config::{Config, ConfigError};
pub use crate::state::{State, States};
pub use from_fn::{FromFn, FromFnService, Next, from_fn};
pub use invocation::{Completed, FunctionKind, Invocation};
pub use layer::InvocationService;

use crate::{durable_wire::Wire, error::BoxError, state::Value};
use startup::{SetUp, Startup};
use std::{
    any::{TypeId, type_name},
    fmt,
    future::Future,
    sync::Arc,
};

pub(crate) use shutdown::Shutdown;

use tower_layer::Layer;
use tower_service::Service;

/// Begins an app: [`worker_main`](crate::worker_main) with options. [`App::run`] ends the chain.
///
/// ```no_run
/// use azure_functions::{prelude::*, app::States};
/// use std::process::ExitCode;
///
/// /// Connections to the database.
/// struct Pool;
///
/// impl Pool {
///     async fn connect() -> Result<Self, std::io::Error> {
///         Ok(Self)
///     }
///
///     async fn close(&self) {}
/// }
///
/// #[func(activity)]
/// async fn charge(order: String, pool: State<Pool>) -> Result<String, std::io::Error> {
///     let _connections: &Pool = &pool;
///     Ok(order)
/// }
///
/// fn main() -> ExitCode {
///     azure_functions::app()
///         .setup(async |_: States| Pool::connect().await)
///         .shutdown(async |states: States| {
///             if let Some(pool) = states.get::<Pool>() {
///                 pool.close().await;
///             }
///         })
///         .run()
/// }
/// ```
///
/// The functions themselves are not listed: every function with `#[func]` that is linked into the binary belongs to the app. A test
/// host takes the same app, with other values: `TestHost::builder().app(|| app().state(Pool::fake()))`.
pub fn app() -> App {
    App::default()
}

/// The options of an app. See [`app`].
#[must_use = "an app does nothing until it runs: end the chain with `.run()`"]
#[derive(Default)]
pub struct App {
    pub(crate) startup: Startup,
    pub(crate) shutdowns: Vec<Shutdown>,
    pub(crate) wire: Option<Wire>,
}

impl App {
    /// Shares a value with the functions: a parameter [`State<T>`](State) gets it.
    ///
    /// There is one value of each type; the one that was given last counts, also before or after [`setup`](Self::setup). What needs
    /// settings of the app, or threads, belongs into `setup`: this value is made before the host has told the app its settings.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.startup.give(TypeId::of::<T>(), type_name::<T>(), Arc::new(value));
        self
    }

    /// Gives the settings of a type, in place of those in the environment: for tests. See [`Config`].
    pub fn config<T: Send + Sync + 'static>(self, settings: T) -> Self {
        self.state(Config::new(settings))
    }

    /// As [`state`](Self::state), with a value that others hold, too: for the test host.
    #[doc(hidden)]
    pub fn with_state<T: Send + Sync + 'static>(mut self, state: State<T>) -> Self {
        if !self.startup.promises(TypeId::of::<T>()) {
            self.startup.added.push((TypeId::of::<T>(), type_name::<T>()));
        }
        self.startup
            .give(TypeId::of::<T>(), type_name::<T>(), state.into_shared());
        self
    }

    /// Runs before the first function: what it returns is shared, as by [`state`](Self::state).
    ///
    /// It runs on the runtime of the functions, when the environment of the process is final: on Azure a process may start before it
    /// knows its app, and gets its settings later. Set-ups run one after another, in the order in which they were added, and each gets
    /// the states so far. No function runs before all have ended.
    ///
    /// If one fails or panics, the app says so in one sentence and ends with exit code 1, so that the host starts it again.
    pub fn setup<T, E, F>(mut self, set_up: impl FnOnce(States) -> F + Send + 'static) -> Self
    where
        T: Send + Sync + 'static,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let run = move |states| {
            let value = set_up(states);
            let future = async move {
                let value: Value = Arc::new(value.await.map_err(Into::into)?);
                Ok(value)
            };
            Box::pin(future) as startup::Made
        };
        self.startup.make(SetUp {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
            run: Box::new(run),
        });
        self
    }

    /// Runs after the last function, when the host stops the app: for connections to close and data to flush. It gets the states.
    ///
    /// The host gives a few seconds for the end of the process, first to functions that still run. What has not ended then is given up.
    /// Several run in the reverse order of their adding. None runs where a set-up failed, or where no function was ever loaded.
    pub fn shutdown<F>(mut self, shutdown: impl FnOnce(States) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.startup.has_end = true;
        self.shutdowns
            .push(Shutdown::new(move |states| Box::pin(shutdown(states))));
        self
    }

    /// Which wire the host is asked for; protobuf, if nothing else is said. The variable `AZURE_FUNCTIONS_DURABLE_WIRE`, which is `json` or
    /// `protobuf`, counts more: it is read when the host asks for the functions, and a word that is neither is an error that the
    /// host shows. Under the runtime `native` of the Functions host neither has an effect. A test host speaks the wire that is asked for, so that tests run on either.
    ///
    /// Whatever was asked for, what arrives is answered in its own form. A task hub can go from one wire to the other; an instance that
    /// runs meanwhile need not fit, so let those end first.
    ///
    /// ```no_run
    /// use azure_functions::durable::Wire;
    ///
    /// fn main() -> std::process::ExitCode {
    ///     azure_functions::app().durable_wire(Wire::Json).run()
    /// }
    /// ```
    pub fn durable_wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Puts a `tower` layer around every invocation: a time limit, a limit of how many run at a time, a span for tracing.
    ///
    /// The service that it makes takes an [`Invocation`]. It answers [`Completed`] where the function succeeds; its error is the one that
    /// the function returned, or an error of its own, with which the invocation fails. The layer that was added last is the outermost. What the
    /// service shares between its clones, the invocations share: each runs in a clone.
    ///
    /// * Activities, functions with other triggers, and entities run in the layers. For an entity one invocation is a batch of its
    ///   operations: if a layer fails it, none of them has happened. On the JSON [wire](crate::durable::Wire) hosts run them again; on the
    ///   protobuf wire they fail, and the state stays.
    /// * Where a layer gives up on a plain `fn`, the caller gets the answer at once, and the function goes on to its end on its thread.
    /// * An orchestration is replayed, and no layer can delay it, skip it, or change its answer. Layers see each of its episodes as an
    ///   invocation of the kind [`FunctionKind::Orchestration`]: they are polled once before it and once after it, and a layer that
    ///   waits longer, for a permit say, is dropped.
    ///
    /// A function that waits for another one, through an orchestration for example, needs more than one place in a limit that both share.
    ///
    /// ```no_run
    /// use azure_functions::app::Invocation;
    /// use std::time::Duration;
    /// use tower::{limit::ConcurrencyLimitLayer, timeout::TimeoutLayer, util::MapRequestLayer};
    ///
    /// fn main() -> std::process::ExitCode {
    ///     azure_functions::app()
    ///         .layer(TimeoutLayer::new(Duration::from_secs(30)))
    ///         .layer(ConcurrencyLimitLayer::new(100))
    ///         .layer(MapRequestLayer::new(|invocation: Invocation| {
    ///             log::info!("{:?} {}", invocation.kind(), invocation.function_name());
    ///             invocation
    ///         }))
    ///         .run()
    /// }
    /// ```
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<InvocationService> + Send + 'static,
        L::Service: Service<Invocation, Response = Completed, Error: Into<BoxError>, Future: Send + 'static>
            + Clone
            + Send
            + 'static,
    {
        self.layer_from(move |_| layer)
    }

    /// As [`layer`](Self::layer), of a layer that depends on states or settings: it is made after the set-ups, with the states that
    /// they have made.
    ///
    /// ```no_run
    /// use azure_functions::app::{Config, States};
    /// use serde::Deserialize;
    /// use tower::limit::ConcurrencyLimitLayer;
    ///
    /// #[derive(Deserialize)]
    /// struct Limits {
    ///     most_at_a_time: usize,
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     azure_functions::app()
    ///         .setup(async |_: States| Config::<Limits>::load())
    ///         .layer_from(|states| {
    ///             let limits = states.get::<Config<Limits>>();
    ///             ConcurrencyLimitLayer::new(limits.map_or(100, |limits| limits.most_at_a_time))
    ///         })
    ///         .run()
    /// }
    /// ```
    pub fn layer_from<L>(mut self, make: impl FnOnce(&States) -> L + Send + 'static) -> Self
    where
        L: Layer<InvocationService> + 'static,
        L::Service: Service<Invocation, Response = Completed, Error: Into<BoxError>, Future: Send + 'static>
            + Clone
            + Send
            + 'static,
    {
        self.startup.layers.push(layer::Given::new(make));
        self
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

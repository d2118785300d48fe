//! The crash explorer: what if the process ends here?
//!
//! It runs a test once undisturbed and counts the commits of the task hub. Then it runs the test again for every commit,
//! twice: once the process ends just before the commit is written, once just after. Another hub goes on from the store. What
//! the test returns and how its instances end must not differ from the first run, and no result may be recorded twice.

mod audit;
mod disk;
mod point;
mod store;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    fmt::{self, Debug},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use azure_functions_durable::OrchestrationStatusQueryResult;

pub(super) use self::point::{Moment, Point};
use self::{
    disk::{CrashDisk, Open},
    store::Journal,
};
use super::{TestHost, TestHostBuilder, stuck::unfinished};
use crate::durable::{
    TaskHub,
    store::{Store, memory::MemoryStore},
};

/// Runs a test again for every point at which the process could end; with the usual options. See [`CrashExplorer`].
///
/// ```
/// use azure_functions::{durable::CallError, prelude::*};
/// use azure_functions_sdk::testing::explore_crashes;
///
/// #[func]
/// async fn sum(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
///     let one = context.call_activity("count", 1).await?;
///     let two = context.call_activity("count", 2).await?;
///     Ok(vec![one, two].into())
/// }
///
/// #[func]
/// fn count(number: u32) -> ActivityOutput {
///     number.into()
/// }
///
/// # fn main() { // In an app: #[test] fn sums_survive_crashes() { … }
/// let explored = explore_crashes(|host| host.start("sum", ()).output::<Vec<u32>>());
/// assert_eq!(explored.output, [1, 2]);
/// assert!(explored.runs > 2 * 3, "the start, and each of the two activities, at least: {explored:?}");
/// # }
/// ```
///
/// # Panics
/// If a run differs from the undisturbed one, with the point at which the process ended.
#[track_caller]
pub fn explore_crashes<T: PartialEq + Debug>(test: impl Fn(&TestHost) -> T) -> Explored<T> {
    CrashExplorer::new().explore(test)
}

/// Runs a test again for every point at which the process could end.
///
/// At each such point the task hub and all activities that run are gone, as after `kill -9` of the host; another hub goes on
/// from what was written. The test itself does not notice: what it asks of the host is asked again if it was not answered, as a
/// good client would, and HTTP functions that it calls go on. Activities may run once more, as anywhere: each run that ended
/// counts once.
///
/// The test must do the same each time it is called: it gets a fresh host, so whatever it keeps elsewhere it has to set up
/// anew. Compared are what it returns, and how all instances end (name, status, output, and custom status).
#[derive(Clone, Debug, Default)]
pub struct CrashExplorer {
    host: TestHostBuilder,
    #[cfg(feature = "sqlite")]
    on_disk: bool,
    #[cfg(test)]
    wrap: Option<store::Wrap>,
}

/// What an exploration did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored<T> {
    /// What the test returned, in every run.
    pub output: T,
    /// How many commits the undisturbed run has.
    pub commits: usize,
    /// How many runs were ended at some point.
    pub runs: usize,
}

/// One run of the test, and what became of it.
struct Run<T> {
    output: T,
    instances: Vec<Ending>,
    journal: Arc<Journal>,
}

/// How an instance ended. Ids are left out: some are made anew after a crash.
#[derive(Clone, Debug, PartialEq)]
struct Ending {
    name: String,
    status: String,
    output: String,
    custom_status: String,
}

impl CrashExplorer {
    /// An explorer in memory, with the usual test host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options of the test hosts.
    #[must_use]
    pub fn host(mut self, options: TestHostBuilder) -> Self {
        self.host = options;
        self
    }

    /// Keeps the state in an SQLite file, in a temporary folder of each run, as the local host does. Needs the feature `sqlite`.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn on_disk(mut self) -> Self {
        self.on_disk = true;
        self
    }

    #[cfg(test)]
    fn wrap(mut self, wrap: store::Wrap) -> Self {
        self.wrap = Some(wrap);
        self
    }

    /// Explores.
    ///
    /// # Panics
    /// If the test panics, or a run differs from the undisturbed one; then with the point at which the process ended.
    #[track_caller]
    pub fn explore<T: PartialEq + Debug>(&self, test: impl Fn(&TestHost) -> T) -> Explored<T> {
        match self.try_explore(&test) {
            Ok(explored) => explored,
            Err(report) => panic!("{report}"),
        }
    }

    fn try_explore<T: PartialEq + Debug>(&self, test: &impl Fn(&TestHost) -> T) -> Result<Explored<T>, String> {
        let calm = self.run(test, None)?;
        let commits = calm.journal.written();
        let points =
            (0..commits).flat_map(|commit| [Moment::Before, Moment::After].map(|moment| Point { commit, moment }));
        let mut runs = 0;
        for point in points {
            runs += 1;
            let place = || calm.journal.describe(point, commits);
            let run = self
                .run(test, Some(point))
                .map_err(|what| format!("with the end of the process {}: {what}", place()))?;
            if !run.journal.has_ended() {
                return Err(format!(
                    "the test is not the same each time: with the same beginning it once had {commits} commits and then only {}",
                    run.journal.written()
                ));
            }
            if let Some(difference) = run.difference(&calm) {
                return Err(format!("with the end of the process {}: {difference}", place()));
            }
        }
        Ok(Explored {
            output: calm.output,
            commits,
            runs,
        })
    }

    /// One run; the error is what was wrong with it.
    fn run<T>(&self, test: &impl Fn(&TestHost) -> T, end: Option<Point>) -> Result<Run<T>, String> {
        let journal = Arc::new(Journal::new(end));
        let open = self.store()?;
        #[cfg(test)]
        let disk = CrashDisk::open(open, Arc::clone(&journal), self.wrap);
        #[cfg(not(test))]
        let disk = CrashDisk::open(open, Arc::clone(&journal), None);
        let disk = disk.map_err(|error| error.to_string())?;
        let host = self.host.clone().build_on(Box::new(disk));
        let ran = catch_unwind(AssertUnwindSafe(|| (test(&host), host.instances())));
        // What is recorded twice explains more than what follows from it.
        if let Some(violation) = journal.violation() {
            return Err(violation);
        }
        let (output, instances) = ran.map_err(|panic| failure(&host, message(&*panic)))?;
        let mut instances: Vec<Ending> = instances.into_iter().map(Ending::from).collect();
        instances.sort_by_key(|ending| format!("{ending}"));
        Ok(Run {
            output,
            instances,
            journal,
        })
    }

    fn store(&self) -> Result<Open, String> {
        #[cfg(feature = "sqlite")]
        if self.on_disk {
            return disk::in_file();
        }
        let store = Arc::new(MemoryStore::default());
        Ok(Box::new(move || Ok(store.clone())))
    }
}

impl<T: PartialEq + Debug> Run<T> {
    fn difference(&self, calm: &Self) -> Option<String> {
        if self.output != calm.output {
            return Some(format!(
                "the test returned {:?}, and {:?} undisturbed",
                self.output, calm.output
            ));
        }
        let listed = |endings: &[Ending]| endings.iter().map(|ending| format!("\n  {ending}")).collect::<String>();
        (self.instances != calm.instances).then(|| {
            format!(
                "these are the instances:{}\nand undisturbed they are:{}",
                listed(&self.instances),
                listed(&calm.instances)
            )
        })
    }
}

impl From<OrchestrationStatusQueryResult> for Ending {
    fn from(status: OrchestrationStatusQueryResult) -> Self {
        Self {
            name: status.name,
            status: status.runtime_status.to_string(),
            output: status.output.to_string(),
            custom_status: status.custom_status.to_string(),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            status,
            output,
            custom_status,
        } = self;
        write!(
            f,
            "'{name}' is {status}, output {output}, custom status {custom_status}"
        )
    }
}

/// A test that failed, and why its instances have not ended.
fn failure(host: &TestHost, message: &str) -> String {
    // The host may be what failed.
    let worker = host.worker.clone();
    let look = move |hub: &TaskHub, store: &dyn Store| unfinished(&worker, hub, store, "");
    let unfinished = catch_unwind(AssertUnwindSafe(|| host.inspect(look)));
    match unfinished {
        Ok(Ok(list)) if !list.is_empty() && !message.contains(&list) => {
            format!("the test failed: {message}\nThese have not ended:{list}")
        }
        _ => format!("the test failed: {message}"),
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
}

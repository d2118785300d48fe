//! The task hubs of one process, for workers and clients of every language: each call names its hub in the header `taskhub`, or means
//! the default one. A hub is made when a worker connects to it or a client starts something in it, in the data folder; there it is
//! found again, also by the next process. Calls that only look make none.

use crate::durable::{
    HubName, HubNameError, TaskHub, TaskHubError, TaskHubOptions,
    work::{DurableFunctions, WorkError, WorkItem, WorkResult, Worker},
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::task::spawn_blocking;

/// Hubs that may be open besides the default one: each has threads, files and memory of its own.
const MOST: usize = 32;
/// How long what is queued for the disk may take when a hub is closed.
const LAST_WRITES_LIMIT: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(crate) struct Hubs {
    default: Arc<TaskHub>,
    /// Those of the default hub. The others have the same, but for the name.
    options: TaskHubOptions,
    others: Mutex<Others>,
    /// Hubs are opened and deleted one after the other.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Others {
    /// By their names in lower case.
    open: BTreeMap<String, Opened>,
    draining: bool,
    /// Calls that have asked for one of them.
    uses: u64,
}

#[derive(Debug)]
struct Opened {
    hub: Arc<TaskHub>,
    /// The newest call that has asked for it.
    used: u64,
}

/// Why a call has no hub, or a hub is not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HubsError {
    /// The name breaks the rules.
    #[error(transparent)]
    Name(#[from] HubNameError),
    /// Too many are open, and none of them is idle.
    #[error(
        "{MOST} task hubs besides the default one are in use, which is the limit: disconnect the workers of one, or start another host"
    )]
    TooMany,
    /// There is none of this name.
    #[error(
        "there is no task hub '{0}': it is made by CreateTaskHub, when a worker connects to it, or when something is started in it"
    )]
    Unknown(String),
    /// It cannot be opened, or its file not be deleted.
    #[error("task hub '{name}': {source}")]
    Hub {
        /// Its name.
        name: String,
        /// Why not.
        source: TaskHubError,
    },
    /// Only the host that stops closes this one.
    #[error(
        "'{0}' is the default task hub of this host, which cannot be deleted while it runs: stop the host, and delete the hub's file"
    )]
    Default(String),
    /// It is not idle.
    #[error("task hub '{0}' is in use: disconnect its workers before it is deleted")]
    InUse(String),
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
    /// A thread has panicked.
    #[error("task hub '{0}' was not opened: this is a bug of the host")]
    Broken(String),
}

impl Hubs {
    /// Opens the default hub. Must be called inside a tokio runtime.
    pub(crate) fn open(options: TaskHubOptions) -> Result<Self, TaskHubError> {
        Ok(Self {
            default: Arc::new(open(options.clone())?),
            options,
            others: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn default_hub(&self) -> &Arc<TaskHub> {
        &self.default
    }

    /// The hub of this name, if it is open; names are compared without regard to case. The default one for an empty name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<TaskHub>> {
        if name.is_empty() || self.is_default(name) {
            return Some(Arc::clone(&self.default));
        }
        let others = &mut *self.others();
        let opened = others.open.get_mut(&name.to_ascii_lowercase())?;
        others.uses += 1;
        opened.used = others.uses;
        Some(Arc::clone(&opened.hub))
    }

    /// The hub of this name, which is opened if need be; none is made.
    pub(crate) async fn existing(&self, name: &str) -> Result<Arc<TaskHub>, HubsError> {
        if let Some(hub) = self.find(name) {
            return Ok(hub);
        }
        let name = HubName::new(name)?;
        let _changing = self.changing.lock().await;
        if let Some(hub) = self.find(name.as_str()) {
            return Ok(hub);
        }
        let (data_dir, asked) = (self.options.data_dir.clone(), name.clone());
        let stored = spawn_blocking(move || stored(&asked, &data_dir)).await;
        match stored.map_err(|_| HubsError::Broken(name.to_string()))? {
            Some(_) => self.open_other(name).await,
            None => Err(HubsError::Unknown(name.to_string())),
        }
    }

    /// The hub of this name, which is opened, or made, if need be.
    pub(crate) async fn get(&self, name: &str) -> Result<Arc<TaskHub>, HubsError> {
        if let Some(hub) = self.find(name) {
            return Ok(hub);
        }
        let _changing = self.changing.lock().await;
        match self.find(name) {
            Some(hub) => Ok(hub),
            None => self.open_other(HubName::new(name)?).await,
        }
    }

    /// Closes the hub that was used longest ago of those that are idle, if there is no room for another.
    async fn make_room(&self) -> Result<(), HubsError> {
        let closing = {
            let mut others = self.others();
            if others.draining {
                return Err(HubsError::Stopping);
            }
            if others.open.len() < MOST {
                return Ok(());
            }
            let idle = others.open.iter().filter(|(_, opened)| opened.hub.is_idle());
            let oldest = idle.min_by_key(|(_, opened)| opened.used).map(|(key, _)| key.clone());
            oldest.and_then(|key| others.open.remove(&key))
        };
        let Opened { hub, .. } = closing.ok_or(HubsError::TooMany)?;
        hub.drain(LAST_WRITES_LIMIT).await;
        Ok(())
    }

    async fn open_other(&self, name: HubName) -> Result<Arc<TaskHub>, HubsError> {
        self.make_room().await?;
        let (options, asked) = (self.options.clone(), name.clone());
        let opened = spawn_blocking(move || open(of_other(options, asked))).await;
        let opened = opened.map_err(|_| HubsError::Broken(name.to_string()))?;
        let hub = Arc::new(opened.map_err(|source| failed(&name, source))?);
        let others = &mut *self.others();
        if others.draining {
            return Err(HubsError::Stopping);
        }
        others.uses += 1;
        let opened = Opened {
            hub: Arc::clone(&hub),
            used: others.uses,
        };
        others.open.insert(name.as_str().to_ascii_lowercase(), opened);
        Ok(hub)
    }

    /// Makes the hub of this name anew.
    pub(crate) async fn recreate(&self, name: &str) -> Result<(), HubsError> {
        let _changing = self.changing.lock().await;
        // Before anything is deleted.
        if self.find(name).is_none() {
            self.make_room().await?;
        }
        self.delete_idle(name).await?;
        self.open_other(HubName::new(name)?).await.map(drop)
    }

    /// Closes the hub of this name, and deletes it with all that is in it. One that is not there is no error.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), HubsError> {
        let _changing = self.changing.lock().await;
        self.delete_idle(name).await
    }

    async fn delete_idle(&self, name: &str) -> Result<(), HubsError> {
        if name.is_empty() || self.is_default(name) {
            return Err(HubsError::Default(self.default.name().to_string()));
        }
        let name = HubName::new(name)?;
        let key = name.as_str().to_ascii_lowercase();
        let open = {
            let mut others = self.others();
            if others.draining {
                return Err(HubsError::Stopping);
            }
            if others.open.get(&key).is_some_and(|opened| !opened.hub.is_idle()) {
                return Err(HubsError::InUse(name.to_string()));
            }
            others.open.remove(&key)
        };
        if let Some(Opened { hub, .. }) = open {
            hub.drain(LAST_WRITES_LIMIT).await;
        }
        let (options, asked) = (self.options.clone(), name.clone());
        let deleted = spawn_blocking(move || TaskHub::delete(&of_other(options, asked))).await;
        let deleted = deleted.map_err(|_| HubsError::Broken(name.to_string()))?;
        deleted.map(drop).map_err(|source| failed(&name, source))
    }

    /// No hub begins anything new from now on.
    pub(crate) fn begin_drain(&self) {
        self.others().draining = true;
        for hub in self.all() {
            hub.begin_drain();
        }
    }

    /// Activities, and episodes with turns of entities.
    pub(crate) fn running(&self) -> (usize, usize) {
        let running = self.all().into_iter().map(|hub| hub.running());
        running.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    pub(crate) async fn until_quiet(&self) {
        for hub in self.all() {
            hub.until_quiet().await;
        }
    }

    /// Writes what is queued, and closes all.
    pub(crate) async fn drain(&self, limit: Duration) {
        for hub in self.all() {
            hub.drain(limit).await;
        }
    }

    fn all(&self) -> Vec<Arc<TaskHub>> {
        let mut all = vec![Arc::clone(&self.default)];
        all.extend(self.others().open.values().map(|opened| Arc::clone(&opened.hub)));
        all
    }

    fn is_default(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.default.name().as_str())
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        // Every change is a single one.
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(name: &HubName, source: TaskHubError) -> HubsError {
    HubsError::Hub {
        name: name.to_string(),
        source,
    }
}

/// The name as the hub's file has it, where there is one.
fn as_stored(name: HubName, data_dir: &Path) -> HubName {
    stored(&name, data_dir).unwrap_or(name)
}

/// The name that the file of this hub has; `None`: there is none.
fn stored(name: &HubName, data_dir: &Path) -> Option<HubName> {
    let found = || -> io::Result<Option<HubName>> {
        for entry in fs::read_dir(data_dir)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if path.extension().is_some_and(|extension| extension == "db") && stem.eq_ignore_ascii_case(name.as_str()) {
                return Ok(HubName::new(stem).ok());
            }
        }
        Ok(None)
    };
    // A folder that cannot be read has no hub that could be opened.
    found().ok().flatten()
}

/// The options of the hub of this name, spelt as that of its file.
fn of_other(options: TaskHubOptions, name: HubName) -> TaskHubOptions {
    TaskHubOptions {
        name: as_stored(name, &options.data_dir),
        ..options
    }
}

fn open(options: TaskHubOptions) -> Result<TaskHub, TaskHubError> {
    let hub = TaskHub::open(options, Arc::new(NoApp))?;
    hub.set_functions(DurableFunctions {
        open: true,
        ..DurableFunctions::default()
    });
    Ok(hub)
}

/// There is no app, so the hub gives it nothing to run.
struct NoApp;

impl Worker for NoApp {
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let text = format!("this host has no app with a function '{}'", item.function);
        Box::pin(async { Ok(WorkResult::Failed(text)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::{Durability, grpc::Caller};

    fn hubs(folder: &Path) -> Hubs {
        Hubs::open(TaskHubOptions::new(HubName::new("default").unwrap(), folder)).unwrap()
    }

    #[tokio::test]
    async fn all_hubs_are_as_safe_as_the_host_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for durability in [Durability::Process, Durability::Full] {
            let options = TaskHubOptions::new(HubName::new("default").unwrap(), folder.path()).durability(durability);
            let all = Hubs::open(options).unwrap();
            let other = all.get("other").await.unwrap();
            assert_eq!(all.default_hub().durability(), durability);
            assert_eq!(other.durability(), durability);
            drop(other);
            all.drain(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test]
    async fn a_hub_is_made_when_it_is_named_and_found_again_whatever_the_case() {
        let folder = tempfile::tempdir().unwrap();
        let all = hubs(folder.path());
        assert!(Arc::ptr_eq(
            &all.get("").await.unwrap(),
            &all.get("DEFAULT").await.unwrap()
        ));
        assert!(all.find("Orders").is_none());
        let made = all.get("Orders").await.unwrap();
        assert!(Arc::ptr_eq(&made, &all.get("orders").await.unwrap()));
        all.drain(Duration::from_secs(1)).await;
        drop((made, all));
        let again = hubs(folder.path()).get("ORDERS").await.unwrap();
        assert_eq!(again.name().as_str(), "Orders", "by the name of its file");
        assert!(matches!(hubs_error(folder.path(), "my-hub").await, HubsError::Name(_)));
    }

    async fn hubs_error(folder: &Path, name: &str) -> HubsError {
        let other = folder.join("other");
        hubs(&other).get(name).await.unwrap_err()
    }

    #[tokio::test]
    async fn only_an_idle_hub_other_than_the_default_is_deleted_and_its_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let all = hubs(folder.path());
        for name in ["", "Default"] {
            assert!(matches!(all.delete(name).await, Err(HubsError::Default(_))));
        }
        let orders = all.get("Orders").await.unwrap();
        let worker = orders.work_items(Caller::Sdk, "", bytes::Bytes::new()).unwrap();
        assert!(matches!(all.delete("orders").await, Err(HubsError::InUse(_))));
        drop(worker);
        assert!(folder.path().join("Orders.db").exists());
        all.delete("orders").await.unwrap();
        assert!(!folder.path().join("Orders.db").exists());
        all.delete("orders").await.unwrap();
        all.get("orders").await.unwrap();
        all.recreate("orders").await.unwrap();
    }

    #[tokio::test]
    async fn the_number_of_open_hubs_is_limited_and_one_that_is_idle_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let all = hubs(folder.path());
        let mut workers = Vec::new();
        for number in 0..MOST {
            let hub = all.get(&format!("hub{number}")).await.unwrap();
            workers.push(hub.work_items(Caller::Sdk, "", bytes::Bytes::new()).unwrap());
        }
        assert!(matches!(all.get("another").await, Err(HubsError::TooMany)));
        workers.truncate(MOST - 2);
        // Used later than the last one.
        all.get(&format!("hub{}", MOST - 2)).await.unwrap();
        all.get("another").await.unwrap();
        assert!(all.find(&format!("hub{}", MOST - 1)).is_none());
        assert!(all.find(&format!("hub{}", MOST - 2)).is_some());
        let another = all.get("another").await.unwrap();
        let _busy = another.work_items(Caller::Sdk, "", bytes::Bytes::new()).unwrap();
        all.existing(&format!("hub{}", MOST - 1)).await.unwrap();
    }

    #[tokio::test]
    async fn no_hub_is_deleted_that_could_not_be_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let all = hubs(folder.path());
        all.get("kept").await.unwrap();
        all.drain(Duration::from_secs(1)).await;
        drop(all);
        let all = hubs(folder.path());
        let mut workers = Vec::new();
        for number in 0..MOST {
            let hub = all.get(&format!("hub{number}")).await.unwrap();
            workers.push(hub.work_items(Caller::Sdk, "", bytes::Bytes::new()).unwrap());
        }
        assert!(matches!(all.recreate("kept").await, Err(HubsError::TooMany)));
        assert!(folder.path().join("kept.db").exists());
    }

    #[tokio::test]
    async fn calls_that_only_look_make_no_hub_and_find_those_of_an_earlier_process() {
        let folder = tempfile::tempdir().unwrap();
        let all = hubs(folder.path());
        assert!(matches!(all.existing("Orders").await, Err(HubsError::Unknown(_))));
        assert!(!folder.path().join("Orders.db").exists());
        all.get("Orders").await.unwrap();
        all.drain(Duration::from_secs(1)).await;
        drop(all);
        let all = hubs(folder.path());
        assert!(all.find("orders").is_none());
        assert_eq!(all.existing("orders").await.unwrap().name().as_str(), "Orders");
    }
}

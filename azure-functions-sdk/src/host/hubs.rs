//! The task hubs of one process, for workers and clients of every language: each call names its hub in the header `taskhub`, or means
//! the default one. A hub is made when a call first names it, in the data folder; there it is found again by the next process.

use crate::durable::{
    HubName, HubNameError, TaskHub, TaskHubError, TaskHubOptions,
    work::{DurableFunctions, WorkError, WorkItem, WorkResult, Worker},
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::task::spawn_blocking;

/// Hubs that may be open besides the default one: each has threads, files and memory of its own.
const MOST: usize = 32;
/// What runs at a time is up to the workers, which say how much each of them takes.
const CONCURRENT: usize = 100_000;
/// How long what is queued for the disk may take when a hub is closed.
const LAST_WRITES_LIMIT: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(crate) struct Hubs {
    default: Arc<TaskHub>,
    data_dir: PathBuf,
    others: Mutex<Others>,
    /// Hubs are opened and deleted one after the other.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Others {
    /// By their names in lower case.
    open: BTreeMap<String, Arc<TaskHub>>,
    draining: bool,
}

/// Why a call has no hub, or a hub is not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HubsError {
    /// The name breaks the rules.
    #[error(transparent)]
    Name(#[from] HubNameError),
    /// Too many are open.
    #[error(
        "{MOST} task hubs besides the default one are open, which is the limit: delete one (DeleteTaskHub), or start another host"
    )]
    TooMany,
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
    pub(crate) fn open(default: HubName, data_dir: &Path) -> Result<Self, TaskHubError> {
        Ok(Self {
            default: Arc::new(open(options(default, data_dir))?),
            data_dir: data_dir.to_owned(),
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
        self.others().open.get(&name.to_ascii_lowercase()).cloned()
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

    async fn open_other(&self, name: HubName) -> Result<Arc<TaskHub>, HubsError> {
        {
            let others = self.others();
            if others.draining {
                return Err(HubsError::Stopping);
            }
            if others.open.len() >= MOST {
                return Err(HubsError::TooMany);
            }
        }
        let (data_dir, asked) = (self.data_dir.clone(), name.clone());
        let opened = spawn_blocking(move || open(options(as_stored(asked, &data_dir), &data_dir))).await;
        let opened = opened.map_err(|_| HubsError::Broken(name.to_string()))?;
        let hub = Arc::new(opened.map_err(|source| failed(&name, source))?);
        let mut others = self.others();
        if others.draining {
            return Err(HubsError::Stopping);
        }
        let key = name.as_str().to_ascii_lowercase();
        others.open.insert(key, Arc::clone(&hub));
        Ok(hub)
    }

    /// Makes the hub of this name anew.
    pub(crate) async fn recreate(&self, name: &str) -> Result<(), HubsError> {
        let _changing = self.changing.lock().await;
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
            if others.open.get(&key).is_some_and(|hub| !hub.is_idle()) {
                return Err(HubsError::InUse(name.to_string()));
            }
            others.open.remove(&key)
        };
        if let Some(hub) = open {
            hub.drain(LAST_WRITES_LIMIT).await;
        }
        let (data_dir, asked) = (self.data_dir.clone(), name.clone());
        let deleted = spawn_blocking(move || TaskHub::delete(&options(as_stored(asked, &data_dir), &data_dir))).await;
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
        all.extend(self.others().open.values().cloned());
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
    found().ok().flatten().unwrap_or(name)
}

fn options(name: HubName, data_dir: &Path) -> TaskHubOptions {
    TaskHubOptions::new(name, data_dir)
        .max_concurrent_orchestrations(CONCURRENT)
        .max_concurrent_activities(CONCURRENT)
        .max_concurrent_entities(CONCURRENT)
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
    use crate::durable::grpc::Caller;

    fn hubs(folder: &Path) -> Hubs {
        Hubs::open(HubName::new("default").unwrap(), folder).unwrap()
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
        let worker = orders.work_items(Caller::Sdk, bytes::Bytes::new()).unwrap();
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
    async fn the_number_of_open_hubs_is_limited() {
        let folder = tempfile::tempdir().unwrap();
        let all = hubs(folder.path());
        for number in 0..MOST {
            all.get(&format!("hub{number}")).await.unwrap();
        }
        assert!(matches!(all.get("another").await, Err(HubsError::TooMany)));
        all.delete("hub0").await.unwrap();
        all.get("another").await.unwrap();
    }
}

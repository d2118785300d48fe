//! What the functions of an app share.

use crate::config::ConfigError;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::Arc,
};

/// A value that the functions of an app share, as a parameter of one of them: connections to a database, an HTTP client, a cache.
///
/// The app gets it from [`App::state`](crate::App::state) or [`App::setup`](crate::App::setup). It is cheap to clone.
///
/// Activities, entities, and functions with any other trigger can take it. An orchestration cannot: it is replayed, and must do the
/// same each time, whatever the state is then.
///
/// ```
/// use azure_functions::prelude::*;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[derive(Default)]
/// struct Visits(AtomicU64);
///
/// #[func]
/// fn count(_request: HttpRequest, visits: State<Visits>) -> HttpResponse {
///     (visits.0.fetch_add(1, Ordering::Relaxed) + 1).to_string().into()
/// }
///
/// // In a test, a function can be called with a state of its own.
/// let response = count(HttpRequest::build().finish(), State::new(Visits::default()));
/// assert_eq!(response.body_as_str().unwrap(), "1");
/// ```
pub struct State<T: ?Sized>(Arc<T>);

impl<T> State<T> {
    /// A state outside any app: for tests that call a function directly.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }

    pub(crate) fn into_shared(self) -> Arc<T> {
        self.0
    }
}

impl<T: ?Sized> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("State").field(&&*self.0).finish()
    }
}

/// All states of an app, one of each type. Cheap to clone.
#[derive(Clone, Default)]
pub struct States(Arc<Values>);

/// A state whose type is forgotten.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

pub(crate) type Values = HashMap<TypeId, Value>;

impl States {
    pub(crate) fn new(values: Values) -> Self {
        Self(Arc::new(values))
    }

    /// The state of this type, if the app has one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        let value = self.0.get(&TypeId::of::<T>())?;
        Arc::clone(value).downcast().ok().map(State)
    }

    pub(crate) fn holds(&self, type_id: TypeId) -> bool {
        self.0.contains_key(&type_id)
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("count", &self.0.len()).finish()
    }
}

/// What a parameter needs of the app.
#[derive(Debug)]
pub(crate) struct Need {
    /// The type of the value.
    pub type_id: fn() -> TypeId,
    /// Makes the value where the states do not hold it, if the parameter's type can; nothing if they do.
    pub load: fn(&States) -> Result<Option<Value>, Lack>,
}

/// Why a parameter cannot be made in any invocation.
#[derive(Debug)]
pub(crate) enum Lack {
    /// The app has no state of this type.
    State(&'static str),
    /// Settings are missing or cannot be read.
    Settings(ConfigError),
}

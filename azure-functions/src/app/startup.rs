//! The start of an app: its values are collected, and its set-ups run, before the first function.

use super::layer::{Given, Layers};
use crate::{
    config::ConfigError,
    entities::parked::ParkedStates,
    error::BoxError,
    panics,
    state::{Lack, Need, States, Value, Values},
};
use std::{
    any::TypeId,
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

/// What a set-up makes.
pub(super) type Made = Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send>>;

/// Makes a state before the first function.
pub(super) struct SetUp {
    /// Type of what it makes.
    pub id: TypeId,
    /// Name of that type.
    pub name: &'static str,
    pub run: Box<dyn FnOnce(States) -> Made + Send>,
}

/// What an app starts with.
#[derive(Default)]
pub(crate) struct Startup {
    given: Values,
    /// Of all states that there are or will be, the names of their types.
    names: HashMap<TypeId, &'static str>,
    set_ups: Vec<SetUp>,
    /// The types of states that a test gives, and that the app itself has not.
    pub(super) added: Vec<(TypeId, &'static str)>,
    /// Whether something runs at the end, for which there must be a runtime.
    pub(super) has_end: bool,
    pub(super) layers: Vec<Given>,
    running: RunningSetUp,
}

/// Which set-up runs now. Clones tell of the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningSetUp(Arc<Mutex<Option<&'static str>>>);

impl RunningSetUp {
    /// Name of the type that it makes.
    pub(crate) fn name(&self) -> Option<&'static str> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, name: Option<&'static str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }
}

/// What functions run with, once the app has started. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Started {
    pub states: States,
    /// Around every invocation, if the app has some.
    pub layers: Option<Arc<Layers>>,
    /// The states of entities in sessions.
    pub parked: Arc<ParkedStates>,
}

/// The app cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {
    /// Settings that functions take are missing or cannot be read.
    #[error("the app cannot start: {0}")]
    Settings(#[source] ConfigError),
    /// A set-up returned an error.
    #[error("the app cannot start: the set-up of `{state}` failed: {reason}")]
    Failed { state: &'static str, reason: String },
    /// Code of the app panicked that is in no set-up.
    #[error(
        "the app cannot start: a layer, a type of its settings, or the text of an error panicked; the panic is told above"
    )]
    Died,
    /// A set-up panicked.
    #[error("the app cannot start: the set-up of `{state}` {panic}")]
    Panicked { state: &'static str, panic: String },
}

impl Startup {
    pub(super) fn give(&mut self, id: TypeId, name: &'static str, value: Value) {
        self.names.insert(id, name);
        self.set_ups.retain(|set_up| set_up.id != id);
        self.given.insert(id, value);
    }

    pub(super) fn make(&mut self, set_up: SetUp) {
        self.names.insert(set_up.id, set_up.name);
        self.given.remove(&set_up.id);
        self.set_ups.retain(|other| other.id != set_up.id);
        self.set_ups.push(set_up);
    }

    /// Whether there is a value of this type, or will be when the app has started.
    pub(crate) fn promises(&self, id: TypeId) -> bool {
        self.given.contains_key(&id) || self.set_ups.iter().any(|set_up| set_up.id == id)
    }

    /// The names of the types of all states that there are or will be.
    pub(super) fn promised(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.names.values().copied().collect();
        names.sort_unstable();
        names
    }

    /// A state of a test that replaces none of the app's, and that no function takes: most likely it is of another type than meant, and
    /// the test would run with the app's own.
    pub(crate) fn useless(&self, needs: &[&'static Need]) -> Option<&'static str> {
        let takes = |id: &TypeId| needs.iter().any(|need| (need.type_id)() == *id);
        let useless = self.added.iter().find(|(id, _)| !takes(id));
        useless.map(|(_, name)| *name)
    }

    /// Tells which set-up runs, once it has begun.
    pub(crate) fn running(&self) -> RunningSetUp {
        self.running.clone()
    }

    /// Whether something runs that needs a runtime.
    pub(crate) fn needs_runtime(&self) -> bool {
        !self.set_ups.is_empty() || !self.layers.is_empty() || self.has_end
    }

    /// Makes all states, and stacks the layers. Where nothing [needs a runtime](Self::needs_runtime) it never waits, and may run again.
    pub(crate) async fn start(&mut self, needs: &[&'static Need]) -> Result<Started, StartError> {
        let mut values = self.given.clone();
        let mut wrong = ConfigError::default();
        // What a set-up makes need not be in the environment.
        let made_later: Vec<TypeId> = self.set_ups.iter().map(|set_up| set_up.id).collect();
        for need in needs {
            if made_later.contains(&(need.type_id)()) {
                continue;
            }
            match (need.load)(&States::new(values.clone())) {
                Ok(Some(value)) => drop(values.insert((need.type_id)(), value)),
                // A set-up will make it: that has been checked.
                Ok(None) | Err(Lack::State(_)) => {}
                Err(Lack::Settings(error)) => wrong.join(error),
            }
        }
        if !wrong.is_empty() {
            return Err(StartError::Settings(wrong));
        }
        for SetUp { id, name, run } in std::mem::take(&mut self.set_ups) {
            self.running.set(Some(name));
            let made = made(name, run, States::new(values.clone())).await;
            self.running.set(None);
            let value = made?;
            values.insert(id, value);
        }
        let states = States::new(values);
        let layers = Layers::stack(std::mem::take(&mut self.layers), &states).map(Arc::new);
        Ok(Started {
            states,
            layers,
            parked: Arc::default(),
        })
    }
}

async fn made(
    state: &'static str,
    run: Box<dyn FnOnce(States) -> Made + Send>,
    states: States,
) -> Result<Value, StartError> {
    match panics::caught(|| run(states)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StartError::Failed {
            state,
            reason: crate::FunctionError::from_error(error).with_causes(),
        }),
        Err(panic) => Err(StartError::Panicked {
            state,
            panic: panic.with_place(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binding::FromBinding, config::Config};
    use futures_util::FutureExt;

    struct Url(&'static str);
    struct Pool(String);

    fn started(app: crate::App) -> Result<States, String> {
        let mut startup = app.startup;
        let started = startup.start(&[]).now_or_never().expect("nothing waits");
        started.map(|started| started.states).map_err(|error| error.to_string())
    }

    #[test]
    fn a_set_up_gets_the_states_of_those_before_it() {
        let app = crate::app().state(Url("db")).setup(async |states: States| {
            let url = states.get::<Url>().ok_or("no url")?;
            Ok::<_, &str>(Pool(url.0.to_owned()))
        });
        let states = started(app).unwrap();
        assert_eq!(states.get::<Pool>().unwrap().0, "db");
    }

    #[test]
    fn settings_that_a_set_up_makes_need_not_be_in_the_environment() {
        let need = <Config<Vec<Required>> as FromBinding>::SPEC.need.unwrap();
        let mut startup = crate::app()
            .setup(async |_: States| Ok::<_, &str>(Config::new(vec![Required { missing: 7 }])))
            .startup;
        let started = startup.start(&[need]).now_or_never().expect("nothing waits").unwrap();
        let made = started.states.get::<Config<Vec<Required>>>().unwrap();
        assert_eq!(made[0].missing, 7);
    }

    #[derive(serde::Deserialize)]
    struct Required {
        missing: u8,
    }

    #[test]
    fn the_value_of_a_type_that_was_given_last_counts() {
        let pool = |text: &str| Pool(text.to_owned());
        let fails = |_| async { Err::<Pool, _>("no database here") };
        let given_after = started(crate::app().setup(fails).state(pool("fake"))).unwrap();
        assert_eq!(given_after.get::<Pool>().unwrap().0, "fake");
        let made_after = crate::app()
            .state(pool("fake"))
            .setup(async |_| Ok::<_, &str>(Pool("real".to_owned())));
        assert_eq!(started(made_after).unwrap().get::<Pool>().unwrap().0, "real");
    }

    #[test]
    fn a_set_up_that_fails_or_panics_is_one_sentence_that_names_the_state() {
        let error = std::io::Error::other("the database is away");
        let failed = started(crate::app().setup(|_| async { Err::<Pool, _>(error) })).unwrap_err();
        assert_eq!(
            failed,
            "the app cannot start: the set-up of `azure_functions::app::startup::tests::Pool` failed: the database is away"
        );
        let panicked = crate::app().setup(async |_| -> Result<Pool, std::io::Error> { panic!("no luck") });
        let panicked = started(panicked).unwrap_err();
        assert!(
            panicked.contains("the set-up of `azure_functions::app::startup::tests::Pool` panicked"),
            "{panicked}"
        );
        assert!(panicked.ends_with(": no luck"), "{panicked}");
    }

    /// A future whose drop panics.
    struct Fragile<T>(Option<T>);

    impl<T> Drop for Fragile<T> {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    impl<T: Unpin> Future for Fragile<T> {
        type Output = T;

        fn poll(mut self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<T> {
            self.0.take().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        }
    }

    #[test]
    fn a_set_up_or_shutdown_that_panics_when_it_is_dropped_has_panicked() {
        let ended = |output| panics::caught(move || Fragile(Some(output))).now_or_never().unwrap();
        assert_eq!(ended(7).unwrap_err().message, "dropped");
        let never_begun = panics::caught(|| -> Fragile<u8> { panic!("no luck") });
        assert_eq!(never_begun.now_or_never().unwrap().unwrap_err().message, "no luck");
    }
}

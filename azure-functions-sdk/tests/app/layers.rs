//! Layers of `tower` around the functions of an app.

use crate::state::with_journal as base;
use azure_functions::{
    FunctionError,
    app::{Completed, FunctionKind, Invocation, Next, States, from_fn},
    prelude::*,
};
use azure_functions_sdk::testing::TestHost;
use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tower::{
    limit::ConcurrencyLimitLayer,
    timeout::TimeoutLayer,
    util::{MapRequestLayer, MapResultLayer},
};

type Ended = Result<Completed, Box<dyn Error + Send + Sync>>;

#[func]
async fn never_ends(_request: HttpRequest) {
    std::future::pending::<()>().await;
}

#[func(activity)]
fn doubles(number: i64) -> Result<i64, String> {
    match number {
        0.. => Ok(number * 2),
        _ => Err("the number is negative".to_owned()),
    }
}

#[func(orchestration)]
async fn doubles_twice(context: DurableOrchestrationContext<i64>) -> Result<i64, CallError> {
    let once = context.call::<doubles>(context.input()).await?;
    context.call::<doubles>(once).await
}

#[func(orchestration)]
async fn alone(context: DurableOrchestrationContext<i64>) -> i64 {
    context.input() + 1
}

/// How many run now, and at most.
static RUNNING: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

#[func(activity)]
async fn counts_itself(_input: ()) {
    let now = RUNNING[0].fetch_add(1, Ordering::SeqCst) + 1;
    RUNNING[1].fetch_max(now, Ordering::SeqCst);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    RUNNING[0].fetch_sub(1, Ordering::SeqCst);
}

#[func(orchestration)]
async fn counts_four(context: DurableOrchestrationContext) -> Result<(), CallError> {
    let calls = (0..4).map(|_| context.call::<counts_itself>(()));
    context.try_join_all(calls).await?;
    Ok(())
}

#[test]
fn a_time_limit_ends_a_function_and_the_caller_is_told() {
    let limited = || base().layer(TimeoutLayer::new(Duration::from_millis(20)));
    let host = TestHost::builder().app(limited).build();
    let error = host.call("never_ends", &HttpRequest::build().finish()).unwrap_err();
    assert_eq!(error, "request timed out");
    assert_eq!(host.run_activity("doubles", 4).unwrap(), 8);
}

#[test]
fn a_limit_is_shared_by_all_invocations() {
    let limited = || base().layer(ConcurrencyLimitLayer::new(1));
    let host = TestHost::builder().app(limited).parallel_activities(4).build();
    let () = host.start("counts_four", ()).output();
    assert_eq!(RUNNING[1].load(Ordering::SeqCst), 1);
}

#[test]
fn layers_see_each_invocation_and_how_it_ended() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (begun, ended) = (Arc::clone(&seen), Arc::clone(&seen));
    let observed = move || {
        let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
        base()
            .layer(MapRequestLayer::new(move |invocation: Invocation| {
                let (kind, trigger) = (invocation.kind(), invocation.trigger_type());
                begun
                    .lock()
                    .unwrap()
                    .push(format!("{kind:?} {trigger} {}", invocation.function_name()));
                assert!(!invocation.id().is_empty() && !invocation.cancellation().is_cancelled());
                invocation
            }))
            .layer(MapResultLayer::new(move |result: Ended| {
                let text = match &result {
                    Ok(_) => "completed".to_owned(),
                    Err(error) => {
                        assert!(error.is::<FunctionError>());
                        error.to_string()
                    }
                };
                ended.lock().unwrap().push(text);
                result
            }))
    };
    let host = TestHost::builder().app(observed).build();
    let take = || std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(host.start("doubles_twice", 3).output::<i64>(), 12);
    let episode = "Orchestration orchestrationTrigger doubles_twice";
    let activity = "Activity activityTrigger doubles";
    let (completed, once) = ("completed", [activity, "completed"]);
    let expected = [
        &[episode, completed][..],
        &once,
        &[episode, completed],
        &once,
        &[episode, completed],
    ]
    .concat();
    assert_eq!(take(), expected);
    host.call("note_http", &HttpRequest::build().finish()).unwrap();
    assert_eq!(take(), ["Triggered httpTrigger note_http", "completed"]);
    let error = host.run_activity("doubles", -1).unwrap_err();
    assert_eq!(error, "the number is negative");
    assert_eq!(take(), [activity, "the number is negative"]);
}

#[test]
fn no_layer_delays_an_orchestration_or_changes_its_answer() {
    // Nothing ever gets a place.
    let stuck = || base().layer(ConcurrencyLimitLayer::new(0));
    let host = TestHost::builder().app(stuck).build();
    assert_eq!(host.start("alone", 3).output::<i64>(), 4);
    let refusing = || base().layer(MapResultLayer::new(|_: Ended| Ended::Err("the layer says no".into())));
    let host = TestHost::builder().app(refusing).build();
    assert_eq!(host.start("alone", 3).output::<i64>(), 4);
    assert_eq!(host.run_activity("doubles", 3).unwrap_err(), "the layer says no");
    let panicking = || {
        base().layer(MapRequestLayer::new(|invocation: Invocation| {
            assert_ne!(invocation.kind(), FunctionKind::Orchestration, "the layer panics");
            invocation
        }))
    };
    let host = TestHost::builder().app(panicking).build();
    assert_eq!(host.start("alone", 3).output::<i64>(), 4);
    assert_eq!(host.run_activity("doubles", 3).unwrap(), 6);
}

#[test]
fn a_batch_of_an_entity_runs_in_the_layers() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let observed = move || {
        let sees = Arc::clone(&sees);
        base().layer(MapRequestLayer::new(move |invocation: Invocation| {
            sees.lock().unwrap().push(invocation.kind());
            invocation
        }))
    };
    let host = TestHost::builder().app(observed).build();
    assert_eq!(host.start("note_both", "x").output::<usize>(), 2);
    assert!(seen.lock().unwrap().contains(&FunctionKind::Entity));
}

/// A service that cannot be cloned while this is set.
static NO_CLONES: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

struct Fragile<S>(S);

impl<S: Clone> Clone for Fragile<S> {
    fn clone(&self) -> Self {
        assert!(!NO_CLONES.load(Ordering::SeqCst), "no second service");
        Self(self.0.clone())
    }
}

impl<S: tower::Service<Invocation>> tower::Service<Invocation> for Fragile<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, invocation: Invocation) -> S::Future {
        self.0.call(invocation)
    }
}

#[test]
fn a_layer_that_panics_when_it_is_cloned_fails_one_invocation_and_no_orchestration() {
    let fragile = || base().layer(tower::layer::layer_fn(Fragile));
    let host = TestHost::builder().app(fragile).build();
    NO_CLONES.store(true, Ordering::SeqCst);
    let error = host.run_activity("doubles", 4).unwrap_err().to_string();
    assert!(error.contains("no second service"), "{error}");
    assert_eq!(host.start("alone", 1).output::<i64>(), 2);
    NO_CLONES.store(false, Ordering::SeqCst);
    assert_eq!(host.run_activity("doubles", 4).unwrap(), 8);
}

#[test]
fn a_layer_may_be_a_function_and_may_depend_on_states() {
    struct Prefix(&'static str);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let telling = {
        let seen = Arc::clone(&seen);
        move || {
            let seen = Arc::clone(&seen);
            base()
                .setup(async |_: States| Ok::<_, &str>(Prefix("ran")))
                .layer_from(move |states| {
                    let prefix = states.get::<Prefix>().unwrap().0;
                    from_fn(move |invocation: Invocation, next: Next| {
                        let seen = Arc::clone(&seen);
                        async move {
                            let name = invocation.function_name();
                            let ended = next.run(invocation).await;
                            seen.lock().unwrap().push(format!("{prefix} {name}: {}", ended.is_ok()));
                            ended
                        }
                    })
                })
        }
    };
    let host = TestHost::builder().app(telling).build();
    assert_eq!(host.run_activity("doubles", 4).unwrap(), 8);
    assert_eq!(host.run_activity("doubles", -4).unwrap_err(), "the number is negative");
    assert_eq!(*seen.lock().unwrap(), ["ran doubles: true", "ran doubles: false"]);
    let refusing = || base().layer(from_fn(async |_: Invocation, _: Next| Err("the layer says no".into())));
    let host = TestHost::builder().app(refusing).build();
    assert_eq!(host.run_activity("doubles", 4).unwrap_err(), "the layer says no");
}

#[test]
fn what_one_invocation_gave_back_is_no_answer_to_another() {
    let kept: Arc<Mutex<Option<Completed>>> = Arc::default();
    let mixing = move || {
        let kept = Arc::clone(&kept);
        base().layer(MapResultLayer::new(move |ended: Ended| -> Ended {
            let other = kept.lock().unwrap().take();
            match other {
                Some(other) => Ok(other),
                None => {
                    *kept.lock().unwrap() = Some(ended?);
                    Err("kept".into())
                }
            }
        }))
    };
    let host = TestHost::builder().app(mixing).build();
    assert_eq!(host.run_activity("doubles", 4).unwrap_err(), "kept");
    let error = host.run_activity("doubles", 5).unwrap_err();
    assert!(error.contains("what another invocation gave back"), "{error}");
}

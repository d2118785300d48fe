//! Workers that take their work from a stream, scripted, and the hub that gives it to them.

mod entities;
mod history;
mod management;
mod recorded;
mod traces;
mod versions;

use azure_functions_durable::protobuf::{
    ActivityFilter, ActivityRequest, ActivityResponse, CompleteOrchestrationAction, CreateInstanceRequest,
    CreateInstanceResponse, GetInstanceRequest, GetInstanceResponse, GetWorkItemsRequest, OrchestrationFilter,
    OrchestrationState, OrchestrationStatus, OrchestratorAction, OrchestratorRequest, OrchestratorResponse,
    RaiseEventRequest, ScheduleTaskAction, TaskFailureDetails, TerminateRequest, WorkItem, WorkItemFilters,
    history_event::EventType, orchestrator_action::OrchestratorActionType as Action, work_item::Request as Work,
};
use chrono::TimeDelta;
use futures_util::{FutureExt, StreamExt};
use prost::Message;
use tokio::time::timeout;

use super::*;
use crate::durable::{
    grpc::{Caller, Code, WorkItems},
    hub::{Inner, attempts::MAX_DEATHS, held::StreamFunction, runnable::Episodes, turns::Waiting},
    work::{DurableFunctions, WorkError, WorkItem as AppItem, WorkResult, Worker as App},
};

struct NoApp;

impl App for NoApp {
    fn run(&self, item: AppItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        panic!("there is no app to run {item:?}");
    }
}

fn open(options: TaskHubOptions) -> TaskHub {
    let hub = TaskHub::open(options, Arc::new(NoApp)).unwrap();
    hub.set_functions(DurableFunctions {
        open: true,
        ..DurableFunctions::default()
    });
    hub
}

fn options(folder: &tempfile::TempDir) -> TaskHubOptions {
    TaskHubOptions::new(HubName::default(), folder.path())
}

async fn ask<R: Message + Default>(hub: &TaskHub, method: &str, request: &impl Message) -> R {
    let reply = hub
        .call(Caller::Sdk, method, request.encode_to_vec().into())
        .await
        .unwrap();
    R::decode(reply[0].clone()).unwrap()
}

async fn start(hub: &TaskHub, name: &str, id: &str) {
    let request = CreateInstanceRequest {
        instance_id: id.to_owned(),
        name: name.to_owned(),
        ..CreateInstanceRequest::default()
    };
    let _: CreateInstanceResponse = ask(hub, "StartInstance", &request).await;
}

async fn state(hub: &TaskHub, id: &str) -> OrchestrationState {
    let request = GetInstanceRequest {
        instance_id: id.to_owned(),
        get_inputs_and_outputs: true,
    };
    let response: GetInstanceResponse = ask(hub, "GetInstance", &request).await;
    response.orchestration_state.unwrap()
}

async fn ended(hub: &TaskHub, id: &str) -> OrchestrationState {
    let request = GetInstanceRequest {
        instance_id: id.to_owned(),
        get_inputs_and_outputs: true,
    };
    let response = ask::<GetInstanceResponse>(hub, "WaitForInstanceCompletion", &request);
    let response = timeout(DEADLINE, response).await.expect("the instance ends");
    response.orchestration_state.unwrap()
}

fn connect(hub: &TaskHub, request: &GetWorkItemsRequest) -> WorkItems {
    hub.work_items(Caller::Sdk, "", request.encode_to_vec().into()).unwrap()
}

fn everything() -> GetWorkItemsRequest {
    GetWorkItemsRequest::default()
}

fn orchestrations(names: &[&str]) -> GetWorkItemsRequest {
    let filter = |name: &&str| OrchestrationFilter {
        name: (*name).to_owned(),
        versions: Vec::new(),
    };
    GetWorkItemsRequest {
        work_item_filters: Some(WorkItemFilters {
            orchestrations: names.iter().map(filter).collect(),
            ..WorkItemFilters::default()
        }),
        ..everything()
    }
}

/// The next item, pings left out.
async fn next(items: &mut WorkItems) -> (String, Work) {
    let next = async {
        loop {
            let WorkItem {
                completion_token,
                request,
            } = WorkItem::decode(items.next().await.unwrap()).unwrap();
            match request.unwrap() {
                Work::HealthPing(_) => {}
                request => return (completion_token, request),
            }
        }
    };
    // Pings do not make it wait longer.
    timeout(DEADLINE, next).await.expect("there is an item")
}

/// The item that is there, pings left out.
fn work_now(items: &mut WorkItems) -> Option<Work> {
    loop {
        let item = items.next().now_or_never()??;
        match WorkItem::decode(item).unwrap().request.unwrap() {
            Work::HealthPing(_) => {}
            request => return Some(request),
        }
    }
}

async fn next_episode(items: &mut WorkItems) -> (String, OrchestratorRequest) {
    match next(items).await {
        (token, Work::OrchestratorRequest(request)) => (token, request),
        other => panic!("{other:?}"),
    }
}

async fn next_activity(items: &mut WorkItems) -> (String, ActivityRequest) {
    match next(items).await {
        (token, Work::ActivityRequest(request)) => (token, request),
        other => panic!("{other:?}"),
    }
}

async fn respond(hub: &TaskHub, token: &str, actions: Vec<Action>) {
    respond_from(hub, token, 0, actions).await;
}

/// With actions whose ids begin there.
async fn respond_from(hub: &TaskHub, token: &str, first: i32, actions: Vec<Action>) {
    let response = OrchestratorResponse {
        completion_token: token.to_owned(),
        actions: (first..)
            .zip(actions)
            .map(|(id, action)| OrchestratorAction {
                id,
                orchestrator_action_type: Some(action),
            })
            .collect(),
        ..OrchestratorResponse::default()
    };
    ask::<()>(hub, "CompleteOrchestratorTask", &response).await;
}

fn task(name: &str) -> Action {
    Action::ScheduleTask(ScheduleTaskAction {
        name: name.to_owned(),
        ..ScheduleTaskAction::default()
    })
}

fn completes() -> Action {
    ends(OrchestrationStatus::Completed, None)
}

fn ends(status: OrchestrationStatus, failure_details: Option<TaskFailureDetails>) -> Action {
    Action::CompleteOrchestration(CompleteOrchestrationAction {
        orchestration_status: status.into(),
        result: Some("\"done\"".to_owned()),
        failure_details,
        ..CompleteOrchestrationAction::default()
    })
}

fn completed() -> i32 {
    OrchestrationStatus::Completed.into()
}

#[tokio::test]
async fn names_without_a_worker_wait_and_stand_in_no_ones_way() {
    let folder = tempfile::tempdir().unwrap();
    // One that waits for a worker does not count as one that runs.
    let hub = open(options(&folder).max_concurrent_orchestrations(1));
    for number in 0..50 {
        start(&hub, "unknown", &format!("u{number}")).await;
    }
    start(&hub, "known", "k").await;
    let mut items = connect(&hub, &orchestrations(&["Known"]));
    let (token, request) = next_episode(&mut items).await;
    assert_eq!(request.instance_id, "k");
    assert_eq!(hub.running(), (0, 1));
    respond(&hub, &token, vec![completes()]).await;
    assert_eq!(ended(&hub, "k").await.orchestration_status, completed());
    assert!(work_now(&mut items).is_none(), "there is nothing else for it");

    let mut others = connect(&hub, &orchestrations(&["unknown"]));
    for number in 0..50 {
        let (token, request) = next_episode(&mut others).await;
        assert_eq!(
            request.instance_id,
            format!("u{number}"),
            "in the order in which they were started"
        );
        respond(&hub, &token, vec![completes()]).await;
    }
    assert_eq!(ended(&hub, "u49").await.orchestration_status, completed());
}

#[tokio::test]
async fn a_worker_has_no_more_items_than_it_asks_for_and_gets_the_next_when_it_has_answered() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(
        &hub,
        &GetWorkItemsRequest {
            max_concurrent_orchestration_work_items: 100,
            max_concurrent_activity_work_items: 2,
            ..everything()
        },
    );
    start(&hub, "fans_out", "f").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, (0..5).map(|_| task("works")).collect()).await;
    let (mut begun, mut most, mut open_items) = (0, 0, Vec::new());
    loop {
        match next(&mut items).await {
            (token, Work::ActivityRequest(request)) => {
                begun += 1;
                open_items.push((token, request));
                most = most.max(open_items.len());
            }
            (token, Work::OrchestratorRequest(request)) => {
                let history = request.past_events.iter().chain(&request.new_events);
                let done = history.filter(|event| matches!(event.event_type, Some(EventType::TaskCompleted(_))));
                let is_over = done.count() == 5;
                respond(&hub, &token, is_over.then(completes).into_iter().collect()).await;
                if is_over {
                    break;
                }
            }
            other => panic!("{other:?}"),
        }
        let answered = match (begun, open_items.len()) {
            (5, all) => all,
            (_, 2) => 1,
            _ => 0,
        };
        for (token, request) in open_items.drain(..answered) {
            let response = ActivityResponse {
                completion_token: token,
                result: Some(request.task_id.to_string()),
                ..ActivityResponse::default()
            };
            // Twice, as when the first answer to it was lost.
            ask::<()>(&hub, "CompleteActivityTask", &response).await;
            ask::<()>(&hub, "CompleteActivityTask", &response).await;
        }
    }
    assert_eq!((begun, most), (5, 2));
    assert_eq!(ended(&hub, "f").await.orchestration_status, completed());
}

#[tokio::test]
async fn items_of_a_stream_that_ended_are_given_out_again_at_once_and_late_answers_count_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    start(&hub, "flow", "i").await;
    let mut first = connect(&hub, &everything());
    let (episode, _) = next_episode(&mut first).await;
    let mut second = connect(&hub, &everything());
    drop(first);
    let (again, request) = next_episode(&mut second).await;
    assert_eq!(request.instance_id, "i");
    respond(&hub, &episode, vec![completes()]).await;
    respond(&hub, &again, vec![task("works")]).await;
    let (activity, request) = next_activity(&mut second).await;
    assert_eq!((request.name.as_str(), request.task_id), ("works", 0));
    drop(second);
    let mut third = connect(&hub, &everything());
    let (again, _) = next_activity(&mut third).await;
    let answer = |token: &str, result: &str| ActivityResponse {
        completion_token: token.to_owned(),
        result: Some(result.to_owned()),
        ..ActivityResponse::default()
    };
    ask::<()>(&hub, "CompleteActivityTask", &answer(&activity, "\"late\"")).await;
    ask::<()>(&hub, "CompleteActivityTask", &answer(&again, "\"in time\"")).await;
    let (token, request) = next_episode(&mut third).await;
    match &request.new_events[1].event_type {
        Some(EventType::TaskCompleted(done)) => assert_eq!(done.result.as_deref(), Some("\"in time\"")),
        other => panic!("{other:?}"),
    }
    respond(&hub, &token, vec![completes()]).await;
    assert_eq!(ended(&hub, "i").await.orchestration_status, completed());
}

/// More often than an item of an app may fail.
#[tokio::test]
async fn what_is_abandoned_comes_back_after_pauses_and_never_fails() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let hub = open(options(&folder).clock(clock.clone()));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let pass = async |items: &mut WorkItems| {
        // Before the pause is over, nothing comes.
        eventually("nothing runs", async || hub.running() == (0, 0)).await;
        assert!(work_now(items).is_none());
        *clock.now.lock().unwrap() += TimeDelta::seconds(6);
        next(items).await
    };
    let (mut token, _) = next_episode(&mut items).await;
    for _ in 0..12 {
        let abandoned = azure_functions_durable::protobuf::AbandonOrchestrationTaskRequest {
            completion_token: token,
        };
        ask::<()>(&hub, "AbandonTaskOrchestratorWorkItem", &abandoned).await;
        let (again, work) = pass(&mut items).await;
        assert!(matches!(work, Work::OrchestratorRequest(_)), "{work:?}");
        token = again;
    }
    respond(&hub, &token, vec![task("works")]).await;
    let (mut token, _) = next_activity(&mut items).await;
    for _ in 0..12 {
        let abandoned = azure_functions_durable::protobuf::AbandonActivityTaskRequest {
            completion_token: token,
        };
        ask::<()>(&hub, "AbandonTaskActivityWorkItem", &abandoned).await;
        let (again, work) = pass(&mut items).await;
        assert!(matches!(work, Work::ActivityRequest(_)), "{work:?}");
        token = again;
    }
    assert_eq!(
        state(&hub, "i").await.orchestration_status,
        i32::from(OrchestrationStatus::Running)
    );
}

/// Once at once, then after pauses, so that what ends workers does not end all of them, one after the other.
#[tokio::test]
async fn an_item_that_every_worker_ends_with_fails() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let hub = open(options(&folder).clock(clock.clone()));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![task("works")]).await;
    let lose = async |mut items: WorkItems, is_it: fn(&Work) -> bool| {
        for time in 1..=MAX_DEATHS {
            let (_, work) = next(&mut items).await;
            assert!(is_it(&work), "{work:?}");
            drop(items);
            eventually("nothing runs", async || hub.running() == (0, 0)).await;
            items = connect(&hub, &everything());
            if time > 1 && time < MAX_DEATHS {
                assert!(work_now(&mut items).is_none(), "before the pause is over");
            }
            *clock.now.lock().unwrap() += TimeDelta::seconds(6);
        }
        items
    };
    let mut items = lose(items, |work| matches!(work, Work::ActivityRequest(_))).await;
    let (token, request) = next_episode(&mut items).await;
    match &request.new_events[1].event_type {
        Some(EventType::TaskFailed(failed)) => {
            let details = failed.failure_details.as_ref().unwrap();
            assert!(details.error_message.contains("streams of 10 workers"), "{details:?}");
        }
        other => panic!("{other:?}"),
    }
    respond(&hub, &token, vec![completes()]).await;
    assert_eq!(ended(&hub, "i").await.orchestration_status, completed());

    start(&hub, "flow", "j").await;
    drop(lose(items, |work| matches!(work, Work::OrchestratorRequest(_))).await);
    let details = ended(&hub, "j").await.failure_details.unwrap();
    assert!(details.error_message.contains("streams of 10 workers"), "{details:?}");
}

#[tokio::test]
async fn what_a_worker_gives_back_goes_to_another_one_if_there_is_any() {
    use azure_functions_durable::protobuf::{
        AbandonActivityTaskRequest, AbandonEntityTaskRequest, SignalEntityRequest,
    };
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let hub = open(options(&folder).clock(clock.clone()));
    // It always has the most room.
    let mut idle = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut idle).await;
    respond(&hub, &token, vec![task("works")]).await;
    let signal = SignalEntityRequest {
        instance_id: "@counter@k".to_owned(),
        name: "add".to_owned(),
        ..SignalEntityRequest::default()
    };
    ask::<()>(&hub, "SignalEntity", &signal).await;
    let mut busy = connect(
        &hub,
        &GetWorkItemsRequest {
            max_concurrent_activity_work_items: 1,
            max_concurrent_entity_work_items: 1,
            ..everything()
        },
    );
    for _ in 0..2 {
        match next(&mut idle).await {
            (completion_token, Work::ActivityRequest(_)) => {
                let abandoned = AbandonActivityTaskRequest { completion_token };
                ask::<()>(&hub, "AbandonTaskActivityWorkItem", &abandoned).await;
            }
            (completion_token, Work::EntityRequestV2(_)) => {
                let abandoned = AbandonEntityTaskRequest { completion_token };
                ask::<()>(&hub, "AbandonTaskEntityWorkItem", &abandoned).await;
            }
            other => panic!("{other:?}"),
        }
    }
    eventually("nothing runs", async || hub.running() == (0, 0)).await;
    *clock.now.lock().unwrap() += TimeDelta::seconds(6);
    let given = [next(&mut busy).await.1, next(&mut busy).await.1];
    assert!(
        given.iter().any(|work| matches!(work, Work::ActivityRequest(_))),
        "{given:?}"
    );
    assert!(
        given.iter().any(|work| matches!(work, Work::EntityRequestV2(_))),
        "{given:?}"
    );
    assert!(work_now(&mut idle).is_none());
}

/// It may never answer.
#[tokio::test]
async fn a_termination_ends_an_instance_whose_episode_a_worker_has() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(
        &hub,
        &GetWorkItemsRequest {
            max_concurrent_orchestration_work_items: 1,
            ..everything()
        },
    );
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut items).await;
    let request = TerminateRequest {
        instance_id: "i".to_owned(),
        output: Some("\"enough\"".to_owned()),
        recursive: false,
    };
    ask::<()>(&hub, "TerminateInstance", &request).await;
    let terminated = i32::from(OrchestrationStatus::Terminated);
    assert_eq!(ended(&hub, "i").await.orchestration_status, terminated);
    // A late answer comes to nothing, and the seat is free.
    respond(&hub, &token, vec![completes()]).await;
    assert_eq!(ended(&hub, "i").await.orchestration_status, terminated);
    start(&hub, "flow", "j").await;
    assert_eq!(next_episode(&mut items).await.1.instance_id, "j");
}

#[tokio::test]
async fn a_termination_needs_no_worker() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let terminate = async |id: &str| {
        let request = TerminateRequest {
            instance_id: id.to_owned(),
            output: Some("\"enough\"".to_owned()),
            recursive: false,
        };
        ask::<()>(&hub, "TerminateInstance", &request).await;
        let state = ended(&hub, id).await;
        assert_eq!(state.orchestration_status, i32::from(OrchestrationStatus::Terminated));
        assert_eq!(state.output.as_deref(), Some("\"enough\""));
    };
    start(&hub, "flow", "never-ran").await;
    terminate("never-ran").await;

    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "ran").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, Vec::new()).await;
    eventually("it waits", async || hub.running() == (0, 0)).await;
    drop(items);
    terminate("ran").await;
}

#[tokio::test]
async fn a_failure_is_shown_with_its_details_and_an_answer_that_is_none_fails_its_instance() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let details = TaskFailureDetails {
        error_type: "OrderError".to_owned(),
        error_message: "no such order".to_owned(),
        stack_trace: Some("at order.py".to_owned()),
        ..TaskFailureDetails::default()
    };
    start(&hub, "fails", "f").await;
    let (token, _) = next_episode(&mut items).await;
    respond(
        &hub,
        &token,
        vec![ends(OrchestrationStatus::Failed, Some(details.clone()))],
    )
    .await;
    let state = ended(&hub, "f").await;
    assert_eq!(state.failure_details, Some(details));
    assert_eq!(state.custom_status, None);
    assert!(state.completed_timestamp.is_some() && state.execution_id.is_some());

    start(&hub, "fails", "g").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![ends(OrchestrationStatus::Pending, None)]).await;
    let details = ended(&hub, "g").await.failure_details.unwrap();
    assert!(
        details.error_message.contains("which no orchestration ends with"),
        "{details:?}"
    );
}

#[tokio::test]
async fn a_hub_that_is_opened_again_goes_on_with_what_waited() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    start(&hub, "flow", "j").await;
    for _ in 0..2 {
        let (token, request) = next_episode(&mut items).await;
        let actions = match request.instance_id.as_str() {
            "i" => vec![task("works")],
            _ => Vec::new(),
        };
        respond(&hub, &token, actions).await;
    }
    let _open = next_activity(&mut items).await;
    assert!(!hub.drain(Duration::ZERO).await, "an activity has no answer");
    assert!(items.next().await.is_none(), "the stream ends with the hub");
    drop(items);
    drop(hub);

    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let (_, request) = next_activity(&mut items).await;
    assert_eq!(request.name, "works");
    let event = RaiseEventRequest {
        instance_id: "j".to_owned(),
        name: "go".to_owned(),
        input: None,
    };
    ask::<()>(&hub, "RaiseEvent", &event).await;
    let (token, request) = next_episode(&mut items).await;
    assert!(!request.past_events.is_empty(), "with its history");
    respond(&hub, &token, vec![completes()]).await;
    assert_eq!(ended(&hub, "j").await.output.as_deref(), Some("\"done\""));
}

/// As under `cargo func run` without `--grpc-port`, after a run with it.
#[tokio::test]
async fn what_workers_of_streams_began_waits_where_none_can_connect() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    start(&hub, "flow", "j").await;
    for _ in 0..2 {
        let (token, request) = next_episode(&mut items).await;
        let actions = match request.instance_id.as_str() {
            "i" => vec![task("works")],
            _ => Vec::new(),
        };
        respond(&hub, &token, actions).await;
    }
    next_activity(&mut items).await;
    hub.drain(Duration::ZERO).await;
    drop(items);
    drop(hub);

    let hub = TaskHub::open(options(&folder), Arc::new(NoApp)).unwrap();
    hub.set_functions(DurableFunctions::default());
    let event = RaiseEventRequest {
        instance_id: "j".to_owned(),
        name: "go".to_owned(),
        input: None,
    };
    ask::<()>(&hub, "RaiseEvent", &event).await;
    for _ in 0..1_000 {
        assert_eq!(hub.running(), (0, 0), "nothing runs, again and again");
        tokio::task::yield_now().await;
    }
    let running = i32::from(OrchestrationStatus::Running);
    assert_eq!(state(&hub, "i").await.orchestration_status, running);
    hub.drain(Duration::ZERO).await;
    drop(hub);

    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let (mut activities, mut episodes) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        match next(&mut items).await.1 {
            Work::ActivityRequest(request) => activities.push(request.name),
            Work::OrchestratorRequest(request) => episodes.push(request.instance_id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((activities, episodes), (vec!["works".to_owned()], vec!["j".to_owned()]));
}

/// The app has an orchestration; a worker of a stream runs its activity.
#[tokio::test]
async fn workers_of_streams_run_what_the_app_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let worker =
        Scripted::on(Wire::Json).orchestration("flow", |context| context.activity("elsewhere", Value::from(4)));
    let functions = DurableFunctions {
        open: true,
        ..worker.functions()
    };
    let hub = TaskHub::open(options(&folder), Arc::new(worker)).unwrap();
    hub.set_functions(functions);
    start(&hub, "Flow", "app").await;
    start(&hub, "other", "stream").await;
    let only = GetWorkItemsRequest {
        work_item_filters: Some(WorkItemFilters {
            activities: vec![ActivityFilter {
                name: "elsewhere".to_owned(),
                versions: Vec::new(),
            }],
            ..WorkItemFilters::default()
        }),
        ..everything()
    };
    let mut items = connect(&hub, &only);
    let (token, request) = next_activity(&mut items).await;
    assert_eq!(request.input.as_deref(), Some("4"));
    let response = ActivityResponse {
        completion_token: token,
        result: Some("16".to_owned()),
        ..ActivityResponse::default()
    };
    ask::<()>(&hub, "CompleteActivityTask", &response).await;
    assert_eq!(ended(&hub, "app").await.output.as_deref(), Some("16"));
    assert_eq!(
        state(&hub, "stream").await.orchestration_status,
        i32::from(OrchestrationStatus::Pending)
    );
}

/// The app may run one activity and one orchestration at a time: what waits for it and what others run stand in no one's way.
#[tokio::test]
async fn what_workers_of_streams_run_takes_no_room_of_the_app() {
    let folder = tempfile::tempdir().unwrap();
    let leave = Arc::new(::tokio::sync::Semaphore::new(0));
    let stays = Arc::clone(&leave);
    let worker = Scripted::on(Wire::Json)
        .activity("own", |_| ok("own"))
        .slow_activity("stands", move |_| {
            let stays = Arc::clone(&stays);
            async move {
                stays.acquire().await.unwrap().forget();
                ok("stood")
            }
        })
        .orchestration("calls", |context| {
            let name = context.input.as_str().unwrap_or_default().to_owned();
            context.activity(&name, Value::Null)
        });
    let functions = DurableFunctions {
        open: true,
        ..worker.functions()
    };
    let options = options(&folder)
        .max_concurrent_activities(1)
        .max_concurrent_orchestrations(1);
    let hub = TaskHub::open(options, Arc::new(worker)).unwrap();
    hub.set_functions(functions);
    let mut items = connect(&hub, &everything());
    let start_calls = async |name: &str, id: &str| {
        let request = CreateInstanceRequest {
            instance_id: id.to_owned(),
            name: "calls".to_owned(),
            input: Some(format!("{name:?}")),
            ..CreateInstanceRequest::default()
        };
        let _: CreateInstanceResponse = ask(&hub, "StartInstance", &request).await;
    };
    for id in ["e1", "e2"] {
        start_calls("elsewhere", id).await;
        start(&hub, "foreign", &format!("f{id}")).await;
    }
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(next(&mut items).await);
    }
    assert_eq!(hub.running(), (2, 2));
    // A worker has two of each kind, and the app goes on.
    start_calls("own", "o").await;
    assert_eq!(ended(&hub, "o").await.output.as_deref(), Some("\"own\""));
    // The app has what it may run, two more wait for it, and a worker gets what is behind them.
    for id in ["s1", "s2", "s3"] {
        start_calls("stands", id).await;
    }
    eventually("some wait", async || {
        hub.running().0 == 3 && !hub.inner.state().held.activities.for_room.is_empty()
    })
    .await;
    start_calls("elsewhere", "e3").await;
    let (_, request) = next_activity(&mut items).await;
    assert_eq!(request.name, "elsewhere");
    leave.add_permits(3);
    for id in ["s1", "s2", "s3"] {
        assert_eq!(ended(&hub, id).await.output.as_deref(), Some("\"stood\""), "{id}");
    }
    drop(open);
}

/// Names that are misspelt, and whose instances were ended.
#[tokio::test]
async fn a_name_without_a_worker_is_told_whatever_was_told_before() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let told = |name: &str| {
        let state = hub.inner.state();
        let told = state.held.episodes.told.all();
        told.iter().any(|function| function.name == name)
    };
    for number in 0..25 {
        let name = format!("typo{number}");
        start(&hub, &name, &name).await;
        eventually("it is told", async || told(&name)).await;
        let terminate = TerminateRequest {
            instance_id: name.clone(),
            ..TerminateRequest::default()
        };
        ask::<()>(&hub, "TerminateInstance", &terminate).await;
        ended(&hub, &name).await;
    }
    // What begins at once is not told any more.
    let mut items = connect(&hub, &everything());
    start(&hub, "typo24", "again").await;
    next_episode(&mut items).await;
    assert!(!told("typo24"));
}

#[tokio::test]
async fn a_name_of_which_the_only_item_is_in_hand_stays_told() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    start(&hub, "typo", "i").await;
    let function = StreamFunction::new("typo", None);
    eventually("it is told", async || {
        hub.inner.state().held.episodes.told.all() == std::slice::from_ref(&function)
    })
    .await;
    let mut state = hub.inner.state();
    let item = state.held.episodes.waiting(&function).and_then(Waiting::pop).unwrap();
    Inner::forget_told::<Episodes>(&mut state, &function);
    assert_eq!(state.held.episodes.told.all(), std::slice::from_ref(&function));
    state.held.episodes.waiting(&function).unwrap().put_back(item);
}

/// Workers take messages of 4 MiB, and new events are never streamed.
#[tokio::test]
async fn an_episode_has_no_more_messages_than_a_worker_can_receive() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let (mut token, _) = next_episode(&mut items).await;
    for number in 0..7 {
        let event = RaiseEventRequest {
            instance_id: "i".to_owned(),
            name: number.to_string(),
            input: Some(format!("\"{}\"", "x".repeat(700_000))),
        };
        ask::<()>(&hub, "RaiseEvent", &event).await;
    }
    let mut names = Vec::new();
    while names.len() < 7 {
        respond(&hub, &token, Vec::new()).await;
        let (next, request) = next_episode(&mut items).await;
        token = next;
        let new = OrchestratorRequest {
            new_events: request.new_events.clone(),
            ..OrchestratorRequest::default()
        };
        assert!(new.encoded_len() < 3 * 1024 * 1024, "{}", new.encoded_len());
        for event in request.new_events {
            if let Some(EventType::EventRaised(raised)) = event.event_type {
                names.push(raised.name);
            }
        }
    }
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6"]);
    respond(&hub, &token, vec![completes()]).await;
    assert_eq!(ended(&hub, "i").await.orchestration_status, completed());
}

/// An empty action takes two bytes, and a hundred in memory.
#[tokio::test]
async fn an_answer_with_a_million_actions_fails_its_instance_and_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut items).await;
    let response = OrchestratorResponse {
        completion_token: token,
        ..OrchestratorResponse::default()
    };
    let mut message = response.encode_to_vec();
    message.extend([0x12, 0x00].repeat(1_000_001));
    let answer = hub.call(Caller::Sdk, "CompleteOrchestratorTask", message.into()).await;
    assert!(answer.is_ok());
    let failed = ended(&hub, "i").await.failure_details.unwrap();
    assert!(
        failed
            .error_message
            .contains("its answer has more than 1000000 entries"),
        "{failed:?}"
    );
}

/// Looking for a seat for each of them, whenever one is free, would keep all others waiting.
#[tokio::test]
async fn names_that_wait_for_a_busy_worker_are_not_looked_at_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let one = GetWorkItemsRequest {
        max_concurrent_orchestration_work_items: 1,
        ..everything()
    };
    let mut items = connect(&hub, &one);
    for number in 0..300 {
        start(&hub, &format!("flow{number}"), &number.to_string()).await;
    }
    let before = hub.inner.streams.asked();
    let mut order = Vec::new();
    for _ in 0..50 {
        let (token, request) = next_episode(&mut items).await;
        order.push(request.instance_id.clone());
        respond(&hub, &token, vec![completes()]).await;
        ended(&hub, &request.instance_id).await;
    }
    order.sort();
    order.dedup();
    assert_eq!(order.len(), 50);
    let asked = hub.inner.streams.asked() - before;
    assert!(asked < 500, "seats were asked for {asked} times");
}

#[tokio::test]
async fn callers_of_an_app_take_no_work() {
    let folder = tempfile::tempdir().unwrap();
    let hub = TaskHub::open(options(&folder), Arc::new(NoApp)).unwrap();
    let refused = hub
        .work_items(Caller::App, "", everything().encode_to_vec().into())
        .unwrap_err();
    assert_eq!(refused.code, Code::Unimplemented);
}

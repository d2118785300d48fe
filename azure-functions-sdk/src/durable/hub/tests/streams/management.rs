//! What clients of SDKs hear otherwise than those of an app.

use azure_functions_durable::protobuf::{
    CreateSubOrchestrationAction, HistoryChunk, HistoryEvent, InstanceBatch, ListInstanceIdsRequest,
    ListInstanceIdsResponse, OrchestrationIdReusePolicy, PurgeInstanceFilter, PurgeInstancesRequest,
    PurgeInstancesResponse, ResumeRequest, RewindInstanceRequest, RewindInstanceResponse, StreamInstanceHistoryRequest,
    SuspendRequest, purge_instances_request,
};

use super::*;

async fn exists(hub: &TaskHub, id: &str) -> bool {
    let request = GetInstanceRequest {
        instance_id: id.to_owned(),
        get_inputs_and_outputs: false,
    };
    ask::<GetInstanceResponse>(hub, "GetInstance", &request).await.exists
}

fn child(id: &str) -> Action {
    Action::CreateSubOrchestration(CreateSubOrchestrationAction {
        instance_id: id.to_owned(),
        name: "family".to_owned(),
        ..CreateSubOrchestrationAction::default()
    })
}

/// An instance with a child, which has a child, and one below it that still runs.
async fn family(hub: &TaskHub, items: &mut WorkItems, id: &str) {
    start(hub, "family", id).await;
    let mut open = 4;
    while open > 0 {
        let (token, request) = next_episode(items).await;
        let own = request.instance_id.clone();
        let is_first = request.past_events.is_empty();
        let actions = match own.strip_prefix(id).unwrap() {
            "" if is_first => vec![child(&format!("{id}-a")), child(&format!("{id}-runs"))],
            "-a" if is_first => vec![child(&format!("{id}-a-b"))],
            "-runs" => Vec::new(),
            "" => vec![completes()],
            _ => vec![completes()],
        };
        let ends = actions
            .iter()
            .any(|action| matches!(action, Action::CompleteOrchestration(_)));
        if ends || own.ends_with("-runs") {
            open -= 1;
        }
        respond_from(hub, &token, if is_first { 0 } else { 2 }, actions).await;
    }
    assert_eq!(ended(hub, id).await.orchestration_status, completed());
}

#[tokio::test]
async fn a_page_of_ids_is_full_whatever_is_left_out_by_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let options = options(&folder).clock(clock.clone());
    let store = Failing::open(&options, usize::MAX);
    let hub = TaskHub::open_with(options, Arc::new(NoApp), store.clone(), tokio()).unwrap();
    hub.set_functions(DurableFunctions {
        open: true,
        ..DurableFunctions::default()
    });
    let mut items = connect(&hub, &everything());
    for id in ["early-1", "early-2", "early-3", "late-1", "late-2", "late-3"] {
        if id == "late-1" {
            *clock.now.lock().unwrap() += TimeDelta::hours(1);
        }
        start(&hub, "flow", id).await;
        let (token, _) = next_episode(&mut items).await;
        respond(&hub, &token, vec![completes()]).await;
        ended(&hub, id).await;
    }
    let from = *clock.now.lock().unwrap() - TimeDelta::minutes(1);
    let request = ListInstanceIdsRequest {
        page_size: 2,
        completed_time_from: Some(prost_types::Timestamp {
            seconds: from.timestamp(),
            nanos: 0,
        }),
        ..ListInstanceIdsRequest::default()
    };
    let lists = store.lists.load(Ordering::SeqCst);
    let page: ListInstanceIdsResponse = ask(&hub, "ListInstanceIds", &request).await;
    assert_eq!(page.instance_ids, ["late-1", "late-2"]);
    assert_eq!(
        store.lists.load(Ordering::SeqCst) - lists,
        1,
        "of the store, the page is one query"
    );
}

#[tokio::test]
async fn the_history_that_a_client_reads_has_the_inputs_of_activities() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut items).await;
    let works = Action::ScheduleTask(ScheduleTaskAction {
        name: "works".to_owned(),
        input: Some("\"Tokyo\"".to_owned()),
        ..ScheduleTaskAction::default()
    });
    respond(&hub, &token, vec![works]).await;
    next_activity(&mut items).await;
    let request = StreamInstanceHistoryRequest {
        instance_id: "i".to_owned(),
        ..StreamInstanceHistoryRequest::default()
    };
    let reply = hub
        .call(Caller::Sdk, "StreamInstanceHistory", request.encode_to_vec().into())
        .await
        .unwrap();
    let chunk = HistoryChunk::decode(reply[0].clone()).unwrap();
    let input = chunk.events.into_iter().find_map(|event| match event.event_type {
        Some(EventType::TaskScheduled(task)) => Some(task.input),
        _ => None,
    });
    assert_eq!(input.flatten().as_deref(), Some("\"Tokyo\""));
}

/// One that runs is terminated first.
#[tokio::test]
async fn an_instance_is_not_replaced_while_it_runs_where_a_terminated_one_would_not_be() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let reuse = async |statuses: &[OrchestrationStatus]| {
        let request = CreateInstanceRequest {
            instance_id: "i".to_owned(),
            name: "flow".to_owned(),
            orchestration_id_reuse_policy: Some(OrchestrationIdReusePolicy {
                replaceable_status: statuses.iter().map(|status| i32::from(*status)).collect(),
            }),
            ..CreateInstanceRequest::default()
        };
        let answer = hub
            .call(Caller::Sdk, "StartInstance", request.encode_to_vec().into())
            .await;
        answer.map(drop).map_err(|refused| refused.code)
    };
    use OrchestrationStatus::{Completed, Pending, Suspended, Terminated};
    assert_eq!(reuse(&[Completed, Terminated]).await, Ok(()));
    for running in [Pending, Suspended] {
        assert_eq!(reuse(&[Completed, running]).await, Err(Code::InvalidArgument));
    }
    assert_eq!(reuse(&[Pending, Terminated]).await, Ok(()));
}

/// As with the servers that SDKs know. The durable extension refuses it.
#[tokio::test]
async fn what_an_instance_is_told_that_has_ended_comes_to_nothing_and_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let suspend = SuspendRequest {
        instance_id: "i".to_owned(),
        reason: None,
    };
    let resume = ResumeRequest {
        instance_id: "i".to_owned(),
        reason: None,
    };
    ask::<()>(&hub, "ResumeInstance", &resume).await;
    ask::<()>(&hub, "SuspendInstance", &suspend).await;
    ask::<()>(&hub, "SuspendInstance", &suspend).await;
    ask::<()>(&hub, "ResumeInstance", &resume).await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![completes()]).await;
    ended(&hub, "i").await;
    ask::<()>(&hub, "SuspendInstance", &suspend).await;
    ask::<()>(&hub, "ResumeInstance", &resume).await;
    let event = RaiseEventRequest {
        instance_id: "i".to_owned(),
        name: "late".to_owned(),
        input: None,
    };
    ask::<()>(&hub, "RaiseEvent", &event).await;
    let terminate = TerminateRequest {
        instance_id: "i".to_owned(),
        ..TerminateRequest::default()
    };
    ask::<()>(&hub, "TerminateInstance", &terminate).await;
    assert_eq!(state(&hub, "i").await.orchestration_status, completed());
}

fn fails() -> Action {
    let details = TaskFailureDetails {
        error_message: "no luck".to_owned(),
        ..TaskFailureDetails::default()
    };
    ends(OrchestrationStatus::Failed, Some(details))
}

#[tokio::test]
async fn a_child_that_was_purged_is_started_again_when_its_parent_is_rewound() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "family", "parent").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![child("kid")]).await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![fails()]).await;
    let (token, _) = next_episode(&mut items).await;
    respond_from(&hub, &token, 1, vec![fails()]).await;
    let failed = i32::from(OrchestrationStatus::Failed);
    assert_eq!(ended(&hub, "parent").await.orchestration_status, failed);
    let purge = PurgeInstancesRequest {
        request: Some(purge_instances_request::Request::InstanceId("kid".to_owned())),
        ..PurgeInstancesRequest::default()
    };
    let _: PurgeInstancesResponse = ask(&hub, "PurgeInstances", &purge).await;

    let rewind = RewindInstanceRequest {
        instance_id: "parent".to_owned(),
        reason: Some("the child is gone".to_owned()),
    };
    let _: RewindInstanceResponse = ask(&hub, "RewindInstance", &rewind).await;
    let (token, request) = next_episode(&mut items).await;
    let created =
        |event: &HistoryEvent| matches!(event.event_type, Some(EventType::SubOrchestrationInstanceCreated(_)));
    assert!(!request.past_events.iter().any(created), "{:?}", request.past_events);
    respond(&hub, &token, vec![child("kid")]).await;
    let (token, request) = next_episode(&mut items).await;
    assert_eq!(request.instance_id, "kid");
    respond(&hub, &token, vec![completes()]).await;
    let (token, _) = next_episode(&mut items).await;
    respond_from(&hub, &token, 1, vec![completes()]).await;
    assert_eq!(ended(&hub, "parent").await.orchestration_status, completed());
}

/// The first execution has started it and does not wait for it, so that the call of the second is refused.
#[tokio::test]
async fn a_child_of_an_earlier_execution_is_not_rewound_for_the_call_that_it_has_hindered() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "family", "parent").await;
    let (token, _) = next_episode(&mut items).await;
    let goes_on = ends(OrchestrationStatus::ContinuedAsNew, None);
    respond(&hub, &token, vec![child("kid"), goes_on]).await;
    let mut kid = None;
    let mut parent_turns = 0;
    while kid.is_none() || parent_turns < 2 {
        let (token, request) = next_episode(&mut items).await;
        if request.instance_id == "kid" {
            kid = Some(token);
            continue;
        }
        parent_turns += 1;
        match parent_turns {
            1 => respond(&hub, &token, vec![child("kid")]).await,
            _ => respond_from(&hub, &token, 1, vec![fails()]).await,
        }
    }
    let failed = i32::from(OrchestrationStatus::Failed);
    assert_eq!(ended(&hub, "parent").await.orchestration_status, failed);
    respond(&hub, &kid.unwrap(), vec![fails()]).await;
    assert_eq!(ended(&hub, "kid").await.orchestration_status, failed);

    let rewind = RewindInstanceRequest {
        instance_id: "parent".to_owned(),
        reason: None,
    };
    let _: RewindInstanceResponse = ask(&hub, "RewindInstance", &rewind).await;
    let (token, request) = next_episode(&mut items).await;
    assert_eq!(request.instance_id, "parent");
    respond(&hub, &token, vec![child("kid")]).await;
    let (token, request) = next_episode(&mut items).await;
    assert_eq!(request.instance_id, "kid");
    assert!(request.past_events.is_empty(), "it is another one");
    respond(&hub, &token, vec![completes()]).await;
    let (token, _) = next_episode(&mut items).await;
    respond_from(&hub, &token, 1, vec![completes()]).await;
    assert_eq!(ended(&hub, "parent").await.orchestration_status, completed());
}

/// Another request looks up who had the id, and starts an instance then.
#[tokio::test]
async fn a_child_whose_id_another_request_is_starting_is_not_gone() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "family", "parent").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![child("kid")]).await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![fails()]).await;
    let (token, _) = next_episode(&mut items).await;
    respond_from(&hub, &token, 1, vec![fails()]).await;
    ended(&hub, "parent").await;
    let purge = PurgeInstancesRequest {
        request: Some(purge_instances_request::Request::InstanceId("kid".to_owned())),
        ..PurgeInstancesRequest::default()
    };
    let _: PurgeInstancesResponse = ask(&hub, "PurgeInstances", &purge).await;

    hub.inner.state().starting.insert("kid".to_owned());
    let rewind = RewindInstanceRequest {
        instance_id: "parent".to_owned(),
        reason: None,
    };
    let _: RewindInstanceResponse = ask(&hub, "RewindInstance", &rewind).await;
    let (_, request) = next_episode(&mut items).await;
    let created =
        |event: &HistoryEvent| matches!(event.event_type, Some(EventType::SubOrchestrationInstanceCreated(_)));
    assert!(request.past_events.iter().any(created), "{:?}", request.past_events);
    let failed = request.new_events.iter().find_map(|event| match &event.event_type {
        Some(EventType::SubOrchestrationInstanceFailed(failed)) => failed.failure_details.as_ref(),
        _ => None,
    });
    let text = &failed.unwrap().error_message;
    assert!(text.contains("'kid' cannot be rewound"), "{text}");
}

#[tokio::test]
async fn a_recursive_purge_takes_what_has_ended_below() {
    use purge_instances_request::Request;
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let purge = async |recursive, request| {
        let request = PurgeInstancesRequest {
            recursive,
            is_orchestration: true,
            request: Some(request),
        };
        let response: PurgeInstancesResponse = ask(&hub, "PurgeInstances", &request).await;
        response.deleted_instance_count
    };
    family(&hub, &mut items, "one").await;
    assert_eq!(purge(false, Request::InstanceId("one".to_owned())).await, 1);
    assert!(exists(&hub, "one-a").await);

    family(&hub, &mut items, "two").await;
    assert_eq!(purge(true, Request::InstanceId("two".to_owned())).await, 3);
    assert!(!exists(&hub, "two-a").await && !exists(&hub, "two-a-b").await);
    assert!(exists(&hub, "two-runs").await, "it runs");

    family(&hub, &mut items, "three").await;
    let batch = InstanceBatch {
        instance_ids: vec!["three".to_owned(), "nobody".to_owned()],
    };
    assert_eq!(purge(true, Request::InstanceBatch(batch)).await, 3);
    // Running ones are no error, and stay.
    assert_eq!(purge(true, Request::InstanceId("three-runs".to_owned())).await, 0);

    family(&hub, &mut items, "four").await;
    // With what the first one has left.
    assert_eq!(
        purge(true, Request::PurgeInstanceFilter(PurgeInstanceFilter::default())).await,
        5
    );
    assert!(exists(&hub, "four-runs").await);
}

#[tokio::test]
async fn a_wait_for_what_is_not_there_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let request = GetInstanceRequest {
        instance_id: "nobody".to_owned(),
        get_inputs_and_outputs: false,
    };
    for method in ["WaitForInstanceStart", "WaitForInstanceCompletion"] {
        let call = hub.call(Caller::Sdk, method, request.encode_to_vec().into());
        let refused = timeout(DEADLINE, call).await.expect("it ends").unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
    }
}

#[tokio::test]
async fn the_ids_of_instances_that_have_ended_are_listed_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    for id in ["a", "b", "c", "runs"] {
        start(&hub, "flow", id).await;
        let (token, _) = next_episode(&mut items).await;
        let actions = if id == "runs" { Vec::new() } else { vec![completes()] };
        respond(&hub, &token, actions).await;
    }
    ended(&hub, "c").await;
    let mut request = ListInstanceIdsRequest {
        page_size: 2,
        last_instance_key: Some(String::new()),
        ..ListInstanceIdsRequest::default()
    };
    let first: ListInstanceIdsResponse = ask(&hub, "ListInstanceIds", &request).await;
    assert_eq!(first.instance_ids, ["a", "b"]);
    let token = first.last_instance_key.clone().unwrap();
    assert!(first.instance_ids.iter().any(|id| token.ends_with(id)), "{token}");
    request.last_instance_key = first.last_instance_key;
    let second: ListInstanceIdsResponse = ask(&hub, "ListInstanceIds", &request).await;
    assert_eq!(
        (second.instance_ids, second.last_instance_key),
        (vec!["c".to_owned()], None)
    );
    request = ListInstanceIdsRequest {
        runtime_status: vec![OrchestrationStatus::Failed.into()],
        ..ListInstanceIdsRequest::default()
    };
    let none: ListInstanceIdsResponse = ask(&hub, "ListInstanceIds", &request).await;
    assert_eq!((none.instance_ids, none.last_instance_key), (Vec::new(), None));
}

/// Each of the others is shown, and of no instance more than the last turn is read.
#[tokio::test]
async fn a_list_shows_failures_without_reading_whole_histories_and_leaves_out_what_cannot_be_read() {
    use azure_functions_durable::protobuf::{InstanceQuery, QueryInstancesRequest, QueryInstancesResponse};
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    for id in ["f", "g"] {
        start(&hub, "fails", id).await;
        let (token, _) = next_episode(&mut items).await;
        respond(&hub, &token, Vec::new()).await;
        let event = RaiseEventRequest {
            instance_id: id.to_owned(),
            name: "go".to_owned(),
            input: None,
        };
        ask::<()>(&hub, "RaiseEvent", &event).await;
        let (token, _) = next_episode(&mut items).await;
        let details = TaskFailureDetails {
            error_message: "it broke".to_owned(),
            ..TaskFailureDetails::default()
        };
        respond(&hub, &token, vec![ends(OrchestrationStatus::Failed, Some(details))]).await;
        ended(&hub, id).await;
    }
    assert!(hub.drain(DEADLINE).await);
    drop((items, hub));
    let of = |id: &str, end: &str| {
        format!("row = (SELECT {end}(row) FROM history WHERE instance = (SELECT key FROM instances WHERE id = '{id}'))")
    };
    let disk = rusqlite::Connection::open(options(&folder).database()).unwrap();
    disk.execute_batch(&format!(
        "UPDATE history SET events = 'damaged' WHERE {}; UPDATE history SET events = x'ff' WHERE {};",
        of("f", "max"),
        of("g", "min")
    ))
    .unwrap();
    drop(disk);

    let hub = open(options(&folder));
    let query = QueryInstancesRequest {
        query: Some(InstanceQuery {
            max_instance_count: 100,
            fetch_inputs_and_outputs: true,
            ..InstanceQuery::default()
        }),
    };
    let found: QueryInstancesResponse = ask(&hub, "QueryInstances", &query).await;
    let found: Vec<_> = found
        .orchestration_state
        .iter()
        .map(|state| (state.instance_id.as_str(), state.failure_details.is_some()))
        .collect();
    assert_eq!(found, [("f", false), ("g", true)]);
}

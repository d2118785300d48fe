//! The service, call by call, with the status codes and texts that the real extension was recorded with.

use std::sync::Arc;

use azure_functions_durable::protobuf::{
    CreateInstanceRequest, CreateInstanceResponse, EntityQuery, GetEntityRequest, GetEntityResponse,
    GetInstanceRequest, GetInstanceResponse, HistoryChunk, InstanceQuery, OrchestrationIdReusePolicy,
    PurgeInstanceFilter, PurgeInstancesRequest, PurgeInstancesResponse, QueryEntitiesRequest, QueryEntitiesResponse,
    QueryInstancesRequest, QueryInstancesResponse, RaiseEventRequest, RestartInstanceRequest, RestartInstanceResponse,
    ResumeRequest, RewindInstanceRequest, SignalEntityRequest, StreamInstanceHistoryRequest, SuspendRequest,
    TerminateRequest, history_event::EventType, purge_instances_request,
};
use prost::Message;
use prost_types::Timestamp;
use serde_json::Value;

use super::{Caller, Code, Refused};
use crate::durable::{
    HubName, TaskHub, TaskHubOptions,
    engine::runtime_status::RuntimeStatus,
    hub::tests::scripted::{Scripted, Stop, on_both_wires},
    work::Wire,
};

/// An app with an orchestration that ends at once, one that waits for an event, and one that fails.
fn hub(wire: Wire, folder: &std::path::Path) -> TaskHub {
    let worker = Scripted::on(wire)
        .orchestration("ends", |_| Ok(Value::from("done")))
        .orchestration("waits", |context| context.event("go"))
        .orchestration("fails", |_| Err(Stop::Failed("broke".to_owned())))
        .counter();
    let options = TaskHubOptions::new(HubName::new("Grpc").unwrap(), folder);
    let functions = worker.functions();
    let hub = TaskHub::open(options, Arc::new(worker)).unwrap();
    hub.set_functions(functions);
    hub
}

async fn call<R: Message + Default>(hub: &TaskHub, method: &str, request: &impl Message) -> Result<R, Refused> {
    let reply = hub.call(Caller::App, method, request.encode_to_vec().into()).await?;
    assert_eq!(reply.len(), 1, "{method}");
    Ok(R::decode(reply[0].clone()).unwrap())
}

async fn refused(hub: &TaskHub, method: &str, request: &impl Message) -> (Code, String) {
    let Refused { code, message, .. } = call::<()>(hub, method, request).await.unwrap_err();
    (code, message)
}

async fn started(hub: &TaskHub, request: CreateInstanceRequest) -> String {
    let response: CreateInstanceResponse = call(hub, "StartInstance", &request).await.unwrap();
    response.instance_id
}

async fn ended(hub: &TaskHub, id: &str) -> GetInstanceResponse {
    call(hub, "WaitForInstanceCompletion", &of(id)).await.unwrap()
}

fn start(id: &str, name: &str) -> CreateInstanceRequest {
    CreateInstanceRequest {
        instance_id: id.to_owned(),
        name: name.to_owned(),
        version: Some(String::new()),
        ..CreateInstanceRequest::default()
    }
}

fn of(id: &str) -> GetInstanceRequest {
    GetInstanceRequest {
        instance_id: id.to_owned(),
        get_inputs_and_outputs: true,
    }
}

fn purge(request: purge_instances_request::Request) -> PurgeInstancesRequest {
    PurgeInstancesRequest {
        request: Some(request),
        is_orchestration: true,
        ..PurgeInstancesRequest::default()
    }
}

async fn an_instance_is_started_waited_for_shown_and_its_id_given_away_again_when_it_has_ended(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(wire, folder.path());
    let waits = CreateInstanceRequest {
        input: Some("{\"in\":\"put\"}".to_owned()),
        tags: [("team".to_owned(), "blue".to_owned())].into(),
        ..start("start", "waits")
    };
    assert_eq!(started(&hub, waits).await, "start");
    let shown: GetInstanceResponse = call(&hub, "WaitForInstanceStart", &of("start")).await.unwrap();
    let state = shown.orchestration_state.unwrap();
    assert!(shown.exists);
    assert_eq!(state.orchestration_status, RuntimeStatus::Running.number());
    assert_eq!(
        (state.input.as_deref(), state.custom_status.as_deref()),
        (Some("{\"in\":\"put\"}"), Some("null"))
    );
    assert_eq!((state.tags["team"].as_str(), state.version), ("blue", None));

    let exists = "An Orchestration instance with the ID start already exists.".to_owned();
    let again = refused(&hub, "StartInstance", &start("start", "waits")).await;
    assert_eq!(again, (Code::AlreadyExists, exists.clone()));
    let event = RaiseEventRequest {
        instance_id: "start".to_owned(),
        name: "go".to_owned(),
        input: Some("\"x\"".to_owned()),
    };
    call::<()>(&hub, "RaiseEvent", &event).await.unwrap();
    let state = ended(&hub, "start").await.orchestration_state.unwrap();
    assert_eq!(state.orchestration_status, RuntimeStatus::Completed.number());
    assert_eq!(state.output.as_deref(), Some("\"x\""));

    let only_failed = CreateInstanceRequest {
        orchestration_id_reuse_policy: Some(OrchestrationIdReusePolicy {
            replaceable_status: vec![RuntimeStatus::Failed.number()],
        }),
        ..start("start", "ends")
    };
    assert_eq!(
        refused(&hub, "StartInstance", &only_failed).await,
        (Code::AlreadyExists, exists)
    );
    assert_eq!(started(&hub, start("start", "ends")).await, "start");
    assert_eq!(
        ended(&hub, "start")
            .await
            .orchestration_state
            .unwrap()
            .output
            .as_deref(),
        Some("\"done\"")
    );
    assert!(!started(&hub, start("", "ends")).await.is_empty());

    // One whose orchestration is not there is accepted, and fails.
    started(&hub, start("unknown", "nobody")).await;
    let state = ended(&hub, "unknown").await.orchestration_state.unwrap();
    assert_eq!(state.orchestration_status, RuntimeStatus::Failed.number());
    let reserved = CreateInstanceRequest {
        tags: [("MS_DurableFunctions_SourceInstanceId".to_owned(), String::new())].into(),
        ..start("reserved", "ends")
    };
    assert_eq!(refused(&hub, "StartInstance", &reserved).await.0, Code::InvalidArgument);
}

async fn a_start_for_later_waits_and_can_be_terminated_meanwhile(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(wire, folder.path());
    let at = |seconds: i64| Timestamp {
        seconds: chrono::Utc::now().timestamp() + seconds,
        nanos: 0,
    };
    let later = |id: &str, seconds| CreateInstanceRequest {
        scheduled_start_timestamp: Some(at(seconds)),
        ..start(id, "ends")
    };
    started(&hub, later("later", 3_600)).await;
    started(&hub, later("soon", 1)).await;
    let shown: GetInstanceResponse = call(&hub, "GetInstance", &of("later")).await.unwrap();
    let state = shown.orchestration_state.unwrap();
    assert_eq!(state.orchestration_status, RuntimeStatus::Pending.number());
    assert_eq!(state.custom_status, None);
    let ended_soon = ended(&hub, "soon").await.orchestration_state.unwrap();
    assert_eq!(ended_soon.orchestration_status, RuntimeStatus::Completed.number());
    let event = RaiseEventRequest {
        instance_id: "later".to_owned(),
        name: "go".to_owned(),
        input: None,
    };
    call::<()>(&hub, "RaiseEvent", &event).await.unwrap();
    let terminate = TerminateRequest {
        instance_id: "later".to_owned(),
        output: Some("\"enough\"".to_owned()),
        recursive: false,
    };
    call::<()>(&hub, "TerminateInstance", &terminate).await.unwrap();
    let state = ended(&hub, "later").await.orchestration_state.unwrap();
    assert_eq!(state.orchestration_status, RuntimeStatus::Terminated.number());
}

async fn what_is_not_there_and_what_is_in_the_wrong_state_is_refused_with_the_recorded_codes_and_texts(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(wire, folder.path());
    let nobody: GetInstanceResponse = call(&hub, "GetInstance", &of("nobody")).await.unwrap();
    assert_eq!(nobody, GetInstanceResponse::default());
    let plain = "No instance with ID 'nobody' was found. (Parameter 'instanceId')".to_owned();
    let named = format!("ArgumentException: {plain}");
    let event = |id: &str| RaiseEventRequest {
        instance_id: id.to_owned(),
        name: "go".to_owned(),
        input: None,
    };
    let terminate = |id: &str| TerminateRequest {
        instance_id: id.to_owned(),
        ..TerminateRequest::default()
    };
    let suspend = |id: &str| SuspendRequest {
        instance_id: id.to_owned(),
        reason: None,
    };
    let resume = |id: &str| ResumeRequest {
        instance_id: id.to_owned(),
        reason: None,
    };
    let restart = |id: &str| RestartInstanceRequest {
        instance_id: id.to_owned(),
        ..RestartInstanceRequest::default()
    };
    let rewind = |id: &str| RewindInstanceRequest {
        instance_id: id.to_owned(),
        reason: None,
    };
    let history = |id: &str| StreamInstanceHistoryRequest {
        instance_id: id.to_owned(),
        ..StreamInstanceHistoryRequest::default()
    };
    assert_eq!(
        refused(&hub, "RaiseEvent", &event("nobody")).await,
        (Code::NotFound, plain.clone())
    );
    assert_eq!(
        refused(&hub, "TerminateInstance", &terminate("nobody")).await,
        (Code::NotFound, named.clone())
    );
    assert_eq!(
        refused(&hub, "SuspendInstance", &suspend("nobody")).await,
        (Code::NotFound, named.clone())
    );
    assert_eq!(
        refused(&hub, "ResumeInstance", &resume("nobody")).await,
        (Code::NotFound, named.clone())
    );
    assert_eq!(
        refused(&hub, "RestartInstance", &restart("nobody")).await,
        (Code::NotFound, named)
    );
    assert_eq!(
        refused(&hub, "RewindInstance", &rewind("nobody")).await,
        (Code::NotFound, plain)
    );
    let text = "Orchestration instance with ID nobody was not found.".to_owned();
    assert_eq!(
        refused(&hub, "StreamInstanceHistory", &history("nobody")).await,
        (Code::NotFound, text)
    );
    let id = purge_instances_request::Request::InstanceId;
    let purged: PurgeInstancesResponse = call(&hub, "PurgeInstances", &purge(id("nobody".to_owned())))
        .await
        .unwrap();
    assert_eq!(purged.deleted_instance_count, 0);

    started(&hub, start("running", "waits")).await;
    let _: GetInstanceResponse = call(&hub, "WaitForInstanceStart", &of("running")).await.unwrap();
    let (code, text) = refused(&hub, "PurgeInstances", &purge(id("running".to_owned()))).await;
    assert_eq!(code, Code::FailedPrecondition);
    assert_eq!(
        text,
        "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID running has status Running"
    );
    assert_eq!(
        refused(&hub, "RestartInstance", &restart("running")).await.0,
        Code::FailedPrecondition
    );
    call::<()>(&hub, "TerminateInstance", &terminate("running"))
        .await
        .unwrap();
    ended(&hub, "running").await;
    let wrong = |operation: &str| {
        let text = format!(
            "InvalidOperationException: Cannot {operation} the orchestration instance running because instance is in the \
             Terminated state."
        );
        (Code::FailedPrecondition, text)
    };
    assert_eq!(
        refused(&hub, "TerminateInstance", &terminate("running")).await,
        wrong("terminate")
    );
    assert_eq!(
        refused(&hub, "SuspendInstance", &suspend("running")).await,
        wrong("suspend")
    );
    assert_eq!(
        refused(&hub, "ResumeInstance", &resume("running")).await,
        wrong("resume")
    );
    let text = "The orchestration instance with the provided instance id is not running.".to_owned();
    assert_eq!(
        refused(&hub, "RaiseEvent", &event("running")).await,
        (Code::FailedPrecondition, text)
    );
    let text = "The rewind operation is only supported on failed orchestration instances.".to_owned();
    assert_eq!(
        refused(&hub, "RewindInstance", &rewind("running")).await,
        (Code::FailedPrecondition, text)
    );
    assert_eq!(refused(&hub, "ListInstanceIds", &()).await.0, Code::Unimplemented);
    let garbage = hub
        .call(Caller::App, "GetInstance", vec![0xff].into())
        .await
        .unwrap_err();
    assert_eq!(garbage.code, Code::InvalidArgument);
}

async fn instances_are_listed_in_pages_restarted_purged_and_tell_their_history(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(wire, folder.path());
    for index in 0..3 {
        let id = format!("list-{index}");
        started(&hub, start(&id, "ends")).await;
        ended(&hub, &id).await;
    }
    let mut query = InstanceQuery {
        max_instance_count: 2,
        instance_id_prefix: Some("list".to_owned()),
        ..InstanceQuery::default()
    };
    let list = |query: &InstanceQuery| QueryInstancesRequest {
        query: Some(query.clone()),
    };
    let page: QueryInstancesResponse = call(&hub, "QueryInstances", &list(&query)).await.unwrap();
    assert_eq!(page.orchestration_state.len(), 2);
    assert_eq!(page.orchestration_state[0].version.as_deref(), Some(""));
    assert_eq!(page.orchestration_state[0].output, None);
    let token = page.continuation_token.unwrap();
    assert!(token.ends_with(' '), "{token:?}");
    query.continuation_token = Some(token);
    let page: QueryInstancesResponse = call(&hub, "QueryInstances", &list(&query)).await.unwrap();
    assert_eq!((page.orchestration_state.len(), page.continuation_token), (1, None));
    // The second is one of a list of entities.
    for foreign in ["no token", "QGNvdW50ZXJAYQ== "] {
        query.continuation_token = Some(foreign.to_owned());
        let (code, text) = refused(&hub, "QueryInstances", &list(&query)).await;
        assert_eq!(code, Code::InvalidArgument, "{foreign}");
        assert_eq!(text, "The continuation token is none that this host has given out.");
    }

    let history = StreamInstanceHistoryRequest {
        instance_id: "list-0".to_owned(),
        ..StreamInstanceHistoryRequest::default()
    };
    let chunk: HistoryChunk = call(&hub, "StreamInstanceHistory", &history).await.unwrap();
    let kinds: Vec<_> = chunk
        .events
        .into_iter()
        .map(|event| event.event_type.unwrap())
        .collect();
    assert!(
        matches!(
            kinds.as_slice(),
            [
                EventType::OrchestratorStarted(_),
                EventType::ExecutionStarted(_),
                EventType::ExecutionCompleted(_),
                EventType::OrchestratorCompleted(_)
            ]
        ),
        "{kinds:?}"
    );

    let restart = RestartInstanceRequest {
        instance_id: "list-0".to_owned(),
        restart_with_new_instance_id: true,
    };
    let restarted: RestartInstanceResponse = call(&hub, "RestartInstance", &restart).await.unwrap();
    assert_ne!(restarted.instance_id, "list-0");
    let restarted = ended(&hub, &restarted.instance_id).await.orchestration_state.unwrap();
    let source = [("MS_DurableFunctions_SourceInstanceId".to_owned(), "list-0".to_owned())];
    assert_eq!(restarted.tags, source.into());

    let all = purge_instances_request::Request::PurgeInstanceFilter(PurgeInstanceFilter {
        created_time_from: Some(Timestamp::default()),
        runtime_status: vec![RuntimeStatus::Completed.number()],
        ..PurgeInstanceFilter::default()
    });
    let purged: PurgeInstancesResponse = call(&hub, "PurgeInstances", &purge(all)).await.unwrap();
    assert_eq!(purged.deleted_instance_count, 4);
}

async fn entities_are_signalled_read_and_listed(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(wire, folder.path());
    for key in ["a", "b", "c"] {
        let signal = SignalEntityRequest {
            instance_id: format!("@Counter@{key}"),
            name: "add".to_owned(),
            input: Some("3".to_owned()),
            request_id: uuid::Uuid::new_v4().to_string(),
            ..SignalEntityRequest::default()
        };
        call::<()>(&hub, "SignalEntity", &signal).await.unwrap();
    }
    let read = |key: &str| GetEntityRequest {
        instance_id: format!("@counter@{key}"),
        include_state: true,
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    for key in ["a", "b", "c"] {
        loop {
            let found: GetEntityResponse = call(&hub, "GetEntity", &read(key)).await.unwrap();
            if found.exists {
                assert_eq!(found.entity.unwrap().serialized_state.as_deref(), Some("3"));
                break;
            }
            assert!(std::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
    }
    let gone: GetEntityResponse = call(&hub, "GetEntity", &read("x")).await.unwrap();
    assert_eq!(gone, GetEntityResponse::default());
    let mut query = EntityQuery {
        instance_id_starts_with: Some("@Counter@".to_owned()),
        page_size: Some(2),
        ..EntityQuery::default()
    };
    let list = |query: &EntityQuery| QueryEntitiesRequest {
        query: Some(query.clone()),
    };
    let page: QueryEntitiesResponse = call(&hub, "QueryEntities", &list(&query)).await.unwrap();
    assert_eq!(page.entities.len(), 2);
    assert_eq!(page.entities[0].serialized_state, None);
    query.continuation_token = page.continuation_token;
    let page: QueryEntitiesResponse = call(&hub, "QueryEntities", &list(&query)).await.unwrap();
    assert_eq!((page.entities.len(), page.continuation_token), (1, None));
    // The second is one of a list of instances.
    for foreign in ["no token", "2 "] {
        query.continuation_token = Some(foreign.to_owned());
        let (code, _) = refused(&hub, "QueryEntities", &list(&query)).await;
        assert_eq!(code, Code::InvalidArgument, "{foreign}");
    }
    let wrong = GetEntityRequest {
        instance_id: "counter".to_owned(),
        include_state: false,
    };
    assert_eq!(refused(&hub, "GetEntity", &wrong).await.0, Code::InvalidArgument);
    let _: () = call(&hub, "CleanEntityStorage", &()).await.unwrap();
}

on_both_wires!(
    an_instance_is_started_waited_for_shown_and_its_id_given_away_again_when_it_has_ended,
    a_start_for_later_waits_and_can_be_terminated_meanwhile,
    what_is_not_there_and_what_is_in_the_wrong_state_is_refused_with_the_recorded_codes_and_texts,
    instances_are_listed_in_pages_restarted_purged_and_tell_their_history,
    entities_are_signalled_read_and_listed,
);

//! Versions and tags on their way to workers.

use std::collections::HashMap;

use azure_functions_durable::protobuf::AbandonOrchestrationTaskRequest;

use super::*;

fn tagged() -> HashMap<String, String> {
    HashMap::from([("team".to_owned(), "a".to_owned())])
}

fn of_version(version: &str) -> GetWorkItemsRequest {
    let versions = vec![version.to_owned()];
    GetWorkItemsRequest {
        work_item_filters: Some(WorkItemFilters {
            orchestrations: vec![OrchestrationFilter {
                name: "flow".to_owned(),
                versions: versions.clone(),
            }],
            activities: vec![ActivityFilter {
                name: "works".to_owned(),
                versions,
            }],
            ..WorkItemFilters::default()
        }),
        ..everything()
    }
}

async fn start_version(hub: &TaskHub, id: &str, version: &str) {
    let request = CreateInstanceRequest {
        instance_id: id.to_owned(),
        name: "flow".to_owned(),
        version: Some(version.to_owned()),
        tags: tagged(),
        ..CreateInstanceRequest::default()
    };
    let _: CreateInstanceResponse = ask(hub, "StartInstance", &request).await;
}

#[tokio::test]
async fn orchestrations_and_activities_have_their_version_and_tags_also_when_the_hub_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start_version(&hub, "i", "1.5").await;
    let (token, request) = next_episode(&mut items).await;
    let started = request.new_events.iter().find_map(|event| match &event.event_type {
        Some(EventType::ExecutionStarted(started)) => Some(started),
        _ => None,
    });
    let started = started.unwrap();
    assert_eq!((started.version.as_deref(), &started.tags), (Some("1.5"), &tagged()));
    let call = Action::ScheduleTask(ScheduleTaskAction {
        name: "works".to_owned(),
        version: Some("2.0".to_owned()),
        tags: tagged(),
        ..ScheduleTaskAction::default()
    });
    respond(&hub, &token, vec![call]).await;
    let (_, request) = next_activity(&mut items).await;
    assert_eq!((request.version.as_deref(), &request.tags), (Some("2.0"), &tagged()));
    drop((items, hub));

    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let (_, request) = next_activity(&mut items).await;
    assert_eq!((request.version.as_deref(), &request.tags), (Some("2.0"), &tagged()));
}

#[tokio::test]
async fn filters_with_versions_take_those_versions_only() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut old = connect(&hub, &of_version("1.0"));
    let mut new = connect(&hub, &of_version("2.0"));
    start_version(&hub, "second", "2.0").await;
    start_version(&hub, "first", "1.0").await;
    start_version(&hub, "third", "3.0").await;
    let (token, request) = next_episode(&mut old).await;
    assert_eq!(request.instance_id, "first");
    assert_eq!(next_episode(&mut new).await.1.instance_id, "second");
    let call = Action::ScheduleTask(ScheduleTaskAction {
        name: "works".to_owned(),
        version: Some("2.0".to_owned()),
        ..ScheduleTaskAction::default()
    });
    respond(&hub, &token, vec![call]).await;
    assert_eq!(next_activity(&mut new).await.1.name, "works");
    eventually("the third one waits", async || hub.running() == (1, 1)).await;
    assert!(work_now(&mut old).is_none());
}

/// As workers of .NET do with versions that do not match theirs.
#[tokio::test]
async fn an_orchestration_that_a_worker_gives_back_goes_to_the_others_before_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let hub = open(options(&folder).clock(clock.clone()));
    // The one with the most room would get it.
    let mut workers: Vec<_> = [30, 20, 10]
        .into_iter()
        .map(|limit| {
            let request = GetWorkItemsRequest {
                max_concurrent_orchestration_work_items: limit,
                ..everything()
            };
            connect(&hub, &request)
        })
        .collect();
    start_version(&hub, "i", "9").await;
    for round in [0, 1, 2, 0] {
        let (token, request) = next_episode(&mut workers[round]).await;
        assert_eq!(request.instance_id, "i");
        let abandoned = AbandonOrchestrationTaskRequest {
            completion_token: token,
        };
        ask::<()>(&hub, "AbandonTaskOrchestratorWorkItem", &abandoned).await;
        eventually("nothing runs", async || hub.running() == (0, 0)).await;
        *clock.now.lock().unwrap() += TimeDelta::seconds(6);
    }
}

/// Workers of .NET call activities with the version of the orchestration, those of JavaScript with none.
#[tokio::test]
async fn an_activity_that_is_called_without_a_version_is_of_that_of_its_orchestration() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut other = connect(&hub, &of_version("2.0"));
    let mut items = connect(&hub, &of_version("1.5"));
    start_version(&hub, "i", "1.5").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![task("works")]).await;
    let (_, request) = next_activity(&mut items).await;
    assert_eq!((request.name.as_str(), request.version), ("works", None));
    assert!(work_now(&mut other).is_none());
}

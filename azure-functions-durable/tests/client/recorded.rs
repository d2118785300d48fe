//! Every call that the .NET client made to the extension 3.19 while the protobuf wire was recorded: this client makes it again, against
//! a host that answers with the recorded bytes. The request must be the same message, and the answer what the recording's own
//! JSON form of it says.
//!
//! Where this client's request differs on purpose, and why:
//!
//! | Recorded | Here |
//! |---|---|
//! | `client_start/006`, a wait for a start without inputs and outputs | asks for them: it gives a whole status |
//! | `client_entities/005` to `012`: prefix `@counter`, or `@counter@listed` | the name always ends with `@`, so that `@counter2@…` is not listed |
//! | waits for an instance | ask with `GetInstance` first, since the host waits also for what is not there |
//!
//! Left out: nothing. Recorded calls of the .NET client that sent nothing (a start without a name, or with the id of an entity;
//! `ListInstanceIds`) are refused here before anything is sent, too.

use crate::grpc_host::{GrpcHost, Reply, Seen};
use azure_functions_durable::{
    EntityId, EntityQuery, EntityStatus, HistoryEvent, HistoryEventKind as Kind, OrchestrationClient,
    OrchestrationClientError as Error, OrchestrationRuntimeStatus as Status, OrchestrationStatusQueryResult,
    StatusQuery,
    protobuf::{self, purge_instances_request::Request as Purge},
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use prost::Message;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Debug, Deserialize)]
struct Recorded {
    /// Scenario and number.
    call: String,
    method: String,
    request: String,
    answers: Vec<String>,
    /// The answers as the recorder's JSON.
    shown: Vec<Value>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    message: &'static str,
}

fn recordings() -> Vec<Recorded> {
    include_str!("../recorded/client.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

impl Recorded {
    fn request<M: Message + Default>(&self) -> M {
        M::decode(self.bytes(&self.request).as_slice()).unwrap()
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        STANDARD.decode(text).unwrap_or_else(|e| panic!("{}: {e}", self.call))
    }

    fn reply(&self) -> Reply {
        match self.status {
            0 => Reply::Answers(self.answers.iter().map(|answer| self.bytes(answer)).collect()),
            status => Reply::Refuses(status, self.message),
        }
    }

    fn shown(&self) -> &Value {
        &self.shown[0]
    }

    /// That this client's message is the recorded one, once both have been `same`d.
    fn expect<M: Message + Default + PartialEq + std::fmt::Debug>(&self, seen: &Seen, same: impl Fn(&mut M)) {
        let mut ours = M::decode(seen.message.clone()).unwrap();
        let mut recorded = self.request();
        same(&mut ours);
        same(&mut recorded);
        assert_eq!(ours, recorded, "{}", self.call);
    }
}

/// JSON text as it was recorded, or none.
fn raw(text: Option<&String>) -> Option<&RawValue> {
    text.map(|text| serde_json::from_str(text).unwrap())
}

fn time(timestamp: Option<prost_types::Timestamp>) -> Option<DateTime<Utc>> {
    timestamp.map(|t| DateTime::from_timestamp(t.seconds, u32::try_from(t.nanos).unwrap()).unwrap())
}

fn statuses(codes: &[i32]) -> Vec<Status> {
    codes.iter().map(|code| Status::from_code((*code).into())).collect()
}

/// Takes away what is another at each call, after a look at it.
fn without_time(time_of_request: &mut Option<prost_types::Timestamp>) {
    assert!(time(time_of_request.take()).unwrap().timestamp() > 1_700_000_000);
}

fn without_guid(id: &mut String) {
    assert_eq!(
        id.split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12],
        "{id}"
    );
    id.clear();
}

fn at(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

/// Payload text as a value: JSON, or the text.
fn payload(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return Value::Null };
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn status_name(value: &Value) -> &str {
    value
        .as_str()
        .map_or("RUNNING", |name| name.strip_prefix("ORCHESTRATION_STATUS_").unwrap())
}

fn expect_instance(call: &str, ours: &OrchestrationStatusQueryResult, shown: &Value) {
    assert_eq!(ours.instance_id, shown["instanceId"], "{call}");
    assert_eq!(ours.name, shown["name"], "{call}");
    let status = ours.runtime_status.as_str().to_ascii_uppercase();
    assert_eq!(status, status_name(&shown["orchestrationStatus"]), "{call}");
    assert_eq!(ours.created_time, at(&shown["createdTimestamp"]), "{call}");
    assert_eq!(ours.last_updated_time, at(&shown["lastUpdatedTimestamp"]), "{call}");
    assert_eq!(
        ours.scheduled_start_time,
        at(&shown["scheduledStartTimestamp"]),
        "{call}"
    );
    assert_eq!(ours.input, payload(&shown["input"]), "{call}");
    assert_eq!(ours.output, payload(&shown["output"]), "{call}");
    assert_eq!(ours.custom_status, payload(&shown["customStatus"]), "{call}");
    let version = shown["version"].as_str().filter(|version| !version.is_empty());
    assert_eq!(ours.version.as_deref(), version, "{call}");
    assert_eq!(
        ours.parent_instance_id.as_deref(),
        shown["parentInstanceId"].as_str(),
        "{call}"
    );
    let tags: BTreeMap<String, String> = serde_json::from_value(shown["tags"].clone()).unwrap_or_default();
    assert_eq!(ours.tags, tags, "{call}");
    assert_eq!(ours.failure, None, "{call}: the extension does not tell");
}

fn expect_entity(call: &str, ours: &EntityStatus, shown: &Value) {
    assert_eq!(ours.entity_id.to_string(), shown["instanceId"], "{call}");
    assert_eq!(ours.last_operation_time, at(&shown["lastModifiedTime"]), "{call}");
    assert_eq!(ours.state, payload(&shown["serializedState"]), "{call}");
    assert_eq!(
        ours.backlog_queue_size,
        Some(shown["backlogQueueSize"].as_u64().unwrap_or_default()),
        "{call}"
    );
    assert_eq!(ours.locked_by.as_deref(), shown["lockedBy"].as_str(), "{call}");
}

fn expect_event(call: &str, ours: &HistoryEvent, shown: &Value) {
    assert_eq!(
        i64::from(ours.event_id),
        shown["eventId"].as_i64().unwrap_or_default(),
        "{call}"
    );
    assert_eq!(ours.timestamp, at(&shown["timestamp"]), "{call}");
    let text = |member: &Value| member.as_str().map(str::to_owned);
    let number = |member: &Value| member.as_i64().unwrap_or_default();
    let event = |name: &str| match &shown[name] {
        Value::Object(_) => &shown[name],
        _ => panic!("{call}: {ours:?} is no {shown}"),
    };
    match &ours.kind {
        Kind::OrchestratorStarted => drop(event("orchestratorStarted").clone()),
        Kind::OrchestratorCompleted => drop(event("orchestratorCompleted").clone()),
        Kind::ExecutionStarted {
            name,
            version,
            input,
            instance_id,
            execution_id,
            parent_instance_id,
            ..
        } => {
            let shown = event("executionStarted");
            assert_eq!(*name, shown["name"], "{call}");
            assert_eq!(
                (version, input),
                (&text(&shown["version"]), &text(&shown["input"])),
                "{call}"
            );
            assert_eq!(*instance_id, shown["orchestrationInstance"]["instanceId"], "{call}");
            assert_eq!(
                *execution_id,
                text(&shown["orchestrationInstance"]["executionId"]),
                "{call}"
            );
            let parent = &shown["parentInstance"]["orchestrationInstance"]["instanceId"];
            assert_eq!(*parent_instance_id, text(parent), "{call}");
        }
        Kind::ExecutionCompleted {
            status,
            result,
            failure,
            ..
        } => {
            let shown = event("executionCompleted");
            assert_eq!(
                status.as_str().to_ascii_uppercase(),
                status_name(&shown["orchestrationStatus"]),
                "{call}"
            );
            assert_eq!(*result, text(&shown["result"]), "{call}");
            let details = &shown["failureDetails"];
            assert_eq!(
                failure.as_ref().map(|failure| &failure.error_type),
                text(&details["errorType"]).as_ref(),
                "{call}"
            );
        }
        Kind::TaskScheduled { name, .. } => assert_eq!(*name, event("taskScheduled")["name"], "{call}"),
        Kind::TaskCompleted {
            scheduled_id, result, ..
        } => {
            let shown = event("taskCompleted");
            assert_eq!(i64::from(*scheduled_id), number(&shown["taskScheduledId"]), "{call}");
            assert_eq!(*result, text(&shown["result"]), "{call}");
        }
        Kind::TaskFailed {
            scheduled_id, failure, ..
        } => {
            let shown = event("taskFailed");
            assert_eq!(i64::from(*scheduled_id), number(&shown["taskScheduledId"]), "{call}");
            let failure = failure.as_ref().unwrap();
            assert_eq!(failure.error_message, shown["failureDetails"]["errorMessage"], "{call}");
            let cause = failure.inner_failure.as_ref().map(|cause| cause.error_message.clone());
            assert_eq!(
                cause,
                text(&shown["failureDetails"]["innerFailure"]["errorMessage"]),
                "{call}"
            );
        }
        Kind::SubOrchestrationCreated { instance_id, name, .. } => {
            let shown = event("subOrchestrationInstanceCreated");
            assert_eq!(*instance_id, shown["instanceId"], "{call}");
            assert_eq!(*name, shown["name"], "{call}");
        }
        Kind::SubOrchestrationCompleted {
            scheduled_id, result, ..
        } => {
            let shown = event("subOrchestrationInstanceCompleted");
            assert_eq!(i64::from(*scheduled_id), number(&shown["taskScheduledId"]), "{call}");
            assert_eq!(*result, text(&shown["result"]), "{call}");
        }
        Kind::SubOrchestrationFailed { scheduled_id, .. } => {
            let shown = event("subOrchestrationInstanceFailed");
            assert_eq!(i64::from(*scheduled_id), number(&shown["taskScheduledId"]), "{call}");
        }
        Kind::TimerCreated { fire_at, .. } => assert_eq!(*fire_at, at(&event("timerCreated")["fireAt"]), "{call}"),
        Kind::TimerFired { timer_id, fire_at, .. } => {
            let shown = event("timerFired");
            assert_eq!(i64::from(*timer_id), number(&shown["timerId"]), "{call}");
            assert_eq!(*fire_at, at(&shown["fireAt"]), "{call}");
        }
        Kind::EventSent {
            instance_id,
            name,
            input,
            ..
        } => {
            let shown = event("eventSent");
            assert_eq!(*instance_id, shown["instanceId"], "{call}");
            assert_eq!(
                (json!(name), input),
                (shown["name"].clone(), &text(&shown["input"])),
                "{call}"
            );
        }
        Kind::EventRaised { name, input, .. } => {
            let shown = event("eventRaised");
            assert_eq!(
                (json!(name), input),
                (shown["name"].clone(), &text(&shown["input"])),
                "{call}"
            );
        }
        Kind::Generic { data, .. } => assert_eq!(*data, text(&event("genericEvent")["data"]), "{call}"),
        other => panic!("{call}: {other:?} was not recorded"),
    }
}

/// The error that a recorded status is.
fn expect_error(recorded: &Recorded, error: &Error) {
    let right = match (recorded.status, recorded.method.as_str()) {
        (5, _) => matches!(error, Error::NotFound { .. }) && error.status_code() == Some(404),
        (6, "StartInstance") => matches!(error, Error::AlreadyExists { message, .. } if message == recorded.message),
        (9, "RewindInstance" | "PurgeInstances") => {
            matches!(error, Error::Conflict { status: 412, message, .. } if message == recorded.message)
        }
        (9, "RaiseEvent" | "TerminateInstance" | "SuspendInstance") => matches!(error, Error::AlreadyDone { .. }),
        _ => false,
    };
    assert!(
        right,
        "{}: {} {} became {error:?}",
        recorded.call, recorded.status, recorded.message
    );
    assert!(
        error.instance_id().is_some() && !error.may_have_had_its_effect(),
        "{error:?}"
    );
}

/// Makes a recorded call, and holds request and answer against it.
async fn make(client: &OrchestrationClient, host: &GrpcHost, recorded: &Recorded) {
    let call = recorded.call.as_str();
    let outcome = match recorded.method.as_str() {
        "StartInstance" => start(client, host, recorded).await,
        "GetInstance" => {
            let asked: protobuf::GetInstanceRequest = recorded.request();
            let query = client.status(&asked.instance_id);
            let found = match asked.get_inputs_and_outputs {
                true => query.with_input().await,
                false => query.without_payloads().await,
            };
            recorded.expect::<protobuf::GetInstanceRequest>(&host.last(), |_| ());
            found.map(|found| match found {
                Some(found) => expect_instance(call, &found, &recorded.shown()["orchestrationState"]),
                None => assert_eq!(recorded.shown()["exists"], Value::Null, "{call}"),
            })
        }
        "WaitForInstanceStart" | "WaitForInstanceCompletion" => {
            let asked: protobuf::GetInstanceRequest = recorded.request();
            let minute = Duration::from_secs(60);
            let found = match recorded.method.as_str() {
                "WaitForInstanceStart" => client
                    .wait_for_start(&asked.instance_id, minute)
                    .await
                    .unwrap()
                    .unwrap(),
                _ => {
                    let outcome = client.wait_for_completion(&asked.instance_id, minute, minute).await;
                    outcome.unwrap().finished().unwrap()
                }
            };
            recorded
                .expect::<protobuf::GetInstanceRequest>(&host.last(), |message| message.get_inputs_and_outputs = true);
            expect_instance(call, &found, &recorded.shown()["orchestrationState"]);
            Ok(())
        }
        "RaiseEvent" => {
            let asked: protobuf::RaiseEventRequest = recorded.request();
            let outcome = client
                .raise_event(&asked.instance_id, &asked.name, raw(asked.input.as_ref()))
                .await;
            recorded.expect::<protobuf::RaiseEventRequest>(&host.last(), |_| ());
            outcome
        }
        "TerminateInstance" => {
            let asked: protobuf::TerminateRequest = recorded.request();
            let reason = raw(asked.output.as_ref());
            let outcome = match asked.recursive {
                true => client.terminate_recursive(&asked.instance_id, reason).await,
                false => client.terminate(&asked.instance_id, reason).await,
            };
            recorded.expect::<protobuf::TerminateRequest>(&host.last(), |_| ());
            outcome.map(drop)
        }
        "SuspendInstance" => {
            let asked: protobuf::SuspendRequest = recorded.request();
            let outcome = client.suspend(&asked.instance_id, &asked.reason.unwrap()).await;
            recorded.expect::<protobuf::SuspendRequest>(&host.last(), |_| ());
            outcome
        }
        "ResumeInstance" => {
            let asked: protobuf::ResumeRequest = recorded.request();
            let outcome = client.resume(&asked.instance_id, &asked.reason.unwrap()).await;
            recorded.expect::<protobuf::ResumeRequest>(&host.last(), |_| ());
            outcome
        }
        "RewindInstance" => {
            let asked: protobuf::RewindInstanceRequest = recorded.request();
            let outcome = client.rewind(&asked.instance_id, &asked.reason.unwrap()).await;
            recorded.expect::<protobuf::RewindInstanceRequest>(&host.last(), |_| ());
            outcome
        }
        "RestartInstance" => {
            let asked: protobuf::RestartInstanceRequest = recorded.request();
            let outcome = client
                .restart(&asked.instance_id, asked.restart_with_new_instance_id)
                .await;
            recorded.expect::<protobuf::RestartInstanceRequest>(&host.last(), |_| ());
            outcome.map(|id| assert_eq!(id, recorded.shown()["instanceId"], "{call}"))
        }
        "PurgeInstances" => {
            let asked: protobuf::PurgeInstancesRequest = recorded.request();
            let purged = match asked.request.unwrap() {
                Purge::InstanceId(id) if asked.recursive => client.purge_history_recursive(&id).await,
                Purge::InstanceId(id) => client.purge_history(&id).await,
                Purge::PurgeInstanceFilter(filter) => {
                    let (from, to) = (time(filter.created_time_from).unwrap(), time(filter.created_time_to));
                    client.purge_histories(from, to, statuses(&filter.runtime_status)).await
                }
                Purge::InstanceBatch(_) => unreachable!("was not recorded"),
            };
            recorded.expect::<protobuf::PurgeInstancesRequest>(&host.last(), |_| ());
            purged.map(|purged| {
                let count = recorded.shown()["deletedInstanceCount"].as_u64().unwrap_or_default();
                assert_eq!(purged.instances_deleted, count, "{call}");
            })
        }
        "QueryInstances" => list(client, host, recorded).await,
        "StreamInstanceHistory" => {
            let asked: protobuf::StreamInstanceHistoryRequest = recorded.request();
            let history = client.stream_history(&asked.instance_id).await;
            recorded.expect::<protobuf::StreamInstanceHistoryRequest>(&host.last(), |_| ());
            match history {
                Err(error) => Err(error),
                Ok(history) => {
                    let events = history.into_vec().await.unwrap();
                    let shown: Vec<_> = recorded
                        .shown
                        .iter()
                        .flat_map(|chunk| chunk["events"].as_array().unwrap())
                        .collect();
                    assert_eq!(events.len(), shown.len(), "{call}");
                    for (ours, shown) in events.iter().zip(shown) {
                        expect_event(call, ours, shown);
                    }
                    Ok(())
                }
            }
        }
        _ => entities(client, host, recorded).await,
    };
    match outcome {
        Ok(()) => assert_eq!(recorded.status, 0, "{call}"),
        Err(error) => expect_error(recorded, &error),
    }
}

async fn start(client: &OrchestrationClient, host: &GrpcHost, recorded: &Recorded) -> Result<(), Error> {
    let asked: protobuf::CreateInstanceRequest = recorded.request();
    let mut start = client
        .start_orchestration(&asked.name, raw(asked.input.as_ref()))
        .instance_id(&asked.instance_id);
    if let Some(version) = &asked.version {
        start = start.version(version);
    }
    for (name, value) in &asked.tags {
        start = start.tag(name, value);
    }
    if let Some(time) = time(asked.scheduled_start_timestamp) {
        start = start.start_at(time);
    }
    if let Some(policy) = &asked.orchestration_id_reuse_policy {
        let all = Status::ALL.into_iter().filter(|status| *status != Status::Unknown);
        let replaceable = statuses(&policy.replaceable_status);
        start = start.keep_existing(all.filter(|status| !replaceable.contains(status)));
    }
    let outcome = start.await;
    recorded.expect(&host.last(), |message: &mut protobuf::CreateInstanceRequest| {
        without_time(&mut message.request_time);
    });
    outcome.map(|id| assert_eq!(id, recorded.shown()["instanceId"], "{}", recorded.call))
}

async fn list(client: &OrchestrationClient, host: &GrpcHost, recorded: &Recorded) -> Result<(), Error> {
    let asked = recorded.request::<protobuf::QueryInstancesRequest>().query.unwrap();
    let mut query = StatusQuery::new()
        .runtime_statuses(statuses(&asked.runtime_status))
        .top(asked.max_instance_count.try_into().unwrap())
        .continuation_token(asked.continuation_token);
    if let Some(time) = time(asked.created_time_from) {
        query = query.created_from(time);
    }
    if let Some(time) = time(asked.created_time_to) {
        query = query.created_to(time);
    }
    if let Some(prefix) = asked.instance_id_prefix {
        query = query.instance_id_prefix(prefix);
    }
    if !asked.fetch_inputs_and_outputs {
        query = query.without_payloads();
    }
    let page = client.query_page(&query).await?;
    recorded.expect::<protobuf::QueryInstancesRequest>(&host.last(), |_| ());
    let shown = recorded.shown();
    assert_eq!(
        page.continuation_token.as_deref(),
        shown["continuationToken"].as_str(),
        "{}",
        recorded.call
    );
    let instances = shown["orchestrationState"].as_array().cloned().unwrap_or_default();
    assert_eq!(page.statuses.len(), instances.len(), "{}", recorded.call);
    for (ours, shown) in page.statuses.iter().zip(instances) {
        let mut shown = shown;
        if !asked.fetch_inputs_and_outputs {
            // Lists tell it even then.
            shown["customStatus"] = Value::Null;
        }
        expect_instance(&recorded.call, ours, &shown);
    }
    Ok(())
}

async fn entities(client: &OrchestrationClient, host: &GrpcHost, recorded: &Recorded) -> Result<(), Error> {
    let call = recorded.call.as_str();
    match recorded.method.as_str() {
        "SignalEntity" => {
            let asked: protobuf::SignalEntityRequest = recorded.request();
            let entity: EntityId = asked.instance_id.parse().unwrap();
            let input = raw(asked.input.as_ref());
            match time(asked.scheduled_time) {
                Some(time) => client.signal_entity_at(&entity, &asked.name, time, input).await?,
                None if asked.name == "delete" => client.delete_entity(&entity).await?,
                None => client.signal_entity(&entity, &asked.name, input).await?,
            }
            recorded.expect(&host.last(), |message: &mut protobuf::SignalEntityRequest| {
                without_time(&mut message.request_time);
                without_guid(&mut message.request_id);
            });
        }
        "GetEntity" => {
            let asked: protobuf::GetEntityRequest = recorded.request();
            let entity: EntityId = asked.instance_id.parse().unwrap();
            let found = client.get_entity(&entity, asked.include_state).await?;
            recorded.expect::<protobuf::GetEntityRequest>(&host.last(), |_| ());
            let shown = recorded.shown();
            match &found {
                Some(found) => expect_entity(call, found, &shown["entity"]),
                None => assert_eq!(shown["exists"], Value::Null, "{call}"),
            }
            if asked.include_state {
                let read = client.read_entity_state::<Value>(&entity).await?;
                recorded.expect::<protobuf::GetEntityRequest>(&host.last(), |_| ());
                assert_eq!(read.exists, found.is_some(), "{call}");
                // A text that is no state of this SDK reads as none, as an empty body does over HTTP.
                let state = payload(&shown["entity"]["serializedState"]);
                assert_eq!(
                    read.state.unwrap_or_default(),
                    if state == "" { Value::Null } else { state },
                    "{call}"
                );
            }
        }
        "QueryEntities" => {
            let asked = recorded.request::<protobuf::QueryEntitiesRequest>().query.unwrap();
            let mut query = EntityQuery::new()
                .fetch_state(asked.include_state)
                .include_transient(asked.include_transient)
                .continuation_token(asked.continuation_token);
            if let Some(prefix) = &asked.instance_id_starts_with {
                let prefix = prefix.strip_prefix('@').unwrap();
                query = match prefix.split_once('@') {
                    Some((name, key)) => query.name(name).key_prefix(key),
                    None => query.name(prefix),
                };
            }
            if let Some(size) = asked.page_size {
                query = query.top(size.try_into().unwrap());
            }
            if let Some(time) = time(asked.last_modified_from) {
                query = query.last_operation_from(time);
            }
            if let Some(time) = time(asked.last_modified_to) {
                query = query.last_operation_to(time);
            }
            let page = client.list_entities_page(&query).await?;
            recorded.expect(&host.last(), |message: &mut protobuf::QueryEntitiesRequest| {
                let prefix = &mut message.query.as_mut().unwrap().instance_id_starts_with;
                if let Some(prefix) = prefix.as_mut().filter(|prefix| prefix.matches('@').count() == 1) {
                    prefix.push('@');
                }
            });
            let shown = recorded.shown();
            assert_eq!(
                page.continuation_token.as_deref(),
                shown["continuationToken"].as_str(),
                "{call}"
            );
            let listed = shown["entities"].as_array().cloned().unwrap_or_default();
            assert_eq!(page.entities.len(), listed.len(), "{call}");
            for (ours, shown) in page.entities.iter().zip(&listed) {
                expect_entity(call, ours, shown);
            }
        }
        "CleanEntityStorage" => {
            let asked: protobuf::CleanEntityStorageRequest = recorded.request();
            assert!(asked.remove_empty_entities && asked.release_orphaned_locks);
            let done = client.clean_entity_storage().await?;
            recorded.expect::<protobuf::CleanEntityStorageRequest>(&host.last(), |_| ());
            let shown = recorded.shown();
            let number = |member: &str| shown[member].as_u64().unwrap_or_default();
            assert_eq!(done.empty_entities_removed, number("emptyEntitiesRemoved"), "{call}");
            assert_eq!(done.orphaned_locks_released, number("orphanedLocksReleased"), "{call}");
        }
        other => panic!("{call}: {other} is no call of a client"),
    }
    Ok(())
}

/// What a wait asks first: whether the instance is there.
fn waiting() -> Reply {
    crate::grpc_host::answers(&protobuf::GetInstanceResponse {
        exists: true,
        orchestration_state: Some(protobuf::OrchestrationState {
            orchestration_status: Status::Pending.code(),
            ..protobuf::OrchestrationState::default()
        }),
    })
}

#[tokio::test]
async fn every_recorded_call_of_a_client_is_made_alike_and_its_answer_understood() {
    let now: Arc<Mutex<Option<Recorded>>> = Arc::default();
    let script = now.clone();
    let (client, host) = GrpcHost::start(move |seen| {
        let recorded = script.lock().unwrap().clone().unwrap();
        match (seen.method.as_str(), recorded.method.as_str()) {
            ("GetInstance", "WaitForInstanceStart" | "WaitForInstanceCompletion") => waiting(),
            (seen, recorded) if seen != recorded => panic!("{seen} for {recorded}"),
            _ => recorded.reply(),
        }
    })
    .await;
    let recordings = recordings();
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for recorded in recordings {
        *now.lock().unwrap() = Some(recorded.clone());
        make(&client, &host, &recorded).await;
        *made.entry(recorded.method).or_default() += 1;
    }
    assert_eq!(made.values().sum::<usize>(), 330);
    assert_eq!(made.len(), 17, "{made:?}");
    let seen = host.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.path == format!("/TaskHubSidecarService/{}", seen.method))
    );
    assert!(seen.iter().all(|seen| seen.headers["durable-taskhub"] == "MyHub"));
    assert!(seen.iter().all(|seen| seen.connection == 0), "one connection for all");
}

#[tokio::test]
async fn what_the_recorded_client_did_not_send_is_not_sent_here() {
    let (client, host) = GrpcHost::start(|_| Reply::Keeps).await;
    for (name, id) in [("", "no-name"), ("NoResult", "@bad@id")] {
        let error = client.start_new(name, Some(id), ()).await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    }
    assert!(host.seen().is_empty());
}

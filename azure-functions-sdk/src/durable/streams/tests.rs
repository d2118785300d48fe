//! The rules by which workers of a stream get work, one by one.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use azure_functions_durable::protobuf::{
    ActivityFilter, ActivityRequest, ActivityResponse, EntityFilter, GetWorkItemsRequest, OrchestrationFilter,
    OrchestrationInstance, OrchestratorAction, OrchestratorRequest, OrchestratorResponse, WorkItem, WorkItemFilters,
    work_item::Request,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, Stream};
use prost::Message;

use super::{
    chunks::{Chunks, Most},
    filters::{DEFAULT_LIMIT, Filters},
    registry::{MOST_ITEMS, MOST_WORKERS},
    *,
};
use crate::durable::{clock::Clock, work::WorkKind};

fn streams() -> Arc<Streams> {
    Streams::new(Arc::new(HandClock(Mutex::new(DateTime::UNIX_EPOCH))))
}

/// What the worker has been sent and has not looked at.
fn received(items: &mut WorkItems) -> Option<WorkItem> {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(items).poll_next(&mut context) {
        Poll::Ready(Some(bytes)) => Some(WorkItem::decode(bytes).unwrap()),
        Poll::Ready(None) | Poll::Pending => None,
    }
}

fn activity(instance_id: &str, task_id: i32) -> Work {
    Work::Activity(ActivityRequest {
        name: "charge".to_owned(),
        orchestration_instance: Some(OrchestrationInstance {
            instance_id: instance_id.to_owned(),
            execution_id: None,
        }),
        task_id,
        ..ActivityRequest::default()
    })
}

fn episode(instance_id: &str) -> Work {
    let request = OrchestratorRequest {
        instance_id: instance_id.to_owned(),
        ..OrchestratorRequest::default()
    };
    Work::Orchestration {
        instance_id: instance_id.to_owned(),
        request: request.encode_to_vec(),
        past: Vec::new(),
    }
}

/// An item that runs on a worker, and what comes of it.
struct Running(Pin<Box<dyn Future<Output = Result<Answer, Lost>> + Send>>);

impl Running {
    fn begin(streams: &Arc<Streams>, kind: WorkKind, work: Work) -> Self {
        let seat = streams.reserve(kind, "charge", "", &[]).unwrap();
        let mut running = Self(Box::pin(seat.run(work)));
        assert!(running.ended().is_none());
        running
    }

    fn ended(&mut self) -> Option<Result<Answer, Lost>> {
        self.0.as_mut().now_or_never()
    }

    fn activity_result(&mut self) -> Option<String> {
        match self.ended()? {
            Ok(Answer::Activity(response)) => response.result,
            other => panic!("{other:?}"),
        }
    }
}

fn answer(token: &str, result: &str) -> ActivityResponse {
    ActivityResponse {
        completion_token: token.to_owned(),
        result: Some(result.to_owned()),
        ..ActivityResponse::default()
    }
}

fn part(token: &str, index: Option<i32>, is_partial: bool, ids: &[i32]) -> OrchestratorResponse {
    OrchestratorResponse {
        completion_token: token.to_owned(),
        chunk_index: index,
        is_partial,
        actions: ids
            .iter()
            .map(|id| OrchestratorAction {
                id: *id,
                ..OrchestratorAction::default()
            })
            .collect(),
        custom_status: index.is_none_or(|index| index == 0).then(|| "\"shown\"".to_owned()),
        ..OrchestratorResponse::default()
    }
}

#[test]
fn a_worker_has_as_many_items_of_each_kind_as_it_asks_for() {
    let streams = streams();
    let _items = streams.connect(GetWorkItemsRequest {
        max_concurrent_activity_work_items: 2,
        max_concurrent_orchestration_work_items: 1,
        ..GetWorkItemsRequest::default()
    });
    let seat = |kind| streams.reserve(kind, "charge", "", &[]);
    let first = seat(WorkKind::Activity).unwrap();
    let _second = seat(WorkKind::Activity).unwrap();
    assert_eq!(seat(WorkKind::Activity).unwrap_err(), Unseated::Full);
    let _episode = seat(WorkKind::Orchestration).unwrap();
    assert_eq!(seat(WorkKind::Orchestration).unwrap_err(), Unseated::Full);
    drop(first);
    let _third = seat(WorkKind::Activity).unwrap();
    assert_eq!(seat(WorkKind::Activity).unwrap_err(), Unseated::Full);
    // One that names no limit for them, as workers without entities do.
    let entities: Vec<_> = std::iter::from_fn(|| seat(WorkKind::Entity).ok()).collect();
    assert_eq!(entities.len(), DEFAULT_LIMIT);
}

#[test]
fn the_worker_with_the_most_room_gets_the_next_item() {
    let streams = streams();
    let connect = |limit| {
        streams.connect(GetWorkItemsRequest {
            max_concurrent_activity_work_items: limit,
            ..GetWorkItemsRequest::default()
        })
    };
    let (mut small, mut large) = (connect(1).unwrap(), connect(3).unwrap());
    let mut running = Vec::new();
    for task in 0..4 {
        running.push(Running::begin(&streams, WorkKind::Activity, activity("i", task)));
    }
    let count = |items: &mut WorkItems| std::iter::from_fn(|| received(items)).count();
    assert_eq!((count(&mut small), count(&mut large)), (1, 3));
}

fn filters(work_item_filters: Option<WorkItemFilters>) -> Filters {
    Filters::new(GetWorkItemsRequest {
        work_item_filters,
        ..GetWorkItemsRequest::default()
    })
}

#[test]
fn a_limit_of_zero_beside_others_is_none_of_that_kind_and_no_limits_at_all_say_nothing() {
    use WorkKind::{Activity, Entity, Orchestration};
    let limits = |orchestrations, activities, entities| {
        let filters = Filters::new(GetWorkItemsRequest {
            max_concurrent_orchestration_work_items: orchestrations,
            max_concurrent_activity_work_items: activities,
            max_concurrent_entity_work_items: entities,
            ..GetWorkItemsRequest::default()
        });
        [Orchestration, Activity, Entity].map(|kind| {
            assert_eq!(filters.take(kind, "any", ""), filters.limit(kind) > 0);
            filters.limit(kind)
        })
    };
    // As a worker of JavaScript asks, of Python, and of .NET.
    assert_eq!(limits(0, 0, 0), [DEFAULT_LIMIT; 3]);
    assert_eq!(limits(2, 3, 0), [2, 3, DEFAULT_LIMIT]);
    assert_eq!(limits(2, 3, 4), [2, 3, 4]);
    assert_eq!(limits(0, 3, 4), [0, 3, 4]);
    assert_eq!(limits(2, 0, 4), [2, 0, 4]);
    assert_eq!(limits(-1, 0, 0), [DEFAULT_LIMIT; 3]);
}

#[test]
fn what_a_worker_takes_is_told_to_people() {
    let takes = |request| Filters::new(request).to_string();
    assert_eq!(
        takes(GetWorkItemsRequest::default()),
        "all orchestrations (100 at a time), all activities (100 at a time), all entities (100 at a time)"
    );
    let activity = |number: i32| ActivityFilter {
        name: format!("a{number:02}"),
        versions: Vec::new(),
    };
    let some = GetWorkItemsRequest {
        max_concurrent_orchestration_work_items: 1,
        max_concurrent_activity_work_items: 5,
        work_item_filters: Some(WorkItemFilters {
            orchestrations: vec![OrchestrationFilter {
                name: "Order".to_owned(),
                versions: vec!["1.0".to_owned(), "2.0".to_owned()],
            }],
            activities: (0..12).map(activity).collect(),
            entities: Vec::new(),
        }),
        ..GetWorkItemsRequest::default()
    };
    assert_eq!(
        takes(some),
        "the orchestrations 'order' of version 1.0 or 2.0 (1 at a time), the activities 'a00', 'a01', 'a02', 'a03', 'a04', 'a05', \
         'a06', 'a07', 'a08', 'a09' and 2 more (5 at a time), no entities"
    );
}

#[test]
fn the_line_about_a_worker_is_short_whatever_it_takes() {
    let line = |activities: Vec<ActivityFilter>| {
        let request = GetWorkItemsRequest {
            work_item_filters: Some(WorkItemFilters {
                activities,
                ..WorkItemFilters::default()
            }),
            ..GetWorkItemsRequest::default()
        };
        Filters::new(request).to_string()
    };
    let versions: Vec<_> = (0..10_000).map(|version| format!("v{:04}", version % 5_000)).collect();
    let one = line(vec![ActivityFilter {
        name: "n".repeat(50_000),
        versions: versions.clone(),
    }]);
    assert!(one.len() < 1_000, "{one}");
    assert!(one.contains("nnn…' of version v0000 or v0001 or v0002"), "{one}");
    // Each version is kept once.
    assert!(one.contains("v0002 and 4997 more (100 at a time)"), "{one}");
    let many = line(
        (0..1_000)
            .map(|number| ActivityFilter {
                name: format!("{number}{}", "n".repeat(50_000)),
                versions: versions.iter().map(|version| version.repeat(50_000)).take(5).collect(),
            })
            .collect(),
    );
    assert!(many.len() < 10_000, "{}", many.len());
}

#[test]
fn no_more_items_run_on_workers_than_a_hub_has_room_for() {
    let streams = streams();
    let _worker = streams.connect(GetWorkItemsRequest {
        max_concurrent_activity_work_items: i32::MAX,
        ..GetWorkItemsRequest::default()
    });
    let seat = || streams.reserve(WorkKind::Activity, "charge", "", &[]);
    let mut seats: Vec<_> = (0..MOST_ITEMS).map(|_| seat().unwrap()).collect();
    assert_eq!(seat().unwrap_err(), Unseated::Full);
    assert!(streams.is_full(WorkKind::Activity));
    seats.pop();
    assert!(!streams.is_full(WorkKind::Activity));
    seat().unwrap();
}

#[test]
fn a_hub_takes_so_many_workers_and_no_more() {
    let streams = streams();
    let connect = || streams.connect(GetWorkItemsRequest::default());
    let mut workers: Vec<_> = (0..MOST_WORKERS).map(|_| connect().unwrap()).collect();
    assert_eq!(connect().unwrap_err(), Unconnected::TooMany);
    workers.pop();
    connect().unwrap();
}

#[test]
fn a_kind_is_full_when_all_workers_that_take_it_have_no_room() {
    let streams = streams();
    assert!(!streams.is_full(WorkKind::Activity), "there is no worker");
    let connect = |activities| {
        streams.connect(GetWorkItemsRequest {
            max_concurrent_orchestration_work_items: 1,
            max_concurrent_activity_work_items: activities,
            ..GetWorkItemsRequest::default()
        })
    };
    let _none = connect(0).unwrap();
    let _one = connect(1).unwrap();
    assert!(!streams.is_full(WorkKind::Activity));
    let _seat = streams.reserve(WorkKind::Activity, "charge", "", &[]).unwrap();
    assert!(streams.is_full(WorkKind::Activity));
    assert!(!streams.is_full(WorkKind::Orchestration));
    let _more = connect(1).unwrap();
    assert!(!streams.is_full(WorkKind::Activity));
}

#[test]
fn filters_are_of_a_kind_a_name_in_any_case_and_versions_and_no_filter_takes_everything() {
    use WorkKind::{Activity, Entity, Orchestration};
    let filters = filters(Some(WorkItemFilters {
        orchestrations: vec![
            OrchestrationFilter {
                name: "Order".to_owned(),
                versions: vec!["1.0".to_owned(), String::new()],
            },
            OrchestrationFilter {
                name: "order".to_owned(),
                versions: vec!["2.0".to_owned()],
            },
        ],
        activities: vec![ActivityFilter {
            name: "charge".to_owned(),
            versions: Vec::new(),
        }],
        entities: vec![EntityFilter {
            name: "cart".to_owned(),
        }],
    }));
    for (kind, name, version, taken) in [
        (Orchestration, "order", "1.0", true),
        (Orchestration, "order", "2.0", true),
        (Orchestration, "order", "", true),
        (Orchestration, "order", "3.0", false),
        (Orchestration, "charge", "", false),
        (Activity, "charge", "", true),
        (Activity, "charge", "3.0", true),
        (Activity, "order", "1.0", false),
        (Entity, "cart", "", true),
        (Entity, "charge", "", false),
    ] {
        assert_eq!(filters.take(kind, name, version), taken, "{kind:?} {name} {version}");
    }
    for everything in [None, Some(WorkItemFilters::default())] {
        assert!(tests::filters(everything).take(Entity, "any", "9"));
    }
}

#[test]
fn names_that_no_worker_takes_are_told_from_those_whose_workers_are_busy() {
    let streams = streams();
    assert_eq!(
        streams.reserve(WorkKind::Activity, "charge", "", &[]).unwrap_err(),
        Unseated::NoWorker
    );
    let _items = streams.connect(GetWorkItemsRequest {
        max_concurrent_activity_work_items: 1,
        work_item_filters: Some(WorkItemFilters {
            activities: vec![ActivityFilter {
                name: "Charge".to_owned(),
                versions: Vec::new(),
            }],
            ..WorkItemFilters::default()
        }),
        ..GetWorkItemsRequest::default()
    });
    let _seat = streams.reserve(WorkKind::Activity, "charge", "", &[]).unwrap();
    let reserve = |name| streams.reserve(WorkKind::Activity, name, "", &[]).unwrap_err();
    assert_eq!(
        (reserve("charge"), reserve("ship")),
        (Unseated::Full, Unseated::NoWorker)
    );
}

#[test]
fn an_answer_counts_once_and_one_for_nothing_that_is_open_not_at_all() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let mut running = Running::begin(&streams, WorkKind::Activity, activity("i", 1));
    let token = received(&mut items).unwrap().completion_token;
    streams.complete_activity(answer("no such token", "0"));
    // The token of an activity ends no episode.
    streams
        .complete_orchestrator(part(&token, None, false, &[]), 0)
        .unwrap();
    assert!(running.ended().is_none());
    streams.complete_activity(answer(&token, "1"));
    streams.complete_activity(answer(&token, "2"));
    assert_eq!(running.activity_result().as_deref(), Some("1"));
    streams.complete_activity(answer(&token, "3"));
}

#[test]
fn tokens_are_of_one_item_and_cannot_be_guessed() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let running: Vec<_> = (0..3)
        .map(|_| Running::begin(&streams, WorkKind::Activity, activity("i", 1)))
        .collect();
    let mut tokens: Vec<_> = std::iter::from_fn(|| received(&mut items))
        .map(|item| item.completion_token)
        .collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), running.len());
    assert!(tokens.iter().all(|token| token.len() == 32), "{tokens:?}");
}

#[test]
fn an_answer_without_a_token_ends_no_item_whatever_it_names() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let mut task = Running::begin(&streams, WorkKind::Activity, activity("i", 1));
    let mut turn = Running::begin(&streams, WorkKind::Orchestration, episode("i"));
    streams.complete_activity(ActivityResponse {
        instance_id: "i".to_owned(),
        task_id: 1,
        ..answer("", "late")
    });
    let response = OrchestratorResponse {
        instance_id: "i".to_owned(),
        ..part("", None, false, &[7])
    };
    streams.complete_orchestrator(response, 1).unwrap();
    assert!(task.ended().is_none() && turn.ended().is_none());
    assert_eq!(std::iter::from_fn(|| received(&mut items)).count(), 2);
}

#[test]
fn the_past_of_an_instance_is_that_of_its_open_episode() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let of = |past: &'static [u8]| Work::Orchestration {
        instance_id: "i".to_owned(),
        request: Vec::new(),
        past: vec![past.into()],
    };
    assert_eq!(streams.past("i"), None);
    let _first = Running::begin(&streams, WorkKind::Orchestration, of(b"one"));
    let token = received(&mut items).unwrap().completion_token;
    assert_eq!(streams.past("i").unwrap(), [&b"one"[..]]);
    streams
        .complete_orchestrator(part(&token, None, false, &[]), 0)
        .unwrap();
    assert_eq!(streams.past("i"), None);
    let _second = Running::begin(&streams, WorkKind::Orchestration, of(b"two"));
    streams.abandon(&token);
    assert_eq!(streams.past("i").unwrap(), [&b"two"[..]]);
    drop(items);
    assert_eq!(streams.past("i"), None);
}

#[test]
fn the_request_of_an_episode_stands_in_its_item_as_it_is() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let _running = Running::begin(&streams, WorkKind::Orchestration, episode("order-1"));
    match received(&mut items).unwrap().request {
        Some(Request::OrchestratorRequest(request)) => assert_eq!(request.instance_id, "order-1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_item_that_is_abandoned_is_lost_and_its_seat_is_free() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let mut running = Running::begin(&streams, WorkKind::Activity, activity("i", 1));
    let token = received(&mut items).unwrap().completion_token;
    assert!(streams.freed().now_or_never().is_some(), "a worker has connected");
    streams.abandon("no such token");
    streams.abandon("");
    assert!(running.ended().is_none());
    streams.abandon(&token);
    assert_eq!(running.ended().unwrap().unwrap_err(), Lost::Abandoned(1));
    assert!(streams.freed().now_or_never().is_some());
    // What it says later comes to nothing.
    streams.complete_activity(answer(&token, "late"));
}

#[test]
fn a_stream_that_ends_loses_its_items_and_no_others() {
    let streams = streams();
    let connect = || {
        streams.connect(GetWorkItemsRequest {
            max_concurrent_orchestration_work_items: 1,
            max_concurrent_activity_work_items: 1,
            ..GetWorkItemsRequest::default()
        })
    };
    let (mut first, mut second) = (connect().unwrap(), connect().unwrap());
    let mut running = [1, 2].map(|task| Running::begin(&streams, WorkKind::Activity, activity("i", task)));
    let lost = received(&mut first).unwrap();
    let kept = received(&mut second).unwrap();
    let waiting = streams.reserve(WorkKind::Orchestration, "charge", "", &[]).unwrap();
    drop(first);
    let task = |item: &WorkItem| match &item.request {
        Some(Request::ActivityRequest(request)) => request.task_id,
        other => panic!("{other:?}"),
    };
    let of = |item: &WorkItem| usize::try_from(task(item) - 1).unwrap();
    assert_eq!(running[of(&lost)].ended().unwrap().unwrap_err(), Lost::Gone(1));
    assert!(running[of(&kept)].ended().is_none());
    // Its answer comes to nothing, on whatever connection.
    streams.complete_activity(answer(&lost.completion_token, "late"));
    drop(second);
    assert_eq!(running[of(&kept)].ended().unwrap().unwrap_err(), Lost::Gone(2));
    // A seat on a worker that has gone since.
    let ended = waiting.run(episode("i")).now_or_never().unwrap();
    assert_eq!(ended.unwrap_err(), Lost::Unserved);
    assert_eq!(
        streams.reserve(WorkKind::Activity, "charge", "", &[]).unwrap_err(),
        Unseated::NoWorker
    );
}

#[test]
fn an_answer_in_parts_counts_with_its_last_part_and_each_part_once() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let mut running = Running::begin(&streams, WorkKind::Orchestration, episode("i"));
    let token = received(&mut items).unwrap().completion_token;
    let send = |index, is_partial, ids: &[i32]| {
        streams.complete_orchestrator(part(&token, Some(index), is_partial, ids), ids.len())
    };
    send(0, true, &[0, 1]).unwrap();
    send(0, true, &[0, 1]).unwrap();
    assert!(send(2, true, &[9]).is_err(), "a part is missing");
    send(1, true, &[2]).unwrap();
    assert!(running.ended().is_none());
    send(2, false, &[3]).unwrap();
    let Some(Ok(Answer::Orchestration(response))) = running.ended() else {
        panic!();
    };
    let ids: Vec<_> = response.actions.iter().map(|action| action.id).collect();
    assert_eq!(ids, [0, 1, 2, 3]);
    assert_eq!(response.custom_status.as_deref(), Some("\"shown\""));
    // Its answer was lost.
    send(2, false, &[3]).unwrap();
}

/// The item ends with the last part, so it is none that comes once more.
#[test]
fn a_last_part_with_a_number_that_is_not_its_own_is_refused() {
    let streams = streams();
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let mut running = Running::begin(&streams, WorkKind::Orchestration, episode("i"));
    let token = received(&mut items).unwrap().completion_token;
    let send = |index, is_partial| streams.complete_orchestrator(part(&token, Some(index), is_partial, &[]), 0);
    assert!(send(-1, false).is_err());
    send(0, true).unwrap();
    assert!(send(0, false).is_err());
    assert!(running.ended().is_none());
    send(1, false).unwrap();
    assert!(matches!(running.ended(), Some(Ok(Answer::Orchestration(_)))));
}

#[test]
fn the_parts_of_an_answer_are_limited_together() {
    let mut chunks = Chunks::default();
    let of = |index| {
        let mut part = part("t", Some(index), true, &[index]);
        part.instance_id = "x".repeat(400);
        part
    };
    let most = Most {
        bytes: 1_000,
        entries: 10,
    };
    assert!(matches!(chunks.add(of(0), 1, &most), Ok(None)));
    assert!(matches!(chunks.add(of(1), 1, &most), Ok(None)));
    let Ok(Some(Err(Lost::Unusable(text)))) = chunks.add(of(2), 1, &most) else {
        panic!();
    };
    assert_eq!(text, "its answer has more than 1000 bytes");

    let mut chunks = Chunks::default();
    let of = |index| part("t", Some(index), true, &[0]);
    assert!(matches!(chunks.add(of(0), 6, &most), Ok(None)));
    let Ok(Some(Err(Lost::Unusable(text)))) = chunks.add(of(1), 6, &most) else {
        panic!();
    };
    assert_eq!(text, "its answer has more than 10 entries");
}

#[test]
fn a_hub_that_closes_ends_all_streams_and_takes_no_more_workers() {
    let streams = streams();
    let items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    let mut running = Running::begin(&streams, WorkKind::Activity, activity("i", 1));
    let mut items = Box::pin(items);
    streams.close();
    assert_eq!(running.ended().unwrap().unwrap_err(), Lost::Unserved);
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(items.as_mut().poll_next(&mut context), Poll::Ready(Some(_))));
    assert!(matches!(items.as_mut().poll_next(&mut context), Poll::Ready(None)));
    assert_eq!(
        streams.connect(GetWorkItemsRequest::default()).unwrap_err(),
        Unconnected::Closed
    );
}

/// A time that is set.
#[derive(Debug)]
struct HandClock(Mutex<DateTime<Utc>>);

impl HandClock {
    fn pass(&self, span: TimeDelta) {
        *self.0.lock().unwrap() += span;
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // Sleeps may end early: here with the second look.
        match due > self.now() {
            true => Box::pin(std::future::poll_fn({
                let mut looked = false;
                move |_| match std::mem::replace(&mut looked, true) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })),
            false => Box::pin(std::future::ready(())),
        }
    }
}

#[test]
fn a_stream_says_that_it_is_alive_every_thirty_seconds() {
    let clock = Arc::new(HandClock(Mutex::new(DateTime::UNIX_EPOCH)));
    let streams = Streams::new(clock.clone());
    let mut items = streams.connect(GetWorkItemsRequest::default()).unwrap();
    for _ in 0..3 {
        assert!(received(&mut items).is_none());
        clock.pass(TimeDelta::seconds(29));
        assert!(received(&mut items).is_none());
        clock.pass(TimeDelta::seconds(1));
        let ping = std::iter::from_fn(|| received(&mut items)).next().unwrap();
        assert!(matches!(ping.request, Some(Request::HealthPing(_))), "{ping:?}");
        assert_eq!(ping.completion_token, "");
    }
}

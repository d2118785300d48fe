//! What the official .NET worker and client said to other servers, played again by a scripted worker and client: our hub gives
//! equivalent work items and answers.
//!
//! `tests/recorded/self_hosted.txt` has the calls of each scenario in their order on the wire, and says which are left out, and why. What the worker and the client sent is
//! sent as it was, but for tokens and for the ids that a hub makes. The clock is that of the recording. A hub may divide the events of
//! an instance into other turns: a turn that the recording does not have is answered with nothing, as that worker would.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use azure_functions_durable::protobuf::{
    AbandonActivityTaskRequest, AbandonEntityTaskRequest, AbandonOrchestrationTaskRequest, EntityBatchResult,
    GetEntityRequest, GetEntityResponse, HistoryChunk, HistoryEvent, ListInstanceIdsRequest, ListInstanceIdsResponse,
    PurgeInstancesResponse, QueryEntitiesRequest, QueryEntitiesResponse, QueryInstancesRequest, QueryInstancesResponse,
    RestartInstanceResponse, SignalEntityRequest, TaskFailureDetails,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use chrono::DateTime;
use prost_types::Timestamp;
use tokio::task::JoinHandle;

use super::*;
use crate::durable::engine::event::SOURCE_INSTANCE_TAG;

struct Line<'a> {
    call: &'a str,
    method: &'a str,
    /// `>` a request, `<` an answer, `!` an end with an error, `x` an end by the caller.
    way: &'a str,
    message: Vec<u8>,
}

fn scenarios(text: &str) -> impl Iterator<Item = (&str, Vec<Line<'_>>)> {
    text.split("# ").skip(1).map(|scenario| {
        let (name, lines) = scenario.split_once('\n').unwrap();
        let lines = lines.lines().filter(|line| !line.is_empty()).map(|line| {
            let mut fields = line.split(' ');
            let mut field = || fields.next().unwrap();
            Line {
                call: field(),
                method: field(),
                way: field(),
                message: match fields.next() {
                    Some(text) => BASE64_STANDARD.decode(text).unwrap_or_default(),
                    None => Vec::new(),
                },
            }
        });
        (name, lines.collect())
    })
}

type Answer = Result<Vec<Bytes>, crate::durable::grpc::Refused>;

struct Player {
    hub: Arc<TaskHub>,
    clock: Arc<Manual>,
    workers: BTreeMap<String, WorkItems>,
    /// Items that came before the recording has them.
    early: Vec<(String, Work)>,
    tokens: HashMap<String, String>,
    /// Ids that a hub made, there and here: 32 digits each.
    ids: Vec<(String, String)>,
    /// New events of each execution of the recording, there and here.
    heard: HashMap<String, (Vec<String>, Vec<String>)>,
    requests: HashMap<String, Vec<u8>>,
    waits: HashMap<String, JoinHandle<Answer>>,
    answers: HashMap<String, Answer>,
    /// Tokens of pages, there and here.
    pages: HashMap<String, String>,
    /// When signals are due. Their items in the recording tell only when they were sent.
    scheduled: Vec<Timestamp>,
    /// Instances that the hub here has ended without their worker.
    terminated: Vec<String>,
}

impl Player {
    async fn play(&mut self, lines: &[Line<'_>]) -> Result<(), String> {
        for (number, line) in lines.iter().enumerate() {
            let result = match (line.method, line.way) {
                ("GetWorkItems", ">") => {
                    let request = GetWorkItemsRequest::decode(line.message.as_slice()).unwrap();
                    self.workers.insert(line.call.to_owned(), connect(&self.hub, &request));
                    Ok(())
                }
                ("GetWorkItems", "<") => self.item(line).await,
                ("GetWorkItems", _) => {
                    self.workers.remove(line.call);
                    Ok(())
                }
                (_, ">") => self.request(line).await,
                (_, "<") => self.answer(line).await,
                (_, "!") => match self
                    .ended(line)
                    .await
                    .map_err(|problem| format!("line {number}: {problem}"))?
                {
                    Err(_) => Ok(()),
                    Ok(_) => Err("an error is expected".to_owned()),
                },
                _ => {
                    if let Some(wait) = self.waits.remove(line.call) {
                        wait.abort();
                    }
                    Ok(())
                }
            };
            result.map_err(|problem| format!("line {number}, {} {}: {problem}", line.call, line.method))?;
        }
        Ok(())
    }

    /// The bytes with the ids that the hub here has made.
    fn own_ids(&self, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_owned();
        for (there, here) in &self.ids {
            let places: Vec<_> = message
                .windows(there.len())
                .enumerate()
                .filter(|(_, window)| *window == there.as_bytes())
                .map(|(place, _)| place)
                .collect();
            for place in places {
                message[place..place + here.len()].copy_from_slice(here.as_bytes());
            }
        }
        message
    }

    fn has_token(&mut self, there: String, here: String) {
        self.tokens.insert(there, here);
    }

    fn own_subject(&self, work: &Work) -> String {
        String::from_utf8(self.own_ids(subject(work).as_bytes())).unwrap()
    }

    fn own_page(&self, token: String) -> String {
        self.pages.get(&token).cloned().unwrap_or(token)
    }

    /// A millisecond more, as times are rounded up here.
    fn pass_until(&self, time: Option<&Timestamp>) {
        if let Some(time) = time {
            let time = DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap()).unwrap();
            let mut now = self.clock.now.lock().unwrap();
            *now = (time + TimeDelta::milliseconds(1)).max(*now);
        }
    }

    /// Some servers of the recordings give no tokens, which the worker then gives back as none: they stand for what they were for.
    fn own_token(&self, token: &mut String, subject: String) {
        if token.is_empty() {
            *token = subject;
        }
        if let Some(own) = self.tokens.get(token) {
            own.clone_into(token);
        }
    }

    async fn request(&mut self, line: &Line<'_>) -> Result<(), String> {
        let mut message = self.own_ids(&line.message);
        if line.method == "QueryEntities" {
            let mut request = QueryEntitiesRequest::decode(message.as_slice()).unwrap();
            if let Some(query) = &mut request.query {
                query.continuation_token = query.continuation_token.take().map(|token| self.own_page(token));
            }
            message = request.encode_to_vec();
        }
        self.requests.insert(line.call.to_owned(), message.clone());
        let mut abandons = false;
        macro_rules! with_token {
            ($message:ty) => {
                with_token!($message, |_| String::new())
            };
            ($message:ty, $subject:expr) => {{
                let mut message = <$message>::decode(message.as_slice()).unwrap();
                let subject: fn(&$message) -> String = $subject;
                let subject = subject(&message);
                self.own_token(&mut message.completion_token, subject);
                message.encode_to_vec()
            }};
        }
        let message = match line.method {
            "CompleteOrchestratorTask" => {
                let response = OrchestratorResponse::decode(message.as_slice()).unwrap();
                if let Some(place) = self.terminated.iter().position(|id| *id == response.instance_id) {
                    self.terminated.remove(place);
                    self.answers.insert(line.call.to_owned(), Ok(vec![Bytes::new()]));
                    return Ok(());
                }
                with_token!(OrchestratorResponse, |answer| format!(
                    "orchestration {}",
                    answer.instance_id
                ))
            }
            "SignalEntity" => {
                let request = SignalEntityRequest::decode(message.as_slice()).unwrap();
                self.pass_until(request.request_time.as_ref());
                self.scheduled.extend(request.scheduled_time);
                message
            }
            "StartInstance" => {
                let request = CreateInstanceRequest::decode(message.as_slice()).unwrap();
                self.pass_until(request.request_time.as_ref());
                message
            }
            "ListInstanceIds" => {
                let mut request = ListInstanceIdsRequest::decode(message.as_slice()).unwrap();
                request.last_instance_key = request.last_instance_key.map(|key| self.own_page(key));
                request.encode_to_vec()
            }
            "QueryInstances" => {
                let mut request = QueryInstancesRequest::decode(message.as_slice()).unwrap();
                if let Some(query) = &mut request.query {
                    query.continuation_token = query.continuation_token.take().map(|token| self.own_page(token));
                }
                request.encode_to_vec()
            }
            "CompleteActivityTask" => with_token!(ActivityResponse, |answer| format!(
                "activity {} {}",
                answer.instance_id, answer.task_id
            )),
            "CompleteEntityTask" => with_token!(EntityBatchResult),
            "AbandonTaskOrchestratorWorkItem" => {
                abandons = true;
                with_token!(AbandonOrchestrationTaskRequest)
            }
            "AbandonTaskActivityWorkItem" => with_token!(AbandonActivityTaskRequest),
            "AbandonTaskEntityWorkItem" => with_token!(AbandonEntityTaskRequest),
            _ => message,
        };
        let (hub, method) = (Arc::clone(&self.hub), line.method.to_owned());
        let call = async move { hub.call(Caller::Sdk, &method, message.into()).await };
        if line.method.starts_with("WaitFor") {
            self.waits.insert(line.call.to_owned(), tokio::spawn(call));
            return Ok(());
        }
        let answer = call.await;
        self.answers.insert(line.call.to_owned(), answer);
        if abandons {
            eventually("it is given back", async || self.hub.running() == (0, 0)).await;
            *self.clock.now.lock().unwrap() += TimeDelta::seconds(6);
        }
        Ok(())
    }

    async fn ended(&mut self, line: &Line<'_>) -> Result<Answer, String> {
        if let Some(wait) = self.waits.remove(line.call) {
            let ended = timeout(Duration::from_secs(3), wait).await;
            return Ok(ended.map_err(|_| "the wait does not end".to_owned())?.unwrap());
        }
        Ok(match self.answers.remove(line.call) {
            Some(answer) => answer,
            // What only looks is asked again until it answers so.
            None => {
                let request = self.requests[line.call].clone();
                self.hub.call(Caller::Sdk, line.method, request.into()).await
            }
        })
    }

    async fn answer(&mut self, line: &Line<'_>) -> Result<(), String> {
        let there = self.own_ids(&line.message);
        let request = self.requests.get(line.call).cloned().unwrap_or_default();
        let end = tokio::time::Instant::now() + Duration::from_secs(2);
        loop {
            let answer = self.ended(line).await?;
            let answer = answer.map_err(|refused| format!("refused: {refused}"))?;
            if line.method == "RestartInstance" {
                let there = RestartInstanceResponse::decode(there.as_slice()).unwrap().instance_id;
                let here = RestartInstanceResponse::decode(answer[0].clone()).unwrap().instance_id;
                if there != here {
                    self.ids.push((there, here));
                }
                return Ok(());
            }
            self.pages.extend(page_tokens(line.method, &there, &answer));
            let (there, here) = shown_answers(line.method, &request, &there, &answer);
            if there == here {
                return Ok(());
            }
            let asks_again = matches!(line.method, "GetInstance" | "GetEntity" | "QueryEntities");
            if !asks_again || tokio::time::Instant::now() > end {
                return Err(format!("\n there: {there}\n here:  {here}"));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn item(&mut self, line: &Line<'_>) -> Result<(), String> {
        let there = WorkItem::decode(line.message.as_slice()).unwrap();
        let (mut token, there) = (there.completion_token, there.request.unwrap());
        if token.is_empty() {
            token = self.own_subject(&there);
        }
        if matches!(there, Work::HealthPing(_)) {
            return Ok(());
        }
        if let Work::OrchestratorRequest(request) = &there
            && request
                .new_events
                .iter()
                .any(|event| matches!(event.event_type, Some(EventType::ExecutionTerminated(_))))
        {
            self.terminated.push(request.instance_id.clone());
            return Ok(());
        }
        for time in times(&there).into_iter().chain(&self.scheduled) {
            self.pass_until(Some(time));
        }
        loop {
            let (own, here) = self.receive(&there).await?;
            let (Work::OrchestratorRequest(there), Work::OrchestratorRequest(here)) = (&there, &here) else {
                let (there, here) = (shown_item(&there), shown_item(&here));
                if there != here {
                    return Err(format!("\n there: {there}\n here:  {here}"));
                }
                self.has_token(token, own);
                return Ok(());
            };
            let (id, own_id) = (
                there.execution_id.clone().unwrap_or_default(),
                here.execution_id.clone().unwrap_or_default(),
            );
            if id.len() == own_id.len() && !self.ids.iter().any(|(known, _)| *known == id) {
                self.ids.push((id.clone(), own_id.clone()));
            }
            let there: Vec<String> = there.new_events.iter().filter_map(|event| self.shown(event)).collect();
            let (all, own_all) = self.heard.entry(id).or_default();
            own_all.extend(here.new_events.iter().filter_map(shown_event));
            let expected: Vec<String> = all.iter().cloned().chain(there).collect();
            let is_part = is_part(own_all, &expected);
            if is_part && expected.len() == own_all.len() {
                *all = expected;
                self.has_token(token, own);
                return Ok(());
            }
            if !is_part {
                return Err(format!("\n there: {expected:#?}\n here:  {own_all:#?}"));
            }
            // Its worker waits on.
            let nothing = OrchestratorResponse {
                completion_token: own,
                ..OrchestratorResponse::default()
            };
            ask::<()>(&self.hub, "CompleteOrchestratorTask", &nothing).await;
        }
    }

    /// An event of the recording, with the ids that the hub here has made.
    fn shown(&self, event: &HistoryEvent) -> Option<String> {
        let event = self.own_ids(&event.encode_to_vec());
        shown_event(&HistoryEvent::decode(event.as_slice()).unwrap())
    }

    /// The item of the hub for the same work.
    async fn receive(&mut self, like: &Work) -> Result<(String, Work), String> {
        let end = tokio::time::Instant::now() + Duration::from_secs(2);
        let wanted = self.own_subject(like);
        loop {
            if let Some(place) = self.early.iter().position(|(_, work)| subject(work) == wanted) {
                return Ok(self.early.remove(place));
            }
            let mut came = false;
            for items in self.workers.values_mut() {
                while let Some(Some(item)) = items.next().now_or_never() {
                    let item = WorkItem::decode(item).unwrap();
                    came = true;
                    self.early.push((item.completion_token, item.request.unwrap()));
                }
            }
            if !came {
                if tokio::time::Instant::now() > end {
                    let early: Vec<_> = self.early.iter().map(|(_, work)| subject(work)).collect();
                    return Err(format!("no item for {wanted}, but {early:?}"));
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// The time of the recording that has come when it has this item.
fn times(work: &Work) -> Option<&Timestamp> {
    let first = match work {
        Work::OrchestratorRequest(request) => request.new_events.first(),
        Work::EntityRequestV2(request) => request.operation_requests.first(),
        _ => None,
    };
    first?.timestamp.as_ref()
}

/// Whether all of these are among those, in whatever order: results of what ran at once may come in another one.
fn is_part(some: &[String], all: &[String]) -> bool {
    let mut left: Vec<_> = all.iter().collect();
    some.iter().all(|one| {
        let place = left.iter().position(|other| *other == one);
        place.map(|place| left.remove(place)).is_some()
    })
}

/// The token of the next page, there and here.
fn page_tokens(method: &str, there: &[u8], here: &[Bytes]) -> Option<(String, String)> {
    let here = here.first()?.clone();
    match method {
        "ListInstanceIds" => ListInstanceIdsResponse::decode(there)
            .unwrap()
            .last_instance_key
            .zip(ListInstanceIdsResponse::decode(here).unwrap().last_instance_key),
        "QueryInstances" => QueryInstancesResponse::decode(there)
            .unwrap()
            .continuation_token
            .zip(QueryInstancesResponse::decode(here).unwrap().continuation_token),
        "QueryEntities" => QueryEntitiesResponse::decode(there)
            .unwrap()
            .continuation_token
            .zip(QueryEntitiesResponse::decode(here).unwrap().continuation_token),
        _ => None,
    }
}

fn subject(work: &Work) -> String {
    match work {
        Work::OrchestratorRequest(request) => format!("orchestration {}", request.instance_id),
        Work::ActivityRequest(request) => {
            let instance = request.orchestration_instance.as_ref().unwrap();
            format!("activity {} {}", instance.instance_id, request.task_id)
        }
        Work::EntityRequestV2(request) => format!("entity {}", request.instance_id),
        Work::EntityRequest(request) => format!("entity {}", request.instance_id),
        Work::HealthPing(_) => "ping".to_owned(),
    }
}

/// No version is the empty one, too.
fn version(version: Option<&str>) -> &str {
    version.unwrap_or_default()
}

fn shown_event(event: &HistoryEvent) -> Option<String> {
    let kind = event.event_type.clone()?;
    Some(match kind {
        EventType::OrchestratorStarted(_) | EventType::OrchestratorCompleted(_) => return None,
        EventType::ExecutionStarted(started) => {
            let parent = started.parent_instance.map(|parent| {
                let instance = parent.orchestration_instance.unwrap();
                (parent.task_scheduled_id, parent.name, instance.instance_id)
            });
            // The extension names an entity as the parent of what it started, and marks that and restarts by tags; so does the hub.
            let parent = parent.filter(|(_, _, id)| !id.starts_with('@'));
            let mut tags = BTreeMap::from_iter(started.tags);
            tags.retain(|name, _| name != "FireAndForget" && name != SOURCE_INSTANCE_TAG);
            let version = version(started.version.as_deref()).to_owned();
            format!(
                "started {} {version} {:?} {parent:?} {tags:?}",
                started.name, started.input
            )
        }
        // The reference server has the input there, too.
        EventType::TaskScheduled(task) => format!("scheduled {} {}", event.event_id, task.name),
        EventType::SubOrchestrationInstanceCreated(child) => {
            format!("created {} {} {}", event.event_id, child.name, child.instance_id)
        }
        EventType::ExecutionCompleted(end) => {
            format!("completed {} {:?}", end.orchestration_status, end.failure_details)
        }
        // In words of their own, or in none.
        EventType::SubOrchestrationInstanceFailed(failed)
            if failed
                .failure_details
                .as_ref()
                .is_none_or(|details| details.error_type.ends_with("Terminated")) =>
        {
            format!("terminated {}", failed.task_scheduled_id)
        }
        // No reason is the empty one, too.
        EventType::ExecutionSuspended(suspended) => format!("suspended {:?}", suspended.input.unwrap_or_default()),
        EventType::ExecutionResumed(resumed) => format!("resumed {:?}", resumed.input.unwrap_or_default()),
        // Workers read the details only.
        EventType::EventRaised(raised)
            if raised
                .input
                .as_ref()
                .is_some_and(|input| input.contains("failureDetails")) =>
        {
            format!("failure for {}", raised.name)
        }
        kind => format!("{} {kind:?}", event.event_id),
    })
}

fn shown_item(work: &Work) -> String {
    match work {
        Work::ActivityRequest(request) => format!(
            "{} {} {:?} {}",
            request.name,
            version(request.version.as_deref()),
            request.input,
            request.task_id
        ),
        Work::EntityRequestV2(request) => {
            let operations = request.operation_requests.iter().map(|event| match &event.event_type {
                // Of signals of entities, the hub makes the id.
                Some(EventType::EntityOperationSignaled(signal)) => format!("{} {:?}", signal.operation, signal.input),
                Some(EventType::EntityOperationCalled(call)) => {
                    format!(
                        "{} {:?} {} {:?}",
                        call.operation, call.input, call.request_id, call.parent_instance_id
                    )
                }
                other => format!("{other:?}"),
            });
            format!("{:?} {:?}", request.entity_state, Vec::from_iter(operations))
        }
        other => panic!("{other:?}"),
    }
}

/// `polled`: it may have begun since.
fn shown_state(state: Option<OrchestrationState>, payloads: bool, polled: bool) -> String {
    let Some(state) = state else {
        return "nobody".to_owned();
    };
    let failed = state.orchestration_status == i32::from(OrchestrationStatus::Failed);
    // The reference server shows the bare message of a failure as output; inputs and outputs always.
    let output = state.output.filter(|_| payloads && !failed);
    let input = state.input.filter(|_| payloads);
    let failure = state
        .failure_details
        .filter(|_| payloads)
        .map(|details| TaskFailureDetails {
            properties: HashMap::new(),
            ..details
        });
    let mut tags = BTreeMap::from_iter(state.tags);
    tags.retain(|name, _| name != "FireAndForget" && name != SOURCE_INSTANCE_TAG);
    let custom = state.custom_status.filter(|_| payloads);
    let pending = i32::from(OrchestrationStatus::Pending);
    let status = match state.orchestration_status {
        status if status == pending && polled => OrchestrationStatus::Running.into(),
        status => status,
    };
    // The reference server does not tell the version.
    format!(
        "{} {} {status} {input:?} {output:?} {custom:?} {failure:?} {tags:?}",
        state.instance_id, state.name
    )
}

/// What is compared of two answers.
fn shown_answers(method: &str, request: &[u8], there: &[u8], here: &[Bytes]) -> (String, String) {
    let first = here.first().map_or(&[] as &[u8], |first| first);
    macro_rules! both {
        ($message:ty, $shown:expr) => {{
            let shown = $shown;
            (
                shown(<$message>::decode(there).unwrap()),
                shown(<$message>::decode(first).unwrap()),
            )
        }};
    }
    match method {
        "StartInstance" => both!(CreateInstanceResponse, |response: CreateInstanceResponse| response
            .instance_id),
        "GetInstance" | "WaitForInstanceStart" | "WaitForInstanceCompletion" => {
            let payloads = GetInstanceRequest::decode(request).unwrap().get_inputs_and_outputs;
            let polled = method == "GetInstance";
            both!(GetInstanceResponse, |response: GetInstanceResponse| shown_state(
                response.orchestration_state,
                payloads,
                polled
            ))
        }
        "GetEntity" => {
            let with_state = GetEntityRequest::decode(request).unwrap().include_state;
            both!(GetEntityResponse, |response: GetEntityResponse| {
                let entity = response
                    .entity
                    .map(|entity| (entity.instance_id, entity.serialized_state.filter(|_| with_state)));
                format!("{entity:?}")
            })
        }
        "QueryEntities" => both!(QueryEntitiesResponse, |response: QueryEntitiesResponse| {
            let entities = response.entities.into_iter();
            let mut shown: Vec<_> = entities
                .map(|entity| (entity.instance_id, entity.serialized_state))
                .collect();
            shown.sort();
            format!("{shown:?}")
        }),
        "QueryInstances" => {
            let query = QueryInstancesRequest::decode(request).unwrap().query;
            let is_later = query.is_some_and(|query| query.continuation_token.is_some());
            both!(QueryInstancesResponse, |response: QueryInstancesResponse| {
                let is_page = is_later || response.continuation_token.is_some();
                let states = response.orchestration_state.into_iter();
                let mut shown: Vec<_> = states
                    .map(|state| (state.instance_id, state.orchestration_status))
                    .collect();
                shown.sort();
                // The order of pages is up to a hub.
                match is_page {
                    true => format!("{} {}", shown.len(), response.continuation_token.is_some()),
                    false => format!("{shown:?}"),
                }
            })
        }
        "ListInstanceIds" => both!(ListInstanceIdsResponse, |response: ListInstanceIdsResponse| {
            let is_last = response.last_instance_key.is_none_or(|key| key.is_empty());
            format!("{:?} {is_last}", response.instance_ids)
        }),
        "PurgeInstances" => both!(PurgeInstancesResponse, |response: PurgeInstancesResponse| {
            response.deleted_instance_count.to_string()
        }),
        "StreamInstanceHistory" => {
            let shown = |chunks: &mut dyn Iterator<Item = HistoryChunk>| {
                let events = chunks.flat_map(|chunk| chunk.events);
                let events: Vec<_> = events.filter_map(|event| shown_event(&event)).collect();
                format!("{events:#?}")
            };
            let mut chunks = here.iter().map(|chunk| HistoryChunk::decode(chunk.clone()).unwrap());
            (
                shown(&mut std::iter::once(HistoryChunk::decode(there).unwrap())),
                shown(&mut chunks),
            )
        }
        // An empty message.
        _ => (String::new(), String::new()),
    }
}

#[tokio::test]
async fn recorded_workers_and_clients_get_equivalent_items_and_answers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/self_hosted.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let only = std::env::var("AZURE_FUNCTIONS_SCENARIO").ok();
    let (mut played, mut problems) = (0, Vec::new());
    for (name, lines) in scenarios(&text) {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let clock = Manual::new();
        // All of them are of that day.
        *clock.now.lock().unwrap() = "2026-11-29T00:00:00Z".parse().unwrap();
        let hub = Arc::new(open(options(&folder).clock(clock.clone())));
        let mut player = Player {
            workers: BTreeMap::new(),
            hub,
            clock,
            early: Vec::new(),
            tokens: HashMap::new(),
            ids: Vec::new(),
            heard: HashMap::new(),
            requests: HashMap::new(),
            waits: HashMap::new(),
            answers: HashMap::new(),
            pages: HashMap::new(),
            scheduled: Vec::new(),
            terminated: Vec::new(),
        };
        if !lines
            .iter()
            .any(|line| line.method == "GetWorkItems" && line.way == ">")
        {
            // It was there before.
            let call = lines.iter().find(|line| line.method == "GetWorkItems");
            let call = call.map_or("before", |line| line.call);
            player
                .workers
                .insert(call.to_owned(), connect(&player.hub, &everything()));
        }
        if let Err(problem) = player.play(&lines).await {
            println!("PROBLEM {name}, {problem}");
            problems.push(format!("{name}, {problem}"));
        }
        played += 1;
    }
    assert!(
        problems.is_empty(),
        "{} of {played}:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(only.is_some() || played == 78, "{played}");
}

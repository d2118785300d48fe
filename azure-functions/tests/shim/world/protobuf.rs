//! The host of the protobuf wire: it records what an answer asks for under the ids that stand there, and ends the execution when the
//! answer says so.

use super::{
    Turn, World, check,
    code::{self, Entry, Tape, Version},
    kind,
    model::{self, HTTP, Kind, Work},
};
use crate::request::request;
use azure_functions::__private::{Parking, run_episode};
use azure_functions_durable::protobuf::{
    CompleteOrchestrationAction, OrchestrationStatus, OrchestratorAction, OrchestratorRequest, OrchestratorResponse,
    history_event::EventType, orchestrator_action::OrchestratorActionType,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta};
use prost::Message;
use prost_types::{Value as PropertyValue, value::Kind as PropertyKind};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Changes an answer before the host gets it.
pub(crate) type Mutation = fn(&mut OrchestratorResponse);

/// Changes what kept code gets.
pub(crate) type RequestMutation = fn(&mut OrchestratorRequest);

/// The instance between its turns.
pub(crate) struct Parked {
    parking: Parking,
    tape: Tape,
    /// Of the code that is kept; nothing if none is.
    versions: Option<[Version; 4]>,
}

impl Default for Parked {
    fn default() -> Self {
        Self {
            parking: Parking::with_room_for(1),
            tape: Tape::default(),
            versions: None,
        }
    }
}

/// The longest timer: a longer one stalls the real host.
const LONGEST: TimeDelta = TimeDelta::days(3);

/// What ends the execution.
pub(crate) fn completion(action: &OrchestratorAction) -> Option<&CompleteOrchestrationAction> {
    match action.orchestrator_action_type.as_ref()? {
        OrchestratorActionType::CompleteOrchestration(completion) => Some(completion),
        _ => None,
    }
}

/// What ends the execution.
pub(crate) fn completion_mut(action: &mut OrchestratorAction) -> Option<&mut CompleteOrchestrationAction> {
    match action.orchestrator_action_type.as_mut()? {
        OrchestratorActionType::CompleteOrchestration(completion) => Some(completion),
        _ => None,
    }
}

impl World {
    /// One turn of the instance; with `parked`, of code that is kept too.
    pub(super) fn protobuf_episode(
        &mut self,
        mutation: Option<Mutation>,
        parked: Option<Option<RequestMutation>>,
    ) -> Result<Turn, String> {
        let text = BASE64_STANDARD.encode(request(&self.payload()).encode_to_vec());
        let turn = || run_episode(text.clone(), "program", code::orchestrator);
        let (result, tape) = code::record(&self.program, self.versions, turn);
        let (again, _) = code::record(&self.program, self.versions, turn);
        if result != again {
            return Err(format!("one request, two answers:\n{result:?}\n{again:?}"));
        }
        if let Some(mutation) = parked {
            self.parked_turn(mutation, &result, &tape)?;
        }
        let mut response = read(&result)?;
        if let Some(mutation) = mutation {
            mutation(&mut response);
        }
        let end = response.actions.iter().find_map(completion).cloned();
        let failure = end.as_ref().and_then(|end| end.failure_details.as_ref());
        self.broken = failure.is_some_and(|failure| failure.error_message.contains("planned panic"));
        let told = |error: String| format!("{error}\n{}", self.describe(&json!(format!("{response:?}"))));
        let new = works(&response).map_err(told)?;
        let suspended = self.is_suspended();
        self.check_answer(&tape, &new, end.as_ref(), suspended).map_err(told)?;
        self.actions.extend(new.into_iter().map(|(_, work)| work));
        let asked = tape.asked;
        self.tape = tape.entries;
        self.deploy(&asked, suspended);
        self.tally.episodes += 1;
        self.tally.suspended_episodes += usize::from(suspended);
        self.suspended = suspended;
        let Some(end) = end else {
            self.record_turn(&response);
            return Ok(Turn::Waiting);
        };
        self.count_end(end.orchestration_status() == OrchestrationStatus::Failed, &asked);
        if end.orchestration_status() != OrchestrationStatus::ContinuedAsNew {
            return Ok(Turn::Completed);
        }
        self.start_over(&end)
            .map_err(|error| format!("{error}\n{}", self.describe(&json!(format!("{end:?}")))))?;
        Ok(Turn::Restarted)
    }

    /// The same turn on the code as it waits since the last one, if it has been kept: only the new events come, and it does the same.
    fn parked_turn(
        &mut self,
        mutation: Option<RequestMutation>,
        replayed: &Result<String, String>,
        tape: &Tape,
    ) -> Result<(), String> {
        let Parked {
            mut parking,
            tape: before,
            versions,
        } = std::mem::take(&mut self.parked);
        let mut request = request(&self.payload());
        // A worker of another version is another process.
        let goes_on = versions == Some(self.versions) && !request.past_events.is_empty();
        request.properties = session(!goes_on);
        if goes_on {
            request.past_events.clear();
            if let Some(mutation) = mutation {
                mutation(&mut request);
            }
        }
        let text = BASE64_STANDARD.encode(request.encode_to_vec());
        let kept = if goes_on {
            before
        } else {
            // What is kept no longer is dropped behind the turn that replaces it: on its own tape, not on the new one's.
            let (_, before) = code::record_on(&self.program, self.versions, before, || {
                parking = Parking::with_room_for(1);
            });
            drop(before);
            Tape::default()
        };
        let turn = || parking.run_turn(text, "program", code::orchestrator);
        let (answer, kept) = code::record_on(&self.program, self.versions, kept, turn);
        let said = read(&answer)?;
        if said.requires_history {
            // The next turn is told with all.
            self.parked = Parked {
                parking,
                tape: kept,
                versions: None,
            };
            self.tally.refused_turns += 1;
            return Ok(());
        }
        let expected = read(replayed)?;
        if said != expected {
            return Err(format!("replayed, and parked:\n{expected:?}\n{said:?}"));
        }
        if kept.entries != tape.entries {
            return Err(format!(
                "a replay did {:?}, a parked turn {:?}",
                tape.entries, kept.entries
            ));
        }
        self.tally.parked_turns += usize::from(goes_on);
        self.parked = Parked {
            parking,
            tape: kept,
            versions: Some(self.versions),
        };
        Ok(())
    }

    fn is_suspended(&self) -> bool {
        let last = self.history.iter().rfind(|event| matches!(kind(event), 19 | 20));
        last.is_some_and(|event| kind(event) == 19)
    }

    /// What the host keeps of the turn.
    fn record_turn(&mut self, response: &OrchestratorResponse) {
        let first = self.actions.len() - response.actions.len();
        for id in first..self.actions.len() {
            let work = self.actions[id].clone();
            self.send(id, &work);
            self.tally.answers += 1;
            let OrchestratorAction {
                orchestrator_action_type: Some(OrchestratorActionType::SendEvent(event)),
                ..
            } = &response.actions[id - first]
            else {
                continue;
            };
            // As it was sent.
            let recorded = self.history.last_mut().unwrap();
            recorded["Name"] = json!(event.name);
            recorded["Input"] = json!(event.data);
        }
        let end = json!({"EventType": 13, "EventId": -1, "Timestamp": super::text(self.now), "IsPlayed": false});
        self.history.push(end);
    }

    /// Code and answer agree.
    fn check_answer(
        &self,
        tape: &Tape,
        new: &[(i32, Work)],
        end: Option<&CompleteOrchestrationAction>,
        suspended: bool,
    ) -> Result<(), String> {
        if let Some(fault) = tape.faults.first() {
            return Err(fault.clone());
        }
        check::repeats(&self.tape, tape)?;
        let failure = end.and_then(|end| end.failure_details.as_ref());
        if let Some(failure) = failure.filter(|failure| !failure.error_message.contains("planned")) {
            return Err(failure.error_message.clone());
        }
        let continued = tape
            .entries
            .iter()
            .any(|entry| matches!(entry, Entry::Continued { .. }));
        let done = continued || tape.entries.last() == Some(&Entry::Ended) || self.broken;
        if done != end.is_some() {
            return Err(format!("the code is done: {done}; the answer says otherwise"));
        }
        let status = end.map(CompleteOrchestrationAction::orchestration_status);
        if failure.is_none() && continued != (status == Some(OrchestrationStatus::ContinuedAsNew)) {
            return Err(format!("the code starts over: {continued}; the answer says {status:?}"));
        }
        if suspended && self.suspended && !new.is_empty() {
            return Err(format!("a suspended instance asks for {new:?}"));
        }
        let first = self.actions.len();
        for (place, (id, work)) in new.iter().enumerate() {
            let gap = usize::try_from(*id).is_ok_and(|id| id > first + place);
            let right = usize::try_from(*id).is_ok_and(|id| id == first + place);
            // Timers of an execution that ends are not asked for, but have their ids.
            if !(right || done && gap) {
                return Err(format!("{work:?} has the id {id} after {first} and {place} others"));
            }
        }
        if self.broken {
            return match new {
                [] => Ok(()),
                _ => Err(format!("code that panicked asks for {new:?}")),
            };
        }
        let all: Vec<Work> = self
            .actions
            .iter()
            .chain(new.iter().map(|(_, work)| work))
            .cloned()
            .collect();
        check::patches(&self.tape, tape, &all, self.versions)?;
        if done {
            let calls: Vec<_> = all.into_iter().filter(|work| work.kind != Kind::Timer).collect();
            let asked = tape
                .entries
                .iter()
                .filter(|entry| !matches!(entry, Entry::TimerCreated { .. }));
            check::asked_for(&asked.cloned().collect::<Vec<_>>(), &calls)?;
        } else {
            check::asked_for(&tape.entries, &all)?;
        }
        let clock = self.history.iter().rfind(|event| kind(event) == 12).unwrap();
        let clock = model::instant(&clock["Timestamp"]);
        if let Some((id, _)) = new
            .iter()
            .find(|(_, work)| work.fire_at.is_some_and(|due| due > clock + LONGEST))
        {
            return Err(format!("timer {id} is too far from {clock}"));
        }
        self.events.check(&tape.entries)
    }

    /// The execution ends and the next one begins.
    fn start_over(&mut self, end: &CompleteOrchestrationAction) -> Result<(), String> {
        let preserve = self.tape.iter().find_map(|entry| match entry {
            Entry::Continued { preserve } => Some(*preserve),
            _ => None,
        });
        self.tally.restarts += 1;
        self.generation += 1;
        let input: Value = serde_json::from_str(end.result.as_deref().unwrap_or_default()).unwrap_or_default();
        if input != json!({"generation": self.generation}) {
            return Err(format!("the next execution gets the input {input}"));
        }
        let carried: Vec<Value> = end.carryover_events.iter().map(event).collect();
        let seen = check::seen_until(&self.tape, &self.actions, &self.history);
        let seen = seen.map_or(&[][..], |place| &self.history[..place]);
        if preserve.unwrap() {
            let handed_on: Vec<Value> = carried
                .iter()
                .map(|event| json!({"name": event["Name"], "input": number(event)}))
                .collect();
            self.tally.events_handed_on += handed_on.len();
            self.events.hand_over(true, &self.tape, &handed_on, &[], 0, seen)?;
        } else {
            // What the execution had not come to is the next one's, whatever it says of what it saw.
            self.tally.events_carried_over += carried.len();
            self.events.hand_over(false, &self.tape, &[], &carried, 0, seen)?;
        }
        // Answers to the old execution are dropped.
        self.inbox.retain(|message| kind(&message.event) == 15);
        self.input = input;
        self.begin(carried);
        Ok(())
    }
}

/// What a host says of a session.
fn session(with_state: bool) -> HashMap<String, PropertyValue> {
    let property = |kind| PropertyValue { kind: Some(kind) };
    [
        ("IncludeState", PropertyKind::BoolValue(with_state)),
        ("IsExtendedSession", PropertyKind::BoolValue(true)),
        ("ExtendedSessionIdleTimeoutInSeconds", PropertyKind::NumberValue(3600.0)),
    ]
    .into_iter()
    .map(|(name, kind)| (name.to_owned(), property(kind)))
    .collect()
}

fn number(event: &Value) -> Value {
    serde_json::from_str(event["Input"].as_str().unwrap_or_default()).unwrap_or_default()
}

/// An event that is handed on, as the history of the next execution has it.
fn event(event: &azure_functions_durable::protobuf::HistoryEvent) -> Value {
    match &event.event_type {
        Some(EventType::EventRaised(raised)) => {
            json!({"EventType": 15, "EventId": -1, "Name": raised.name, "Input": raised.input})
        }
        other => panic!("{other:?} is handed on"),
    }
}

fn read(result: &Result<String, String>) -> Result<OrchestratorResponse, String> {
    let answer = result
        .as_ref()
        .map_err(|error| format!("the invocation failed: {error}"))?;
    let message = BASE64_STANDARD.decode(answer).map_err(|error| error.to_string())?;
    OrchestratorResponse::decode(message.as_slice()).map_err(|error| error.to_string())
}

/// What the answer asks for, by id.
fn works(response: &OrchestratorResponse) -> Result<Vec<(i32, Work)>, String> {
    let actions = response.actions.iter().filter(|action| completion(action).is_none());
    actions
        .map(|action| {
            Ok((
                action.id,
                work(action).ok_or_else(|| format!("{action:?} is nothing that can be done"))?,
            ))
        })
        .collect()
}

fn work(action: &OrchestratorAction) -> Option<Work> {
    let json = |text: Option<&String>| serde_json::from_str::<Value>(text.map_or("null", String::as_str)).ok();
    let work = |kind, name: &str, input| Work {
        kind,
        name: name.to_owned(),
        input,
        instance_id: None,
        fire_at: None,
        cancelled: false,
        request: None,
    };
    Some(match action.orchestrator_action_type.as_ref()? {
        OrchestratorActionType::ScheduleTask(task) if task.name == HTTP => {
            let input = json(task.input.as_ref())?;
            // The number of the call is its path.
            let number = input[0]["uri"].as_str()?.rsplit('/').next()?;
            work(Kind::Activity, HTTP, serde_json::from_str(number).unwrap_or_default())
        }
        OrchestratorActionType::ScheduleTask(task) => work(Kind::Activity, &task.name, json(task.input.as_ref())?),
        OrchestratorActionType::CreateSubOrchestration(child) if !child.instance_id.is_empty() => Work {
            instance_id: Some(child.instance_id.clone()),
            ..work(Kind::SubOrchestration, &child.name, json(child.input.as_ref())?)
        },
        OrchestratorActionType::CreateTimer(timer) => {
            let due = timer.fire_at?;
            let due = DateTime::from_timestamp(due.seconds, due.nanos.try_into().ok()?)?;
            Work {
                fire_at: Some(due),
                ..work(Kind::Timer, "", Value::Null)
            }
        }
        OrchestratorActionType::SendEvent(event) => {
            let target = &event.instance.as_ref()?.instance_id;
            let message = json(event.data.as_ref())?;
            let input = || serde_json::from_str(message["input"].as_str().unwrap_or("null")).ok();
            let work = match () {
                () if event.name == "release" => work(Kind::Release, target, Value::Null),
                () if message["lockset"].is_array() => work(Kind::Lock, "", message["lockset"].clone()),
                () if message["signal"] == true => work(Kind::Signal, target, input()?),
                () => work(Kind::Call, target, input()?),
            };
            Work {
                request: Some(message["id"].as_str()?.to_owned()),
                ..work
            }
        }
        _ => return None,
    })
}

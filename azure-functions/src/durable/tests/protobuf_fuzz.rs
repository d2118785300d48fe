//! Damaged requests of the protobuf wire: whatever comes, there is an answer, and never a panic of ours.
//!
//! `PROTOBUF_CASES=100000 cargo test -p azure-functions --lib protobuf_fuzz` tries more of them.

use super::{
    parked::{room, turn},
    protobuf::{SEQUENCE, answer, decode},
    script::{entity, fallible},
};
use crate::{
    FunctionError,
    app::States,
    binding::{FromBinding, signature::Parameter},
    bindings::DurableEntityContext,
    call::Call,
    durable::{FailureDetails, KnownFunctions, Orchestrator, TaskFailure, activity_failure},
    entities::parked::ParkedStates,
    entity_batch::run_blocking,
    invocation::{Invocation, Outputs},
    rpc::{Data, TypedData},
};
use azure_functions_durable::protobuf::{EntityBatchRequest, EntityBatchResult, TaskFailureDetails};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::json;
use std::{collections::HashMap, fs, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;

/// Does a bit of everything, whatever the history says.
const ANYTHING: Orchestrator = |c| {
    fallible(async move {
        let input = c.input();
        let call = c.call_activity("Say", &input);
        let event = c.wait_for_event("go");
        let timer = c.create_timer_after(Duration::from_secs(20 * 24 * 3600));
        let said = call.await?;
        let first = c.select((event, timer)).await;
        let counter = entity("@counter@locked-1");
        let section = c.lock([&counter]).await;
        let counted = section.call_entity(&counter, "add", 1).await?;
        drop(section);
        let child = c.call_sub_orchestrator("Child", None, said).await?;
        c.set_custom_status(c.new_guid().to_string());
        Ok(json!([counted, child, format!("{first:?}")]))
    })
};

/// A sequence of numbers that looks random, the same in every run.
struct Chance(u64);

impl Chance {
    /// Below a limit, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's constants; the upper half has the better bits.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn byte(&mut self) -> u8 {
        self.below(256).to_le_bytes()[0]
    }
}

/// How many damaged messages of a kind are tried.
fn cases() -> usize {
    std::env::var("PROTOBUF_CASES").map_or(2_000, |cases| cases.parse().unwrap())
}

fn requests() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/protobuf");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    text.lines()
        .map(|line| BASE64_STANDARD.decode(line.split('\t').nth(1).unwrap()).unwrap())
        .filter(|request| request.len() < 4_000)
        .collect()
}

/// The fields of a message, each with its tag, if they can be told apart.
fn fields(message: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let before = rest;
        let Ok((tag, wire_type)) = prost::encoding::decode_key(&mut rest) else {
            return fields;
        };
        let context = prost::encoding::DecodeContext::default();
        if prost::encoding::skip_field(wire_type, tag, &mut rest, context).is_err() {
            return fields;
        }
        fields.push(before[..before.len() - rest.len()].to_vec());
    }
    fields
}

fn damage(request: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = request.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len().max(1));
        match chance.below(7) {
            0 => bytes.truncate(at),
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = chance.byte();
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
            3 => bytes.insert(at.min(bytes.len()), chance.byte()),
            4 => {
                let mut fields = fields(&bytes);
                let (one, other) = (chance.below(fields.len().max(1)), chance.below(fields.len().max(1)));
                if !fields.is_empty() {
                    fields.swap(one, other);
                }
                bytes = fields.concat();
            }
            5 => {
                // A field of the future: number 200, a text.
                bytes.extend([0xc2, 0x0c, 3, b'n', b'e', b'w']);
            }
            _ => {
                let fields = fields(&bytes);
                if let Some(field) = fields.get(chance.below(fields.len().max(1))) {
                    bytes.extend(field);
                }
            }
        }
    }
    bytes
}

/// New events for an instance that has been kept: it goes on, ends, or asks for its history.
#[test]
fn damaged_new_events_are_answered_where_the_instance_is_kept() {
    let requests: Vec<&str> = recorded!("extended_sequence")
        .lines()
        .map(|line| line.split('\t').nth(1).unwrap())
        .collect();
    let functions = KnownFunctions::any();
    let mut chance = Chance(11);
    let (mut went_on, mut asked) = (0, 0);
    for _ in 0..cases() / 4 {
        let mut parked = room();
        turn(SEQUENCE, requests[0].to_owned(), &functions, &mut parked);
        for request in &requests[1..] {
            let request = damage(&BASE64_STANDARD.decode(request).unwrap(), &mut chance);
            if request.is_empty() {
                continue;
            }
            let response = turn(SEQUENCE, BASE64_STANDARD.encode(request), &functions, &mut parked);
            let is_bare = response.actions.is_empty();
            went_on += usize::from(!is_bare);
            asked += usize::from(is_bare && response.requires_history);
            // A damaged one may be a first turn, of any instance.
            assert!(parked.len() <= requests.len());
        }
    }
    assert!(went_on > 0 && asked > 0, "{went_on} {asked}");
}

#[test]
fn damaged_requests_are_answered() {
    let cases = cases();
    let requests = requests();
    let mut chance = Chance(7);
    let mut sound = 0;
    for case in 0..cases {
        let request = damage(&requests[chance.below(requests.len())], &mut chance);
        if request.is_empty() {
            continue;
        }
        let text = BASE64_STANDARD.encode(&request);
        let (response, failure) = answer(ANYTHING, &text);
        // An answer is itself a message that can be read, and there is never nothing in it without a reason.
        assert!(decode(&BASE64_STANDARD.encode(response.encode_to_vec())) == response);
        sound += usize::from(failure.is_none());
        let told = failure.unwrap_or_default();
        assert!(
            !told.contains("azure-functions/src") || told.contains("protobuf_fuzz.rs"),
            "case {case}, {text}: {told}"
        );
    }
    // Both kinds are there: what can be read all the same, and what cannot.
    assert!(sound > cases / 20 && sound < cases * 19 / 20, "{sound} of {cases}");
}

/// An entity that does what it is asked for, whatever that is.
fn count(mut call: Call) -> Result<Outputs, FunctionError> {
    static CONTEXT: Parameter = Parameter {
        name: "context",
        binding: "context",
        spec: DurableEntityContext::SPEC,
        by_reference: false,
        arguments: &[],
    };
    let context: DurableEntityContext = call.take(&CONTEXT).map_err(FunctionError::from)?;
    let state: i64 = context.state().map_err(FunctionError::from_error)?.unwrap_or_default();
    match context.operation() {
        "add" => {
            let more: i64 = context.input_as().map_err(FunctionError::from_error)?;
            context
                .set_state(&state.wrapping_add(more))
                .map_err(FunctionError::from_error)?;
        }
        "delete" => context.delete(),
        "forward" => {
            let to = entity("@counter@other");
            context
                .signal_entity(&to, "add", state)
                .map_err(FunctionError::from_error)?;
        }
        "fail" => return Err(FunctionError::new(context.input().to_string())),
        _ => drop(
            context
                .start_new("Child", None, ())
                .map_err(FunctionError::from_error)?,
        ),
    }
    Ok(Outputs::default())
}

fn run(request: &[u8]) -> EntityBatchResult {
    let data = Data::String(BASE64_STANDARD.encode(request));
    let invocation = Invocation {
        id: String::new(),
        function: "count",
        inputs: vec![("context".to_owned(), TypedData { data: Some(data) })],
        trigger_metadata: HashMap::new(),
        trace_parent: String::new(),
        trace_state: String::new(),
        cancellation: CancellationToken::new(),
        client_transport: None,
        client: None,
        states: States::default(),
        makes_spans: false,
    };
    let outputs =
        run_blocking(count, "context", invocation, &ParkedStates::default()).expect("the invocation succeeds");
    let Some(TypedData {
        data: Some(Data::String(text)),
    }) = outputs.return_value
    else {
        panic!("a text is the answer: {outputs:?}");
    };
    EntityBatchResult::decode(BASE64_STANDARD.decode(text).unwrap().as_slice()).unwrap()
}

#[test]
fn damaged_batches_of_entities_are_answered() {
    let recorded = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/entity_batches.tsv"
    ));
    let requests: Vec<Vec<u8>> = recorded
        .lines()
        .map(|line| BASE64_STANDARD.decode(line.split('\t').nth(1).unwrap()).unwrap())
        .collect();
    let (cases, mut chance) = (cases(), Chance(11));
    let mut sound = 0;
    for _ in 0..cases {
        let request = damage(&requests[chance.below(requests.len())], &mut chance);
        if request.is_empty() {
            continue;
        }
        let result = run(&request);
        let asked = EntityBatchRequest::decode(request.as_slice());
        match (&result.failure_details, asked) {
            // What can be run is run to its end.
            (None, Ok(asked)) => {
                sound += 1;
                assert!(result.requires_state || result.results.len() == asked.operations.len());
            }
            // What cannot keeps its state, as far as that can be read.
            (Some(details), asked) => {
                assert!(!details.error_type.is_empty() && !details.error_message.is_empty());
                // Prost skips groups, which no message of this protocol has, and takes the entry of a map of whatever wire type.
                if let Ok(asked) = asked
                    && !details.error_message.contains("wire type")
                {
                    assert_eq!(result.entity_state, asked.entity_state, "{details:?} {request:?}");
                }
            }
            // What is not looked at may be damaged.
            (None, Err(error)) => {
                let error = error.to_string();
                assert!(
                    error.contains(".properties") || error.contains("trace_context"),
                    "{error}: {result:?}"
                );
            }
        }
    }
    assert!(sound > cases / 20 && sound < cases * 19 / 20, "{sound} of {cases}");
}

/// What an activity reports is damaged on its way: as the host records it, and as text that a host hands on.
#[test]
fn damaged_failures_of_activities_are_failures() {
    let error = FunctionError::with_source("the card was declined", std::io::Error::other("limit"))
        .with_own_error(Some(json!({"code": 51}).to_string()))
        .non_retriable();
    let line = activity_failure::of_function(&error, "   at pay");
    let details = TaskFailureDetails::from(&serde_json::from_str::<FailureDetails>(&line).unwrap()).encode_to_vec();
    let (cases, mut chance) = (cases(), Chance(13));
    let mut whole = 0;
    for _ in 0..cases {
        let damaged = damage(&details, &mut chance);
        if let Ok(found) = TaskFailureDetails::decode(damaged.as_slice()).map(FailureDetails::from) {
            let reason = found.error_message.clone();
            let failure = TaskFailure::on_protobuf("pay", reason, Some(found));
            whole += usize::from(failure.error_json.is_some());
            assert_eq!(failure.message(), failure.reason);
        }
        let text = String::from_utf8_lossy(&damage(line.as_bytes(), &mut chance)).into_owned();
        let failure = TaskFailure::on_json("pay", format!("Activity function 'pay' failed:  {text}"), text, None);
        assert!(
            failure.reason.starts_with("Activity function 'pay' failed:  "),
            "{failure:?}"
        );
    }
    assert!(whole > cases / 20 && whole < cases, "{whole} of {cases}");
}

//! Answers of workers with very many entries, before they are decoded: an empty entry takes two bytes on the wire and hundreds in
//! memory.

use bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// More than any turn takes.
const MOST: usize = 1_000_000;

/// Where a message has its entries, and its token, by the numbers of the fields.
pub(super) struct Shape {
    entries: &'static [&'static [u32]],
    token: u32,
}

/// `OrchestratorResponse`: actions, in them events that are carried over to the next execution, a history, and entities to lock.
pub(super) const ORCHESTRATOR_RESPONSE: Shape = Shape {
    entries: &[&[2], &[2, 6, 5], &[2, 9, 1], &[2, 8, 3, 2]],
    token: 4,
};

/// `EntityBatchResult`: results, actions, and what operations there were.
pub(super) const ENTITY_BATCH_RESULT: Shape = Shape {
    entries: &[&[1], &[2], &[6]],
    token: 5,
};

/// An answer has too many entries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    /// The work item that it answers.
    pub(super) token: String,
    pub(super) reason: String,
}

/// Refuses an answer with too many entries. What cannot be read is left to the one who decodes it.
pub(super) fn check(message: &Bytes, shape: &Shape) -> Result<(), TooMany> {
    let is_too_much = shape.entries.iter().any(|path| count(message.clone(), path) > MOST);
    if !is_too_much {
        return Ok(());
    }
    let token = fields(message.clone(), shape.token).last().unwrap_or_default();
    Err(TooMany {
        token: String::from_utf8_lossy(&token).into_owned(),
        reason: format!("its answer has more than {MOST} entries of one kind"),
    })
}

/// How often the last field of the path is there.
fn count(message: Bytes, path: &[u32]) -> usize {
    match path {
        [] => 0,
        [field] => fields(message, *field).count(),
        [field, rest @ ..] => fields(message, *field).map(|inner| count(inner, rest)).sum(),
    }
}

/// The contents of this field, which has a length, as far as the message can be read.
fn fields(mut message: Bytes, wanted: u32) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        while message.has_remaining() {
            let (field, wire) = decode_key(&mut message).ok()?;
            if wire != WireType::LengthDelimited {
                skip_field(wire, field, &mut message, DecodeContext::default()).ok()?;
                continue;
            }
            let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            if length > message.remaining() {
                return None;
            }
            let content = message.split_to(length);
            if field == wanted {
                return Some(content);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use azure_functions_durable::protobuf::{
        CompleteOrchestrationAction, EntityBatchResult, HistoryEvent, OperationAction, OrchestratorAction,
        OrchestratorResponse, orchestrator_action::OrchestratorActionType,
    };
    use prost::Message;

    use super::*;

    #[test]
    fn an_answer_with_too_many_entries_is_refused_before_it_is_decoded() {
        let response = |actions| OrchestratorResponse {
            instance_id: "i".to_owned(),
            completion_token: "t".to_owned(),
            actions,
            ..OrchestratorResponse::default()
        };
        let carries = |events| OrchestratorAction {
            id: 1,
            orchestrator_action_type: Some(OrchestratorActionType::CompleteOrchestration(
                CompleteOrchestrationAction {
                    carryover_events: vec![HistoryEvent::default(); events],
                    ..CompleteOrchestrationAction::default()
                },
            )),
        };
        let checked = |message: &OrchestratorResponse| check(&message.encode_to_vec().into(), &ORCHESTRATOR_RESPONSE);
        let empty = OrchestratorAction::default();
        assert_eq!(checked(&response(vec![empty.clone(); 1_000])), Ok(()));
        let too_many = checked(&response(vec![empty; MOST + 1])).unwrap_err();
        assert_eq!(too_many.token, "t");
        assert!(too_many.reason.contains("more than 1000000 entries"), "{too_many:?}");
        assert_eq!(checked(&response(vec![carries(1_000)])), Ok(()));
        assert_eq!(checked(&response(vec![carries(MOST + 1)])).unwrap_err().token, "t");

        let result = EntityBatchResult {
            actions: vec![OperationAction::default(); MOST + 1],
            completion_token: "e".to_owned(),
            ..EntityBatchResult::default()
        };
        let refused = check(&result.encode_to_vec().into(), &ENTITY_BATCH_RESULT);
        assert_eq!(refused.unwrap_err().token, "e");
    }

    #[test]
    fn what_is_no_message_is_left_to_the_decoder() {
        for bytes in [&[0x12][..], &[0x12, 0xff, 0x01], &[0x07], &[0xff; 12]] {
            assert_eq!(check(&Bytes::copy_from_slice(bytes), &ORCHESTRATOR_RESPONSE), Ok(()));
        }
    }
}

//! Messages of workers with very many entries, before they are decoded: an empty entry takes two bytes on the wire and hundreds in
//! memory.

use bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::durable::streams::MOST_ENTRIES;

/// More than any worker has functions and versions: unlike an answer, a filter stays as long as the worker is connected.
const MOST_FILTERS: usize = 10_000;
/// Bytes of a request for work, with all of its filters.
const LARGEST_REQUEST: usize = 1024 * 1024;

/// Where an answer has its entries, and its token, by the numbers of the fields.
pub(super) struct Shape {
    entries: &'static [&'static [u32]],
    token: u32,
}

/// `OrchestratorResponse`: actions, in them the tags of activities, children and of the next execution, events that are carried over to it,
/// a history, and entities to lock.
pub(super) const ORCHESTRATOR_RESPONSE: Shape = Shape {
    entries: &[
        &[2],
        &[2, 2, 4],
        &[2, 3, 6],
        &[2, 6, 7],
        &[2, 6, 5],
        &[2, 9, 1],
        &[2, 8, 3, 2],
    ],
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

/// Refuses an answer with too many entries; gives how many it has of the kind of which it has most. What cannot be read is left to
/// the one who decodes it.
pub(super) fn check(message: &Bytes, shape: &Shape) -> Result<usize, TooMany> {
    let counts = shape.entries.iter().map(|path| count(message.clone(), path));
    let most = counts.max().unwrap_or_default();
    if most <= MOST_ENTRIES {
        return Ok(most);
    }
    let token = fields(message.clone(), shape.token).last().unwrap_or_default();
    Err(TooMany {
        token: String::from_utf8_lossy(&token).into_owned(),
        reason: format!("its answer has more than {MOST_ENTRIES} entries of one kind"),
    })
}

/// `GetWorkItemsRequest`: the names that filters have of orchestrations, activities and entities, and their versions.
const FILTERS: &[&[u32]] = &[&[11, 1], &[11, 2], &[11, 3], &[11, 1, 2], &[11, 2, 2]];

/// Whether a worker asks for its work with filters that are too many.
pub(super) fn check_filters(message: &Bytes) -> Result<(), String> {
    if message.len() > LARGEST_REQUEST {
        return Err(format!(
            "The filters of this worker have more than {LARGEST_REQUEST} bytes: connect with fewer, or without filters, which takes all \
             work."
        ));
    }
    let is_too_much = FILTERS.iter().any(|path| count(message.clone(), path) > MOST_FILTERS);
    match is_too_much {
        true => Err(format!(
            "The filters of this worker have more than {MOST_FILTERS} names or versions of one kind: connect with fewer, or without \
             filters, which takes all work."
        )),
        false => Ok(()),
    }
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
        assert_eq!(checked(&response(vec![empty.clone(); 1_000])), Ok(1_000));
        let too_many = checked(&response(vec![empty; MOST_ENTRIES + 1])).unwrap_err();
        assert_eq!(too_many.token, "t");
        assert!(too_many.reason.contains("more than 1000000 entries"), "{too_many:?}");
        assert_eq!(checked(&response(vec![carries(1_000)])), Ok(1_000));
        assert_eq!(
            checked(&response(vec![carries(MOST_ENTRIES + 1)])).unwrap_err().token,
            "t"
        );

        let result = EntityBatchResult {
            actions: vec![OperationAction::default(); MOST_ENTRIES + 1],
            completion_token: "e".to_owned(),
            ..EntityBatchResult::default()
        };
        let refused = check(&result.encode_to_vec().into(), &ENTITY_BATCH_RESULT);
        assert_eq!(refused.unwrap_err().token, "e");
    }

    #[test]
    fn tags_are_counted_of_all_actions_together() {
        use azure_functions_durable::protobuf::{CreateSubOrchestrationAction, ScheduleTaskAction};
        let tags = |count: usize| (0..count).map(|tag| (tag.to_string(), String::new())).collect();
        let action = |kind| OrchestratorAction {
            id: 1,
            orchestrator_action_type: Some(kind),
        };
        let kinds = |count| {
            [
                OrchestratorActionType::ScheduleTask(ScheduleTaskAction {
                    tags: tags(count),
                    ..ScheduleTaskAction::default()
                }),
                OrchestratorActionType::CreateSubOrchestration(CreateSubOrchestrationAction {
                    tags: tags(count),
                    ..CreateSubOrchestrationAction::default()
                }),
                OrchestratorActionType::CompleteOrchestration(CompleteOrchestrationAction {
                    tags: tags(count),
                    ..CompleteOrchestrationAction::default()
                }),
            ]
        };
        for kind in kinds(MOST_ENTRIES / 1_000) {
            let checked = |actions: usize| {
                let response = OrchestratorResponse {
                    actions: vec![action(kind.clone()); 1],
                    ..OrchestratorResponse::default()
                };
                // A field that is there again is one more entry.
                let message = response.encode_to_vec().repeat(actions);
                check(&message.into(), &ORCHESTRATOR_RESPONSE)
            };
            assert_eq!(checked(1_000), Ok(MOST_ENTRIES));
            assert!(checked(1_001).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn filters_are_limited_before_they_are_decoded() {
        use azure_functions_durable::protobuf::{
            ActivityFilter, EntityFilter, GetWorkItemsRequest, OrchestrationFilter, WorkItemFilters,
        };
        let checked = |filters| {
            let request = GetWorkItemsRequest {
                work_item_filters: Some(filters),
                ..GetWorkItemsRequest::default()
            };
            check_filters(&request.encode_to_vec().into())
        };
        let filters = |count: usize| {
            let versions = vec![String::new(); count];
            [
                WorkItemFilters {
                    orchestrations: vec![OrchestrationFilter::default(); count],
                    ..WorkItemFilters::default()
                },
                WorkItemFilters {
                    activities: vec![ActivityFilter::default(); count],
                    ..WorkItemFilters::default()
                },
                WorkItemFilters {
                    entities: vec![EntityFilter::default(); count],
                    ..WorkItemFilters::default()
                },
                WorkItemFilters {
                    orchestrations: vec![OrchestrationFilter {
                        name: "o".to_owned(),
                        versions: versions.clone(),
                    }],
                    ..WorkItemFilters::default()
                },
                WorkItemFilters {
                    activities: vec![ActivityFilter {
                        name: "a".to_owned(),
                        versions,
                    }],
                    ..WorkItemFilters::default()
                },
            ]
        };
        for filters in filters(MOST_FILTERS) {
            assert_eq!(checked(filters), Ok(()));
        }
        for filters in filters(MOST_FILTERS + 1) {
            let refused = checked(filters).unwrap_err();
            assert!(refused.contains("more than 10000 names or versions"), "{refused}");
        }
        let long = |bytes| {
            checked(WorkItemFilters {
                activities: vec![ActivityFilter {
                    name: "x".repeat(bytes),
                    ..ActivityFilter::default()
                }],
                ..WorkItemFilters::default()
            })
        };
        assert_eq!(long(LARGEST_REQUEST - 100), Ok(()));
        let refused = long(LARGEST_REQUEST).unwrap_err();
        assert!(refused.contains("more than 1048576 bytes"), "{refused}");
    }

    #[test]
    fn what_is_no_message_is_left_to_the_decoder() {
        for bytes in [&[0x12][..], &[0x12, 0xff, 0x01], &[0x07], &[0xff; 12]] {
            assert_eq!(check(&Bytes::copy_from_slice(bytes), &ORCHESTRATOR_RESPONSE), Ok(0));
        }
    }
}

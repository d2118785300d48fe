//! The rewinding of a failed instance, which servers leave to its worker: the history without the failures, as the server is to keep it.
//!
//! Source: recordings of .NET packages 1.28 and the code of the Python package `durabletask`. A retried activity cannot be rewound by any
//! worker: the timers between its attempts stay.

use azure_functions_durable::protobuf::{
    HistoryEvent, OrchestrationInstance, OrchestratorAction, OrchestratorRequest, OrchestratorResponse,
    RewindOrchestrationAction, history_event::EventType, orchestrator_action::OrchestratorActionType,
};
use std::collections::HashSet;
use uuid::Uuid;

/// The answer to a request that rewinds its instance; nothing if it is no such request, or has been rewound.
pub(super) fn answer(request: &OrchestratorRequest) -> Option<OrchestratorResponse> {
    let new = request.new_events.iter();
    let (rewinding, rewound) = new.clone().find_map(|event| match &event.event_type {
        Some(EventType::ExecutionRewound(rewound)) => Some((event, rewound)),
        _ => None,
    })?;
    let past = request.past_events.iter();
    past.clone()
        .find(|event| matches!(event.event_type, Some(EventType::ExecutionCompleted(_))))?;
    let failed: HashSet<i32> = past
        .clone()
        .chain(new.clone())
        .filter_map(|event| match &event.event_type {
            Some(EventType::TaskFailed(failed)) => Some(failed.task_scheduled_id),
            _ => None,
        })
        .collect();
    let stays = |event: &&HistoryEvent| match &event.event_type {
        Some(EventType::TaskScheduled(_)) => !failed.contains(&event.event_id),
        Some(
            EventType::TaskFailed(_) | EventType::SubOrchestrationInstanceFailed(_) | EventType::ExecutionCompleted(_),
        ) => false,
        _ => true,
    };
    let execution = next_execution(request, rewinding);
    let mut history: Vec<HistoryEvent> = past.chain(new).filter(stays).cloned().collect();
    for event in &mut history {
        let Some(EventType::ExecutionStarted(started)) = &mut event.event_type else {
            continue;
        };
        let instance = started
            .orchestration_instance
            .get_or_insert_with(|| OrchestrationInstance {
                instance_id: request.instance_id.clone(),
                execution_id: None,
            });
        instance.execution_id = Some(execution.clone());
        let parent = started.parent_instance.as_mut();
        if let (Some(parent), Some(id)) = (
            parent.and_then(|parent| parent.orchestration_instance.as_mut()),
            rewound.parent_execution_id.as_ref().filter(|id| !id.is_empty()),
        ) {
            parent.execution_id = Some(id.clone());
        }
    }
    let action = RewindOrchestrationAction { new_history: history };
    Some(OrchestratorResponse {
        instance_id: request.instance_id.clone(),
        actions: vec![OrchestratorAction {
            id: -1,
            orchestrator_action_type: Some(OrchestratorActionType::RewindOrchestration(action)),
        }],
        ..OrchestratorResponse::default()
    })
}

/// The id of the execution that goes on: the same where the request comes again, and no other's.
fn next_execution(request: &OrchestratorRequest, rewinding: &HistoryEvent) -> String {
    const NAMESPACE: Uuid = Uuid::from_u128(0x86a0_2c5b_7d8e_4c19_b0f5_31d4_6a9e_f207);
    let at = rewinding.timestamp.unwrap_or_default();
    let before = request.execution_id.as_deref().unwrap_or_default();
    let name = format!("{}_{before}_{}.{}", request.instance_id, at.seconds, at.nanos);
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).simple().to_string()
}

//! What is answered where the app has no function of a name, as other workers answer.

use azure_functions_durable::protobuf::{
    CompleteOrchestrationAction, EntityBatchRequest, EntityBatchResult, OperationResult, OperationResultFailure,
    OrchestrationStatus, OrchestratorAction, OrchestratorResponse, TaskFailureDetails, operation_result::ResultType,
    orchestrator_action::OrchestratorActionType,
};

/// For an orchestration.
pub(super) fn orchestration(instance_id: String, name: &str) -> OrchestratorResponse {
    let completion = CompleteOrchestrationAction {
        orchestration_status: OrchestrationStatus::Failed.into(),
        failure_details: Some(details("OrchestratorTaskNotFound", "orchestrator", name)),
        ..CompleteOrchestrationAction::default()
    };
    OrchestratorResponse {
        instance_id,
        actions: vec![OrchestratorAction {
            id: -1,
            orchestrator_action_type: Some(OrchestratorActionType::CompleteOrchestration(completion)),
        }],
        ..OrchestratorResponse::default()
    }
}

/// For an activity.
pub(super) fn activity(name: &str) -> TaskFailureDetails {
    details("ActivityTaskNotFound", "activity", name)
}

/// For an entity: each operation fails, and the state stays.
pub(super) fn entity(batch: EntityBatchRequest, name: &str) -> EntityBatchResult {
    let failed = || OperationResult {
        result_type: Some(ResultType::Failure(OperationResultFailure {
            failure_details: Some(details("EntityTaskNotFound", "entity", name)),
            ..OperationResultFailure::default()
        })),
    };
    EntityBatchResult {
        results: batch.operations.iter().map(|_| failed()).collect(),
        entity_state: batch.entity_state,
        ..EntityBatchResult::default()
    }
}

fn details(error_type: &str, what: &str, name: &str) -> TaskFailureDetails {
    TaskFailureDetails {
        error_type: error_type.to_owned(),
        error_message: format!("No {what} task named '{name}' was found."),
        is_non_retriable: true,
        ..TaskFailureDetails::default()
    }
}

//! The two forms in which servers ask for operations of an entity.

use azure_functions_durable::protobuf::{
    EntityBatchRequest, EntityRequest, OperationInfo, OperationRequest, OrchestrationInstance, history_event::EventType,
};

/// Operations of an entity, and what the answer says of each of them beside its result.
pub(super) struct Batch {
    pub(super) request: EntityBatchRequest,
    /// Servers that send events want to be told whom each result is for.
    pub(super) infos: Vec<OperationInfo>,
}

impl From<EntityBatchRequest> for Batch {
    fn from(request: EntityBatchRequest) -> Self {
        Self {
            request,
            infos: Vec::new(),
        }
    }
}

impl From<EntityRequest> for Batch {
    fn from(request: EntityRequest) -> Self {
        let (mut operations, mut infos) = (Vec::new(), Vec::new());
        for event in request.operation_requests {
            let (operation, info) = match event.event_type {
                Some(EventType::EntityOperationSignaled(signal)) => (
                    OperationRequest {
                        operation: signal.operation,
                        request_id: signal.request_id.clone(),
                        input: signal.input,
                        trace_context: None,
                    },
                    OperationInfo {
                        request_id: signal.request_id,
                        response_destination: None,
                    },
                ),
                Some(EventType::EntityOperationCalled(call)) => (
                    OperationRequest {
                        operation: call.operation,
                        request_id: call.request_id.clone(),
                        input: call.input,
                        trace_context: None,
                    },
                    OperationInfo {
                        request_id: call.request_id,
                        response_destination: call.parent_instance_id.map(|instance_id| OrchestrationInstance {
                            instance_id,
                            execution_id: call.parent_execution_id,
                        }),
                    },
                ),
                // Locks are the server's.
                _ => continue,
            };
            operations.push(operation);
            infos.push(info);
        }
        Self {
            request: EntityBatchRequest {
                instance_id: request.instance_id,
                entity_state: request.entity_state,
                operations,
                ..EntityBatchRequest::default()
            },
            infos,
        }
    }
}

use azure_functions::{
    bindings::{HttpRequest, HttpResponse, McpPromptResult, McpToolResult, McpToolTrigger, QueueMessage},
    func,
};

struct NoSchema;

#[func]
fn no_call(_request: HttpRequest) -> McpToolResult {
    "".into()
}

/// Answers something else.
#[func]
fn other(_call: McpToolTrigger) -> McpPromptResult {
    "".into()
}

/// Not the first.
#[func]
#[binding(name = "$return", queue_name = "abc")]
fn second(_call: McpToolTrigger) -> (QueueMessage<String>, McpToolResult) {
    (QueueMessage(String::new()), "".into())
}

/// Takes what has no schema.
#[func]
fn no_schema(_call: McpToolTrigger<NoSchema>) -> McpToolResult {
    "".into()
}

type Alias = McpToolTrigger;

#[func]
fn no_docs(_call: Alias) -> McpToolResult {
    "".into()
}

/// Answers over HTTP.
#[func]
fn http(_call: McpToolTrigger) -> HttpResponse {
    "".into()
}

/// Its errors would go to the queue.
#[func]
#[binding(name = "$return", queue_name = "abc")]
fn to_a_queue(_call: McpToolTrigger) -> Result<QueueMessage<String>, String> {
    Ok(QueueMessage(String::new()))
}

fn main() {}

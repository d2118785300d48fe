use azure_functions::{
    bindings::{HttpRequest, McpResourceContents, McpResourceTrigger, McpToolResult, McpToolTrigger},
    func,
};

// Nothing tells a model what it is for.
#[func]
fn no_description(_call: McpToolTrigger) -> McpToolResult {
    "".into()
}

/// Misspelt.
#[func]
fn misspelt(#[binding(tool = "x")] _call: McpToolTrigger) -> McpToolResult {
    "".into()
}

#[func]
fn no_uri(_request: McpResourceTrigger) -> McpResourceContents {
    "".into()
}

#[func]
fn no_scheme(#[binding(uri = "readme")] _request: McpResourceTrigger) -> McpResourceContents {
    "".into()
}

#[func]
fn bad_variable(#[binding(uri = "a://{b}{c}")] _request: McpResourceTrigger) -> McpResourceContents {
    "".into()
}

/// Two triggers.
#[func]
fn two(_call: McpToolTrigger, _request: HttpRequest) -> McpToolResult {
    "".into()
}

fn main() {}

//! The home page: says that the host is up, to a person who looks.

use super::{HostState, response::html};
use bytes::Bytes;
use http::Response;

pub(super) fn page(state: HostState) -> Response<Bytes> {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Azure Functions for Rust</title></head>\n\
         <body>\n<h1>Your function app is up</h1>\n<p>State of the host: {state}. See <a href=\"/admin/functions\">its functions\
         </a> and <a href=\"/runtime/webhooks/durabletask/instances\">its orchestrations</a>.</p>\n</body>\n</html>\n",
        state = state.name(),
    );
    html(page)
}

//! The 202 answer that tells an HTTP caller where to ask about an instance.
//!
//! The client builds the links itself: those of the host are wrong when it was asked over its loopback listener.

use super::OrchestrationClient;
use super::address::{Query, encode};
use super::binding::{Endpoint, WEBHOOK_PATH, is_web};
use super::template;
use serde_json::{Map, Value};
use std::fmt;
use url::Url;

/// The links of a check-status answer: member, what follows the instance id in the path, whether it takes a reason.
const LINKS: [(&str, &str, bool); 8] = [
    ("statusQueryGetUri", "", false),
    ("sendEventPostUri", "/raiseEvent/{eventName}", false),
    ("terminatePostUri", "/terminate", true),
    ("rewindPostUri", "/rewind", true),
    ("purgeHistoryDeleteUri", "", false),
    ("restartPostUri", "/restart", false),
    ("suspendPostUri", "/suspend", true),
    ("resumePostUri", "/resume", true),
];

/// An HTTP answer about an instance, as plain data for any HTTP library.
///
/// The body and the `Location` of a 202 hold the host's key for the durable API, as they do from every host: do not log
/// them. `Debug` leaves them out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckStatusResponse {
    /// The status code.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body, to be sent as JSON.
    pub body: Value,
}

impl CheckStatusResponse {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body,
        }
    }

    /// The value of a header; upper and lower case do not matter in its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for CheckStatusResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckStatusResponse")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl OrchestrationClient {
    /// The 202 answer for a caller who started an instance: `Location`, `Retry-After: 10`, and a body with the links to
    /// query, terminate, rewind, purge, restart, suspend and resume it and to send it events.
    ///
    /// The links begin with the public base if one is [set](Self::with_public_base), else with scheme, host and port of
    /// `request_url` (the absolute URL of the request being answered), else as the host's own links do.
    ///
    /// This sends nothing, and does not look whether there is such an instance.
    pub fn create_check_status_response(
        &self,
        request_url: Option<&str>,
        instance_id: impl AsRef<str>,
    ) -> CheckStatusResponse {
        let instance_id = instance_id.as_ref();
        let links = self.links(request_url, instance_id);
        let location = links
            .get("statusQueryGetUri")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let mut response = CheckStatusResponse::json(202, Value::Object(links));
        response
            .headers
            .extend(location.map(|location| ("Location".to_owned(), location)));
        response.headers.push(("Retry-After".to_owned(), "10".to_owned()));
        response
    }

    fn links(&self, request_url: Option<&str>, instance_id: &str) -> Map<String, Value> {
        let base = self.public_base.as_deref().map(str::to_owned).or_else(|| {
            let url = Url::parse(request_url?).ok().filter(is_web)?;
            Some(url.origin().ascii_serialization())
        });
        let to_public = |url: String| match &base {
            Some(base) => format!("{base}{}", &url[template::origin_end(&url)..]),
            None => url,
        };
        let id = encode(instance_id);
        let mut links = Map::new();
        links.insert("id".to_owned(), instance_id.into());
        for (member, suffix, takes_reason) in LINKS {
            let link = self
                .binding
                .management_url(member, &id, suffix)
                .map(|mut url| {
                    if takes_reason && !url.contains("{text}") {
                        template::append_query(&mut url, "reason={text}");
                    }
                    url
                })
                .unwrap_or_else(|_| self.built_link(&id, suffix, takes_reason));
            links.insert(member.to_owned(), to_public(link).into());
        }
        // What newer hosts have on top.
        for member in self.binding.management.keys().filter(|member| member.ends_with("Uri")) {
            if !links.contains_key(member)
                && let Ok(link) = self.binding.management_url(member, &id, "")
            {
                links.insert(member.clone(), to_public(link).into());
            }
        }
        links
    }

    /// A link for a binding without management URLs.
    fn built_link(&self, encoded_id: &str, suffix: &str, takes_reason: bool) -> String {
        let base = match (&self.binding.base_url, &self.binding.endpoint) {
            (Some(base), _) => base.clone(),
            (None, Endpoint::Rpc(base) | Endpoint::Webhook(base)) => base.trim_end_matches('/').to_owned(),
            (None, Endpoint::Grpc(origin)) => format!("{origin}{WEBHOOK_PATH}"),
            (None, Endpoint::Templates) => String::new(),
        };
        let mut query = Query::default();
        if takes_reason {
            query.push_verbatim("reason={text}");
        }
        query.push("taskHub", &self.binding.task_hub);
        // The links of other SDKs over gRPC do not name it, and who gets a link must not learn what calls over gRPC carry.
        let over_grpc = matches!(self.binding.endpoint, Endpoint::Grpc(_));
        if let Some(connection) = self.binding.connection.as_ref().filter(|_| !over_grpc) {
            query.push("connection", connection);
        }
        query.push_verbatim(&self.binding.required_query);
        format!("{base}/instances/{encoded_id}{suffix}?{}", query.as_str())
    }
}

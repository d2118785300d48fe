//! The URL of every request, in each of the three ways a host can be addressed.

use super::binding::{Binding, Endpoint};
use super::error::OrchestrationClientError;
use super::template;
use super::wire::ClientWire;
use crate::EntityId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::time::Duration;

/// Everything but RFC 3986's unreserved characters. `+` above all: hosts decode paths as forms, where it is a blank.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path segment or query value in its encoded form.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// What a request is about: one route of the durable HTTP API.
#[derive(Clone, Copy)]
pub(crate) enum Route<'a> {
    Start {
        function: &'a str,
        instance_id: Option<&'a str>,
    },
    StartAndWait {
        function: &'a str,
        instance_id: &'a str,
        timeout: Duration,
        interval: Duration,
    },
    Instances,
    Instance(&'a str),
    RaiseEvent {
        instance_id: &'a str,
        event_name: &'a str,
    },
    Control {
        instance_id: &'a str,
        action: Action,
        reason: &'a str,
    },
    Restart(&'a str),
    ReadEntity(&'a EntityId),
    SignalEntity {
        entity: &'a EntityId,
        operation: &'a str,
    },
    DeleteEntity(&'a EntityId),
    /// All, or those of one name.
    Entities(Option<&'a str>),
}

/// The operations that take nothing but a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Terminate,
    Change(Change),
}

/// What is done to an instance that does not end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Suspend,
    Resume,
    Rewind,
}

impl Action {
    /// The last segment of the route.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Terminate => "terminate",
            Self::Change(change) => change.segment(),
        }
    }

    const fn member(self) -> &'static str {
        match self {
            Self::Terminate => "terminatePostUri",
            Self::Change(Change::Suspend) => "suspendPostUri",
            Self::Change(Change::Resume) => "resumePostUri",
            Self::Change(Change::Rewind) => "rewindPostUri",
        }
    }
}

impl Change {
    /// The last segment of the route.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Rewind => "rewind",
        }
    }
}

impl Route<'_> {
    /// The path below the base of the API.
    fn path(&self) -> String {
        match *self {
            Self::Start {
                function,
                instance_id: None,
            } => format!("orchestrators/{}", encode(function)),
            Self::Start {
                function,
                instance_id: Some(instance_id),
            }
            | Self::StartAndWait {
                function, instance_id, ..
            } => format!("orchestrators/{}/{}", encode(function), encode(instance_id)),
            Self::Instances => "instances/".to_owned(),
            Self::Instance(id) => format!("instances/{}", encode(id)),
            Self::RaiseEvent {
                instance_id,
                event_name,
            } => format!("instances/{}/raiseEvent/{}", encode(instance_id), encode(event_name)),
            Self::Control {
                instance_id, action, ..
            } => format!("instances/{}/{}", encode(instance_id), action.segment()),
            Self::Restart(id) => format!("instances/{}/restart", encode(id)),
            // Without a key, it would be the list.
            Self::ReadEntity(entity) if entity.key().is_empty() => format!("entities/{}/$", encode(entity.name())),
            Self::ReadEntity(entity) | Self::SignalEntity { entity, .. } | Self::DeleteEntity(entity) => {
                let name = encode(entity.name());
                match entity.key() {
                    // Here `$` is a key like others.
                    "" => format!("entities/{name}"),
                    key => format!("entities/{name}/{}", encode(key)),
                }
            }
            Self::Entities(None) => "entities/".to_owned(),
            Self::Entities(Some(name)) => format!("entities/{}", encode(name)),
        }
    }

    /// The parameters that belong to the route itself; they come first.
    fn own_query(&self) -> Query {
        let mut query = Query::default();
        match *self {
            Self::StartAndWait { timeout, interval, .. } => {
                query.push("timeout", &seconds(timeout));
                query.push("pollingInterval", &seconds(interval));
            }
            Self::Control { reason, .. } => query.push("reason", reason),
            Self::SignalEntity { operation, .. } => query.push("op", operation),
            _ => {}
        }
        query
    }
}

/// Query parameters, encoded, in the order in which they were pushed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.push_verbatim(&format!("{name}={}", encode(value)));
    }

    pub(crate) fn push_bool(&mut self, name: &str, value: bool) {
        self.push_verbatim(&format!("{name}={value}"));
    }

    pub(crate) fn push_verbatim(&mut self, parameters: &str) {
        if !self.0.is_empty() && !parameters.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(parameters);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Binding {
    /// The URL for a request: `query` holds what the caller asked for, `task_hub` another hub than the binding's.
    pub(crate) fn url(
        &self,
        route: Route<'_>,
        query: &Query,
        task_hub: Option<&str>,
    ) -> Result<String, OrchestrationClientError> {
        let (base, required) = match &self.endpoint {
            Endpoint::Rpc(base) => (base, ""),
            Endpoint::Webhook(base) => (base, self.required_query.as_str()),
            // Nothing asks for a URL there: operations look at the endpoint first.
            Endpoint::Grpc(_) => {
                return Err(OrchestrationClientError::binding(
                    "it offers gRPC, and no durable HTTP API",
                ));
            }
            Endpoint::Templates => return self.url_from_template(route, query, task_hub),
        };
        let mut whole = route.own_query();
        whole.push_verbatim(query.as_str());
        // Always named, on loopback too: the binding need not be for the hub that is the host's default.
        whole.push("taskHub", task_hub.unwrap_or(&self.task_hub));
        if let Some(connection) = &self.connection {
            whole.push("connection", connection);
        }
        whole.push_verbatim(required);
        Ok(format!("{base}{}?{}", route.path(), whole.as_str()))
    }

    fn url_from_template(
        &self,
        route: Route<'_>,
        query: &Query,
        task_hub: Option<&str>,
    ) -> Result<String, OrchestrationClientError> {
        let mut url = match route {
            Route::Start { function, instance_id } => self.creation_url(function, instance_id)?,
            Route::StartAndWait {
                function,
                instance_id,
                timeout,
                interval,
            } => match self.creation_and_wait_url(function, instance_id, timeout, interval)? {
                Some(url) => url,
                None => {
                    let mut url = self.creation_url(function, Some(instance_id))?;
                    template::append_query(&mut url, route.own_query().as_str());
                    url
                }
            },
            Route::Instances => self.management_url("statusQueryGetUri", "", "")?,
            Route::Instance(id) => self.management_url("statusQueryGetUri", &encode(id), "")?,
            Route::RaiseEvent {
                instance_id,
                event_name,
            } => {
                let url = self.management_url("sendEventPostUri", &encode(instance_id), "/raiseEvent/{eventName}")?;
                template::fill(&url, "{eventName}", &encode(event_name))
                    .ok_or_else(|| OrchestrationClientError::binding("`sendEventPostUri` has no `{eventName}`"))?
            }
            Route::Control {
                instance_id,
                action,
                reason,
            } => {
                let suffix = format!("/{}", action.segment());
                let mut url = self.management_url(action.member(), &encode(instance_id), &suffix)?;
                match template::fill(&url, "{text}", &encode(reason)) {
                    Some(filled) => url = filled,
                    None => template::append_query(&mut url, route.own_query().as_str()),
                }
                url
            }
            Route::Restart(id) => self.management_url("restartPostUri", &encode(id), "/restart")?,
            Route::ReadEntity(_) | Route::SignalEntity { .. } | Route::DeleteEntity(_) | Route::Entities(_) => {
                return Err(OrchestrationClientError::unsupported(
                    "reach entities",
                    ClientWire::Http,
                    "the host's Durable Task extension is of version 1, which has none; use version 2 or newer",
                ));
            }
        };
        template::append_query(&mut url, query.as_str());
        Ok(match task_hub {
            Some(hub) => template::set_query(&url, "taskHub", &encode(hub)),
            None => url,
        })
    }

    /// A management URL for another instance (`id` already encoded); what the host's version does not name yet is made
    /// from the status URL and `suffix`.
    pub(crate) fn management_url(
        &self,
        member: &str,
        id: &str,
        suffix: &str,
    ) -> Result<String, OrchestrationClientError> {
        let old_id = self
            .management
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or("INSTANCEID");
        let (member, url, suffix) = match self.management_text(member) {
            Some(url) => (member, url, ""),
            None => (
                "statusQueryGetUri",
                self.management_text("statusQueryGetUri")
                    .ok_or_else(|| OrchestrationClientError::binding("`statusQueryGetUri` is missing"))?,
                suffix,
            ),
        };
        template::replace_instance_id(url, old_id, id, suffix)
            .ok_or_else(|| OrchestrationClientError::binding(format!("`{member}` does not have the instance id in it")))
    }

    fn management_text(&self, member: &str) -> Option<&str> {
        self.management
            .get(member)?
            .as_str()
            .filter(|url| !url.trim().is_empty())
    }

    fn creation_url(&self, function: &str, instance_id: Option<&str>) -> Result<String, OrchestrationClientError> {
        let url = self
            .creation
            .create
            .as_deref()
            .ok_or_else(|| OrchestrationClientError::binding("`createNewInstancePostUri` is missing"))?;
        fill_creation("createNewInstancePostUri", url, function, instance_id)
    }

    /// `None` if the host does not offer such a URL.
    fn creation_and_wait_url(
        &self,
        function: &str,
        instance_id: &str,
        timeout: Duration,
        interval: Duration,
    ) -> Result<Option<String>, OrchestrationClientError> {
        const MEMBER: &str = "createAndWaitOnNewInstancePostUri";
        let Some(url) = self.creation.create_and_wait.as_deref() else {
            return Ok(None);
        };
        let url = fill_creation(MEMBER, url, function, Some(instance_id))?;
        template::fill(&url, "{timeoutInSeconds}", &seconds(timeout))
            .and_then(|url| template::fill(&url, "{intervalInSeconds}", &seconds(interval)))
            .map(Some)
            .ok_or_else(|| {
                OrchestrationClientError::binding(format!(
                    "`{MEMBER}` has no `{{timeoutInSeconds}}` or no `{{intervalInSeconds}}`"
                ))
            })
    }
}

fn fill_creation(
    member: &str,
    url: &str,
    function: &str,
    instance_id: Option<&str>,
) -> Result<String, OrchestrationClientError> {
    let missing = |place: &str| OrchestrationClientError::binding(format!("`{member}` has no `{place}`"));
    let url = template::fill(url, "{functionName}", &encode(function)).ok_or_else(|| missing("{functionName}"))?;
    let segment = instance_id.map(|id| format!("/{}", encode(id)));
    match template::fill(&url, "[/{instanceId}]", segment.as_deref().unwrap_or_default()) {
        Some(url) => Ok(url),
        None if segment.is_none() => Ok(url),
        None => Err(missing("[/{instanceId}]")),
    }
}

/// A duration as the host reads it: seconds, with a fraction only if there is one.
fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}

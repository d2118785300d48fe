//! A function as the front door sees it: its name, what starts it, and what the admin API tells about it.

use http::Method;
use serde_json::{Map, Value};

use super::AuthLevel;

/// One function of the app. Its place in the list given to the front door is its number in calls to the backend.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FrontFunction {
    /// Registered name.
    pub name: String,
    /// What starts it.
    pub trigger: FrontTrigger,
    /// Switched off: it has no route, and the admin API says so.
    pub disabled: bool,
    /// Why it cannot run; it has no route then.
    pub error: Option<String>,
    /// What the admin API shows as its `config`, normally the content of `function.json`.
    pub config: Value,
}

/// What starts a function.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FrontTrigger {
    /// `httpTrigger`.
    Http {
        /// `authLevel`, function by default.
        auth_level: AuthLevel,
        /// `methods`; `None` takes all, an empty list none.
        methods: Option<Vec<Method>>,
        /// `route`; `None` stands for the function's name.
        route: Option<String>,
    },
    /// `orchestrationTrigger`: started through a client only.
    Orchestration,
    /// `entityTrigger`: signalled through a client only.
    Entity,
    /// Any other trigger, by its type.
    Other(String),
}

/// A route that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function '{function}' has no route: {problem}")]
pub struct RouteError {
    /// Number of the function.
    pub index: usize,
    /// Name of the function.
    pub function: String,
    /// What is wrong.
    pub problem: String,
}

/// A route that is served in part or not at all, since another function takes its requests first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the function '{function}' is never called with {methods}: '{by}', whose route '{by_route}' takes all of '{route}', comes first, since \
     the host tries functions by name; narrow that route, for instance with a constraint, or rename a function"
)]
pub struct ShadowedRoute {
    /// Name of the function.
    pub function: String,
    /// Its route.
    pub route: String,
    /// The methods that do not reach it, or "any method".
    pub methods: String,
    /// The function that is called instead.
    pub by: String,
    /// That function's route.
    pub by_route: String,
}

/// What is wrong with the routes of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteProblems {
    /// Functions that have no route.
    pub errors: Vec<RouteError>,
    /// Functions that are not called, or not with every method.
    pub shadowed: Vec<ShadowedRoute>,
}

impl FrontFunction {
    /// A function that can run.
    pub fn new(name: impl Into<String>, trigger: FrontTrigger) -> Self {
        Self {
            name: name.into(),
            trigger,
            disabled: false,
            error: None,
            config: Value::Null,
        }
    }

    /// The route below the prefix: the given one, or the function's name.
    pub(super) fn route(&self) -> Option<&str> {
        match &self.trigger {
            FrontTrigger::Http { route, .. } => Some(
                route
                    .as_deref()
                    .filter(|route| !route.trim().is_empty())
                    .unwrap_or(&self.name),
            ),
            _ => None,
        }
    }
}

impl FrontTrigger {
    /// Reads a trigger binding: its type, and its attributes with names in any case.
    ///
    /// # Errors
    /// An HTTP trigger's attribute has a wrong type or value.
    pub fn from_binding(kind: &str, attributes: &Map<String, Value>) -> Result<Self, String> {
        let attribute = |name: &str| {
            let found = attributes
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value);
            found.filter(|value| !value.is_null())
        };
        match kind.to_ascii_lowercase().as_str() {
            "httptrigger" => {}
            "orchestrationtrigger" => return Ok(Self::Orchestration),
            "entitytrigger" => return Ok(Self::Entity),
            _ => return Ok(Self::Other(kind.to_owned())),
        }
        let auth_level = match attribute("authLevel") {
            None => AuthLevel::Function,
            Some(value) => {
                let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                AuthLevel::from_name(&name)
                    .ok_or_else(|| format!("authLevel must be anonymous, function or admin, found {value}"))?
            }
        };
        let methods = match attribute("methods") {
            None => None,
            Some(Value::Array(names)) => {
                let method = |name: &Value| {
                    let text = name.as_str().unwrap_or_default().to_ascii_uppercase();
                    Method::from_bytes(text.as_bytes()).map_err(|_| format!("{name} is not an HTTP method"))
                };
                Some(names.iter().map(method).collect::<Result<_, _>>()?)
            }
            Some(other) => return Err(format!("methods must be an array of names, found {other}")),
        };
        let route = match attribute("route") {
            None => None,
            Some(Value::String(route)) => Some(route.clone()),
            Some(other) => return Err(format!("route must be a string, found {other}")),
        };
        Ok(Self::Http {
            auth_level,
            methods,
            route,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, binding: &str) -> Result<FrontTrigger, String> {
        FrontTrigger::from_binding(kind, &serde_json::from_str(binding).unwrap())
    }

    #[test]
    fn http_triggers_have_the_hosts_defaults() {
        let trigger = FrontTrigger::Http {
            auth_level: AuthLevel::Function,
            methods: None,
            route: None,
        };
        assert_eq!(read("httpTrigger", r#"{"route": null}"#).unwrap(), trigger);
        assert_eq!(
            read(
                "HttpTrigger",
                r#"{"AuthLevel": "Anonymous", "methods": ["get", "POST"], "route": "a/{b}"}"#
            )
            .unwrap(),
            FrontTrigger::Http {
                auth_level: AuthLevel::Anonymous,
                methods: Some(vec![Method::GET, Method::POST]),
                route: Some("a/{b}".to_owned()),
            }
        );
        assert_eq!(
            read("httpTrigger", r#"{"authLevel": "public"}"#).unwrap_err(),
            "authLevel must be anonymous, function or admin, found \"public\""
        );
        assert_eq!(
            read("timerTrigger", "{}").unwrap(),
            FrontTrigger::Other("timerTrigger".to_owned())
        );
    }
}

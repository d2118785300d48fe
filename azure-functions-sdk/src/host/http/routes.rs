//! Which HTTP function a request is for: all routes in the order of the functions' names, the first match wins.

use http::Method;

use super::{
    AuthLevel, FrontFunction, FrontTrigger, RouteError, RouteProblems, ShadowedRoute,
    template::{RouteValues, Template, split_path},
};

/// The functions and their routes.
#[derive(Debug)]
pub(super) struct RouteTable {
    pub(super) functions: Vec<FrontFunction>,
    prefix: String,
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    function: usize,
    /// Prefix and route in lower case: what makes two routes identical.
    text: String,
    template: Template,
    methods: Option<Vec<Method>>,
    auth_level: AuthLevel,
}

/// The function that a request is for.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) function: usize,
    pub(super) auth_level: AuthLevel,
    pub(super) values: RouteValues,
}

impl RouteTable {
    /// Makes the routes; functions whose route cannot be served get none and an error.
    pub(super) fn new(prefix: &str, functions: Vec<FrontFunction>) -> (Self, RouteProblems) {
        let mut table = Self {
            functions,
            prefix: prefix.trim_matches('/').to_owned(),
            routes: Vec::new(),
        };
        let mut order: Vec<usize> = (0..table.functions.len()).collect();
        order.sort_by_key(|index| table.functions[*index].name.to_ascii_uppercase());
        let mut errors = Vec::new();
        for index in order {
            let function = &table.functions[index];
            if function.disabled || function.error.is_some() {
                continue;
            }
            match table.route(index) {
                Ok(Some(route)) => table.routes.push(route),
                Ok(None) => {}
                Err(problem) => {
                    errors.push(RouteError {
                        index,
                        function: function.name.clone(),
                        problem: problem.clone(),
                    });
                    table.functions[index].error = Some(problem);
                }
            }
        }
        let shadowed = table.shadowed();
        (table, RouteProblems { errors, shadowed })
    }

    /// Functions whose requests go to another, which comes first.
    fn shadowed(&self) -> Vec<ShadowedRoute> {
        let mut shadowed = Vec::new();
        for (place, route) in self.routes.iter().enumerate() {
            let first = self.routes[..place].iter().find_map(|first| {
                let methods = shared_methods(first.methods.as_deref(), route.methods.as_deref())?;
                first.template.covers(&route.template).then_some((first, methods))
            });
            if let Some((first, methods)) = first {
                let [function, by] = [route, first].map(|route| &self.functions[route.function]);
                shadowed.push(ShadowedRoute {
                    function: function.name.clone(),
                    route: function.route().unwrap_or_default().to_owned(),
                    methods,
                    by: by.name.clone(),
                    by_route: by.route().unwrap_or_default().to_owned(),
                });
            }
        }
        shadowed
    }

    fn route(&self, index: usize) -> Result<Option<Route>, String> {
        let function = &self.functions[index];
        let FrontTrigger::Http {
            auth_level, methods, ..
        } = &function.trigger
        else {
            return Ok(None);
        };
        let Some(route) = function.route() else { return Ok(None) };
        let lower = route.trim_matches('/').to_ascii_lowercase();
        for reserved in ["admin", "runtime"] {
            if lower.starts_with(reserved) {
                return Err(format!(
                    "routes beginning with '{reserved}' belong to the host, choose another than '{route}'"
                ));
            }
        }
        let text = with_prefix(&self.prefix, route);
        let template = Template::parse(&text).map_err(|problem| format!("route '{route}': {problem}"))?;
        let text = text.to_ascii_lowercase();
        let overlaps = |other: &&Route| {
            other.text == text
                && match (&other.methods, methods) {
                    (Some(theirs), Some(ours)) => theirs.iter().any(|method| ours.contains(method)),
                    _ => true,
                }
        };
        if let Some(other) = self.routes.iter().find(overlaps) {
            let other = &self.functions[other.function].name;
            return Err(format!(
                "the function '{other}' has the same route '{route}' for the same method"
            ));
        }
        Ok(Some(Route {
            function: index,
            text,
            template,
            methods: methods.clone(),
            auth_level: *auth_level,
        }))
    }

    /// Finds the function; a method that the function does not take means another function or none.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Found> {
        let segments = split_path(path);
        self.routes.iter().find_map(|route| {
            if route.methods.as_ref().is_some_and(|methods| !methods.contains(method)) {
                return None;
            }
            let values = route.template.matches(&segments)?;
            Some(Found {
                function: route.function,
                auth_level: route.auth_level,
                values,
            })
        })
    }

    /// The functions that this path leads to with another method.
    pub(super) fn with_other_method(&self, path: &str) -> Vec<(&FrontFunction, &[Method])> {
        let segments = split_path(path);
        let routes = self.routes.iter();
        let taken = routes.filter(|route| route.template.matches(&segments).is_some());
        taken
            .map(|route| {
                let methods = route.methods.as_deref().unwrap_or_default();
                (&self.functions[route.function], methods)
            })
            .collect()
    }

    /// The function of this name, in any case.
    pub(super) fn named(&self, name: &str) -> Option<(usize, &FrontFunction)> {
        self.functions
            .iter()
            .enumerate()
            .find(|(_, function)| function.name.eq_ignore_ascii_case(name))
    }
}

/// The methods that two routes both take, in words; `None` if there are none.
fn shared_methods(first: Option<&[Method]>, second: Option<&[Method]>) -> Option<String> {
    let methods = match (first, second) {
        (None, None) => return Some("any method".to_owned()),
        (None, Some(methods)) | (Some(methods), None) => methods.to_vec(),
        (Some(first), Some(second)) => {
            let shared = first.iter().filter(|method| second.contains(method));
            shared.cloned().collect()
        }
    };
    (!methods.is_empty()).then(|| names(&methods))
}

/// `GET, POST`.
pub(super) fn names(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// The template with the prefix, without slashes at its ends.
pub(super) fn with_prefix(prefix: &str, route: &str) -> String {
    let (prefix, route) = (prefix.trim_matches('/'), route.trim_matches('/'));
    match (prefix.is_empty(), route.is_empty()) {
        (true, _) => route.to_owned(),
        (false, true) => prefix.to_owned(),
        (false, false) => format!("{prefix}/{route}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(name: &str, route: Option<&str>, methods: Option<&[Method]>) -> FrontFunction {
        let trigger = FrontTrigger::Http {
            auth_level: AuthLevel::Anonymous,
            methods: methods.map(<[Method]>::to_vec),
            route: route.map(str::to_owned),
        };
        FrontFunction::new(name, trigger)
    }

    fn find(table: &RouteTable, method: &Method, path: &str) -> Option<String> {
        table
            .find(method, path)
            .map(|found| table.functions[found.function].name.clone())
    }

    #[test]
    fn the_first_function_by_name_wins() {
        let (table, problems) = RouteTable::new(
            "api",
            vec![
                http("zeta", Some("x/{id}"), None),
                http("Beta", Some("x/{name:alpha}"), None),
                http("alpha", Some("x/literal"), Some(&[Method::POST])),
            ],
        );
        assert_eq!(problems, RouteProblems::default());
        assert_eq!(find(&table, &Method::POST, "/api/x/literal").as_deref(), Some("alpha"));
        assert_eq!(find(&table, &Method::GET, "/api/x/literal").as_deref(), Some("Beta"));
        assert_eq!(find(&table, &Method::GET, "/api/x/5").as_deref(), Some("zeta"));
        assert_eq!(find(&table, &Method::GET, "/x/5"), None);
    }

    #[test]
    fn wrong_methods_match_nothing() {
        let (table, _) = RouteTable::new(
            "api",
            vec![http("a", None, Some(&[Method::GET])), http("none", None, Some(&[]))],
        );
        assert_eq!(find(&table, &Method::GET, "/api/A").as_deref(), Some("a"));
        assert_eq!(find(&table, &Method::POST, "/api/a"), None);
        assert_eq!(find(&table, &Method::GET, "/api/none"), None);
    }

    #[test]
    fn an_empty_prefix_has_no_segment() {
        let (table, _) = RouteTable::new("", vec![http("Database", Some("Database/{key}"), None)]);
        assert_eq!(find(&table, &Method::GET, "/Database/1").as_deref(), Some("Database"));
        assert_eq!(find(&table, &Method::GET, "/api/Database/1"), None);
    }

    #[test]
    fn disabled_and_broken_functions_have_no_route() {
        let mut off = http("off", None, None);
        off.disabled = true;
        let mut broken = http("broken", None, None);
        broken.error = Some("bad".to_owned());
        let (table, problems) = RouteTable::new("api", vec![off, broken]);
        assert_eq!(problems, RouteProblems::default());
        assert_eq!(find(&table, &Method::GET, "/api/off"), None);
        assert_eq!(find(&table, &Method::GET, "/api/broken"), None);
    }

    #[test]
    fn routes_that_cannot_be_served_say_why() {
        let (table, problems) = RouteTable::new(
            "api",
            vec![
                http("a", Some("admin/x"), None),
                http("b", Some("/Same/{id}"), Some(&[Method::GET, Method::PUT])),
                http("c", Some("same/{id}"), Some(&[Method::PUT])),
                http("d", Some("same/{id}"), Some(&[Method::POST])),
                http("e", Some("{a:regex(^\\d{{2}}$)}"), None),
                http("f", Some("runtime"), None),
            ],
        );
        let texts: Vec<String> = problems.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "the function 'a' has no route: routes beginning with 'admin' belong to the host, choose another than 'admin/x'",
                "the function 'c' has no route: the function 'b' has the same route 'same/{id}' for the same method",
                "the function 'e' has no route: route '{a:regex(^\\d{{2}}$)}': '{a:regex(^\\d{{2}': the constraint 'regex' is \
                 not supported: check the value in the function and answer 404",
                "the function 'f' has no route: routes beginning with 'runtime' belong to the host, choose another than \
                 'runtime'",
            ]
        );
        assert!(table.functions[0].error.is_some());
        assert_eq!(find(&table, &Method::POST, "/api/same/1").as_deref(), Some("d"));
    }

    #[test]
    fn a_route_that_another_shadows_is_told() {
        let (_, problems) = RouteTable::new(
            "api",
            vec![
                http("a_item", Some("items/{id}"), Some(&[Method::GET, Method::PUT])),
                http("b_newest", Some("items/newest"), Some(&[Method::GET, Method::POST])),
                http("c_posted", Some("items/{id}"), Some(&[Method::POST])),
                http("d_numbered", Some("orders/{id:int}"), None),
                http("e_named", Some("orders/{name}"), None),
                http("f_all", Some("orders/{*rest}"), None),
                http("g_last", Some("orders/last/of/all"), None),
            ],
        );
        assert_eq!(problems.errors, []);
        let texts: Vec<String> = problems.shadowed.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "the function 'b_newest' is never called with GET: 'a_item', whose route 'items/{id}' takes all of 'items/newest', \
                 comes first, since the host tries functions by name; narrow that route, for instance with a constraint, or rename \
                 a function",
                "the function 'g_last' is never called with any method: 'f_all', whose route 'orders/{*rest}' takes all of \
                 'orders/last/of/all', comes first, since the host tries functions by name; narrow that route, for instance with a \
                 constraint, or rename a function",
            ]
        );
    }
}

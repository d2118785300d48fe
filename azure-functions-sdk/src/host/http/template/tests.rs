//! Templates and paths, matched and refused.

use super::*;

fn values(template: &str, path: &str) -> Option<String> {
    let values = Template::parse(template).unwrap().matches(&split_path(path))?;
    Some(
        values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" "),
    )
}

#[test]
fn templates_match_as_in_aspnet() {
    for (template, path, expected) in [
        ("api/hello", "/api/hello", Some("")),
        ("api/hello", "/API/Hello/", Some("")),
        ("api/hello", "/api/hello/x", None),
        ("api/hello", "/api//hello", None),
        ("", "/", Some("")),
        ("/lead/", "/lead", Some("")),
        ("Add/{id}", "/add/5", Some("id=5")),
        ("Add/{id}", "/add", None),
        ("Add/{id}", "/add/a%20b%2Fc", Some("id=a b%2Fc")),
        ("Add/{id}", "/add/%ff", Some("id=%ff")),
        ("Add/{id?}", "/add", Some("")),
        ("Add/{id?}", "/add/", Some("")),
        ("Add/{id?}", "/add/5/6", None),
        ("orders/{id:int}", "/orders/12", Some("id=12")),
        ("orders/{id:int}", "/orders/x", None),
        ("orders/{id:int?}", "/orders", Some("")),
        ("orders/{id:int?}", "/orders/x", None),
        ("orders/{id:int:min(10)}", "/orders/9", None),
        ("orders/{id:range(1,9)}", "/orders/9", Some("id=9")),
        ("p/{n=5}", "/p", Some("n=5")),
        ("p/{n:int=5}", "/p/7", Some("n=7")),
        ("p/{a=x}/{b?}", "/p", Some("a=x")),
        ("{a?}/b", "/x/b", Some("a=x")),
        ("files/{*rest}", "/files/a/b%20c", Some("rest=a/b c")),
        ("files/{*rest}", "/files", Some("")),
        ("files/{**rest=all}", "/files/", Some("rest=all")),
        ("{*rest}", "/", Some("")),
        ("img/{name}.{ext?}", "/img/a.b.png", Some("name=a.b ext=png")),
        ("img/{name}.{ext?}", "/img/a", Some("name=a")),
        ("img/{name}.{ext}", "/img/a", None),
        ("img/{name}.{ext}", "/img/a.", None),
        ("{a}-{b}", "/x-y-z", Some("a=x-y b=z")),
        ("{a}-{b}", "/-z", None),
        ("v{major:int}x", "/V12X", Some("major=12")),
        ("v{major:int}x", "/v12", None),
        ("a{{b}}", "/a%7Bb%7D", Some("")),
    ] {
        assert_eq!(values(template, path).as_deref(), expected, "{template} on {path}");
    }
}

#[test]
fn parameters_are_listed() {
    assert_eq!(
        Template::parse("{a:int}/x{b}.{c?}/{*d}").unwrap().parameters(),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn bad_templates_say_why() {
    for (template, expected) in [
        ("a//b", "a route must not contain an empty segment ('//')"),
        ("{a}{b}", "'{a}{b}': two parameters need text between them"),
        ("{a}/{A}", "the parameter 'A' occurs twice"),
        ("{a", "'{a' lacks a '}'"),
        ("a}", "'a}' has a '}' without '{'"),
        ("{}", "'{}' has no valid parameter name"),
        (
            "{*a}/b",
            "a catch-all parameter must be the last segment of the route, alone",
        ),
        (
            "x{*a}",
            "a catch-all parameter must be the last segment of the route, alone",
        ),
        (
            "{*a?}",
            "'{*a?}': a catch-all parameter cannot be optional, it may be empty anyway",
        ),
        (
            "{a=1?}",
            "'{a=1?}': an optional parameter cannot have a default value, drop the '?'",
        ),
        ("{a?:int}", "'{a?:int}' is not a valid parameter: '?' stands at the end"),
        (
            "{a?}-x",
            "'{a?}-x': inside a segment, an optional parameter must come last, after a '.'",
        ),
        ("a?b", "a route must not contain '?' outside of a parameter"),
        (
            "{a:regex(^x$)}",
            "'{a:regex(^x$)}': the constraint 'regex' is not supported: check the value in the function and answer 404",
        ),
    ] {
        assert_eq!(Template::parse(template).unwrap_err(), expected, "{template}");
    }
}

proptest::proptest! {
    #[test]
    fn no_template_and_no_path_panics(template in "[a-c{}*?:=/.()%é-]{0,16}", path in "/[a-c/.%20é-]{0,16}") {
        if let Ok(template) = Template::parse(&template) {
            let _ = template.matches(&split_path(&path));
        }
    }
}

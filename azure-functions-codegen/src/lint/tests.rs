//! What is found in bodies, and what is not.

use super::{Allowance, check};
use crate::errors::Errors;
use quote::quote;
use syn::parse_quote;

/// The complaints about a body: for each the text before its colon.
fn complaints(body: &str) -> Vec<String> {
    texts(body)
        .iter()
        .map(|text| text.split(": ").next().unwrap().to_owned())
        .collect()
}

fn texts(body: &str) -> Vec<String> {
    of(body, Some("context"), |_| None)
}

fn of(body: &str, context: Option<&str>, whole: impl FnOnce(&mut Errors) -> Option<Allowance>) -> Vec<String> {
    let mut function = syn::parse_str(&format!("async fn f() {{ {body} }}")).unwrap_or_else(|e| panic!("{body}: {e}"));
    let mut errors = Errors::default();
    let whole = whole(&mut errors);
    check(&mut function, context, whole, &mut errors);
    assert!(!quote!(#function).to_string().contains("allow_non_deterministic"));
    errors.into_messages()
}

/// What `complaints` names first.
fn refused(body: &str) -> Vec<String> {
    complaints(body)
        .iter()
        .map(|text| text.split('`').nth(1).unwrap_or(text).to_owned())
        .collect()
}

#[test]
fn every_offence_of_a_body_is_reported_with_what_to_write_instead() {
    let texts = texts("let a = std::time::SystemTime::now(); let b = Uuid::new_v4(); std::thread::sleep(d); (a, b)");
    assert_eq!(
        texts,
        [
            "`std::time::SystemTime::now` reads the clock, which shows another time in every replay: use `context.current_time()`",
            "`Uuid::new_v4` makes another id in every replay: use `context.new_guid()`",
            "`std::thread::sleep` blocks the worker, and the wait is lost with its process: await `context.create_timer_after(..)`",
        ]
    );
}

#[test]
fn the_context_is_called_what_the_parameter_is_called() {
    let texts = of("Utc::now()", Some("ctx"), |_| None);
    assert!(texts[0].ends_with("use `ctx.current_time()`"), "{texts:?}");
}

#[test]
fn other_functions_may_do_everything() {
    assert_eq!(
        of("Utc::now(); tokio::spawn(x); y.block_on(z)", None, |_| None),
        [""; 0]
    );
}

#[test]
fn closures_blocks_and_nested_functions_are_part_of_the_body() {
    for body in [
        "list.map(|x| Utc::now() - x)",
        "let f = async move { Utc::now() };",
        "if a { loop { match b { _ => Utc::now() } } }",
        "unsafe { Utc::now() }",
        "let Some(x) = y else { return Utc::now() };",
        "fn helper() -> DateTime<Utc> { Utc::now() }",
        "const START: fn() -> DateTime<Utc> = Utc::now;",
        "x.unwrap_or_else(Utc::now)",
        "S { at: Utc::now(), ..s }",
    ] {
        assert_eq!(refused(body), ["Utc::now"], "{body}");
    }
}

#[test]
fn macros_are_read_as_far_as_they_show_calls() {
    assert_eq!(
        refused("vec![Utc::now(), f(Uuid::new_v4())]"),
        ["Utc::now", "Uuid::new_v4"]
    );
    assert_eq!(refused(r#"format!("{} {}", Utc::now(), a::b)"#), ["Utc::now"]);
    assert_eq!(refused("matches!(rand::random::<u8>(), 1)"), ["rand::random"]);
    assert_eq!(refused("println!(\"{:?}\", runtime.block_on(x))"), [".block_on(..)"]);
    assert_eq!(
        refused("tokio::select! { _ = tokio::time::sleep(d) => {} x = c.call_activity(a, b) => {} }"),
        ["tokio::select!", "tokio::time::sleep"]
    );
    assert_eq!(refused("vec![futures::join!(a, b)]"), ["futures::join!"]);
    assert_eq!(
        refused("let x = println!(\"{}\", stringify!(Utc::now()));"),
        ["Utc::now"]
    );
    assert_eq!(refused("vec![a..Utc::now()]"), ["Utc::now"]);
    assert_eq!(refused("use tokio::time::sleep; vec![sleep(d)]"), ["sleep"]);
    assert_eq!(refused("stringify!(Utc::now()); vec![Utc::now != (x)]"), [""; 0]);
    assert_eq!(
        refused("dsl! { tokio::sync::Mutex<u8> => Utc; a::<b>::c(Vec::<u8>::new()) }"),
        [""; 0]
    );
}

#[test]
fn imports_inside_the_body_are_followed() {
    for (body, name) in [
        ("use std::time::SystemTime as Clock; Clock::now()", "Clock::now"),
        ("use tokio::time::{self, sleep as nap}; nap(d)", "nap"),
        ("use std::{env::{var}}; { { var(x) } }", "var"),
        ("use std::thread; thread::spawn(f)", "thread::spawn"),
        ("use ::tokio as t; use t::select; select! {}", "select!"),
        ("use rand::{self, random}; random()", "random"),
        ("vec![later()]; use chrono::Utc as U; vec![U::now()]", "U::now"),
    ] {
        assert_eq!(refused(body), [name], "{body}");
    }
    let text = &texts("use std::time::SystemTime as Clock; Clock::now()")[0];
    assert!(
        text.starts_with("`Clock::now`, which is `std::time::SystemTime::now`, reads the clock"),
        "{text}"
    );
    assert_eq!(
        refused("{ use tokio::time::sleep; } sleep(d)"),
        [""; 0],
        "imports end with their block"
    );
    assert_eq!(refused("use std::time::*; use a::a; a::b()"), [""; 0]);
}

#[test]
fn names_of_the_users_own_are_free() {
    for body in [
        "now(); sleep(d); var(x); select!(a); join!(a, b)",
        "struct Instant; impl Instant { fn now() {} } Instant::now()",
        "use crate::clock::Utc; Utc::now(); super::rand::random(); self::thread::sleep(x)",
        "mod rand { pub fn random() { Utc::now(); } } rand::random()",
        "clock.now(); file.read(); x.spawn(y); x.sleep(y); let block_on = x.block_on;",
        "let d = tokio::time::Duration::from_secs(1); let s: reqwest::StatusCode = reqwest::StatusCode::OK;",
        "println!(\"{x}\"); env!(\"HOME\"); std::env!(\"HOME\"); log::info!(\"Utc::now()\")",
        "let rng = rand::rngs::StdRng::seed_from_u64(1);",
    ] {
        assert_eq!(complaints(body), [""; 0], "{body}");
    }
}

#[test]
fn a_qualified_path_is_read_through() {
    assert_eq!(
        refused("<Utc>::now(); <std::time::Instant as Clock>::now()"),
        ["Utc::now", "std::time::Instant::now"]
    );
    assert_eq!(refused("<[u8]>::now()"), [""; 0]);
}

#[test]
fn what_is_allowed_for_a_reason_passes() {
    for body in [
        "#[allow_non_deterministic = \"r\"] let x = Utc::now();",
        "#[allow_non_deterministic = \"r\"] { Utc::now(); Uuid::new_v4(); }",
        "#[allow_non_deterministic = \"r\"] x = Utc::now();",
        "#[allow_non_deterministic = \"r\"] a + b + Utc::now();",
        "#[allow_non_deterministic = \"r\"] Utc::now().date().x();",
        "#[allow_non_deterministic = \"r\"] tokio::select! {}",
        "f(#[allow_non_deterministic = \"r\"] Utc::now())",
        "f(#[allow_non_deterministic = \"r\"] Utc::now)",
        "f(#[allow_non_deterministic = \"r\"] y.block_on(z))",
        "match x { #[allow_non_deterministic = \"r\"] 1 => Utc::now(), _ => y }",
        "S { #[allow_non_deterministic = \"r\"] at: Utc::now() }",
        "#[allow_non_deterministic = \"r\"] fn helper() { Utc::now(); }",
        "#[allow_non_deterministic = \"r\"] if x { y.block_on(z) }",
    ] {
        assert_eq!(complaints(body), [""; 0], "{body}");
    }
    let reason: syn::Expr = parse_quote!("it only measures");
    let whole = |errors: &mut Errors| Some(Allowance::new(quote!(x), Some(&reason), errors));
    assert_eq!(of("Utc::now(); Uuid::new_v4()", Some("context"), whole), [""; 0]);
}

#[test]
fn an_allowance_ends_where_its_statement_ends() {
    for body in [
        "#[allow_non_deterministic = \"r\"] let x = Uuid::new_v4(); Utc::now()",
        "#[allow_non_deterministic = \"r\"] x = Uuid::new_v4(); Utc::now()",
        "f(#[allow_non_deterministic = \"r\"] Uuid::new_v4(), Utc::now())",
        "match x { #[allow_non_deterministic = \"r\"] 1 => Uuid::new_v4(), _ => Utc::now() }",
    ] {
        assert_eq!(refused(body), ["Utc::now"], "{body}");
    }
}

#[test]
fn an_allowance_that_allows_nothing_is_refused() {
    let nothing = ["nothing here needs to be allowed"];
    assert_eq!(
        complaints("#[allow_non_deterministic = \"r\"] let x = 1; f(x)"),
        nothing
    );
    assert_eq!(complaints("#[allow_non_deterministic = \"r\"] x = 1;"), nothing);
    let inner = "#[allow_non_deterministic = \"r\"] { #[allow_non_deterministic = \"r\"] Utc::now(); }";
    assert_eq!(complaints(inner), nothing, "the inner one is enough");
    let other = of("#[allow_non_deterministic = \"r\"] Utc::now();", None, |_| None);
    assert!(other[0].starts_with("only functions with a `DurableOrchestrationContext` are checked"));
}

#[test]
fn an_allowance_without_a_reason_is_refused() {
    for attribute in [
        "#[allow_non_deterministic]",
        "#[allow_non_deterministic = \" \"]",
        "#[allow_non_deterministic = 3]",
        "#[allow_non_deterministic(\"r\")]",
        "#[azure_functions::allow_non_deterministic]",
    ] {
        let complaint = ["say why every replay does the same for all that"];
        assert_eq!(
            complaints(&format!("{attribute} Utc::now();")),
            complaint,
            "{attribute}"
        );
    }
}

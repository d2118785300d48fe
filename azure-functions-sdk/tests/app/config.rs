//! Settings of an app.

use crate::state::{Journal, with_journal};
use azure_functions::{app, prelude::*};
use azure_functions_sdk::testing::TestHost;
use serde::Deserialize;
use std::panic::catch_unwind;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Settings {
    region_of_the_app: String,
    limits: Limits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Limits {
    orders: u32,
}

#[func]
fn region(_request: HttpRequest, settings: &Config<Settings>) -> HttpResponse {
    format!("{} {}", settings.region_of_the_app, settings.limits.orders).into()
}

#[test]
fn a_test_gives_settings_of_its_own() {
    let settings = || Settings {
        region_of_the_app: "north".to_owned(),
        limits: Limits { orders: 3 },
    };
    let host = TestHost::builder()
        .app(move || with_journal().config(settings()))
        .build();
    let response = host.call("region", &HttpRequest::build().finish()).unwrap();
    assert_eq!(response.body_as_str().unwrap(), "north 3");
}

#[test]
fn an_app_whose_settings_are_missing_does_not_start_and_names_them_all() {
    let panic = catch_unwind(|| drop(TestHost::builder().app(|| app().state(Journal::default())).build())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let expected = "the app cannot be tested: the app cannot start: the settings of the app are not complete: \
                    `Limits__Orders` is missing, `RegionOfTheApp` is missing; set them";
    assert!(text.starts_with(expected), "{text}");
}

//! Which wire a test host speaks.

use crate::{config::Settings, state::Journal};
use azure_functions::{App, app, durable};
use azure_functions_sdk::testing::{TestHost, TestHostBuilder, Wire};

fn host(make: impl Fn(App) -> App + Send + Sync + 'static) -> TestHostBuilder {
    TestHost::builder().app(move || make(app()).state(Journal::default()).config(Settings::default()))
}

#[test]
fn a_test_host_speaks_the_wire_that_the_app_asks_for() {
    let named = std::env::var("AZURE_FUNCTIONS_DURABLE_WIRE").ok();
    let named = named.map(|name| name.parse::<Wire>().unwrap());
    let json = |app: App| app.durable_wire(durable::Wire::Json);
    assert_eq!(host(|app| app).build().wire(), named.unwrap_or(Wire::Protobuf));
    assert_eq!(host(json).build().wire(), named.unwrap_or(Wire::Json));
    for wire in [Wire::Json, Wire::Protobuf] {
        assert_eq!(host(json).wire(wire).build().wire(), wire, "the builder decides");
    }
}

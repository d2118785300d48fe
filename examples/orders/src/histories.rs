//! Orders that earlier versions began must be able to go on: their histories replay on today's code.

use std::env;

use azure_functions_sdk::testing::TestInstance;

/// The version whose histories are recorded. Those of earlier ones stay as they are.
const VERSION: &str = "0.12";

/// With `BLESS=1`, what the order has done becomes part of the histories of this version.
pub fn record(order: &TestInstance<'_>, name: &str) {
    if env::var_os("BLESS").is_some() {
        order.save_history(format!("histories/{VERSION}/{name}.json"));
    }
}

#[test]
fn histories_of_all_releases_replay() {
    azure_functions::histories::assert_replay("histories");
}

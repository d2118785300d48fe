//! Instances that earlier versions began must be able to go on: their histories replay on today's code.

#[test]
fn histories_of_all_releases_replay() {
    azure_functions::histories::assert_replay("histories");
}

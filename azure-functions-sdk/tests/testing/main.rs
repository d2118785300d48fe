//! The test host, with an app of its own.

mod crashes;
mod critical_sections;
mod entities;
mod errors;
mod fire;
mod functions;
mod host;
mod patches;
#[expect(unreachable_pub, reason = "it stands in the README as it is here")]
mod readme;
mod typed;
mod typed_entities;

#[test]
fn the_readme_shows_a_test_that_passes() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let shown = format!("```rust\n{}```", include_str!("readme.rs"));
    assert!(
        readme.replace('\r', "").contains(&shown.replace('\r', "")),
        "the README lacks:\n{shown}"
    );
}

//! How long a benchmark may take.

/// Whether it only has to show that it runs: its figures mean nothing then. `cargo bench` asks for figures, `cargo test` does not.
pub(crate) fn is_quick() -> bool {
    let mut arguments = std::env::args().skip(1);
    let (mut bench, mut quick) = (false, false);
    for argument in arguments.by_ref() {
        bench |= argument == "--bench";
        quick |= argument == "--quick";
    }
    quick || !bench
}

/// What the command line names, options left out.
#[allow(dead_code, reason = "one benchmark has nothing to pick")]
pub(crate) fn picked() -> Vec<String> {
    std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect()
}

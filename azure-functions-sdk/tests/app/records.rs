//! What functions say with `log` and with `tracing`.

use crate::state::with_journal;
use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestHost;
use log::Level;

#[func(activity)]
async fn pays(order: u32) -> u32 {
    let span = tracing::info_span!("pay", customer = 3);
    let charged = async {
        tracing::info!(order, card = "of the bank", "charged");
        tracing::trace!("never seen");
    };
    tracing::Instrument::instrument(charged, span).await;
    log::warn!(order, note = "two words"; "paid");
    order
}

#[func(orchestration)]
async fn pays_twice(context: DurableOrchestrationContext<u32>) -> Result<u32, CallError> {
    let span = tracing::info_span!("twice", input = context.input());
    let _inside = span.enter();
    tracing::info!("begins");
    let once = context.call::<pays>(context.input()).await?;
    tracing::info!(once);
    let twice = context.call::<pays>(once).await?;
    tracing::info!(twice, "ends");
    Ok(twice)
}

#[test]
fn records_of_log_and_tracing_have_level_spans_and_fields_and_are_not_repeated_in_replays() {
    let host = TestHost::builder().app(with_journal).build();
    assert_eq!(host.start("pays_twice", 7).output::<u32>(), 7);
    let logs = host.logs();
    let said: Vec<_> = logs
        .iter()
        .map(|record| (record.level, record.function.as_str(), record.message.as_str()))
        .collect();
    let charged = (
        Level::Info,
        "pays",
        "pay{customer=3}: charged order=7 card=\"of the bank\"",
    );
    let paid = (Level::Warn, "pays", "paid order=7 note=\"two words\"");
    let of_flow = |text| (Level::Info, "pays_twice", text);
    let expected = [
        of_flow("twice{input=7}: begins"),
        charged,
        paid,
        of_flow("twice{input=7}: once=7"),
        charged,
        paid,
        of_flow("twice{input=7}: ends twice=7"),
    ];
    assert_eq!(said, expected);
    assert!(
        logs.iter().all(|record| record.target.starts_with("app::records")),
        "{logs:?}"
    );
}

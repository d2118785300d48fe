//! The life of an order, from the reservation to the parcel.

use std::time::Duration;

use azure_functions::{
    durable::{
        Either,
        patterns::{SagaError, saga},
    },
    prelude::*,
};

use crate::{
    notification::notify,
    order::{Cancelled, OrderError, Outcome, Packed, PlacedOrder, Progress},
    payment::{Charge, charge, refund},
    settings::Settings,
    stock::Stock,
};

/// Reserves the goods, takes the money, and waits for the warehouse. If one of that fails, what was done before is undone.
///
/// An order that is not packed for a reason which the shop expects is a cancelled order. The instance fails only if a function of the
/// app fails, or if something cannot be undone: then a person has to look at it.
#[func(orchestration)]
pub async fn fulfil(context: DurableOrchestrationContext<PlacedOrder>) -> Result<Outcome, SagaError<OrderError>> {
    let PlacedOrder { order, settings } = context.input();
    let packed = saga(async |undo| {
        context.set_custom_status(Progress::Reserving);
        for line in &order.lines {
            let stock = context.entity::<Stock>(&line.sku);
            if !stock.take(line.pieces).await? {
                return Err(OrderError::OutOfStock(line.sku.clone()));
            }
            undo.on_failure(move || stock.add(line.pieces));
        }

        context.set_custom_status(Progress::Paying);
        let due = Charge {
            order: context.instance_id().to_owned(),
            card: order.card.clone(),
            cents: order.cents,
        };
        let payment = context.call::<charge>(due).returned().await??;
        undo.on_failure(|| context.call::<refund>(payment));

        parcel(&context, &settings).await
    });
    let outcome = match packed.await {
        Ok(parcel) => Outcome::Packed { parcel },
        Err(failed) if matches!(failed.error, OrderError::Call(_)) || !failed.not_undone.is_empty() => {
            return Err(failed);
        }
        Err(failed) => Outcome::Cancelled {
            reason: failed.error.to_string(),
        },
    };
    notify(&context, &settings, &outcome).await;
    Ok(outcome)
}

/// Waits for the parcel, reminds the warehouse once, and gives up when the same time has passed again. The customer can cancel
/// meanwhile; an order that was cancelled earlier, while it was being paid, is noticed here.
async fn parcel(context: &DurableOrchestrationContext<PlacedOrder>, settings: &Settings) -> Result<String, OrderError> {
    let limit = Duration::from_hours(settings.hours_to_pack);
    for progress in [Progress::Packing, Progress::Reminded] {
        context.set_custom_status(progress);
        if let Progress::Reminded = progress {
            notify(context, settings, &progress).await;
        }
        let answer = context.select((context.wait_for::<Packed>(), context.wait_for::<Cancelled>()));
        match context.timeout(limit, answer).await {
            Ok(Either::First(packed)) => return Ok(packed?.parcel),
            Ok(Either::Second(cancelled)) => {
                cancelled?;
                return Err(OrderError::Cancelled);
            }
            Err(_elapsed) => {}
        }
    }
    Err(OrderError::NotPacked)
}

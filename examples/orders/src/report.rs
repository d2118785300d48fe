//! The nightly report over all orders.

use azure_functions::{
    durable::{OrchestrationClientError, OrchestrationRuntimeStatus, OrchestrationStatusQueryResult, StatusQuery},
    prelude::*,
};
use serde::{Deserialize, Serialize};

use crate::{fulfilment::fulfil, order::Outcome};

/// The key of the newest report.
const LATEST: &str = "latest";

/// How many orders stand how. As an entity, it is the report that was published last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub open: u32,
    pub packed: u32,
    pub cancelled: u32,
    pub failed: u32,
}

#[entity]
impl Report {
    fn publish(&mut self, report: Report) {
        *self = report;
    }
}

impl Report {
    fn count(&mut self, status: &OrchestrationStatusQueryResult) {
        let orders = match status.runtime_status {
            OrchestrationRuntimeStatus::Completed => match status.output_as() {
                Ok(Outcome::Packed { .. }) => &mut self.packed,
                Ok(Outcome::Cancelled { .. }) => &mut self.cancelled,
                Err(_) => &mut self.failed,
            },
            ended if ended.is_terminal() => &mut self.failed,
            _ => &mut self.open,
        };
        *orders += 1;
    }
}

/// At two o'clock each night, counts the orders page by page.
#[func]
pub async fn nightly_report(
    #[binding(schedule = "0 0 2 * * *")] _timer: TimerInfo,
    client: DurableOrchestrationClient,
) -> Result<(), OrchestrationClientError> {
    let mut report = Report::default();
    let mut query = StatusQuery::new().show_input(false);
    loop {
        let page = client.query_page(&query).await?;
        let orders = page.statuses.iter().filter(|status| status.name == fulfil::NAME);
        orders.for_each(|order| report.count(order));
        if page.continuation_token.is_none() {
            break;
        }
        query = query.continuation_token(page.continuation_token);
    }
    log::info!("the orders of the shop: {report:?}");
    client.entity::<Report>(LATEST).publish(report).await
}

/// `GET /api/report`: the newest report.
#[func]
pub async fn show_report(
    #[binding(methods = "get", route = "report")] _request: HttpRequest,
    client: DurableOrchestrationClient,
) -> Result<Json<Report>, HttpError> {
    let report = client.entity::<Report>(LATEST).state().await?;
    Ok(Json(
        report.ok_or_else(|| HttpError::new(404, "there is no report yet"))?,
    ))
}

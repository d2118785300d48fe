//! Notifications: an HTTP request to the address in the settings.

use std::{fmt::Display, time::Duration};

use azure_functions::{durable::DurableHttpRequest, prelude::*};
use serde_json::json;

use crate::settings::Settings;

const POLICY: RetryOptions = RetryOptions::new(Duration::from_secs(10), 3);

/// Tells the configured address how the order stands. An order does not fail because a notification does.
pub async fn notify<T>(context: &DurableOrchestrationContext<T>, settings: &Settings, standing: &impl Display) {
    let Some(url) = &settings.notification_url else {
        return;
    };
    let body = json!({ "order": context.instance_id(), "standing": standing.to_string() });
    let request = DurableHttpRequest::post(url)
        .json(&body)
        .timeout(Duration::from_secs(20))
        .retry(&POLICY);
    match context.call_http(request).await {
        Ok(answer) if answer.is_success() => {}
        Ok(answer) => log::warn!("the notification was answered with {}", answer.status()),
        Err(error) => log::warn!("the notification failed: {error}"),
    }
}

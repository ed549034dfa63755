//! Webhook endpoints in events.

use posta_core::id::EndpointId;
use posta_core::time::Timestamp;
use posta_store::endpoints::Endpoint;
use serde::Serialize;
use utoipa::ToSchema;

/// A webhook endpoint in an event about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointBlock {
    /// Its id.
    pub id: EndpointId,
    /// Its name for people.
    pub name: String,
    /// Where deliveries go.
    pub url: String,
    /// Whether it gets anything.
    pub is_active: bool,
    /// How many tries have failed since the last success.
    pub failure_count: i64,
    /// Since when it takes nothing; null when it does.
    pub failing_since: Option<Timestamp>,
    /// How many percent of the time have passed after which it is switched off: 50, 75 or 90.
    pub warned_percent: i64,
    /// Why it was switched off: `no_success` or `gone`.
    pub disabled_reason: Option<String>,
}

impl From<&Endpoint> for EndpointBlock {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id.clone(),
            name: endpoint.name.clone(),
            url: endpoint.url.clone(),
            is_active: endpoint.is_active,
            failure_count: endpoint.failure_count,
            failing_since: endpoint.failing_since,
            warned_percent: endpoint.warned_percent,
            disabled_reason: endpoint.disabled_reason.clone(),
        }
    }
}

//! The log of deliveries: every try, what was sent and what came back.

use axum::Json;
use axum::extract::State;
use posta_core::id::{EndpointId, EventId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::attempts::{self, Filter, Row};
use posta_store::endpoints;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Query;
use super::page;
use crate::app::App;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// How many, at most 100.
    limit: Option<i64>,
    /// How many to pass over, at most 10000.
    skip: Option<i64>,
    /// `success` or `failed`.
    status: Option<LogStatus>,
    /// Only this event, such as `message.received`.
    event: Option<String>,
    /// Only this endpoint.
    webhook_id: Option<EndpointId>,
    /// Only the event with this id.
    event_id: Option<String>,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogStatus {
    /// The endpoint answered with 2xx.
    Success,
    /// It answered otherwise, or not in time.
    Failed,
}

/// One try of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogShape {
    /// The workspace.
    user_id: WorkspaceId,
    /// The endpoint.
    webhook_id: EndpointId,
    /// Its name.
    webhook_name: String,
    /// The event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// What happened, such as `message.received`.
    event: String,
    /// True when somebody tried out the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<bool>,
    /// Where it went.
    url: String,
    /// What became of it.
    status: LogStatus,
    /// The status of the endpoint's answer; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<i64>,
    /// What was sent.
    #[schema(value_type = Object)]
    request_payload: Value,
    /// The first 10,000 bytes of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    /// Why it failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    /// The number of the try, from 1.
    attempt_number: i64,
    /// How long the answer took, in milliseconds.
    response_time: i64,
    /// When it was tried.
    created_at: Timestamp,
}

fn shape(owner: &WorkspaceId, row: Row) -> LogShape {
    LogShape {
        user_id: owner.clone(),
        webhook_id: row.endpoint_id,
        webhook_name: row.endpoint_name,
        event_id: row.event_id,
        event: row.event_kind,
        test: row.is_test.then_some(true),
        url: row.url,
        status: if row.is_success { LogStatus::Success } else { LogStatus::Failed },
        error_message: row.error.or_else(|| {
            let status = row.status_code.filter(|_| !row.is_success)?;
            Some(format!("the endpoint answered {status}"))
        }),
        status_code: row.status_code,
        request_payload: serde_json::from_str(&row.body).unwrap_or(Value::String(row.body)),
        response_body: row.response_body,
        attempt_number: row.number,
        response_time: row.response_ms,
        created_at: row.created_at,
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogList {
    logs: Vec<LogShape>,
    pagination: SkipPage,
}

/// The end of a page that is continued by `skip`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SkipPage {
    /// How many match.
    total: i64,
    /// How many a page has.
    limit: i64,
    /// How many were passed over.
    skip: i64,
    /// How many pages they fill.
    pages: i64,
    /// Whether there is more.
    has_more: bool,
}

/// Lists tries of deliveries, newest first.
#[utoipa::path(get, path = "/v1/webhooks/logs", operation_id = "get_webhook_logs",
    tag = "Webhooks", params(LogQuery),
    responses((status = 200, body = LogList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<LogQuery>,
) -> Result<Json<LogList>> {
    let limit = page::limit(query.limit, 50, 100)?;
    let skip = page::skip(query.skip)?;
    if skip > 10_000 {
        return Err(ApiError::bad_value("skip", "must be 10000 at most"));
    }
    let mut tx = app.db.read().await?;
    let all = endpoints::list(&mut tx, caller.workspace()).await?;
    let among: Vec<EndpointId> = all
        .into_iter()
        .filter(|one| caller.sees_endpoint(one))
        .map(|one| one.id)
        .filter(|id| query.webhook_id.as_ref().is_none_or(|wanted| wanted == id))
        .collect();
    let filter = Filter {
        among: &among,
        is_success: query.status.map(|status| status == LogStatus::Success),
        event_kind: query.event.as_deref(),
        event: query.event_id.as_deref(),
    };
    let total = attempts::count(&mut tx, caller.workspace(), &filter).await?;
    let rows = attempts::list(&mut tx, caller.workspace(), &filter, limit, skip).await?;
    let logs = rows.into_iter().map(|row| shape(caller.workspace(), row)).collect();
    let pages = (total + limit - 1) / limit;
    let pagination = SkipPage { total, limit, skip, pages, has_more: skip + limit < total };
    Ok(Json(LogList { logs, pagination }))
}

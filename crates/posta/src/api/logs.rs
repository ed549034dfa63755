//! The log of calls to platforms, for whoever asks why something was refused.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use posta_core::id::{AccountId, CallId, MessageId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::calls::{self, Call, Filter};
use posta_store::conversations::Place;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Query;
use super::page;
use crate::app::App;

/// How far `skip` goes and matches are counted; `cursor` goes further.
const FAR: i64 = 10_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LogsQuery {
    /// `messaging`, `connections` or `all`. Of the other families nothing is kept here.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// `success`, `failed` or `all`. Nothing here is ever pending or skipped.
    status: Option<Status>,
    /// Only this platform, or `all`.
    platform: Option<String>,
    /// Only this action, such as `send_message`.
    action: Option<String>,
    /// Only where this stands in the platform's words, its id of the call, the action or the path.
    search: Option<String>,
    /// Only the last so many days, at most 90.
    days: Option<u64>,
    /// Only since then.
    from: Option<Timestamp>,
    /// Only before then.
    to: Option<Timestamp>,
    /// Only calls for this account.
    account_id: Option<AccountId>,
    /// Only calls for this profile.
    profile_id: Option<ProfileId>,
    /// Only calls that sent this message.
    message_id: Option<MessageId>,
    /// Only calls that this request of the API asked for, by its `X-Request-Id`.
    request_id: Option<String>,
    /// Only answers with this status.
    status_code: Option<i64>,
    /// Only refusals with this code of the platform's.
    code: Option<i64>,
    /// Of webhooks nothing is kept here, so with this nothing is found.
    event: Option<String>,
    /// Of requests to this API nothing is kept here, so with this nothing is found.
    api_key_id: Option<String>,
    /// How many, at most 100.
    limit: Option<i64>,
    /// How many to pass over, at most 10000.
    skip: Option<i64>,
    /// The `nextCursor` of the page before; goes as far as the log, where `skip` ends.
    cursor: Option<String>,
}

/// The families of logs in the unified API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Every family.
    All,
    /// Publishing.
    Publishing,
    /// Connecting accounts and keeping them connected.
    Connections,
    /// Deliveries; see `GET /v1/webhooks/logs`.
    Webhooks,
    /// Messages, conversations and comments.
    Messaging,
    /// Automations.
    WorkflowEvent,
    /// Requests to this API.
    ApiRequest,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// The platform did it.
    Success,
    /// It refused, or did not answer.
    Failed,
    /// Not of calls.
    Pending,
    /// Not of calls.
    Skipped,
    /// Whatever became of it.
    All,
}

/// One call to a platform. Texts of people, tokens and secrets are not in it; names of fields are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Log {
    /// Its id.
    id: CallId,
    /// `messaging` or `connections`.
    #[serde(rename = "type")]
    kind: String,
    /// What it did, such as `send_message`.
    action: String,
    /// The workspace.
    user_id: WorkspaceId,
    /// The platform.
    platform: String,
    /// The account; absent while it was not connected yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<AccountId>,
    /// The profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_id: Option<ProfileId>,
    /// The message that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    /// What became of it.
    status: Status,
    /// The status of the answer; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<i64>,
    /// The platform's words, or why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    /// The platform's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    /// The finer code below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_subcode: Option<String>,
    /// The platform's name for the kind of error.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    /// The id under which the platform's support finds the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// How long it took, in milliseconds.
    duration_ms: i64,
    /// The method.
    method: String,
    /// The path and query.
    path: String,
    /// What was sent, at most 5,000 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<String>,
    /// What came back, at most 10,000 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    /// The request of this API that asked for it; absent when none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// JSON: `host`, `callClass` where the platform counts that apart, and `usage`, in the platform's
    /// own words, where it said how much of what it allows is used up.
    metadata: String,
    /// When it ended.
    created_at: Timestamp,
}

impl From<Call> for Log {
    fn from(call: Call) -> Self {
        let usage = call.usage.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let usage: Option<serde_json::Value> = usage;
        let mut metadata = json!({"host": call.host});
        for (name, value) in
            [("callClass", call.class.map(|class| class.as_str().into())), ("usage", usage)]
        {
            if let Some(value) = value {
                metadata[name] = value;
            }
        }
        Self {
            id: call.id,
            kind: call.area,
            action: call.action,
            user_id: call.workspace_id,
            platform: call.platform,
            account_id: call.account_id,
            profile_id: call.profile_id,
            message_id: call.message_id,
            status: if call.is_success { Status::Success } else { Status::Failed },
            status_code: call.status,
            error_message: call.words,
            error_code: call.code.map(|code| code.to_string()),
            error_subcode: call.subcode.map(|code| code.to_string()),
            error_type: call.kind,
            trace_id: call.trace_id,
            duration_ms: call.duration_ms,
            method: call.method,
            path: call.path,
            request_body: call.sent,
            response_body: call.answered,
            request_id: call.request_id,
            metadata: metadata.to_string(),
            created_at: call.created_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Logs {
    logs: Vec<Log>,
    pagination: LogsPage,
}

/// The end of a page that is continued by `skip` or by cursor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogsPage {
    /// How many match; 10000 also stands for more. Absent on pages after a cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    /// How many a page has.
    limit: i64,
    /// How many were passed over.
    skip: i64,
    /// How many pages they fill. Absent on pages after a cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<i64>,
    /// Whether there is more.
    has_more: bool,
    /// What to send as `cursor` for more; null at the end.
    next_cursor: Option<String>,
}

/// Lists calls to platforms, newest first.
///
/// Kept as long as `logs.keep_days` says, by default 7 days. The log is written beside the work, so the
/// last moments may be missing, and under extreme load some calls are.
#[utoipa::path(get, path = "/v1/logs", operation_id = "list_logs", tag = "Logs",
    params(LogsQuery), responses((status = 200, body = Logs)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<LogsQuery>,
) -> Result<Json<Logs>> {
    let limit = page::limit(query.limit, 50, 100)?;
    let skip = page::skip(query.skip)?;
    if skip > FAR {
        return Err(ApiError::bad_value("skip", "must be 10000 at most; cursor goes further"));
    }
    let place = page::place(query.cursor.as_deref())?;
    if place.is_some() && skip > 0 {
        return Err(ApiError::bad_value("skip", "does not go together with cursor"));
    }
    let profiles = caller.narrow(query.profile_id.clone());
    let filter = filter(&query, profiles.as_deref(), place.as_ref(), app.clock.now())?;
    let is_of_others = matches!(query.status, Some(Status::Pending | Status::Skipped))
        || !matches!(query.kind, None | Some(Kind::All | Kind::Messaging | Kind::Connections))
        || query.event.is_some()
        || query.api_key_id.is_some();
    let mut tx = app.db.read().await?;
    let owner = caller.workspace();
    let mut rows = Vec::new();
    let mut total = place.is_none().then_some(0);
    if !is_of_others {
        rows = calls::list(&mut tx, owner, &filter, limit + 1, skip).await?;
        if total.is_some() {
            total = Some(calls::count(&mut tx, owner, &filter, FAR).await?);
        }
    }
    let end = page::cut(&mut rows, limit, |call| page::cursor(call.created_at, call.id.as_str()));
    let pagination = LogsPage {
        total,
        limit,
        skip,
        pages: total.map(|total| (total + limit - 1) / limit),
        has_more: end.has_more,
        next_cursor: end.next_cursor,
    };
    Ok(Json(Logs { logs: rows.into_iter().map(Log::from).collect(), pagination }))
}

fn filter<'a>(
    query: &'a LogsQuery,
    profiles: Option<&'a [ProfileId]>,
    place: Option<&'a Place>,
    now: Timestamp,
) -> Result<Filter<'a>> {
    Ok(Filter {
        profiles,
        area: match query.kind {
            Some(Kind::Messaging) => Some("messaging"),
            Some(Kind::Connections) => Some("connections"),
            _ => None,
        },
        is_success: match query.status {
            Some(Status::Success) => Some(true),
            Some(Status::Failed) => Some(false),
            _ => None,
        },
        platform: query.platform.as_deref().filter(|name| *name != "all"),
        action: query.action.as_deref(),
        search: query.search.as_deref().filter(|text| !text.is_empty()),
        since: since(query, now)?,
        until: query.to,
        account: query.account_id.as_ref(),
        message: query.message_id.as_ref(),
        request: query.request_id.as_deref(),
        status: query.status_code,
        code: query.code,
        before: place.map(|place| place.id.as_str()),
    })
}

fn since(query: &LogsQuery, now: Timestamp) -> Result<Option<Timestamp>> {
    let days = match query.days {
        Some(days) if !(1..=90).contains(&days) => {
            return Err(ApiError::bad_value("days", "must be from 1 to 90"));
        }
        days => days.map(|days| now.minus(Duration::from_hours(24 * days))),
    };
    Ok(days.max(query.from))
}

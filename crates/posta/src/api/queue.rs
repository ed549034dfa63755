//! What waits to be sent for an account: seen, and called off.

use axum::Json;
use axum::extract::State;
use posta_core::capability::CallClass;
use posta_core::id::{AccountId, ConversationId, MessageId};
use posta_core::time::Timestamp;
use posta_store::accounts::{Account, State as AccountState};
use posta_store::budgets;
use posta_store::messages::Status;
use posta_store::queue::{self, Queued};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::describe::one_of;
use super::error::{ApiError, Result};
use super::extract::{Id, Query, Segments};
use super::page::{self, CursorPage};
use crate::app::App;
use crate::flows::budget;
use crate::flows::send::Priority;
use crate::flows::send::queue::{Waits, cancel as call_off, waits};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct QueueQuery {
    /// How many, at most 100.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueList {
    data: Vec<QueuedShape>,
    pagination: CursorPage,
    lane: Lane,
}

/// How the account's lane stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lane {
    /// Whether the account is connected.
    is_connected: bool,
    /// Until when the platform takes nothing from it; null when it does.
    rate_limited_until: Option<Timestamp>,
}

/// A message that waits, or is being sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueuedShape {
    /// Our id of it.
    message_id: MessageId,
    /// Our id of its conversation.
    conversation_id: ConversationId,
    #[schema(schema_with = state)]
    state: Status,
    /// The class of calls it takes: `text` or `media`; null for one that an older version queued.
    class: Option<String>,
    /// What matters more goes first.
    priority: Priority,
    /// How often it was tried.
    tries: i64,
    /// When it is tried at the earliest; null while it is being sent.
    due_at: Option<Timestamp>,
    /// The time that was chosen for it.
    send_at: Option<Timestamp>,
    /// When it was asked for.
    created_at: Timestamp,
    /// Why it waits; null while it is being sent.
    waits: Option<Waits>,
}

fn state() -> Object {
    one_of("Whether it waits or is being sent.", &["queued", "sending"])
}

/// Lists what waits to be sent for an account or is being sent, in the order it was asked for.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/queue", operation_id = "get_account_queue",
    tag = "Accounts", params(("accountId" = String, Path), QueueQuery),
    responses((status = 200, body = QueueList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(account): Id<AccountId>,
    Query(query): Query<QueueQuery>,
) -> Result<Json<QueueList>> {
    let limit = page::limit(query.limit, 50, 100)?;
    let after = match page::place(query.cursor.as_deref())? {
        Some(place) => Some(place.id.parse().map_err(|_| page::foreign())?),
        None => None,
    };
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &account).await?;
    let owner = caller.workspace();
    let mut rows = queue::list(&mut tx, owner, &account.id, after.as_ref(), limit + 1).await?;
    let pagination =
        page::cut(&mut rows, limit, |one| page::cursor(one.created_at, one.message_id.as_str()));
    let lane = Lane {
        is_connected: account.state == AccountState::Connected,
        rate_limited_until: account.rate_limited_until.filter(|until| *until > now),
    };
    let mut spent = budgets::find(&mut tx, &account.id).await?;
    let opens = [CallClass::Text, CallClass::Media]
        .map(|class| (class, budget::opens(&app, &account, &mut spent, class)));
    let data = rows.into_iter().map(|row| shape(row, &account, opens, now)).collect();
    Ok(Json(QueueList { data, pagination, lane }))
}

fn shape(
    row: Queued,
    account: &Account,
    opens: [(CallClass, Option<Timestamp>); 2],
    now: Timestamp,
) -> QueuedShape {
    let opens = opens.into_iter().find(|(class, _)| row.class == Some(*class));
    QueuedShape {
        waits: waits(account, &row, opens.and_then(|(_, opens)| opens), now),
        due_at: (row.status == Status::Queued).then_some(row.due_at),
        message_id: row.message_id,
        conversation_id: row.conversation_id,
        state: row.status,
        class: row.class.map(|class| class.as_str().to_owned()),
        priority: Priority::read(row.priority),
        tries: row.attempts,
        send_at: row.send_at,
        created_at: row.created_at,
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cancelled {
    success: bool,
    data: CancelledData,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelledData {
    /// The message that was named.
    message_id: MessageId,
    /// All that are called off: it, and the later parts of the request that it is a part of.
    message_ids: Vec<MessageId>,
    #[schema(schema_with = cancelled)]
    status: Status,
}

fn cancelled() -> Object {
    one_of("What has become of it.", &["cancelled"])
}

/// Calls off a message that the platform was not asked to take yet.
///
/// Answers 409 once it is being sent, or settled; then nothing changes. A message that is called off
/// is never sent, and a repeat of the request that asked for it is answered `message_cancelled`.
#[utoipa::path(delete, path = "/v1/accounts/{accountId}/queue/{messageId}",
    operation_id = "cancel_queued_message", tag = "Accounts",
    params(("accountId" = String, Path),
        ("messageId" = String, Path, description = "Our id of it, as the queue shows it")),
    responses((status = 200, body = Cancelled)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Segments(account, message): Segments,
) -> Result<Json<Cancelled>> {
    let id = |param: &str, error| ApiError::bad_value(param, format!("is bad: {error}"));
    let account: AccountId = account.parse().map_err(|error| id("accountId", error))?;
    let message_id: MessageId = message.parse().map_err(|error| id("messageId", error))?;
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &account).await?;
    drop(tx);
    let message_ids = call_off(&app, &account, &message_id).await?;
    let data = CancelledData { message_id, message_ids, status: Status::Cancelled };
    Ok(Json(Cancelled { success: true, data }))
}

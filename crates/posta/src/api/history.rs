//! What is taken in of an account's past, and whether its webhooks tell everything.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use posta_core::id::AccountId;
use posta_core::time::Timestamp;
use posta_store::accounts::{Account, State as AccountState};
use posta_store::walks::{self, Kind, State as WalkState, Walk};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Id};
use crate::app::App;
use crate::flows;

/// The most conversations that can be asked for.
const MOST_THREADS: u32 = 10_000;

/// How far the import of an account's past is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Import {
    /// The account.
    account_id: AccountId,
    state: ImportState,
    /// The conversations it is about.
    threads: Threads,
    /// How many messages it has taken in; those that were there before are not counted.
    messages: i64,
    /// When it began.
    started_at: Option<Timestamp>,
    /// When it ended.
    finished_at: Option<Timestamp>,
    /// Why its last step failed: `code`, `message`, `remedy`, `platformError`, `at`.
    #[schema(value_type = Option<Object>)]
    last_error: Option<Value>,
    /// When it goes on; null when it does not by itself.
    next_try_at: Option<Timestamp>,
}

/// How the import stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImportState {
    /// There is none: the settings say so, or the account was connected by an older version.
    Off,
    /// It has not begun.
    Queued,
    /// It is under way.
    Running,
    /// It goes on once the account is connected again.
    Paused,
    /// It has read all it was to read.
    Done,
    /// It was given up; `lastError` says why.
    Failed,
}

/// How many conversations are read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Threads {
    /// Those that were read.
    done: i64,
    /// Those that the platform has listed so far. It does not say how many there are.
    known: i64,
    /// The most that are read.
    wanted: Option<i64>,
}

fn import_of(account: &Account, walk: Option<Walk>) -> Import {
    let lives = account.state == AccountState::Connected;
    let state = match walk.as_ref().map(|walk| walk.state) {
        None => ImportState::Off,
        Some(WalkState::Queued | WalkState::Running) if !lives => ImportState::Paused,
        Some(WalkState::Queued) => ImportState::Queued,
        Some(WalkState::Running) => ImportState::Running,
        Some(WalkState::Done) => ImportState::Done,
        Some(WalkState::Failed) => ImportState::Failed,
    };
    let of = |number: fn(&Walk) -> i64| walk.as_ref().map_or(0, number);
    let threads = Threads {
        done: of(|walk| walk.threads_done),
        known: of(|walk| walk.threads_known),
        wanted: walk.as_ref().and_then(|walk| walk.wanted),
    };
    Import {
        account_id: account.id.clone(),
        state,
        threads,
        messages: of(|walk| walk.found),
        started_at: walk.as_ref().and_then(|walk| walk.started_at),
        finished_at: walk.as_ref().and_then(|walk| walk.finished_at),
        next_try_at: walk.as_ref().and_then(|walk| walk.due_at).filter(|_| lives),
        last_error: walk.and_then(|walk| walk.last_error).map(|json| json.0),
    }
}

/// Tells how far the import of an account's past is.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/import", operation_id = "get_account_import",
    tag = "Accounts", params(("accountId" = String, Path)),
    responses((status = 200, body = Import)))]
pub(crate) async fn import(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<Import>> {
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &id).await?;
    let walk = walks::find(&mut tx, caller.workspace(), &id, Kind::Import).await?;
    Ok(Json(import_of(&account, walk)))
}

/// How much to take in.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportWish {
    /// How many conversations, newest first, at most 10 000; as the settings say when left out.
    threads: Option<u32>,
}

/// Takes in an account's past once more, silently. What is there already stays as it is.
#[utoipa::path(post, path = "/v1/accounts/{accountId}/import", operation_id = "start_account_import",
    tag = "Accounts", params(("accountId" = String, Path)), request_body = ImportWish,
    responses((status = 202, body = Import)))]
pub(crate) async fn import_again(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
    body: Body<ImportWish>,
) -> Result<(StatusCode, Json<Import>)> {
    let threads = body.value.threads;
    if threads.is_some_and(|threads| !(1..=MOST_THREADS).contains(&threads)) {
        return Err(ApiError::bad_value("threads", "must be from 1 to 10000"));
    }
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &id).await?;
    drop(tx);
    let walk = flows::import::again(&app, &account, threads).await?;
    Ok((StatusCode::ACCEPTED, Json(import_of(&account, Some(walk)))))
}

/// Whether an account's webhooks told of everything that its platform has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reconcile {
    /// The account.
    account_id: AccountId,
    /// Whether accounts are compared at all.
    is_on: bool,
    /// The last comparison in one line.
    summary: String,
    /// What it found; null before the first.
    last: Option<Comparison>,
    /// How many messages no webhook had told of, in all comparisons.
    total_recovered: i64,
    /// How many messages all comparisons looked at.
    total_compared: i64,
    /// Why the last step failed: `code`, `message`, `remedy`, `platformError`, `at`.
    #[schema(value_type = Option<Object>)]
    last_error: Option<Value>,
    /// When the next comparison begins, or goes on.
    next_at: Option<Timestamp>,
}

/// What one comparison found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comparison {
    /// From when on it compared; what came before was compared earlier.
    from: Option<Timestamp>,
    /// Up to when.
    to: Option<Timestamp>,
    /// How many messages we had.
    received: i64,
    /// How many messages the platform shows.
    platform: i64,
    /// How many were missing. They are stored by now and were announced with `source: "reconcile"`.
    gap: i64,
    /// When it ended.
    checked_at: Timestamp,
}

/// Compares in words.
pub(crate) fn summary(walk: Option<&Walk>) -> String {
    match walk.and_then(|walk| walk.finished_at.map(|at| (walk, at))) {
        Some((walk, at)) => format!(
            "received {}, platform {}, gap {}, checked at {at}",
            walk.received,
            walk.received + walk.found,
            walk.found
        ),
        None => "not compared yet".to_owned(),
    }
}

/// Tells whether an account's webhooks told of everything. The platform shows the 20 newest messages
/// of a conversation; older ones cannot be compared, and none is taken for deleted.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/reconcile",
    operation_id = "get_account_reconcile", tag = "Accounts", params(("accountId" = String, Path)),
    responses((status = 200, body = Reconcile)))]
pub(crate) async fn reconcile(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<Reconcile>> {
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &id).await?;
    let walk = walks::find(&mut tx, caller.workspace(), &id, Kind::Reconcile).await?;
    let is_on = app.config.inbox.reconcile_minutes > 0;
    let last = walk.as_ref().and_then(|walk| {
        Some(Comparison {
            from: walk.span_from,
            to: walk.span_to,
            received: walk.received,
            platform: walk.received + walk.found,
            gap: walk.found,
            checked_at: walk.finished_at?,
        })
    });
    let lives = account.state == AccountState::Connected;
    Ok(Json(Reconcile {
        account_id: account.id,
        is_on,
        summary: summary(walk.as_ref()),
        last,
        total_recovered: walk.as_ref().map_or(0, |walk| walk.total_found),
        total_compared: walk.as_ref().map_or(0, |walk| walk.total_received + walk.total_found),
        next_at: walk.as_ref().and_then(|walk| walk.due_at).filter(|_| is_on && lives),
        last_error: walk.and_then(|walk| walk.last_error).map(|json| json.0),
    }))
}

//! Replays: a part of the log, or all that was parked, brought to an endpoint once more.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use posta_core::failure::Code;
use posta_core::id::{AccountId, EndpointId, ReplayId};
use posta_core::time::Timestamp;
use posta_store::replays::{self, Replay, State as ReplayState};
use posta_store::{Json as DbJson, Tx, events};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Segment};
use super::idempotency::{self, IdempotencyKey};
use super::{webhook_change, webhooks};
use crate::app::App;
use crate::flows;

/// How many replays are listed.
const LISTED: i64 = 100;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewReplay {
    /// The endpoint.
    webhook_id: EndpointId,
    /// Whether to bring what was parked for it, instead of a part of the log.
    parked: Option<bool>,
    /// Only events after this sequence.
    after: Option<i64>,
    /// Only events up to this sequence.
    up_to: Option<i64>,
    /// Only events that were announced at this time or later.
    since: Option<Timestamp>,
    /// Only events that were announced before this time.
    until: Option<Timestamp>,
    /// Only these events; all that the endpoint wants when left out.
    types: Option<Vec<String>>,
    /// Only events of this account.
    account_id: Option<AccountId>,
}

/// A replay and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayShape {
    id: ReplayId,
    /// The endpoint.
    webhook_id: EndpointId,
    /// `running` while deliveries are made, `done`, or `cancelled`.
    #[schema(value_type = String)]
    state: ReplayState,
    /// Whether it is of what was parked.
    parked: bool,
    /// Up to which sequence it has read the log.
    sequence: i64,
    /// At which sequence it ends.
    up_to: i64,
    /// How many deliveries it has made.
    queued: i64,
    /// How many of them the endpoint took.
    delivered: i64,
    /// How many are on their way.
    pending: i64,
    /// How many were given up.
    given_up: i64,
    created_at: Timestamp,
    /// When all were made, or it was cancelled.
    finished_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayAnswer {
    replay: ReplayShape,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayList {
    replays: Vec<ReplayShape>,
}

async fn shape(tx: &mut Tx, replay: Replay) -> Result<ReplayShape> {
    let progress = replays::progress(tx, &replay.id).await?;
    Ok(ReplayShape {
        id: replay.id,
        webhook_id: replay.endpoint_id,
        state: replay.state,
        parked: replay.is_of_parked,
        sequence: replay.after_seq,
        up_to: replay.up_to_seq,
        queued: replay.queued,
        delivered: progress.delivered,
        pending: progress.pending,
        given_up: progress.parked,
        created_at: replay.created_at,
        finished_at: replay.finished_at,
    })
}

/// Brings a part of the log to an endpoint once more, or all that was parked for it. New events go
/// first. Repeats carry the ids of the first time.
#[utoipa::path(post, path = "/v1/webhooks/replays", operation_id = "create_webhook_replay",
    tag = "Webhooks", params(IdempotencyKey), request_body = NewReplay,
    responses((status = 201, body = ReplayAnswer)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<NewReplay>,
) -> Result<Response> {
    let new = body.value;
    let answer =
        idempotency::once(&app, &caller, &key, &body.hash, StatusCode::CREATED, async |tx| {
            let endpoint = webhooks::load(&caller, tx, &new.webhook_id).await?;
            if let Some(kinds) = new.types.as_deref() {
                webhook_change::checked_events(kinds).map_err(|error| error.param("types"))?;
            }
            if let Some(account) = &new.account_id {
                caller.account(tx, account).await?;
            }
            let (after, up_to) = span(tx, &caller, &new).await?;
            let replay = Replay {
                id: app.ids.next(),
                workspace_id: caller.workspace().clone(),
                endpoint_id: endpoint.id.clone(),
                is_of_parked: new.parked.unwrap_or(false),
                kinds: DbJson(new.types.clone().unwrap_or_default()),
                account_id: new.account_id.clone(),
                after_seq: after,
                up_to_seq: up_to,
                state: ReplayState::Running,
                queued: 0,
                created_at: app.clock.now(),
                finished_at: None,
            };
            if !replay.is_of_parked && flows::replay::filter(&replay, &endpoint).kinds.is_empty() {
                let problem = "names no event that the endpoint is subscribed to";
                return Err(ApiError::bad_value("types", problem));
            }
            replays::insert(tx, &replay).await?;
            Ok(ReplayAnswer { replay: shape(tx, replay).await? })
        })
        .await?;
    app.wake.replay.notify_one();
    Ok(answer)
}

/// The part of the log that is asked for, by places or by times.
async fn span(tx: &mut Tx, caller: &Caller, new: &NewReplay) -> Result<(i64, i64)> {
    if new.parked == Some(true) {
        let narrowed = [("types", new.types.is_some()), ("accountId", new.account_id.is_some())];
        if let Some((param, _)) = narrowed.into_iter().find(|(_, is_given)| *is_given) {
            return Err(ApiError::bad_value(param, "cannot be given beside parked"));
        }
    }
    let newest = events::get_newest(tx, caller.workspace()).await?;
    let after = match (new.after, new.since) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_value("since", "cannot be given beside after"));
        }
        (Some(after), None) => after,
        (None, Some(since)) => place(tx, caller, since).await?.unwrap_or(newest),
        (None, None) => 0,
    };
    let up_to = match (new.up_to, new.until) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_value("until", "cannot be given beside upTo"));
        }
        (Some(up_to), None) => up_to.min(newest),
        (None, Some(until)) => place(tx, caller, until).await?.unwrap_or(newest),
        (None, None) => newest,
    };
    if after < 0 {
        return Err(ApiError::bad_value("after", "must not be negative"));
    }
    if up_to < after {
        let param = if new.until.is_some() { "until" } else { "upTo" };
        return Err(ApiError::bad_value(param, "must not be before the beginning"));
    }
    Ok((after, up_to))
}

/// The place before the first event of a time.
async fn place(tx: &mut Tx, caller: &Caller, since: Timestamp) -> Result<Option<i64>> {
    let first = events::find_since(tx, caller.workspace(), since).await?;
    Ok(first.map(|first| first - 1))
}

/// Lists the newest replays.
#[utoipa::path(get, path = "/v1/webhooks/replays", operation_id = "list_webhook_replays",
    tag = "Webhooks", responses((status = 200, body = ReplayList)))]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<ReplayList>> {
    let mut tx = app.db.read().await?;
    let mut replays = Vec::new();
    for replay in replays::list(&mut tx, caller.workspace(), LISTED).await? {
        if webhooks::load(&caller, &mut tx, &replay.endpoint_id).await.is_ok() {
            replays.push(shape(&mut tx, replay).await?);
        }
    }
    Ok(Json(ReplayList { replays }))
}

async fn load(caller: &Caller, tx: &mut Tx, id: &str) -> Result<Replay> {
    let not_found = || {
        let message = format!("there is no replay {id}");
        ApiError::new(Code::ResourceNotFound, message).param("replayId")
    };
    let replay = replays::find(tx, caller.workspace(), id).await?.ok_or_else(not_found)?;
    webhooks::load(caller, tx, &replay.endpoint_id).await.map_err(|_| not_found())?;
    Ok(replay)
}

/// Shows a replay and how far it is.
#[utoipa::path(get, path = "/v1/webhooks/replays/{replayId}", operation_id = "get_webhook_replay",
    tag = "Webhooks", params(("replayId" = String, Path, description = "The replay.")),
    responses((status = 200, body = ReplayAnswer)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<Json<ReplayAnswer>> {
    let mut tx = app.db.read().await?;
    let replay = load(&caller, &mut tx, &id).await?;
    Ok(Json(ReplayAnswer { replay: shape(&mut tx, replay).await? }))
}

/// Cancels a replay. What is on its way at this moment may still arrive; what was parked is parked
/// again.
#[utoipa::path(delete, path = "/v1/webhooks/replays/{replayId}",
    operation_id = "cancel_webhook_replay", tag = "Webhooks",
    params(("replayId" = String, Path, description = "The replay.")),
    responses((status = 200, body = ReplayAnswer)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<Json<ReplayAnswer>> {
    let mut tx = app.db.write().await?;
    // Whoever makes its deliveries holds this row, so there is none to come after it.
    posta_store::workspaces::lock(&mut tx, caller.workspace()).await?;
    let mut replay = load(&caller, &mut tx, &id).await?;
    replays::take_back(&mut tx, &replay).await?;
    if replay.state == ReplayState::Running {
        let now = app.clock.now();
        (replay.state, replay.finished_at) = (ReplayState::Cancelled, Some(now));
        replays::update(&mut tx, &replay, now).await?;
    }
    let answer = shape(&mut tx, replay).await?;
    tx.commit().await?;
    Ok(Json(ReplayAnswer { replay: answer }))
}

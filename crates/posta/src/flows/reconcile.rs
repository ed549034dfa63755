//! Comparing an account with its platform, again and again: what no webhook told is found and told.

use std::time::Duration;

use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::walks::{self, Kind, State, Walk};
use posta_store::{Json, Tx, message_changes};
use serde_json::json;

use super::import::whole_second;
use crate::app::App;

/// What is younger than this is left to the webhooks, which are on their way.
const GRACE: Duration = Duration::from_mins(1);

/// How far back the first comparison of an account looks that was connected by an older version.
const FIRST_LOOK: Duration = Duration::from_hours(24);

/// How many times as rarely an account is compared that nothing was ever missing of.
const CALMEST: u32 = 4;

/// How often it is looked whether the comparison was switched on.
const OFF: Duration = Duration::from_hours(1);

/// Says when an account is compared for the first time.
pub(super) fn first(app: &App) -> Timestamp {
    app.clock.now().plus(interval(app).unwrap_or(OFF))
}

fn interval(app: &App) -> Option<Duration> {
    let minutes = app.config.inbox.reconcile_minutes;
    (minutes > 0).then(|| Duration::from_mins(u64::from(minutes)))
}

/// Begins a comparison where the one before it ended; `false` when there is nothing to compare.
pub(super) fn begin(app: &App, account: &Account, walk: &mut Walk) -> bool {
    let now = app.clock.now();
    let Some(interval) = interval(app) else {
        rest(walk, now.plus(OFF));
        return false;
    };
    let to = whole_second(now.minus(GRACE));
    let from = walk.span_to.unwrap_or_else(|| account.created_at.max(now.minus(FIRST_LOOK)));
    if from >= to {
        rest(walk, now.plus(interval.min(GRACE)));
        return false;
    }
    (walk.span_from, walk.span_to) = (Some(from), Some(to));
    (walk.received, walk.found, walk.threads_known, walk.threads_done) = (0, 0, 0, 0);
    walk.last_error = None;
    true
}

/// Ends a comparison and says when the next one begins: soon after something was missing, and the
/// more rarely the longer nothing was.
pub(super) fn end(app: &App, walk: &mut Walk) {
    let now = app.clock.now();
    walk.calm = if walk.found > 0 { 0 } else { walk.calm + 1 };
    if walk.found > 0 {
        metrics::counter!("posta_reconciled_messages_total").increment(walk.found.unsigned_abs());
        tracing::warn!(
            account.id = %walk.account_id, messages = walk.found,
            "no webhook had told of some messages"
        );
    }
    let interval = interval(app).unwrap_or(OFF);
    let wait = match u32::try_from(walk.calm).unwrap_or(CALMEST) {
        0 => interval / 3,
        calm => interval * calm.min(CALMEST),
    };
    walk.finished_at = Some(now);
    rest(walk, now.plus(super::again::jittered(app, wait)));
}

/// Ends a comparison that the platform refuses; what it did not reach is compared by the next one.
pub(super) fn give_up(app: &App, walk: &mut Walk) {
    walk.span_to = walk.span_from;
    rest(walk, app.clock.now().plus(interval(app).unwrap_or(OFF) * CALMEST));
}

fn rest(walk: &mut Walk, until: Timestamp) {
    (walk.state, walk.started_at, walk.due_at) = (State::Queued, None, Some(until));
    (walk.cursor, walk.is_last, walk.todo) = (None, false, Json(Vec::new()));
}

/// Has an account compared soon, because a send of it ended without an answer.
///
/// # Errors
/// When the database failed.
pub(crate) async fn hurry(app: &App, tx: &mut Tx, account: &Account) -> posta_store::Result<()> {
    if interval(app).is_none() {
        return Ok(());
    }
    let soon = app.clock.now().plus(GRACE * 2);
    walks::update_due(tx, &account.id, Kind::Reconcile, soon).await
}

/// How many messages of unknown outcome an account is looked at for.
const UNSETTLED: i64 = 100;

/// Notes of the messages whose outcome is still unknown that they were looked for when the comparison
/// ended, and not found. That proves nothing, so it is left to a person, who is shown both.
///
/// # Errors
/// When the database failed.
pub(super) async fn note_missing(app: &App, tx: &mut Tx, walk: &Walk) -> posta_store::Result<()> {
    let Some((from, until)) = walk.span_from.zip(walk.span_to) else { return Ok(()) };
    if walk.kind != Kind::Reconcile || walk.started_at.is_some() {
        return Ok(());
    }
    let account = &walk.account_id;
    for ours in message_changes::list_unknown_before(tx, account, until, UNSETTLED).await? {
        let Some(Json(mut error)) = ours.error else { continue };
        let asked: Option<Timestamp> = serde_json::from_value(error["askedAt"].clone()).ok();
        if !error["lookup"].is_null() || asked.is_none_or(|at| at >= until) {
            continue;
        }
        error["lookup"] = json!({
            "at": app.clock.now(),
            "from": from,
            "until": until,
            "messages": walk.received + walk.found,
        });
        message_changes::update_unknown(tx, &ours.id, &error).await?;
    }
    Ok(())
}

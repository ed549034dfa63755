//! A message was announced without its content, or was changed and its new text not told. It is read
//! from the platform, unless it comes.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::event::Edit;
use posta_core::failure::{ConnectorError, Retry};
use posta_core::id::RemoteMessage;
use posta_core::time::Timestamp;
use posta_platforms::contract::Past;
use posta_store::accounts::{self, Account};
use posta_store::events::Cause;
use posta_store::fetches::{self, Fetch};
use posta_store::messages::{self, Message, Origin};
use posta_store::{Tx, workspaces};

use super::{ECHO_WAIT, Taken, Told, edit, message};
use crate::app::App;
use crate::flows::line::Line;
use crate::flows::{again, budget, disconnect};

/// How long the message's own webhook may take before it is fetched.
const PATIENCE: Duration = Duration::from_secs(10);

/// The wait after a first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(10);

/// How often a message is asked for that the platform does not hand out.
const TRIES: i64 = 8;

/// How long it waits for what time alone does not mend: a reconnect, or a version that can read.
const LONG_WAIT: Duration = Duration::from_hours(1);

/// Asks for a message, unless it is here.
pub(super) async fn ask(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    id: &RemoteMessage,
) -> posta_store::Result<Taken> {
    if messages::find_remote(tx, &told.account.id, id).await?.is_some() {
        return Ok(Taken::Known);
    }
    let is_new = fetches::insert(tx, &row(app, told, id, None)).await?;
    Ok(if is_new { Taken::New } else { Taken::Known })
}

/// Asks for the text that a message has after a change. The change counts when it is here, or when it
/// is not to be had.
pub(super) async fn ask_text(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    edit: &Edit,
) -> posta_store::Result<Taken> {
    let row = row(app, told, &edit.message, Some(edit.count));
    let is_new = fetches::insert(tx, &row).await?;
    Ok(if is_new { Taken::New } else { Taken::Known })
}

fn row(app: &App, told: &Told<'_>, id: &RemoteMessage, edit_count: Option<i64>) -> Fetch {
    let now = app.clock.now();
    Fetch {
        account_id: told.account.id.clone(),
        message_id: id.clone(),
        workspace_id: told.account.workspace_id.clone(),
        is_standby: told.is_standby,
        announced_at: told.at,
        inbound_id: told.cause.map(|cause| cause.inbound_id.clone()),
        inbound_position: told.cause.map(|cause| cause.position),
        attempts: 0,
        due_at: Some(now.plus(PATIENCE)),
        created_at: now,
        edit_count,
    }
}

/// Fetches an announced message and stores it, or puts it off and says why.
///
/// # Errors
/// When the database failed; it is then taken up again later.
pub async fn fetch(app: &App, row: &Fetch) -> posta_store::Result<()> {
    let mut tx = app.db.read().await?;
    let account = accounts::find(&mut tx, &row.workspace_id, &row.account_id).await?;
    let account = account.ok_or(posta_store::Error::RowNotFound)?;
    let here = messages::find_remote(&mut tx, &account.id, &row.message_id).await?;
    drop(tx);
    if !is_wanted(row, here.as_ref()) {
        let mut tx = app.db.write().await?;
        fetches::delete(&mut tx, &row.account_id, &row.message_id).await?;
        return tx.commit().await;
    }
    if let Err(until) = budget::take(app, &account, CallClass::Conversations).await? {
        let mut tx = app.db.write().await?;
        put_off(&mut tx, row, Some(until), "the account has used up its calls for now").await?;
        return tx.commit().await;
    }
    let read = read(app, &account, &row.message_id).await;
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &row.workspace_id).await?;
    match read {
        Ok(Some(past)) => take_in(app, &mut tx, &account, row, &past).await?,
        Ok(None) if row.edit_count.is_some() => changed(app, &mut tx, &account, row, None).await?,
        Ok(None) => {
            let error = "this version cannot read single messages of the platform";
            put_off(&mut tx, row, Some(app.clock.now().plus(LONG_WAIT)), error).await?;
        }
        Err(error) => not_read(app, &mut tx, &account, row, &error).await?,
    }
    tx.commit().await?;
    app.wake.of_news();
    Ok(())
}

/// Whether a message is still missing, or the text that it has after a change.
fn is_wanted(row: &Fetch, here: Option<&Message>) -> bool {
    match (here, row.edit_count) {
        (Some(message), Some(count)) => message.deleted_at.is_none() && message.edit_count < count,
        (here, count) => here.is_none() && count.is_none(),
    }
}

/// Notes a change of a message with the text that it has now, if that was to be had.
async fn changed(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    row: &Fetch,
    text: Option<String>,
) -> posta_store::Result<()> {
    fetches::delete(tx, &row.account_id, &row.message_id).await?;
    let here = messages::find_remote(tx, &account.id, &row.message_id).await?;
    let (Some(mut message), Some(count)) = (here, row.edit_count) else { return Ok(()) };
    let cause = cause(row);
    let told = Told {
        account,
        at: row.announced_at,
        origin: Origin::Webhook,
        is_standby: row.is_standby,
        cause: cause.as_ref(),
        traceparent: None,
    };
    edit::change(app, tx, &told, &mut message, count, text).await.map(drop)
}

fn cause(row: &Fetch) -> Option<Cause> {
    let cause = row.inbound_id.clone().zip(row.inbound_position);
    cause.map(|(inbound_id, position)| Cause { inbound_id, position })
}

/// Reads the message; `None` when the platform is one whose messages cannot be read.
async fn read(
    app: &App,
    account: &Account,
    id: &RemoteMessage,
) -> Result<Option<Past>, ConnectorError> {
    let line = Line::open(app, account).await?;
    match line.platform.history() {
        Some(history) => history.message(&line.cx(app), id).await.map(Some),
        None => Ok(None),
    }
}

async fn take_in(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    row: &Fetch,
    past: &Past,
) -> posta_store::Result<()> {
    let Some(content) = &past.message else {
        let error = "the platform lists the message and does not show it";
        return put_off_or_count(app, tx, account, row, next_try(app, row), error).await;
    };
    if row.edit_count.is_some() {
        return changed(app, tx, account, row, content.text.clone()).await;
    }
    let cause = cause(row);
    let told = Told {
        account,
        at: past.at.unwrap_or(row.announced_at),
        origin: Origin::Webhook,
        is_standby: row.is_standby,
        cause: cause.as_ref(),
        traceparent: None,
    };
    if message(app, tx, &told, content).await? == Taken::TooEarly {
        let until = app.clock.now().plus(ECHO_WAIT);
        return put_off(tx, row, Some(until), "it may be one that is being sent").await;
    }
    fetches::delete(tx, &row.account_id, &row.message_id).await
}

async fn not_read(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    row: &Fetch,
    error: &ConnectorError,
) -> posta_store::Result<()> {
    let due_at = match error.retry {
        Retry::RateLimited { until } => Some(until),
        Retry::Auth => {
            if account.state == accounts::State::Connected {
                disconnect::lose(app, tx, account, error).await?;
            }
            Some(app.clock.now().plus(LONG_WAIT))
        }
        // Reading twice does no harm, so an answer that was lost is asked for again.
        Retry::Transient | Retry::Unknown | Retry::Permanent => next_try(app, row),
    };
    let error = format!("{}: {}", error.code, error.message);
    put_off_or_count(app, tx, account, row, due_at, &error).await
}

/// Puts it off. A change whose text is not to be had counts without it.
async fn put_off_or_count(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    row: &Fetch,
    due_at: Option<Timestamp>,
    error: &str,
) -> posta_store::Result<()> {
    if due_at.is_none() && row.edit_count.is_some() {
        tracing::warn!(account.id = %row.account_id, error, "a message's new text was not to be had");
        return changed(app, tx, account, row, None).await;
    }
    put_off(tx, row, due_at, error).await
}

/// When to try again; `None` after the last try.
fn next_try(app: &App, row: &Fetch) -> Option<Timestamp> {
    let wait = again::jittered(app, again::doubled(FIRST_WAIT, row.attempts));
    (row.attempts < TRIES).then(|| app.clock.now().plus(wait))
}

async fn put_off(
    tx: &mut Tx,
    row: &Fetch,
    due_at: Option<Timestamp>,
    error: &str,
) -> posta_store::Result<()> {
    if due_at.is_none() {
        tracing::warn!(
            account.id = %row.account_id, attempts = row.attempts,
            "an announced message was not to be had; `fetches` keeps its id"
        );
        metrics::counter!("posta_fetches_given_up_total").increment(1);
    }
    fetches::update_due(tx, row, due_at, error).await
}

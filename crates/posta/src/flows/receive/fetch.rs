//! A message was announced without its content. It is read from the platform, unless it comes.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::failure::{ConnectorError, Retry};
use posta_core::id::RemoteMessage;
use posta_core::time::Timestamp;
use posta_platforms::contract::Past;
use posta_store::accounts::{self, Account};
use posta_store::events::Cause;
use posta_store::fetches::{self, Fetch};
use posta_store::messages::{self, Origin};
use posta_store::{Tx, workspaces};

use super::{ECHO_WAIT, Taken, Told, message};
use crate::app::App;
use crate::flows::line::Line;
use crate::flows::{disconnect, send};

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
    let now = app.clock.now();
    let fetch = Fetch {
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
    };
    let is_new = fetches::insert(tx, &fetch).await?;
    Ok(if is_new { Taken::New } else { Taken::Known })
}

/// Fetches an announced message and stores it, or puts it off and says why.
///
/// # Errors
/// When the database failed; it is then taken up again later.
pub async fn fetch(app: &App, row: &Fetch) -> posta_store::Result<()> {
    let mut tx = app.db.read().await?;
    let account = accounts::find(&mut tx, &row.workspace_id, &row.account_id).await?;
    let account = account.ok_or(posta_store::Error::RowNotFound)?;
    let is_here = messages::find_remote(&mut tx, &account.id, &row.message_id).await?.is_some();
    drop(tx);
    if is_here {
        let mut tx = app.db.write().await?;
        fetches::delete(&mut tx, &row.account_id, &row.message_id).await?;
        return tx.commit().await;
    }
    if let Err(until) = app.budget.take(&account, CallClass::Conversations) {
        let mut tx = app.db.write().await?;
        put_off(&mut tx, row, Some(until), "the account has used up its calls for now").await?;
        return tx.commit().await;
    }
    let read = read(app, &account, &row.message_id).await;
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &row.workspace_id).await?;
    match read {
        Ok(Some(past)) => take_in(app, &mut tx, &account, row, &past).await?,
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
        return put_off(tx, row, next_try(app, row), error).await;
    };
    let cause = row.inbound_id.clone().zip(row.inbound_position);
    let cause = cause.map(|(inbound_id, position)| Cause { inbound_id, position });
    let told = Told {
        account,
        at: past.at.unwrap_or(row.announced_at),
        origin: Origin::Webhook,
        is_standby: row.is_standby,
        cause: cause.as_ref(),
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
    put_off(tx, row, due_at, &format!("{}: {}", error.code, error.message)).await
}

/// When to try again; `None` after the last try.
fn next_try(app: &App, row: &Fetch) -> Option<Timestamp> {
    let doublings = u32::try_from(row.attempts - 1).unwrap_or(0);
    let wait = send::jittered(app, FIRST_WAIT * 2_u32.saturating_pow(doublings));
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

//! Accounts that come back: what follows when one does, and trying the token of one that its owner
//! can free at the platform, without connecting it again.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::time::Timestamp;
use posta_store::accounts::{Account, Reason, State};
use posta_store::{Tx, recoveries, workspaces};

use super::announce::announce;
use super::events::{AccountBlock, Payload};
use super::line::Line;
use super::{again, budget, disconnect, import, refusal, renew, send};
use crate::app::App;

/// The shortest and the longest time between two tries of a token.
const OFTEN: Duration = Duration::from_mins(5);
const RARELY: Duration = Duration::from_hours(6);

/// Says when the token of an account is tried that was lost at `since`: the more rarely, the longer
/// it has been lost.
#[must_use]
pub(super) fn later(app: &App, since: Timestamp) -> Timestamp {
    let now = app.clock.now();
    now.plus(again::jittered(app, (now.since(since) / 2).clamp(OFTEN, RARELY)))
}

/// Lets go what waited for an account, and announces that it works again.
///
/// # Errors
/// When the database failed.
pub(super) async fn announce_recovered(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    recovered_from: String,
) -> posta_store::Result<()> {
    send::release(app, tx, account).await?;
    let block = AccountBlock::from(account);
    let payload = Payload::AccountRecovered { account: block, recovered_from };
    announce(app, tx, account, "account.recovered", payload).await
}

/// Tries the token of a claimed account that was lost, and notes what came of it.
///
/// # Errors
/// When the database failed; the account is then taken up again later.
pub async fn attempt(app: &App, account: &Account) -> posta_store::Result<()> {
    let now = app.clock.now();
    let mut error = match budget::take(app, account, CallClass::Other).await? {
        Err(until) => return put_off(app, account, until).await,
        Ok(()) => match call(app, account).await {
            Ok(()) => return come_back(app, account).await,
            Err(error) => error,
        },
    };
    if account.token_expires_at.is_some_and(|expires| expires <= now) {
        // Whatever the platform says: a token that has ended cannot work again.
        error.retry = Retry::Auth;
    }
    tracing::info!(
        account.id = %account.id, platform = account.platform, error.code = %error.code,
        retry = ?error.retry, "the account is still lost"
    );
    match error.retry {
        Retry::Auth if !disconnect::may_recover(&error) => {
            let code = disconnect::reason(&error);
            let reason = Reason { text: &error.message, code };
            let mut tx = app.db.write().await?;
            recoveries::forget(&mut tx, &account.id, account.token.as_ref(), reason).await?;
            tx.commit().await
        }
        Retry::RateLimited { until } => put_off(app, account, until).await,
        _ => put_off(app, account, later(app, account.state_since)).await,
    }
}

async fn call(app: &App, account: &Account) -> Result<(), ConnectorError> {
    let line = Line::on_trial(app, account).await?;
    match line.platform.auth() {
        Some(auth) => auth.identify(&line.cx(app)).await.map(drop),
        None => Err(*refusal(Code::PlatformNotSupported, "its grants are not tried again")),
    }
}

async fn put_off(app: &App, account: &Account, until: Timestamp) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    recoveries::update_due(&mut tx, &account.id, account.token.as_ref(), until).await?;
    tx.commit().await
}

async fn come_back(app: &App, account: &Account) -> posta_store::Result<()> {
    let now = app.clock.now();
    let issued = account.token_issued_at.unwrap_or(now);
    let renew_at = renew::renew_at(app, issued, account.token_expires_at);
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    let token = account.token.as_ref();
    if !recoveries::update_recovered(&mut tx, &account.id, token, now, renew_at).await? {
        return Ok(());
    }
    import::begin(app, &mut tx, account, Some(State::Dead)).await?;
    let lost_for = account.state_code.clone().unwrap_or_default();
    announce_recovered(app, &mut tx, account, lost_for).await?;
    tx.commit().await?;
    app.wake.announced();
    app.wake.send.notify_one();
    app.wake.subscriptions.notify_one();
    app.wake.walk.notify_one();
    tracing::info!(account.id = %account.id, platform = account.platform, "account recovered");
    Ok(())
}

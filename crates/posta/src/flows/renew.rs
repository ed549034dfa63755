//! Renewing tokens long before they end, again and again until it succeeds.

use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::time::Timestamp;
use posta_platforms::contract::Token;
use posta_store::accounts::Account;
use posta_store::renewals::{self, Renewal};
use posta_store::{Tx, workspaces};

use super::announce::announce;
use super::events::{AccountBlock, Payload};
use super::line::Line;
use super::recover::announce_recovered;
use super::{disconnect, reconnect, refusal};
use crate::app::{App, token_owner};

/// How many days before the end of a token that cannot be renewed its owner is told, once each.
const WARNINGS: [i64; 3] = [1, 3, 7];

const DAY: Duration = Duration::from_hours(24);

/// What is connected on one day is not renewed in one minute.
const SPREAD: Duration = Duration::from_hours(12);

/// Platforms refuse to renew a token that is younger.
const YOUTH: Duration = Duration::from_hours(24);

/// The longest and shortest time between two tries.
const RARELY: Duration = Duration::from_hours(6);
const OFTEN: Duration = Duration::from_mins(5);

/// Says when a token issued now is to be renewed; `None` when it lives for ever.
#[must_use]
pub fn renew_at(app: &App, issued: Timestamp, expires: Option<Timestamp>) -> Option<Timestamp> {
    let spread = u64::try_from(SPREAD.as_millis()).unwrap_or(u64::MAX);
    let lead = DAY * u32::from(app.config.tokens.renew_before_days);
    let early = Duration::from_millis(app.chance.below(spread));
    expires.map(|expires| expires.minus(lead + early).max(issued.plus(YOUTH)))
}

/// Renews the token of a claimed account, and notes what came of it.
///
/// # Errors
/// When the database failed; the account is then taken up again later.
pub async fn renew(app: &App, account: &Account) -> posta_store::Result<()> {
    match call(app, account).await {
        Ok(token) => store(app, account, &token).await,
        Err(error) => put_off(app, account, &error).await,
    }
}

async fn call(app: &App, account: &Account) -> Result<Token, ConnectorError> {
    let line = Line::open(app, account).await?;
    match line.platform.auth() {
        Some(auth) => auth.refresh(&line.cx(app)).await,
        None => Err(*refusal(Code::PlatformNotSupported, "its grants are not renewed")),
    }
}

async fn store(app: &App, account: &Account, token: &Token) -> posta_store::Result<()> {
    let now = app.clock.now();
    let sealed = app.ring.seal(&token_owner(account), &token.secret);
    let renewal = Renewal {
        account,
        token: &sealed,
        expires_at: token.expires_at,
        issued_at: now,
        renew_at: renew_at(app, now, token.expires_at),
    };
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    let is_stored = renewals::update_token(&mut tx, &renewal).await?;
    if is_stored && renewals::clear_warned(&mut tx, &account.id).await? {
        announce_recovered(app, &mut tx, account, "token_expiring".to_owned()).await?;
    }
    tx.commit().await?;
    let outcome = if is_stored { "renewed" } else { "overtaken" };
    app.wake.announced();
    app.wake.send.notify_one();
    metrics::counter!("posta_renewals_total", "outcome" => outcome).increment(1);
    tracing::info!(account.id = %account.id, platform = account.platform, outcome, "token");
    Ok(())
}

async fn put_off(app: &App, account: &Account, error: &ConnectorError) -> posta_store::Result<()> {
    metrics::counter!("posta_renewals_total", "outcome" => error.code.as_str()).increment(1);
    tracing::warn!(
        account.id = %account.id, platform = account.platform, error.code = %error.code,
        retry = ?error.retry, "token not renewed"
    );
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if error.retry == Retry::Auth {
        disconnect::lose(app, &mut tx, account, error).await?;
    } else {
        let left = account.token_expires_at.map_or(RARELY, |expires| expires.since(now));
        let wait = (left / 20).clamp(OFTEN, RARELY);
        let again = match error.retry {
            Retry::RateLimited { until } => until,
            _ => now.plus(super::again::jittered(app, wait)),
        };
        renewals::update_due(&mut tx, &account.id, Some(again)).await?;
        warn(app, &mut tx, account, error).await?;
    }
    tx.commit().await?;
    app.wake.announced();
    Ok(())
}

/// Tells of a token that ends soon, when a new threshold is passed.
async fn warn(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    error: &ConnectorError,
) -> posta_store::Result<()> {
    let Some(expires) = account.token_expires_at else {
        return Ok(());
    };
    let left = expires.since(app.clock.now());
    let passed = WARNINGS.iter().find(|days| left <= DAY * u32::try_from(**days).unwrap_or(0));
    let Some(&days_left) = passed else {
        return Ok(());
    };
    workspaces::lock(tx, &account.workspace_id).await?;
    if !renewals::update_warned(tx, &account.id, days_left).await? {
        return Ok(());
    }
    let payload = Payload::TokenExpiring {
        account: AccountBlock::from(account),
        token_expires_at: expires,
        days_left,
        reason: error.message.clone(),
        reconnect_url: reconnect::url(app, account),
    };
    announce(app, tx, account, "account.token_expiring", payload).await
}

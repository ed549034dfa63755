//! Renewing tokens long before they end, again and again until it succeeds.

use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::time::Timestamp;
use posta_platforms::contract::Token;
use posta_store::accounts::Account;
use posta_store::renewals::{self, Renewal};

use super::line::Line;
use super::{disconnect, refusal};
use crate::app::{App, token_owner};

/// How long before its end a token is renewed.
const LEAD: Duration = Duration::from_hours(7 * 24);

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
    let early = Duration::from_millis(app.chance.below(spread));
    expires.map(|expires| expires.minus(LEAD + early).max(issued.plus(YOUTH)))
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
    let is_stored = renewals::update_token(&mut tx, &renewal).await?;
    tx.commit().await?;
    let outcome = if is_stored { "renewed" } else { "overtaken" };
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
        disconnect::lose(app, &mut tx, account, &error.message).await?;
    } else {
        let left = account.token_expires_at.map_or(RARELY, |expires| expires.since(now));
        let wait = (left / 20).clamp(OFTEN, RARELY);
        let again = match error.retry {
            Retry::RateLimited { until } => until,
            _ => now.plus(super::send::jittered(app, wait)),
        };
        renewals::update_due(&mut tx, &account.id, Some(again)).await?;
    }
    tx.commit().await?;
    app.wake.deliver.notify_one();
    Ok(())
}

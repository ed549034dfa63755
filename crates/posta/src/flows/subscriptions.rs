//! Whether the platform still sends an account's events; and mending it when it does not.

use std::collections::BTreeSet;
use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_platforms::contract::{Platform, Subscriptions};
use posta_store::accounts::Account;
use posta_store::subscriptions::{self, Found};
use posta_store::{Tx, workspaces};

use super::again::{self, jittered};
use super::announce::announce;
use super::events::{AccountBlock, Payload};
use super::line::Line;
use super::{FlowError, disconnect};
use crate::app::App;

/// How often a subscription is looked at, with up to a fifth more.
const EVERY: Duration = Duration::from_hours(1);

/// How soon it is looked at again after a failure; it doubles up to [`RARELY`].
const SOON: Duration = Duration::from_mins(5);
const RARELY: Duration = Duration::from_hours(6);

/// What an account is subscribed to.
#[derive(Debug)]
pub struct Standing {
    /// The fields.
    pub fields: Vec<String>,
    /// The fields that it should be subscribed to and is not.
    pub missing: Vec<String>,
}

/// Says which fields an account is to be subscribed to.
#[must_use]
pub fn wanted(subscriptions: &dyn Subscriptions, account: &Account) -> Vec<&'static str> {
    let granted: Option<BTreeSet<String>> =
        account.scopes.as_ref().map(|scopes| scopes.iter().cloned().collect());
    subscriptions.wanted(granted.as_ref())
}

/// Says which of the fields that an account should have are not among these.
#[must_use]
pub fn missing(account: &Account, fields: &[String]) -> Vec<String> {
    let platform = posta_platforms::get(&account.platform).and_then(|one| one.subscriptions());
    let wanted = platform.map(|one| wanted(one, account)).unwrap_or_default();
    let missing = wanted.into_iter().filter(|field| !fields.iter().any(|one| one == field));
    missing.map(str::to_owned).collect()
}

/// Notes that an account was subscribed just now, as a part of connecting it.
///
/// # Errors
/// When the database failed.
pub(super) async fn note_subscribed(
    app: &App,
    tx: &mut Tx,
    platform: &dyn Platform,
    account: &Account,
) -> posta_store::Result<()> {
    let Some(subscriptions) = platform.subscriptions() else {
        return Ok(());
    };
    let fields: Vec<String> =
        wanted(subscriptions, account).into_iter().map(str::to_owned).collect();
    note(app, tx, account, &fields).await
}

async fn note(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    fields: &[String],
) -> posta_store::Result<()> {
    let now = app.clock.now();
    let due_at = now.plus(jittered(app, EVERY));
    let found = Found { account: &account.id, fields, checked_at: now, due_at };
    subscriptions::update_found(tx, found).await
}

/// Looks at the subscription of a claimed account, mends it, and notes when to look again.
///
/// # Errors
/// When the database failed; the account is then taken up again later.
pub async fn watch(app: &App, account: &Account) -> posta_store::Result<()> {
    match mend(app, account).await {
        Ok(_) => Ok(()),
        Err(FlowError::Store(error)) => Err(error),
        Err(FlowError::Refused(error)) => put_off(app, account, &error).await,
        Err(other @ (FlowError::Invalid(_) | FlowError::Disk(_))) => {
            let error = ConnectorError::new(Code::ApiError, Retry::Transient, other.to_string());
            put_off(app, account, &error).await
        }
    }
}

/// Looks at what an account is subscribed to, and notes it.
///
/// # Errors
/// When the platform refused, or the database failed.
pub async fn look(app: &App, account: &Account) -> Result<Standing, FlowError> {
    let line = Line::open(app, account).await?;
    let Some(subscriptions) = line.platform.subscriptions() else {
        return Ok(Standing { fields: Vec::new(), missing: Vec::new() });
    };
    let fields: Vec<String> = subscriptions.subscribed(&line.cx(app)).await?.into_iter().collect();
    let mut tx = app.db.write().await?;
    note(app, &mut tx, account, &fields).await?;
    tx.commit().await?;
    Ok(Standing { missing: missing(account, &fields), fields })
}

/// Looks at what an account is subscribed to, subscribes it again when something is missing, and
/// announces that. Returns what it found before.
///
/// # Errors
/// When the platform refused, or the database failed.
pub async fn mend(app: &App, account: &Account) -> Result<Standing, FlowError> {
    let before = look(app, account).await?;
    if before.missing.is_empty() {
        return Ok(before);
    }
    let line = Line::open(app, account).await?;
    let Some(subscriptions) = line.platform.subscriptions() else {
        return Ok(before);
    };
    let fields = wanted(subscriptions, account);
    subscriptions.subscribe(&line.cx(app), &fields).await?;
    metrics::counter!("posta_subscriptions_repaired_total").increment(1);
    tracing::warn!(account.id = %account.id, missing = ?before.missing, "subscription repaired");
    let fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    note(app, &mut tx, account, &fields).await?;
    let payload = Payload::SubscriptionRepaired {
        account: AccountBlock::from(account),
        missing_fields: before.missing.clone(),
    };
    announce(app, &mut tx, account, "subscription.repaired", payload).await?;
    tx.commit().await?;
    app.wake.announced();
    Ok(before)
}

async fn put_off(app: &App, account: &Account, error: &ConnectorError) -> posta_store::Result<()> {
    tracing::warn!(
        account.id = %account.id, platform = account.platform, error.code = %error.code,
        retry = ?error.retry, "subscription not looked at"
    );
    let mut tx = app.db.write().await?;
    if error.retry == Retry::Auth {
        disconnect::lose(app, &mut tx, account, error).await?;
    } else {
        let failures = subscriptions::count_failure(&mut tx, &account.id).await?;
        let wait = again::doubled(SOON, failures).min(RARELY);
        let again = match error.retry {
            Retry::RateLimited { until } => until,
            _ => app.clock.now().plus(jittered(app, wait)),
        };
        subscriptions::update_due(&mut tx, &account.id, again).await?;
    }
    tx.commit().await?;
    app.wake.announced();
    Ok(())
}

//! How an account is lost: the platform no longer accepts its token, its owner takes the app away, or
//! the customer removes it.

use posta_core::failure::{Code, ConnectorError};
use posta_core::id::AccountId;
use posta_store::accounts::{self, Account, Reason, State};
use posta_store::{Tx, recoveries, workspaces};
use serde_json::Value;

use super::announce::announce;
use super::events::{AccountBlock, Payload};
use super::line::Line;
use super::{reconnect, recover};
use crate::app::App;

/// The word for a reason that the platform did not tell.
const UNTOLD: &str = "token_invalid";

/// Notes that the platform no longer accepts an account's token, and announces it once. `false` when
/// that says nothing of the account, because it has another token by now.
///
/// # Errors
/// When the database failed.
pub async fn lose(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    error: &ConnectorError,
) -> posta_store::Result<bool> {
    workspaces::lock(tx, &account.workspace_id).await?;
    let current = accounts::find(tx, &account.workspace_id, &account.id).await?;
    if current.is_some_and(|one| one.state == State::Connected && one.token != account.token) {
        return Ok(false);
    }
    // Without a call there is nothing new.
    if error.code != Code::AccountDisconnected {
        let reason = Reason { text: &error.message, code: reason(error) };
        if may_recover(error) {
            let (owner, now) = (&account.workspace_id, app.clock.now());
            let due_at = recover::later(app, now);
            if recoveries::update_lost(tx, owner, &account.id, reason, now, due_at).await? {
                tell(app, tx, account, State::Dead, reason).await?;
            }
        } else {
            end(app, tx, account, State::Dead, reason).await?;
        }
    }
    Ok(true)
}

/// The word for what a platform has against a token.
pub(super) fn reason(error: &ConnectorError) -> &str {
    let code = error.details.as_ref().and_then(|details| details.get("reason"));
    code.and_then(Value::as_str).unwrap_or(UNTOLD)
}

/// Whether the token may work again once its owner has done what the platform asks.
pub(super) fn may_recover(error: &ConnectorError) -> bool {
    let said = error.details.as_ref().and_then(|details| details.get("mayRecover"));
    said.and_then(Value::as_bool).unwrap_or(false)
}

/// Notes that an account's owner took the app away, and announces it once.
///
/// # Errors
/// When the database failed.
pub async fn taken_away(app: &App, tx: &mut Tx, account: &Account) -> posta_store::Result<()> {
    let reason = Reason { text: "its owner removed the app", code: "app_removed" };
    end(app, tx, account, State::Dead, reason).await
}

/// Takes an account out of use whose data its owner wants deleted, and announces it once.
///
/// # Errors
/// When the database failed.
pub async fn forget(app: &App, tx: &mut Tx, account: &Account) -> posta_store::Result<()> {
    let reason = Reason { text: "its owner had its data deleted", code: "data_deleted" };
    end(app, tx, account, State::Removed, reason).await
}

/// The word for an account that the customer removed.
const ASKED: &str = "disconnected";

/// Disconnects an account because the customer wants it, and announces it once.
///
/// # Errors
/// When the database failed.
pub async fn disconnect(app: &App, tx: &mut Tx, account: &Account) -> posta_store::Result<()> {
    let reason = Reason { text: "it was disconnected through the API", code: ASKED };
    end(app, tx, account, State::Removed, reason).await
}

async fn end(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    state: State,
    reason: Reason<'_>,
) -> posta_store::Result<()> {
    let (owner, now) = (&account.workspace_id, app.clock.now());
    workspaces::lock(tx, owner).await?;
    if !accounts::update_unusable(tx, owner, &account.id, state, reason, now).await? {
        // It is lost already; and if it could have come back, it cannot any longer.
        return recoveries::forget(tx, &account.id, account.token.as_ref(), reason).await;
    }
    tell(app, tx, account, state, reason).await
}

async fn tell(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    state: State,
    reason: Reason<'_>,
) -> posta_store::Result<()> {
    tracing::warn!(
        account.id = %account.id, platform = account.platform, ?state, reason = reason.code,
        "account lost"
    );
    let payload = Payload::AccountDisconnected {
        account: AccountBlock::from(account),
        disconnection_type: if reason.code == ASKED { "intentional" } else { "unintentional" },
        reason: reason.text.to_owned(),
        reason_code: reason.code.to_owned(),
        reconnect_url: (state == State::Dead).then(|| reconnect::url(app, account)),
    };
    announce(app, tx, account, "account.disconnected", payload).await
}

/// Ends the subscriptions of accounts that are being disconnected: taken while they have a token,
/// told afterwards. A courtesy, which the platform may refuse.
pub struct Farewell(Vec<(AccountId, Line)>);

impl Farewell {
    /// Opens a line for each account whose subscription nobody else here needs.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn to(app: &App, tx: &mut Tx, leaving: &[Account]) -> posta_store::Result<Self> {
        let mut lines = Vec::new();
        for account in leaving {
            let remote = std::slice::from_ref(&account.remote_id);
            let same = accounts::list_by_remote(tx, &account.platform, remote).await?;
            let is_needed = same
                .iter()
                .any(|one| one.id != account.id && one.oauth_app_id == account.oauth_app_id);
            if !is_needed && let Ok(line) = Line::open(app, account).await {
                lines.push((account.id.clone(), line));
            }
        }
        Ok(Self(lines))
    }

    /// Says it, in the background.
    pub fn say(self, app: &App) {
        let (busy, app) = (app.under_way.enter(), app.clone());
        app.tasks.clone().spawn(async move {
            for (id, line) in self.0 {
                let Some(subscriptions) = line.platform.subscriptions() else {
                    continue;
                };
                if let Err(error) = subscriptions.unsubscribe(&line.cx(&app)).await {
                    tracing::info!(account.id = %id, error.code = %error.code, "not unsubscribed");
                }
            }
            drop(busy);
        });
    }
}

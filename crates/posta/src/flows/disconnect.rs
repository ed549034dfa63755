//! How an account is lost: the platform no longer accepts its token, or the customer removes it.

use posta_store::accounts::{self, Account, State};
use posta_store::{Tx, workspaces};

use super::announce::announce;
use super::events::{AccountBlock, Payload};
use crate::app::App;

/// Notes that the platform no longer accepts an account's token, and announces it once.
///
/// # Errors
/// When the database failed.
pub async fn lose(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    reason: &str,
) -> posta_store::Result<()> {
    end(app, tx, account, State::Dead, reason).await
}

/// Disconnects an account because the customer wants it, and announces it once.
///
/// # Errors
/// When the database failed.
pub async fn disconnect(app: &App, tx: &mut Tx, account: &Account) -> posta_store::Result<()> {
    end(app, tx, account, State::Removed, "it was disconnected through the API").await
}

async fn end(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    state: State,
    reason: &str,
) -> posta_store::Result<()> {
    let (owner, now) = (&account.workspace_id, app.clock.now());
    workspaces::lock(tx, owner).await?;
    if !accounts::update_unusable(tx, owner, &account.id, state, reason, now).await? {
        return Ok(());
    }
    tracing::warn!(account.id = %account.id, platform = account.platform, ?state, "account lost");
    let payload = Payload::AccountDisconnected {
        account: AccountBlock::from(account),
        disconnection_type: match state {
            State::Removed => "intentional",
            State::Connected | State::Dead => "unintentional",
        },
        reason: reason.to_owned(),
    };
    announce(app, tx, account, "account.disconnected", &payload).await.map(drop)
}

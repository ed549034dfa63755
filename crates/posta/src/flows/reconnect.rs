//! The link by which an account's owner connects it again, without a key of ours: signed, for a
//! week, and good for nothing but this account.

use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::time::Timestamp;
use posta_platforms::contract::Platform;
use posta_store::accounts::{self, Account, State};
use serde_json::json;
use url::Url;

use super::connect::{Start, Started, start};
use super::{FlowError, refusal};
use crate::app::App;

/// How long a link is good.
const GOOD: Duration = Duration::from_hours(7 * 24);

/// What the signature is for.
const PURPOSE: &str = "reconnect";

/// Makes the link for an account. Whoever opens it ends at the platform's login, and only the owner
/// of this account gets through.
///
/// # Panics
/// Never: the public URL is a base and the path is made of plain letters.
#[must_use]
pub fn url(app: &App, account: &Account) -> Url {
    let until = app.clock.now().plus(GOOD).as_seconds();
    let text = format!("{}.{}.{until}", account.workspace_id, account.id);
    let signature = app.ring.sign(PURPOSE, &text);
    let path = format!("connect/{}/reconnect/{text}.{signature}", account.platform);
    app.config.public_url.join(&path).expect("the public URL is a base")
}

/// Refuses something that needs a connected account, and says how it becomes one.
#[must_use]
pub fn refuse(app: &App, account: &Account, what: &str) -> Box<ConnectorError> {
    let reason = account.state_reason.as_deref().unwrap_or("it was disconnected");
    let message = format!("{} cannot {what}: {reason}", account.username);
    let details = json!({
        "reasonCode": account.state_code,
        "disconnectedAt": account.state_since,
        "reconnectUrl": url(app, account),
    });
    Box::new(ConnectorError {
        remedy: Some(
            "Have its owner open `details.reconnectUrl`, or start a connection with `reconnectAccountId`.",
        ),
        details: Some(details),
        ..ConnectorError::new(Code::AccountDisconnected, Retry::Permanent, message)
    })
}

/// Begins the connection that a link stands for.
///
/// # Errors
/// When the link is not ours or too old, the account is gone, or the connection cannot begin.
pub async fn follow(
    app: &App,
    platform: &'static dyn Platform,
    link: &str,
) -> Result<Started, FlowError> {
    let foreign = || refusal(Code::InvalidState, "the link is not one that Posta gave out");
    let (text, signature) = link.rsplit_once('.').ok_or_else(foreign)?;
    if !app.ring.is_signed(PURPOSE, text, signature) {
        return Err(foreign().into());
    }
    let parts: Vec<&str> = text.split('.').collect();
    let &[owner, id, until] = parts.as_slice() else {
        return Err(foreign().into());
    };
    let until = until.parse().map_err(|_| foreign())?;
    if Timestamp::from_seconds_or_millis(until).is_none_or(|until| app.clock.now() > until) {
        return Err(refusal(Code::InvalidState, "the link is more than 7 days old").into());
    }
    let owner = owner.parse().map_err(|_| foreign())?;
    let id = id.parse().map_err(|_| foreign())?;
    let mut tx = app.db.read().await?;
    let account = accounts::find(&mut tx, &owner, &id).await?;
    drop(tx);
    let account = account
        .filter(|one| one.state != State::Removed && one.platform == platform.name())
        .ok_or_else(|| refusal(Code::AccountNotFound, "the account was removed"))?;
    let request = Start {
        oauth_app: account.oauth_app_id.clone(),
        reconnect: Some(account.id.clone()),
        ..Start::default()
    };
    start(app, &owner, &account.profile_id, platform, request).await
}

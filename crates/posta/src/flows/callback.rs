//! Ending a connection with what the browser brought back from the platform.

use std::time::Duration;

use posta_core::failure::Code;
use posta_core::id::ConnectId;
use posta_platforms::contract::{Grant, Platform};
use posta_platforms::cx::{AccountCredentials, Cx};
use posta_store::accounts::{self, Account, State};
use posta_store::connects::{self, Connect};
use posta_store::{Json, inbound, renewals, workspaces};
use url::Url;

use super::announce::announce;
use super::calls::Whose;
use super::connect::{bound, by_oauth, callback_url, choose_app};
use super::events::{AccountBlock, Payload};
use super::recover::announce_recovered;
use super::{FlowError, import, refusal, renew, send, subscriptions};
use crate::app::{App, token_owner};

/// Webhooks may come between the platform's yes and our note of the account; this far back they
/// are looked at again.
const UNROUTED: Duration = Duration::from_mins(10);

/// What the browser brought back from the platform.
#[derive(Debug, Default)]
pub struct Callback<'a> {
    /// What we sent along.
    pub state: Option<&'a str>,
    /// The code, when the owner allowed it.
    pub code: Option<&'a str>,
    /// The platform's error, when not.
    pub error: Option<&'a str>,
    /// The platform's reason.
    pub reason: Option<&'a str>,
    /// The platform's words.
    pub description: Option<&'a str>,
}

/// How a connection ended.
#[derive(Debug)]
pub struct Ended {
    /// Where the browser goes on, when the customer said so.
    pub redirect_url: Option<Url>,
    /// The account, or why there is none.
    pub result: Result<Account, FlowError>,
}

/// Ends a connection with what the browser brought back.
pub async fn finish(app: &App, platform: &'static dyn Platform, callback: &Callback<'_>) -> Ended {
    let connect = match known(app, platform, callback.state.unwrap_or_default()).await {
        Ok(connect) => connect,
        Err(error) => {
            return Ended { redirect_url: None, result: Err(error) };
        }
    };
    let redirect_url = connect.redirect_url.as_ref().and_then(|url| url.parse().ok());
    Ended { redirect_url, result: redeem(app, platform, &connect, callback).await }
}

/// Finds the attempt that a state belongs to, if the state is ours and unaltered.
///
/// # Errors
/// When it is not, or the database failed.
pub async fn known(app: &App, platform: &dyn Platform, state: &str) -> Result<Connect, FlowError> {
    let unknown = || refusal(Code::InvalidState, "the state is not one that Posta gave out");
    let (id, signature) = state.split_once('.').ok_or_else(unknown)?;
    let id: ConnectId = id.parse().map_err(|_| unknown())?;
    let mut tx = app.db.read().await?;
    let connect = connects::find(&mut tx, &id).await?.ok_or_else(unknown)?;
    let is_ours = app.ring.is_signed("connect", &bound(&connect), signature);
    if is_ours && connect.platform == platform.name() { Ok(connect) } else { Err(unknown().into()) }
}

async fn redeem(
    app: &App,
    platform: &'static dyn Platform,
    connect: &Connect,
    callback: &Callback<'_>,
) -> Result<Account, FlowError> {
    let now = app.clock.now();
    if now >= connect.expires_at {
        let message = "the connection was begun more than 15 minutes ago";
        return Err(refusal(Code::InvalidState, message).into());
    }
    let mut tx = app.db.write().await?;
    let is_first = connects::claim(&mut tx, &connect.id, now).await?;
    tx.commit().await?;
    if !is_first {
        let message = "this connection was ended before; its state works once";
        return Err(refusal(Code::CodeAlreadyRedeemed, message).into());
    }
    if let Some(error) = callback.error {
        let said = callback.description.or(callback.reason).unwrap_or(error);
        let message = format!("{} says: {said}", platform.title());
        return Err(refusal(Code::OauthDenied, message).into());
    }
    let Some(code) = callback.code.filter(|code| !code.is_empty()) else {
        let message = "the platform sent neither a code nor an error";
        return Err(refusal(Code::InvalidCallback, message).into());
    };
    let auth = by_oauth(platform)?;
    let mut tx = app.db.read().await?;
    let wanted = connect.oauth_app_id.as_ref();
    let (_, client) = choose_app(app, &mut tx, &connect.workspace_id, platform, wanted).await?;
    drop(tx);
    let (owner, profile) = (connect.workspace_id.clone(), Some(connect.profile_id.clone()));
    let http = Whose::nobody(platform, owner, profile).http(app, &app.http);
    let cx = Cx {
        http: &http,
        clock: &app.clock,
        site: app.site(platform),
        app: &client,
        account: None,
        gauge: None,
    };
    let grant = auth.finish(&cx, code, &callback_url(app, platform.name())).await?;
    let credentials = AccountCredentials {
        id: grant.identity.account.clone(),
        token: grant.token.secret.clone(),
    };
    expected(app, connect, &grant).await?;
    if let Some(subscriptions) = platform.subscriptions() {
        let cx = Cx { account: Some(&credentials), ..cx };
        let fields = subscriptions.wanted(grant.scopes.as_ref());
        subscriptions.subscribe(&cx, &fields).await.map_err(|mut error| {
            error.code = Code::ConnectionFailed;
            error.message = format!("the account's events could not be subscribed: {error}");
            error
        })?;
    }
    store(app, platform, connect, grant).await.map_err(Into::into)
}

async fn expected(app: &App, connect: &Connect, grant: &Grant) -> Result<(), FlowError> {
    let identity = &grant.identity;
    let is_other = |wanted: &Option<String>, is: &[Option<&str>]| {
        wanted.as_deref().is_some_and(|wanted| !is.contains(&Some(wanted)))
    };
    let ids = [Some(identity.account.as_str()), identity.app_scoped.as_deref()];
    if is_other(&connect.expected_remote_id, &ids)
        || is_other(&connect.expected_username, &[Some(identity.username.as_str())])
    {
        let message = format!("the person connected {}, not the expected one", identity.username);
        return Err(refusal(Code::AccountMismatch, message).into());
    }
    let Some(id) = &connect.reconnect_account_id else {
        return Ok(());
    };
    let mut tx = app.db.read().await?;
    let account = accounts::find(&mut tx, &connect.workspace_id, id).await?;
    if account.is_some_and(|account| account.remote_id == identity.account) {
        return Ok(());
    }
    let message = format!("the person connected {}, not the account {id}", identity.username);
    Err(refusal(Code::ReconnectAccountMismatch, message).into())
}

async fn store(
    app: &App,
    platform: &dyn Platform,
    connect: &Connect,
    grant: Grant,
) -> posta_store::Result<Account> {
    let now = app.clock.now();
    let identity = grant.identity;
    let mut account = Account {
        id: app.ids.next(),
        workspace_id: connect.workspace_id.clone(),
        profile_id: connect.profile_id.clone(),
        platform: connect.platform.clone(),
        remote_id: identity.account,
        app_scoped_id: identity.app_scoped,
        username: identity.username,
        display_name: identity.display_name,
        picture: identity.picture,
        profile_url: identity.profile_url,
        followers: identity.followers,
        kind: identity.kind,
        metadata: Json(identity.metadata),
        oauth_app_id: connect.oauth_app_id.clone(),
        scopes: grant.scopes.map(|scopes| Json(scopes.into_iter().collect())),
        token: None,
        token_expires_at: grant.token.expires_at,
        token_issued_at: Some(now),
        state: State::Connected,
        state_reason: None,
        state_code: None,
        state_since: now,
        rate_limited_until: None,
        paused_until: None,
        restriction: None,
        subscribed_fields: None,
        last_event_at: None,
        created_at: now,
    };
    account.token = Some(app.ring.seal(&token_owner(&account), &grant.token.secret));
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    let (owner, remote) = (&account.workspace_id, &account.remote_id);
    let before = accounts::find_remote(&mut tx, owner, &account.platform, remote).await?;
    account.id = accounts::upsert(&mut tx, &account).await?;
    let stood = before.as_ref().map(|before| before.state);
    import::begin(app, &mut tx, &account, stood).await?;
    let renew_at = renew::renew_at(app, now, account.token_expires_at);
    renewals::update_due(&mut tx, &account.id, renew_at).await?;
    inbound::update_unrouted(&mut tx, &account.platform, now.minus(UNROUTED), now).await?;
    let payload = Payload::Account { account: AccountBlock::from(&account) };
    announce(app, &mut tx, &account, "account.connected", payload).await?;
    send::release(app, &mut tx, &account).await?;
    if let Some(lost) = before.filter(|one| one.state == State::Dead) {
        announce_recovered(app, &mut tx, &account, lost.state_code.unwrap_or_default()).await?;
    }
    subscriptions::note_subscribed(app, &mut tx, platform, &account).await?;
    tx.commit().await?;
    app.wake.announced();
    app.wake.receive.notify_one();
    app.wake.send.notify_one();
    app.wake.walk.notify_one();
    tracing::info!(account.id = %account.id, platform = account.platform, "account connected");
    Ok(account)
}

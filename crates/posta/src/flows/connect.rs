//! Beginning to connect an account by OAuth, and whose app it is done with.

use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{AccountId, OauthAppId, ProfileId, WorkspaceId};
use posta_platforms::contract::{AppVerdict, Ask, Auth, Platform};
use posta_platforms::cx::{AppCredentials, Cx};
use posta_store::Tx;
use posta_store::accounts::Account;
use posta_store::connects::{self, Connect};
use posta_store::oauth_apps::{self, OauthApp};
use url::Url;

use super::calls::Whose;
use super::signers::app_owner;
use super::{FlowError, refusal};
use crate::app::App;
use crate::config::PlatformConfig;

/// How long a person may take to allow the connection.
const PATIENCE: Duration = Duration::from_mins(15);

/// The permission areas asked for when the customer names none.
const AREAS: [&str; 3] = ["posting", "comments", "messaging"];

/// What a customer asks to connect.
#[derive(Debug, Default)]
pub struct Start {
    /// Where the browser ends.
    pub redirect_url: Option<Url>,
    /// The permission areas; the usual ones when `None`.
    pub areas: Option<Vec<String>>,
    /// Whether to show the login form even to a logged-in person.
    pub force_login: bool,
    /// The customer's own app.
    pub oauth_app: Option<OauthAppId>,
    /// The account that must come of it.
    pub reconnect: Option<AccountId>,
    /// The platform's account that must come of it.
    pub expected_remote: Option<String>,
    /// The handle that must come of it.
    pub expected_username: Option<String>,
}

/// A connection that has begun.
#[derive(Debug)]
pub struct Started {
    /// Where the account's owner allows it.
    pub auth_url: Url,
    /// What must come back.
    pub state: String,
}

/// Begins a connection.
///
/// # Errors
/// When the platform has no app, a permission area is unknown, or the database failed.
pub async fn start(
    app: &App,
    owner: &WorkspaceId,
    profile: &ProfileId,
    platform: &'static dyn Platform,
    request: Start,
) -> Result<Started, FlowError> {
    let auth = by_oauth(platform)?;
    let mut tx = app.db.write().await?;
    let (own, client) =
        choose_app(app, &mut tx, owner, platform, request.oauth_app.as_ref()).await?;
    let of_app = own.as_ref().and_then(|own| own.scope_areas.as_ref()).map(|areas| areas.0.clone());
    let areas = request
        .areas
        .or(of_app)
        .unwrap_or_else(|| AREAS.iter().map(|area| (*area).to_owned()).collect());
    let scopes = scopes(auth, &areas)?;
    let connect = Connect {
        id: app.ids.next(),
        workspace_id: owner.clone(),
        profile_id: profile.clone(),
        platform: platform.name().to_owned(),
        oauth_app_id: own.map(|own| own.id),
        redirect_url: request.redirect_url.map(String::from),
        reconnect_account_id: request.reconnect,
        expected_remote_id: request.expected_remote,
        expected_username: request.expected_username,
        expires_at: app.clock.now().plus(PATIENCE),
        used_at: None,
    };
    connects::insert(&mut tx, &connect).await?;
    tx.commit().await?;
    let state = format!("{}.{}", connect.id, app.ring.sign("connect", &bound(&connect)));
    let cx = Cx {
        http: &app.http,
        clock: &app.clock,
        site: app.site(platform),
        app: &client,
        account: None,
        gauge: None,
    };
    let redirect = callback_url(app, platform.name());
    let ask = Ask {
        scopes: &scopes,
        redirect: &redirect,
        state: &state,
        force_login: request.force_login,
    };
    let auth_url = auth.start(&cx, &ask);
    Ok(Started { auth_url, state })
}

/// What the state is bound to: nobody can move it to another profile, platform or redirect.
pub(super) fn bound(connect: &Connect) -> String {
    let redirect = connect.redirect_url.as_deref().unwrap_or_default();
    format!("{} {} {} {redirect}", connect.id, connect.profile_id, connect.platform)
}

pub(super) fn by_oauth(platform: &'static dyn Platform) -> Result<&'static dyn Auth, FlowError> {
    platform.auth().ok_or_else(|| {
        let message = format!("{} is not connected by OAuth", platform.title());
        refusal(Code::PlatformNotSupported, message).into()
    })
}

fn scopes(auth: &dyn Auth, areas: &[String]) -> Result<Vec<&'static str>, FlowError> {
    let known = auth.scopes();
    if let Some(unknown) =
        areas.iter().find(|area| !known.iter().any(|one| one.area == Some(area.as_str())))
    {
        let names: Vec<_> = known.iter().filter_map(|one| one.area).collect();
        let message = format!("there is no area {unknown}; there are {}", names.join(", "));
        return Err(refusal(Code::InvalidFieldValue, message).into());
    }
    let wanted = known
        .iter()
        .filter(|one| one.area.is_none_or(|area| areas.iter().any(|wanted| wanted == area)));
    Ok(wanted.flat_map(|one| one.scopes.iter().copied()).collect())
}

/// Returns the URL that the platform sends browsers back to.
///
/// # Panics
/// Never: the public URL is a base and the path is fixed.
#[must_use]
pub fn callback_url(app: &App, platform: &str) -> Url {
    let path = format!("connect/{platform}/callback");
    app.config.public_url.join(&path).expect("the public URL is a base")
}

pub(super) async fn choose_app(
    app: &App,
    tx: &mut Tx,
    owner: &WorkspaceId,
    platform: &'static dyn Platform,
    wanted: Option<&OauthAppId>,
) -> Result<(Option<OauthApp>, AppCredentials), FlowError> {
    let name = platform.name();
    let own = if let Some(id) = wanted {
        let own = oauth_apps::find(tx, owner, id).await?.filter(|own| own.platform == name);
        Some(own.ok_or_else(|| refusal(Code::ResourceNotFound, format!("no app {id}")))?)
    } else if app.config.platforms.get(name).is_some_and(PlatformConfig::has_app) {
        None
    } else {
        let all = oauth_apps::list(tx, owner, None, i64::MAX).await?;
        let own = all.into_iter().find(|own| own.platform == name);
        Some(own.ok_or_else(|| {
            let message = format!("no app is set up for {}", platform.title());
            refusal(Code::PlatformNotConfigured, message)
        })?)
    };
    let client = match &own {
        Some(own) => own_credentials(app, own)?,
        None => configured_credentials(app, name),
    };
    Ok((own, client))
}

fn configured_credentials(app: &App, platform: &str) -> AppCredentials {
    let section = app.config.platforms.get(platform);
    let section = section.expect("boot refuses settings without a section for each platform");
    AppCredentials {
        client_id: section.client_id.clone(),
        client_secret: section.client_secret.clone(),
    }
}

fn own_credentials(app: &App, own: &OauthApp) -> Result<AppCredentials, ConnectorError> {
    let client_secret = app.ring.open(&app_owner(own), &own.client_secret).map_err(|error| {
        let message = format!("the secret of the app {} cannot be opened: {error}", own.label);
        ConnectorError::new(Code::ApiError, Retry::Permanent, message)
    })?;
    Ok(AppCredentials { client_id: own.client_id.clone(), client_secret })
}

/// Tries whether the platform accepts a customer's own app, and notes what it says.
///
/// # Errors
/// When the platform cannot be asked, or the database failed.
pub async fn try_app(app: &App, own: &OauthApp) -> Result<(), FlowError> {
    let platform = posta_platforms::get(&own.platform).ok_or_else(|| {
        let message = format!("this version does not speak {}", own.platform);
        refusal(Code::PlatformNotSupported, message)
    })?;
    let client = own_credentials(app, own)?;
    let http = Whose::nobody(platform, own.workspace_id.clone(), None).http(app, &app.http);
    let cx = Cx {
        http: &http,
        clock: &app.clock,
        site: app.site(platform),
        app: &client,
        account: None,
        gauge: None,
    };
    let redirect = callback_url(app, platform.name());
    let problem = match by_oauth(platform)?.try_app(&cx, &redirect).await? {
        AppVerdict::Accepted => None,
        AppVerdict::Refused(words) => Some(format!("{} says: {words}", platform.title())),
        AppVerdict::Unclear(words) => {
            let message = format!("{} did not say whether: {words}", platform.title());
            return Err(refusal(Code::PlatformRefused, message).into());
        }
    };
    let mut tx = app.db.write().await?;
    oauth_apps::update_checked(&mut tx, &own.id, app.clock.now(), problem.as_deref()).await?;
    tx.commit().await?;
    Ok(())
}

/// Opens the credentials of the app that an account is connected through.
///
/// # Errors
/// When they are gone or cannot be opened.
pub async fn credentials(app: &App, account: &Account) -> Result<AppCredentials, ConnectorError> {
    let Some(id) = &account.oauth_app_id else {
        return Ok(configured_credentials(app, &account.platform));
    };
    let read = async {
        let mut tx = app.db.read().await?;
        oauth_apps::find(&mut tx, &account.workspace_id, id).await
    };
    match read.await {
        Ok(Some(own)) => own_credentials(app, &own),
        Ok(None) => Err(*refusal(Code::PlatformNotConfigured, "the account's app is gone")),
        Err(error) => {
            tracing::error!(%error, "cannot read an account's app");
            let message = "the database did not answer";
            Err(ConnectorError::new(Code::ApiError, Retry::Transient, message))
        }
    }
}
